"""
What of the French pages is of the English text as it is now, and whether both say the same: headings, code, figures.

``docs/fr/translated.json`` remembers of which English sections a French page is the translation. A section that has changed since
is named by the site, above its page, and by ``make docs``; what is current must have the headings, the code and the figures of the English one.
After a translation ``DAYBREAK_FRENCH=1 make test ARGS=tests/unit/test_french.py`` remembers it.
"""
# ruff: noqa: INP001 - the site's folder is no package

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRANSLATED = ROOT / "docs" / "fr" / "translated.json"
INDEX = "docs/index.md"
"""The list of pages is each language's own."""
SHORTENED = "<!-- abrégé -->"
"""Stands in a French section that says less on purpose, and where the rest is."""

_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\([^)]*\)|<[^>]+>|https?://\S+")
_FIGURE = re.compile(r"\d+(?:[.:]\d+)*")
_THOUSANDS = re.compile(r"(?<=\d)[,\u00a0\u202f ](?=\d{3}(?!\d))")


@dataclass(frozen=True)
class Section:
    """
    A heading, and what stands below it up to the next one.

    :param level: how many signs it begins with.
    """

    level: int
    title: str
    text: str

    @property
    def digest(self) -> str:
        """What tells this text from any other."""
        return hashlib.sha256(f"{self.title}\n{self.text}".encode()).hexdigest()[:12]

    @property
    def blocks(self) -> list[str]:
        """Its blocks of code."""
        return _FENCE.findall(self.text)

    @property
    def codes(self) -> Counter[str]:
        """The code within its lines."""
        return Counter(_CODE.findall(_FENCE.sub("", self.text)))

    @property
    def figures(self) -> Counter[str]:
        """Its numbers, however a language writes them."""
        prose = _LINK.sub("", _CODE.sub("", _FENCE.sub("", self.text)))
        return Counter(_FIGURE.findall(_THOUSANDS.sub("", prose)))


def sections(path: Path) -> list[Section]:
    """Return the sections of a page."""
    text = path.read_text(encoding="utf-8")
    fences = [found.span() for found in _FENCE.finditer(text)]
    heads = [
        found
        for found in _HEADING.finditer(text)
        if not any(start <= found.start() < end for start, end in fences)
    ]
    ends = [found.start() for found in heads[1:]] + [len(text)]
    return [
        Section(len(found[1]), found[2], text[found.end() : end].strip())
        for found, end in zip(heads, ends, strict=True)
    ]


def twins() -> dict[str, str]:
    """Return where the French page of an English one lies, by where that lies; both from the repository's folder."""
    french = [*ROOT.glob("*.fr.md"), *(ROOT / "docs" / "fr").rglob("*.md")]
    names = [str(path.relative_to(ROOT)) for path in french]
    return {name.replace("docs/fr/", "docs/").replace(".fr.md", ".md"): name for name in sorted(names)}


def outdated(page: str) -> list[str]:
    """Return the titles of an English page's sections that are new, or have changed, since it was translated."""
    known = _remembered(page)
    return (
        []
        if page == INDEX
        else [each.title for each in sections(ROOT / page) if known.get(each.title) != each.digest]
    )


def differences(page: str) -> list[str]:
    """Return what a French page has otherwise than the English one, in sections that are current."""
    known, french = _remembered(page), sections(ROOT / twins()[page])
    english = {each.title: each for each in sections(ROOT / page)}
    if len(known) != len(french):
        return [f"headings: {list(known)} and {[each.title for each in french]}"]
    found = []
    for title, other in zip(known, french, strict=True):
        one = english.get(title)
        if one is None or one.digest != known[title]:
            continue
        if one.level != other.level:
            found.append(f"{title}: level: {one.level} and {other.level}")
        for what in () if SHORTENED in other.text else ("blocks", "codes", "figures"):
            ours, theirs = getattr(one, what), getattr(other, what)
            if ours != theirs:
                found.append(f"{title}: {what}: {ours} and {theirs}")
    return found


def _remembered(page: str) -> dict[str, str]:
    """Return the digest of each section that a French page translates, by its English title, in the page's order."""
    found: dict[str, str] = json.loads(TRANSLATED.read_text(encoding="utf-8")).get(page, {})
    return found


def remember() -> None:
    """Write down that all French pages are of the English text as it is now."""
    known = {
        page: {each.title: each.digest for each in sections(ROOT / page)} for page in twins() if page != INDEX
    }
    TRANSLATED.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
