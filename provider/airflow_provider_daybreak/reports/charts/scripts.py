"""Fonts of a picture's texts by their script: left to itself, the renderer takes any that has the letters, bold or serif."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_daybreak.reports.language import Language

_FONTS = (
    ("[\u0600-\u06ff\u0750-\u08ff\ufb50-\ufdff\ufe70-\ufefc]", "Noto Sans Arabic"),
    ("[\u0590-\u05ff\ufb1d-\ufb4f]", "Noto Sans Hebrew"),
    ("[\u0900-\u097f]", "Noto Sans Devanagari"),
    ("[\u0980-\u09ff]", "Noto Sans Bengali"),
    ("[\u0b80-\u0bff]", "Noto Sans Tamil"),
    ("[\u0c00-\u0c7f]", "Noto Sans Telugu"),
    ("[\u0e00-\u0e7f]", "Noto Sans Thai"),
    ("[\u10a0-\u10ff]", "Noto Sans Georgian"),
    ("[\u0530-\u058f]", "Noto Sans Armenian"),
    ("[\u1200-\u137f]", "Noto Sans Ethiopic"),
    ("[\u3040-\u30ff]", "Noto Sans CJK JP"),
    ("[\u1100-\u11ff\uac00-\ud7af]", "Noto Sans CJK KR"),
)
_SCRIPTS = tuple((re.compile(letters), font) for letters, font in _FONTS)
_SQUARE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
_BY_LANGUAGE = {"ja": "JP", "ko": "KR"}
_OTHERS = "DejaVu Sans, Liberation Sans"
_TEXT = re.compile("<text ([^>]*)>([^<]*[\u0530-\U0003ffff][^<]*)</text>")


def with_fonts(svg: str, language: Language) -> str:
    """Return the picture with the fonts of its texts' scripts, where they are known: those of Debian's fonts-noto."""

    def written(text: re.Match[str]) -> str:
        font = next((font for letters, font in _SCRIPTS if letters.search(text[2])), "")
        if not font and _SQUARE.search(text[2]):
            locale = language.locale
            traditional = locale.script == "Hant" or locale.territory in ("TW", "HK", "MO")
            font = f"Noto Sans CJK {_BY_LANGUAGE.get(locale.language, 'TC' if traditional else 'SC')}"
        return f'<text font-family="{font}, {_OTHERS}" {text[1]}>{text[2]}</text>' if font else text[0]

    return _TEXT.sub(written, svg)
