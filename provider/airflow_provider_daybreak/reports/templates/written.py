"""Text that a Markdown template wrote, as a value of templates: what is Markdown in it stays so, what was data stays data."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.placeholders import BEGINS, either, has_block, hidden, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from string import Formatter

    from typing_extensions import Self


_BLANKS = string.whitespace + "\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029\u3000"


class Written(str):
    """
    What a macro, a ``{% set %}`` block or a component wrote.

    To Python it is its plain text, so it compares, sorts and is cut like any other; and whatever is made of it is data,
    which Markdown sees nothing in. What keeps its Markdown is below: each such method takes what is added to it for data,
    unless that was written by a template too. Made of a text, it is that text as data.
    """

    __slots__ = ("_markdown",)
    _markdown: str

    def __new__(cls, text: object = "") -> Self:
        """Return a text as data."""
        made = str.__new__(cls, text)
        made._markdown = hidden(str(text))  # noqa: SLF001 - its own
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return written, (self._markdown,)

    def __add__(self, other: str) -> Written:
        return written(self._markdown + markdown_of(other))

    def __radd__(self, other: str) -> Written:
        return written(markdown_of(other) + self._markdown)

    def __mul__(self, times: Any) -> Written:
        return written(self._markdown * times)

    __rmul__ = __mul__

    def join(self, parts: Iterable[object]) -> Written:
        """As that of text, with Markdown kept."""
        return written(self._markdown.join(map(markdown_of, parts)))

    def strip(self, chars: str | None = None) -> Written:
        """As that of text, with Markdown kept."""
        return self.lstrip(chars).rstrip(chars)

    def lstrip(self, chars: str | None = None) -> Written:
        """As that of text, with Markdown kept."""
        return written(_begun(self._markdown, self._markdown.lstrip(_stripped(chars))))

    def rstrip(self, chars: str | None = None) -> Written:
        """As that of text, with Markdown kept."""
        return written(self._markdown.rstrip(_stripped(chars)))

    def replace(self, old: str, new: object, count: Any = -1) -> Written:
        """As that of text, with Markdown kept; what is replaced may be the template's own or a value's."""
        if not old:
            return Written(str.replace(self, old, str(new), count))
        limit = max(count, 0)
        if count == 0:
            return self
        with_ = markdown_of(new)
        return written(either(old).sub(lambda _: with_, self._markdown, limit))

    def indented(self, width: int | str, *, first: bool, blank: bool) -> Written:
        """Return it with each of the template's own lines moved to the right."""
        by = markdown_of(width) if isinstance(width, str) else " " * width
        lines = self._markdown.split("\n")
        return written(
            "\n".join(
                by + line if (first or at) and (at == 0 or blank or line) else line
                for at, line in enumerate(lines)
            )
        )

    def formatted(self, formatter: Formatter, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Written:
        """
        Return it with values in the places of its fields.

        :param formatter: a :class:`string.Formatter`, such as the sandbox's own.
        """
        write = formatter.format_field

        def field(value: Any, format_spec: str) -> str:
            whole = isinstance(value, Written) and not format_spec
            return markdown_of(value if whole else write(value, shown(format_spec)))

        setattr(formatter, "format_field", field)  # noqa: B010 - one of its own, of a class that is Jinja's
        return written(formatter.vformat(self._markdown, args, kwargs))


def written(markdown: str) -> Written:
    """Return what a template wrote, of Markdown with its values hidden."""
    if isinstance(markdown, Written):
        return markdown
    made: Written = str.__new__(Written, shown(markdown))
    made._markdown = markdown  # noqa: SLF001 - what makes one
    return made


def written_or_data(value: object) -> Written:
    """Return what a filter made of what a template wrote: data, unless it kept its Markdown."""
    return value if isinstance(value, Written) else Written(value)


def markdown_of(value: object) -> str:
    """Return a text as Markdown: what a template wrote as it is, all else as data."""
    return value._markdown if isinstance(value, Written) else hidden(str(value))  # noqa: SLF001 - of this module


def plain(value: Any) -> Any:
    """
    Return a value with all that a template wrote in it as mere text.

    :raises InvalidValueError: there is a block in it.
    """
    if isinstance(value, Written):
        return check_text(str(value))
    if type(value) is dict:
        return {plain(key): plain(each) for key, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(plain, value))
    return value


def check_text(text: str) -> str:
    """
    Return the text that a template wrote.

    :raises InvalidValueError: there is a block in it.
    """
    if has_block(text):
        expected = "text; a component that holds others is written {% call notice() %} … {% endcall %}"
        raise InvalidValueError("text of a component", "a table, metric, chart or notice", expected)
    return text


def _stripped(chars: str | None) -> str:
    text = _BLANKS if chars is None else chars
    return BEGINS + text + hidden(text)


def _begun(before: str, after: str) -> str:
    """Return what is left of a text as the beginning of a value, where its own was cut off."""
    return after if len(after) == len(before) else BEGINS + after
