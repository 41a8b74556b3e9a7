"""
Placeholders: what a template writes in the place of a value or a block, until its Markdown has been parsed.

Each character of a value becomes one that says nothing to Markdown, as if it were a letter, and is turned back in what
was parsed. So a value never becomes Markdown, wherever it stands and whatever is cut out of it. A block is its number
between two private characters, and finds its place among the prose.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_daybreak.exceptions import TemplateError
from airflow_provider_daybreak.reports.document import BLOCK, BLOCK_CLOSE, BLOCK_OPEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

    from airflow_provider_daybreak.reports.document import Block

BEGINS = "\ue000"
"""Before each value: two that follow each other are two parts of an address."""
_PLANE, _PLANE_END = 0xF0000, 0xFFFFF
"""Where characters of the first plane are hidden. Others are hidden as the two halves that UTF-16 has of them."""
_ASTRAL = 0x10000
_HALVES = re.compile("[\ud800-\udfff]+")
_HIDDEN = "\U000f0000-\U000fffff\ud800-\udfff"
_VALUE = re.compile(f"{BEGINS}[{_HIDDEN}]*|[{_HIDDEN}]+")
_DIGITS = "".join(map(chr, range(0xE100, 0xE10A)))
"""Of a block's number: none that a template can take for text and replace."""
_TO_DIGITS = str.maketrans("0123456789", _DIGITS)
_FROM_DIGITS = str.maketrans(_DIGITS, "0123456789")
_BLOCK = re.compile(f"{BLOCK_OPEN}([{_DIGITS}]+){BLOCK_CLOSE}")
_SAFE_LINK = re.compile(r"(https?://|mailto:|tel:|#)", re.IGNORECASE)
_PRIVATE = dict.fromkeys(map(ord, (BEGINS, BLOCK_OPEN, BLOCK_CLOSE)))
# Placeholders, and what neither HTML nor XML can hold: control characters, and halves of characters. Those after ASCII are
# commands to a terminal too; the line's end among them (U+0085) is kept as any other.
_UNPRINTABLE: dict[int, str | None] = {
    **_PRIVATE,
    **dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(127, 0x85), *range(0x86, 160), 0xFFFE, 0xFFFF]),
    **dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}"),
}

BLOCK_PLACEHOLDER = re.compile(f"{BLOCK_OPEN}([0-9]+){BLOCK_CLOSE}")
"""Where a block stands in the body of an HTML template; its group is the block's index."""


class _Hiding(dict[int, str]):
    def __missing__(self, point: int) -> str:
        if point >= _ASTRAL:  # remembered, these would be a million
            return _halves(chr(point))
        return self.setdefault(point, chr(_PLANE + point))


class _Showing(dict[int, str]):
    def __missing__(self, point: int) -> str:
        if point >= _ASTRAL:
            return chr(point - _PLANE if _PLANE <= point <= _PLANE_END else point)
        return self.setdefault(point, chr(point))


_hiding, _showing = _Hiding(), _Showing({ord(BEGINS): ""})


def printable(text: str) -> str:
    """Return the text without marks and without what can't be shown."""
    return _whole(text).translate(_UNPRINTABLE)


def without_placeholders(source: str) -> str:
    """Return a template's source without what would be taken for marks."""
    plain = source.translate(_PRIVATE)
    return re.sub("[\U000f0000-\U000fffff]", lambda match: _halves(match[0]), plain)


def hidden(text: str) -> str:
    """Return a value's text as Markdown sees nothing in it."""
    return BEGINS + printable(text).translate(_hiding)


def shown(markdown: str) -> str:
    """Return the text with its values as they are."""
    return markdown if markdown.isascii() else _whole(markdown.translate(_showing))


def has_block(markdown: str) -> bool:
    """Return whether there is a block in what a template wrote."""
    return BLOCK_OPEN in markdown


