"""Stylesheets: the ``.css`` files beside this module, with the theme's values in their places."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_daybreak.reports.theme import Theme

_IMPORT = re.compile(r'@import "(\w+)\.css";')
_SIDE = re.compile(r"(?<=-)(?:left|right)\b")
_VALUE = re.compile(r"var\(--([\w-]+)\)")


def stylesheet(name: str, values: Mapping[str, str], direction: str = "ltr") -> str:
    """
    Return the stylesheet of that name, as small as it can be written.

    :param values: by name, what stands for ``var(--name)``. Others stay, for browsers to resolve.
    :param direction: which way text is written, ``ltr`` or ``rtl``.
    """
    text = _small(name)
    if direction == "rtl":  # mail programs don't know start and end
        text = _SIDE.sub(lambda match: {"left": "right", "right": "left"}[match[0]], text)
    return _VALUE.sub(lambda match: values.get(match[1], match[0]), text)


def theme_values(theme: Theme) -> dict[str, str]:
    """Return a theme as values of its stylesheets; a remark without a tone has the accent."""
    names = ("text", "muted", "background", "surface", "rule", "success", "warning", "danger", "font")
    return {"info": theme.accent, **{name: getattr(theme, name) for name in names}}


@lru_cache
def _small(name: str) -> str:
    """Return a file with what it imports, without comments and blanks that mean nothing."""
    text = (Path(__file__).parent / f"{name}.css").read_text(encoding="utf-8")
    text = _IMPORT.sub(lambda match: _small(match[1]), text)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s*([{};,])\s*|:\s+", lambda match: match[1] or ":", text)
    return text.replace(";}", "}").strip()
