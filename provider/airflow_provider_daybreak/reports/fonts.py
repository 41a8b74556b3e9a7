"""Letters that no font of this machine has: they stand as boxes, and that is said, with the fonts that have them."""

from __future__ import annotations

import logging
import re
import threading
from contextlib import contextmanager
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING
from unicodedata import category

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

log = logging.getLogger(__name__)

_NOBODYS = "\U0010fffe"  # no character, and so in no font
_OWN = re.compile("[\0-\u052f\u1e00-\u1fff\u2000-\u20cf\ufe00-\ufe0f]")
"""Letters of the fonts that the renderer of charts brings, or what shows nothing by itself."""
_SQUARE = (
    "[\u1100-\u11ff\u2e80-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
)
_PICTOGRAM = "[\u2600-\u27bf\U0001f000-\U0001faff]"
_SEEN_NOWHERE = ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")
_LOOKED_FOR = 12  # of a picture's letters: the first of each script tell
_SHOWN = 5


def say_missing(what: str, letters: Iterable[str]) -> None:
    """
    Warn of letters that stand as boxes.

    :param what: where they stand, as the beginning of a sentence.
    """
    missing = sorted(set(letters))
    if not missing:
        return
    shown = ", ".join(f"{letter} (U+{ord(letter):04X})" for letter in missing[:_SHOWN])
    packages = {
        "fonts-noto-cjk"
        if re.match(_SQUARE, letter)
        else "fonts-noto-color-emoji"
        if re.match(_PICTOGRAM, letter)
        else "fonts-noto-core"
        for letter in missing
    }
    log.warning(
        "%s has letters that no font of this machine has, and that stand as boxes: %s%s. Install fonts with them, such as Debian's %s",
        what,
        shown,
        f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else "",
        ", ".join(sorted(packages)),
    )


def missing_of(texts: Iterable[str]) -> list[str]:
    """Return which of the first letters of each script in a picture's texts its renderer has no font for."""
    firsts: dict[int, str] = {}
    for letter in _OWN.sub("", "".join(texts)):
        if category(letter) not in _SEEN_NOWHERE:
            firsts.setdefault(ord(letter) >> 7, letter)
    return [letter for letter in list(firsts.values())[:_LOOKED_FOR] if _drawn(letter) == _drawn(_NOBODYS)]


@lru_cache(maxsize=1024)
def _drawn(letter: str) -> bytes:
    import vl_convert

    return bytes(
        vl_convert.svg_to_png(
            '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24"><text x="2" y="18" font-size="16" '
            f'font-family="Liberation Sans">{escape(letter)}</text></svg>'
        )
    )


@contextmanager
def heard_of(logger: logging.Logger) -> Iterator[set[str]]:
    """Collect the letters that WeasyPrint, of which each is a line in the log, finds no font for in this thread."""
    letters: set[str] = set()
    thread = threading.get_ident()

    def unheard(record: logging.LogRecord) -> bool:
        if (
            record.thread != thread
            or not str(record.msg).startswith(".notdef")
            or not isinstance(record.args, tuple)
        ):
            return True
        letters.add(str(record.args[0]))
        return False

    logger.addFilter(unheard)
    try:
        yield letters
    finally:
        logger.removeFilter(unheard)
