"""The names of a chart's series beside their colours, in as many lines as they take."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from airflow_provider_daybreak.reports.charts.measures import LETTERS, WIDTH
from airflow_provider_daybreak.reports.charts.scales import shortened, text_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_daybreak.reports.charts.colours import Colours
    from airflow_provider_daybreak.reports.document import Series

_MARGIN = 14
_LINE, _FIRST = 23, 24  # pixels of a line, and of what the first one takes
_MARK, _GAP = 17, 16  # before a name, and after it


@dataclass(frozen=True)
class Legend:
    """
    A legend.

    :param entries: where each name begins and what it is.
    :param lines: how many they take.
    """

    entries: tuple[tuple[float, float, str], ...] = ()
    lines: int = 0

    @classmethod
    def of(cls, series: Sequence[Series]) -> Legend:
        """Lay out the names of series; one alone has none, since the chart's title says it."""
        if len(series) < 2:  # noqa: PLR2004 - see above
            return cls()
        entries: list[tuple[float, float, str]] = []
        x, line = float(_MARGIN), 0
        for one in series:
            text = shortened(one.name, LETTERS, 0.6 * WIDTH - 3 * _MARGIN)
            end = x + _MARK + text_width(text, LETTERS)
            if end > WIDTH - _MARGIN:
                end, x, line = _MARGIN + end - x, _MARGIN, line + 1
            entries.append((x, 8 + line * _LINE, text))
            x = end + _GAP
        return cls(tuple(entries), line + 1)

    @property
    def further(self) -> int:
        """Pixels that its lines but for the first take: a chart is so much higher."""
        return _LINE * max(self.lines - 1, 0)

    @property
    def height(self) -> int:
        """Pixels that it takes."""
        return (_FIRST if self.lines else 0) + self.further

    def parts(self, colours: Colours) -> Iterator[str]:
        """Yield it as SVG."""
        for index, (x, y, text) in enumerate(self.entries):
            yield (
                f'<rect x="{x:.1f}" y="{y}" width="11" height="11" rx="2" {colours.ink(index)}/>'
                f'<text x="{x + _MARK:.1f}" y="{y + 12}" fill="{colours.text}">{escape(text)}</text>'
            )
