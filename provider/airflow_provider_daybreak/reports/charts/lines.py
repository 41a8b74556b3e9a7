"""Lines without more points than a picture shows, and the smallest chart, which is one of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.reports.charts.measures import SPARK_HEIGHT, SPARK_WIDTH
from airflow_provider_daybreak.reports.charts.scales import Scale

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_daybreak.reports.charts.colours import Colours
    from airflow_provider_daybreak.reports.document import Chart

_MAX_POINTS = 1200  # a line has no more detail than two points a pixel


class Sparkline:
    """A line without axes, its last point marked."""

    def __init__(self, chart: Chart, colours: Colours) -> None:
        self.chart, self.colours = chart, colours

    def parts(self) -> Iterator[str]:
        """Yield it as SVG."""
        values = self.chart.series[0].values if self.chart.series else ()
        known = [value for value in values if value is not None]
        if not known:
            return
        scale = Scale(min(known), max(known), SPARK_HEIGHT - 5, 5)
        step = (SPARK_WIDTH - 10) / max(len(values) - 1, 1)
        colour = self.colours.series_at(0)
        positions = [5 + index * step for index in range(len(values))]
        last = (0.0, 0.0)
        for run in runs(positions, values):
            points = thinned([(x, scale.at(value)) for x, value in run])
            line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            yield f'<path d="M{line}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-linejoin="round"/>'
            last = points[-1]
        yield f'<circle cx="{last[0]:.1f}" cy="{last[1]:.1f}" r="3" fill="{colour}"/>'


def runs(x: Sequence[Any], values: Sequence[float | None]) -> Iterator[list[tuple[Any, float]]]:
    """Yield the stretches without a missing value."""
    run: list[tuple[Any, float]] = []
    for place, value in zip(x, values, strict=True):
        if value is not None:
            run.append((place, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return at most some points of a line, the extremes of each stretch among them."""
    if len(points) <= _MAX_POINTS:
        return points
    stretch = math.ceil(len(points) / (_MAX_POINTS // 2))
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), stretch):
        part = points[start : start + stretch]
        lowest, highest = min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])
        kept.extend(sorted({lowest, highest}))
    return kept
