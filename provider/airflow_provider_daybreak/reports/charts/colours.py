"""What charts are drawn with: the theme's colours, and what lies between two of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_daybreak.reports.theme import READABLE, contrast_of

if TYPE_CHECKING:
    from airflow_provider_daybreak.reports.theme import Theme

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_WHITE, _STILL_WHITE = "#ffffff", 1.3
_RULE = 0.4  # what a rule has of its text's colour
_PASTEL = 0.4  # what an area has of its line's colour where it is read on white and on black
_FAINT = 0.18  # what an area has of its line's colour


@dataclass(frozen=True)
class Colours:
    """
    What a chart is drawn with: colours for a picture, or CSS variables for a page that has two modes.

    :param see_through: whether nothing is painted under the chart, which then stands on its reader's own ground.
    """

    text: str
    rule: str
    background: str
    surface: str
    reference: str
    series: tuple[str, ...]
    see_through: bool = False

    @classmethod
    def of(cls, theme: Theme) -> Colours:
        """Return the theme's colours."""
        return cls(theme.muted, theme.rule, theme.background, theme.surface, theme.danger, theme.palette)

    @classmethod
    def for_mail(cls, theme: Theme) -> Colours:
        """
        Return the colours of a picture that is read on the theme's ground, and where a mail program makes that dark.

        Such a program changes no picture. A ground that is dark already is painted.
        """
        own = cls.of(theme)
        if contrast_of(theme.background, _WHITE) > _STILL_WHITE:
            return own
        shares = (share / 200 for share in range(80, 201))
        text = next(
            (
                lighter
                for lighter in (mixed(theme.muted, _WHITE, share) for share in shares)
                if contrast_of(lighter, theme.background) >= READABLE
            ),
            theme.muted,
        )
        return replace(own, text=text, rule=mixed(text, _WHITE, _RULE), see_through=True)

    def series_at(self, index: int) -> str:
        """Return the colour of the series at that index."""
        return self.series[index % len(self.series)]

    def ink(self, index: int, attribute: str = "fill") -> str:
        """Return how to fill, or to stroke, what is of that series: beyond the palette its colours again, lighter."""
        tone = 0.5 ** (index // len(self.series))
        if self.see_through:
            return f'{attribute}="{mixed(self.series_at(index), _WHITE, tone)}"'
        return f'{attribute}="{self.series_at(index)}"' + (f' opacity="{tone}"' if tone < 1 else "")

    def faint(self, index: int, *, alone: bool) -> str:
        """Return how to fill an area of that series; one with nothing under it is drawn faster if it hides that."""
        colour = self.series_at(index)
        if self.see_through:  # vl-convert spoils the colours of what is half transparent
            return f'fill="{mixed(colour, _WHITE, _PASTEL)}"'
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