def either(text: str) -> re.Pattern[str]:
    """Return what finds the text, whether the template or a value wrote it."""
    signs = (f"[{re.escape(sign)}{re.escape(sign.translate(_hiding))}]" for sign in printable(text))
    return re.compile(f"{BEGINS}?".join(signs))


def _halves(text: str) -> str:
    """Return a character of another plane than the first as the two that UTF-16 writes for it."""
    high, low = divmod(ord(text) - _ASTRAL, 0x400)
    return chr(0xD800 + high) + chr(0xDC00 + low)


def _whole(text: str) -> str:
    """Return the text with the halves of characters that stand together as one."""
    return _HALVES.sub(
        lambda match: match[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"), text
    )


class Placeholders:
    """
    The blocks of one rendering, and what is parsed with them.

    :param template: path of the template, for errors.
    """

    def __init__(self, template: str) -> None:
        self.template = template
        self.blocks: list[Block] = []

    def block(self, block: Block) -> str:
        """Return the mark of a block."""
        self.blocks.append(block)
        return f"{BLOCK_OPEN}{str(len(self.blocks) - 1).translate(_TO_DIGITS)}{BLOCK_CLOSE}"

    def html(self, written: str) -> str:
        """Return what an HTML template wrote, with blocks where :data:`BLOCK_PLACEHOLDER` finds them."""
        parts = _BLOCK.split(written)
        return "".join(
            f"{BLOCK_OPEN}{self._index(part)}{BLOCK_CLOSE}" if position % 2 else part.translate(_PRIVATE)
            for position, part in enumerate(parts)
        )

    def parsed(self, markdown: str) -> tuple[Token, ...]:
        """
        Return Markdown's tokens, with values and blocks in the places of their marks.

        :raises TemplateError: a block stands within a line of other text, such as a heading.
        """
        return tuple(self._placed(_markdown(_address).parse(markdown)))

    def _index(self, digits: str) -> int:
        return int(digits.translate(_FROM_DIGITS))

    def _placed(self, tokens: list[Token]) -> Iterator[Token]:
        index = 0
        while index < len(tokens):
            token = tokens[index]
            content = token.content if token.type == "inline" else ""
            if token.type == "paragraph_open" and _BLOCK.search(tokens[index + 1].content):
                yield from self._split(tokens[index : index + 3])
                index += 3
                continue
            if _BLOCK.search(content) or (token.type == "fence" and _BLOCK.search(token.content)):
                line = (token.map or [0])[0] + 1
                raise TemplateError(
                    self.template,
                    0,
                    0,
                    "",
                    f"a component stands inside of other text (line {line} of the Markdown that the template wrote); "
                    "put it on a line of its own",
                )
            yield _with_values(token)
            index += 1

    def _split(self, paragraph: list[Token]) -> Iterator[Token]:
        """Yield the blocks of a paragraph, and what stands between them as paragraphs of their own."""
        from markdown_it.token import Token

        opening, inline, closing = paragraph
        rest = _BLOCK.split(inline.content)
        for position, part in enumerate(rest):
            if position % 2:
                yield Token(BLOCK, "", 0, block=True, meta={"block": self.blocks[self._index(part)]})
            elif part.strip():
                inner = _markdown(_address).parseInline(part.strip())[0]
                yield from (opening, _with_values(inner), closing)


def _with_values(token: Token) -> Token:
    """Return the token with its values as they are."""
    token.content = shown(token.content)
    if "title" in token.attrs:
        token.attrs["title"] = shown(str(token.attrs["title"]))
    for child in token.children or ():
        _with_values(child)
    return token


def _address(link: str) -> str:
    """Return a link's address: a value is a whole address where it begins one, else a part of one."""

    def written(match: re.Match[str]) -> str:
        before = link[: match.start()].lower()
        if not before:
            safe = ":/?#[]@!$&'()*+,;=%~"
        elif before == "mailto:":
            safe = "@"
        else:  # a host may have a port
            safe = ":" if before in ("http://", "https://") else ""
        return quote(shown(match[0]), safe=safe)

    return _VALUE.sub(written, link)


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
