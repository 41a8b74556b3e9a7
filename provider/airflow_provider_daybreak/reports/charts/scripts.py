"""Fonts of a picture's texts by their script: left to itself, the renderer takes any that has the letters, bold or serif."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_daybreak.reports.language import Language

_ARABIC = "[\u0600-\u06ff\u0750-\u08ff\ufb50-\ufdff\ufe70-\ufefc]"
_SQUARE = "[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
# One font for all of a text, the first whose letters are in it: where another would have to lend it signs or digits, the
# renderer takes these from any that has all of the text, bold or slanted.
_WHOLE = (  # compiled at the first text with a character from U+0530 on, which a report may do without
    ("[\u3040-\u30ff]", "Noto Sans CJK JP"),
    ("[\u1100-\u11ff\uac00-\ud7af]", "Noto Sans CJK KR"),
    (_SQUARE, ""),  # by the report's language
    (f"{_ARABIC}.*[A-Za-z\u00c0-\u052f]|[A-Za-z\u00c0-\u052f].*{_ARABIC}", "DejaVu Sans, Noto Sans Arabic"),
    (_ARABIC, "Noto Sans Arabic"),
    ("[\u0590-\u05ff\ufb1d-\ufb4f]", "DejaVu Sans, Noto Sans Hebrew"),
    ("[\u10a0-\u10ff]", "DejaVu Sans, Noto Sans Georgian"),
    ("[\u0530-\u058f]", "DejaVu Sans, Noto Sans Armenian"),
    ("[\u0900-\u097f]", "Noto Sans Devanagari"),
    ("[\u0980-\u09ff]", "Noto Sans Bengali"),
    ("[\u0b80-\u0bff]", "Noto Sans Tamil"),
    ("[\u0c00-\u0c7f]", "Noto Sans Telugu"),
    ("[\u20a0-\u20ab\u20ad-\u20cf\u2100-\u2bff]", "DejaVu Sans"),  # signs, such as those of currencies
)
_PARTS = (("[\u0e00-\u0e7f]", "Noto Sans Thai"), ("[\u1200-\u137f]", "Noto Sans Ethiopic"))
"""Fonts of a script alone, each for the letters of that: those that take no other place than the one where they are written."""
_PART = "|".join(f"({letters}(?:[ \u200c\u200d]*{letters})*)" for letters, _ in _PARTS)
_BY_LANGUAGE = {"ja": "JP", "ko": "KR"}
_OTHERS = "DejaVu Sans, Liberation Sans"
_TEXT = re.compile("<text ([^>]*)>([^<]*[\u0530-\U0003ffff][^<]*)</text>")


def with_fonts(svg: str, language: Language) -> str:
    """Return the picture with the fonts of its texts' scripts, where they are known: those of Debian's fonts-noto."""
    locale = language.locale
    traditional = locale.script == "Hant" or locale.territory in ("TW", "HK", "MO")
    square = f"Noto Sans CJK {_BY_LANGUAGE.get(locale.language, 'TC' if traditional else 'SC')}"

    def part(letters: re.Match[str]) -> str:
        font = _PARTS[(letters.lastindex or 1) - 1][1]
        return f'<tspan font-family="{font}, {_OTHERS}">{letters[0]}</tspan>'

    def written(text: re.Match[str]) -> str:
        font = next((font or square for letters, font in _WHOLE if re.search(letters, text[2])), "")
        if font and not re.search(_PART, text[2]):
            return f'<text font-family="{font}, {_OTHERS}" {text[1]}>{text[2]}</text>'
        return f"<text {text[1]}>{re.sub(_PART, part, text[2])}</text>"

    return _TEXT.sub(written, svg)
