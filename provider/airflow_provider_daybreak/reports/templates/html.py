"""Text that an HTML template wrote, as a value of templates."""

from __future__ import annotations

from functools import lru_cache
from html import unescape
from typing import Any

from airflow_provider_daybreak.reports.placeholders import printable
from airflow_provider_daybreak.reports.templates.written import check_text


@lru_cache(maxsize=1)
def html() -> type[Any]:
    """
    Return Jinja's class of HTML, with two differences.

    It compares as what it says, ``R&D`` and not ``R&amp;D``; and no data that is put into it is a block's mark.
    """
    from markupsafe import Markup

    class Html(Markup):
        __slots__ = ()

        @classmethod
        def escape(cls, s: Any, /) -> Any:
            return super().escape(s if hasattr(s, "__html__") else printable(str(s)))

        def __eq__(self, other: object) -> bool:
            return unescape(str(self)) == (unescape(str(other)) if isinstance(other, Markup) else other)

        def __ne__(self, other: object) -> bool:
            return not self == other

        def __hash__(self) -> int:
            return hash(unescape(str(self)))

    return Html


def plain_html(value: Any) -> Any:
    """
    Return a value with all HTML in it as the text that it says.

    :raises InvalidValueError: there is a block in it.
    """
    if hasattr(value, "__html__"):
        return unescape(check_text(str(value)))
    if type(value) is dict:
        return {plain_html(key): plain_html(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(plain_html, value))
    return value
