"""The page that shows a comparison: one HTML file, light and dark, with nothing of a mail as markup."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem}
div{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.4rem .6rem;border-bottom:1px solid color-mix(in srgb,currentColor 20%,transparent)}
td:nth-child(n+5){font-family:ui-monospace,monospace;overflow-wrap:anywhere;white-space:pre-wrap}
.same::before{content:"\\2713\\a0"}.close::before{content:"\\2248\\a0"}.bad::before{content:"\\2717\\a0"}.bad{font-weight:600}
"""
_SIGNS = {"same": "same", "close": "close"}


def page_of(facts: Mapping[str, Any]) -> str:
    """
    Return the page of a comparison.

    :param facts: as ``shadow compare --output json`` prints them.
    """
    title = escape(f"{facts['dag']}: the old job and the Dag, {facts['since']} to {facts['until']}")
    counts = escape(", ".join(f"{count} {outcome}" for outcome, count in facts["counts"].items()))
    rows = "\n".join(
        "<tr>"
        + "".join(f"<td>{escape(str(row[name]))}</td>" for name in ("date", "subject"))
        + f'<td class="{_SIGNS.get(row["outcome"], "bad")}">{escape(row["outcome"])}</td>'
        + "".join(f"<td>{escape(str(row[name]))}</td>" for name in ("what", "old", "dag"))
        + "</tr>"
        for row in facts["compared"]
    )
    heads = "".join(
        f'<th scope="col">{name}</th>' for name in ("Date", "Mail", "Outcome", "What differs", "Old job", "Dag")
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
        f"<body><main><h1>{title}</h1><p>{counts}.</p>\n"
        f'<div role="region" aria-label="Comparison" tabindex="0"><table><thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>'
        "</main></body></html>\n"
    )
