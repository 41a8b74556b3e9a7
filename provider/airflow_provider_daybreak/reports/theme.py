"""How reports look: colours, logo, fonts and footer, in one small file."""

from __future__ import annotations

import logging
import re
import sys
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import InvalidThemeError
from airflow_provider_daybreak.reports.picture import SIGNATURE, problem_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

log = logging.getLogger(__name__)

FILE_NAME = "theme.toml"
READABLE = 4.5
"""The contrast that text needs, by the Web Content Accessibility Guidelines (1.4.3)."""
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")
_WORD = r"-{0,2}[^\W\d][\w-]*"
_FONT = rf"""(?:{_WORD}(?: +{_WORD})*|'[\w .,&+-]+'|"[\w .,&+-]+")"""
_FONTS = re.compile(rf" *{_FONT}(?: *, *{_FONT})* *\Z")
_LOGO_LIMIT = 64 * 1024
_LOGOS = {".png": ("image/png", SIGNATURE)}  # what every mail program shows inline, and how it begins


@dataclass(frozen=True)
class Theme:
    """
    A look. Colours are ``#rrggbb``.

    :param accent: of headings' rules, links and the first series of a chart.
    :param series: of a chart's series, in their order; the accent comes before them.
    :param font: a font stack of CSS.
    :param footer: a line under every report.
    :param logo: the picture above the title, and its media type; a PNG of at most 64 kB.
    :param logo_alt: what stands for the picture where none is shown.
    """

    accent: str = "#1d5fd1"
    text: str = "#1c2430"
    muted: str = "#5b6675"
    background: str = "#ffffff"
    surface: str = "#f3f5f8"
    rule: str = "#d9dfe7"
    success: str = "#176b3a"
    warning: str = "#8a5300"
    danger: str = "#b3261e"
    series: tuple[str, ...] = ("#e07b1a", "#0f8f83", "#b8408f", "#7257d1", "#6b7787")
    font: str = "-apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
    footer: str = ""
    logo: tuple[str, bytes] | None = None
    logo_alt: str = ""

    @property
    def palette(self) -> tuple[str, ...]:
        """Colours of series, the accent first and once."""
        return (self.accent, *(colour for colour in self.series if colour.lower() != self.accent.lower()))

    @classmethod
    def load(cls, path: Path) -> Theme:
        """
        Read a theme from a TOML file whose keys are the parameters of this class.

        :raises InvalidThemeError: the file can't be read or is no TOML, or a key or value can't be used.
        """
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidThemeError(str(path), str(error)) from error
        except OSError as error:
            raise InvalidThemeError(str(path), f"it can't be read: {error.strerror}") from error
        theme = cls(**_checked(path, values))
        for problem in theme.hard_to_read():
            log.warning("%s: %s", path, problem)
        return theme

    def hard_to_read(self) -> Iterator[str]:
        """Yield which text stands out too little from its ground, by the Web Content Accessibility Guidelines (1.4.3)."""
        for name in ("text", "muted", "accent", "success", "warning", "danger"):
            colour = getattr(self, name)
            contrast = min(contrast_of(colour, self.background), contrast_of(colour, self.surface))
            if contrast < READABLE:
                grounds = f"background {self.background} and surface {self.surface}"
                yield f"{name} {colour} on {grounds} has a contrast of {contrast:.1f}; people need {READABLE}"


def find_theme(folder: Path) -> Theme:
    """
    Return the theme that lies beside a report's template, or else in the folder above, or else the default.

    :param folder: the folder of the template.
    """
    for path in (folder / FILE_NAME, folder.parent / FILE_NAME):
        if path.is_file():
            return Theme.load(path)
    return Theme()


def contrast_of(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, from 1 to 21 (WCAG 2.2)."""
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    """Return the relative luminance of sRGB, from 0 (black) to 1 (white)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)  # noqa: PLR2004 - WCAG 2.2, relative luminance
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _checked(path: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    known = [field.name for field in fields(Theme)]
    checked: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise InvalidThemeError(str(path), f"unknown key {key!r}; expected one of {', '.join(known)}")
        if key == "series":
            if not isinstance(value, list) or not all(
                isinstance(one, str) and _COLOUR.match(one) for one in value
            ):
                raise InvalidThemeError(
                    str(path), f"series is {value!r}; expected a list of colours like #1d5fd1"
                )
            checked[key] = tuple(value)
            continue
        if not isinstance(value, str):
            raise InvalidThemeError(str(path), f"{key} is {value!r}; expected text in quotes")
        if key == "logo":
            checked[key] = _logo(path, value)
        elif key == "font" and not _FONTS.match(value):
            raise InvalidThemeError(
                str(path),
                f"font is {value!r}; expected names of fonts with commas between, "
                "those with digits or other signs in quotes",
            )
        elif key not in ("font", "footer", "logo_alt") and not _COLOUR.match(value):
            raise InvalidThemeError(str(path), f"{key} is {value!r}; expected a colour like #1d5fd1")
        else:
            checked[key] = value
    return checked


def _logo(path: Path, name: str) -> tuple[str, bytes]:
    picture, folder = path.parent / name, path.parent.resolve()
    if "\0" in name:
        raise InvalidThemeError(str(path), f"logo is {name!r}; expected a name that a file can have")
    if not picture.resolve().is_relative_to(folder) or any(part.startswith(".") for part in name.split("/")):
        raise InvalidThemeError(str(path), f"logo is {name!r}; expected a picture below the theme's own folder")
    if picture.suffix.lower() not in _LOGOS:
        raise InvalidThemeError(str(path), f"logo is {name!r}; expected a .png file")
    media_type, signature = _LOGOS[picture.suffix.lower()]
    try:
        content = picture.read_bytes()
    except OSError as error:
        raise InvalidThemeError(str(path), f"logo {str(picture)!r} can't be read: {error.strerror}") from error
    if len(content) > _LOGO_LIMIT:
        raise InvalidThemeError(str(path), f"logo has {len(content)} bytes; expected at most {_LOGO_LIMIT}")
    if not content.startswith(signature):
        raise InvalidThemeError(
            str(path), f"logo {name!r} is no {media_type} inside; export the picture in that format"
        )
    if problem := problem_of(content):
        raise InvalidThemeError(str(path), f"logo {name!r}: {problem}; export the picture again")
    return media_type, content
