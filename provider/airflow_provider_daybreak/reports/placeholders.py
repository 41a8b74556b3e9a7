"""
Placeholders: what a template writes in the place of a value or a block, until its Markdown has been parsed.

A mark is a number between two private characters, which Markdown takes for letters of a word. So a value
never becomes Markdown, wherever it stands, and a block finds its place among the prose.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_daybreak.exceptions import InvalidValueError, TemplateError
from airflow_provider_daybreak.reports.document import BLOCK, BLOCK_CLOSE, BLOCK_OPEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

    from airflow_provider_daybreak.reports.document import Block

_OPEN = "\ue000"
_VALUE = re.compile(f"{_OPEN}([0-9]+){BLOCK_CLOSE}")
_SAFE_LINK = re.compile(r"(https?://|mailto:|tel:|#)", re.IGNORECASE)
_PRIVATE = dict.fromkeys(map(ord, (_OPEN, BLOCK_OPEN, BLOCK_CLOSE)))
# Placeholders, and what neither HTML nor XML can hold: control characters, and halves of characters.
_UNPRINTABLE: dict[int, str | None] = {
    **_PRIVATE,
    **dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127, 0xFFFE, 0xFFFF]),
    **dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}"),
}

BLOCK_PLACEHOLDER = re.compile(f"{BLOCK_OPEN}([0-9]+){BLOCK_CLOSE}")
"""Where a block stands in the body of an HTML template; its group is the block's index."""


def printable(text: str) -> str:
    """Return the text without marks and without what can't be shown."""
    return text.translate(_UNPRINTABLE)


def without_placeholders(source: str) -> str:
    """Return a template's source without what would be taken for marks."""
    return source.translate(_PRIVATE)


class Placeholders:
    """
    The marks of one rendering.

    :param template: path of the template, for errors.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        self.blocks: list[Block] = []
        self._values: list[str] = []

    def value(self, text: str) -> str:
        """Return the mark of a value's text."""
        self._values.append(text)
        return f"{_OPEN}{len(self._values) - 1}{BLOCK_CLOSE}"

    def block(self, block: Block) -> str:
        """Return the mark of a block."""
        self.blocks.append(block)
        return f"{BLOCK_OPEN}{len(self.blocks) - 1}{BLOCK_CLOSE}"

    def parsed(self, markdown: str) -> tuple[Token, ...]:
        """
        Return Markdown's tokens, with values and blocks in the places of their marks.

        :raises TemplateError: a block stands within a line of other text, such as a heading.
        """
        return tuple(self._placed(_markdown(self._link).parse(markdown)))

    def text(self, written: str) -> str:
        """
        Return what a macro or a block wrote, as text: its values without their marks.

        :raises InvalidValueError: there is a block in it.
        """
        if BLOCK_PLACEHOLDER.search(written):
            expected = "text; a component that holds others is written {% call notice() %} … {% endcall %}"
            raise InvalidValueError("text of a component", "a table, metric, chart or notice", expected)
        return self._filled(written)

    def _value(self, match: re.Match[str]) -> str:
        index = int(match[1])
        return self._values[index] if index < len(self._values) else ""

    def _filled(self, text: str) -> str:
        return _VALUE.sub(self._value, text)

    def _link(self, link: str) -> str:
        """Return a link's address: a value is a whole address where it begins one, else a part of one."""

        def written(match: re.Match[str]) -> str:
            before = link[: match.start()].lower()
            if not before:
                safe = ":/?#[]@!$&'()*+,;=%~"
            elif before == "mailto:":
                safe = "@"
            else:  # a host may have a port
                safe = ":" if before in ("http://", "https://") else ""
            return quote(self._value(match), safe=safe)

        return _VALUE.sub(written, link)

    def _placed(self, tokens: list[Token]) -> Iterator[Token]:
        index = 0
        while index < len(tokens):
            token = tokens[index]
            content = token.content if token.type == "inline" else ""
            if token.type == "paragraph_open" and BLOCK_PLACEHOLDER.search(tokens[index + 1].content):
                yield from self._split(tokens[index : index + 3])
                index += 3
                continue
            if BLOCK_PLACEHOLDER.search(content) or (
                token.type == "fence" and BLOCK_PLACEHOLDER.search(token.content)
            ):
                line = (token.map or [0])[0] + 1
                raise TemplateError(
                    self.template,
                    0,
                    0,
                    "",
                    f"a component stands inside of other text (line {line} of the Markdown that the template wrote); "
                    "put it on a line of its own",
                )
            yield self._with_values(token)
            index += 1

    def _split(self, paragraph: list[Token]) -> Iterator[Token]:
        """Yield the blocks of a paragraph, and what stands between them as paragraphs of their own."""
        from markdown_it.token import Token

        opening, inline, closing = paragraph
        rest = BLOCK_PLACEHOLDER.split(inline.content)
        for position, part in enumerate(rest):
            if position % 2:
                yield Token(BLOCK, "", 0, block=True, meta={"block": self.blocks[int(part)]})
            elif part.strip():
                inner = _markdown(self._link).parseInline(part.strip())[0]
                yield from (opening, self._with_values(inner), closing)

    def _with_values(self, token: Token) -> Token:
        """Return the token with its marks replaced."""
        token.content = self._filled(token.content)
        if "title" in token.attrs:
            token.attrs["title"] = self._filled(str(token.attrs["title"]))
        for child in token.children or ():
            self._with_values(child)
        return token


def _markdown(link: Callable[[str], str]) -> MarkdownIt:
    """Return a parser of CommonMark with tables and strikethrough, without HTML and indented code."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    # Indented by an {% if %}, prose would turn into code. Fences are there for code.
    parser.disable(["code", "html_block", "html_inline", "image"])
    normalize = parser.normalizeLink
    parser.normalizeLink = lambda url: normalize(link(url))  # type: ignore[method-assign]
    parser.validateLink = lambda url: _SAFE_LINK.match(url) is not None  # type: ignore[method-assign]
    return parser
