"""What charts are drawn with: the theme's colours, and what lies between two of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_daybreak.reports.theme import Theme

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_FAINT = 0.18  # what an area has of its line's colour


@dataclass(frozen=True)
class Colours:
    """What a chart is drawn with: colours for a picture, or CSS variables for a page that has two modes."""

    text: str
    rule: str
    background: str
    surface: str
    reference: str
    series: tuple[str, ...]

    @classmethod
    def of(cls, theme: Theme) -> Colours:
        """Return the theme's colours."""
        return cls(theme.muted, theme.rule, theme.background, theme.surface, theme.danger, theme.palette)

    def series_at(self, index: int) -> str:
        """Return the colour of the series at that index."""
        return self.series[index % len(self.series)]

    def ink(self, index: int, attribute: str = "fill") -> str:
        """Return how to fill, or to stroke, what is of that series: beyond the palette its colours again, lighter."""
        tone = 0.5 ** (index // len(self.series))
        return f'{attribute}="{self.series_at(index)}"' + (f' opacity="{tone}"' if tone < 1 else "")

    def faint(self, index: int, *, alone: bool) -> str:
        """Return how to fill an area of that series; one with nothing under it is drawn faster if it hides that."""
        colour = self.series_at(index)
        if alone and _HEX.fullmatch(colour) and _HEX.fullmatch(self.background):
            return f'fill="{mixed(colour, self.background, _FAINT)}"'
        return f'fill="{colour}" fill-opacity="{_FAINT}"'


def mixed(colour: str, ground: str, share: float) -> str:
    """Return the colour with so much of its own, and else its ground's; browsers mix what only they know."""
    if share >= 1:
        return colour
    if not _HEX.fullmatch(colour) or not _HEX.fullmatch(ground):
        return f"color-mix(in srgb, {colour} {100 * share:.3g}%, {ground})"
    pairs = zip(bytes.fromhex(colour[1:]), bytes.fromhex(ground[1:]), strict=True)
    return f"#{bytes(round(share * mine + (1 - share) * below) for mine, below in pairs).hex()}"
