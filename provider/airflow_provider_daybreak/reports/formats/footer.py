"""What stands under a report: the theme's line, and which report it is, with a link to its page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_daybreak.reports.document import Document
    from airflow_provider_daybreak.reports.theme import Theme


def footer_html(document: Document, theme: Theme) -> str:
    """Return the inside of the footer, or nothing."""
    lines = [escape(theme.footer)] if theme.footer else []
    if document.address:
        language = document.language
        parts = (
            f'<span dir="ltr">{escape(document.report)}</span>',
            escape(language.period(document.period)),
            f'<a href="{escape(document.address)}">{escape(language.word("open_report"))}</a>',
        )
        lines.append(" · ".join(parts))
    return "<br>".join(lines)


def footer_text(document: Document) -> str:
    """Return the footer of a text, or nothing. The address has a line of its own, so that programs find its end."""
    if not document.address:
        return ""
    language = document.language
    which = f"{document.report} · {language.period(document.period)}"
    return f"{which}\n{language.word('open_report')}:\n{document.address}"
