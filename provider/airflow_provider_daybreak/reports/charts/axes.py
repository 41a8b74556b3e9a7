"""What a chart's axes span, and how the places and values on them are written."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from airflow_provider_daybreak.reports.charts.scales import Scale, number_scale
from airflow_provider_daybreak.reports.format import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_daybreak.reports.document import Chart
    from airflow_provider_daybreak.reports.language import Language

_LONGEST = 100  # characters of a place, in words
_DIGITS = {"number": 3, "percent": 0, "currency": 2}  # that formats write if not told


def by_clock(chart: Chart, language: Language) -> Language:
    """Return the language by the clock of the chart's own axis."""
    zone = next((x.tzinfo for x in chart.x if isinstance(x, datetime) and x.tzinfo), None)
    return language if zone is None else language.at(zone)


def place_text(chart: Chart, value: object, language: Language) -> str:
    """Return a place of the x axis as the chart writes it, shortened where it is long."""
    text = chart.x_format.write(value, language) if chart.x_format else language.value(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def telling(format_: Format | None, ticks: Sequence[float], language: Language) -> Format:
    """Return the format with the digits that tell the ticks apart, if it has too few; what none tells apart is plain."""
    format_ = format_ or Format("number")
    if len(ticks) < 2:  # noqa: PLR2004 - one says no distance
        return format_
    kind, argument = format_.kind, format_.argument
    currency, digits = (argument[:1], argument[1:]) if kind == "currency" else ((), (argument,))
    written = next((one for one in digits if one is not None), _DIGITS.get(kind))
    step = Decimal(f"{ticks[1] - ticks[0]:.6g}").normalize().as_tuple()
    needed = min(-int(step.exponent) - (2 if kind == "percent" else 0), 15)
    if written is not None and needed > written:
        format_ = Format(kind, (*currency, needed) if currency else needed)
    texts = {format_.write(tick, language) for tick in ticks}
    return format_ if len(texts) == len(ticks) else Format("plain")


def value_scale(chart: Chart, bottom: float, top: float) -> Scale:
    """Return the scale of a chart's values between two positions, in pixels."""
    values = [value for one in chart.series for value in one.values if value is not None]
    if chart.kind == "stacked_bar":
        columns = [
            [value or 0 for value in column]
            for column in zip(*(one.values for one in chart.series), strict=True)
        ]
        values = [sum(v for v in column if v > 0) for column in columns]
        values += [sum(v for v in column if v < 0) for column in columns]
    if chart.reference is not None and chart.reference.value is not None:
        values.append(chart.reference.value)
    if chart.kind in ("bar", "stacked_bar", "area"):
        values.append(0)  # their areas compare only from zero
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if chart.y_format is None or chart.y_format.kind != "duration":
        return number_scale(low, high, bottom, top)
    base = next((unit for unit in (3600, 60) if high - low >= 2 * unit), 1)
    scale = number_scale(low, high, bottom, top, base=base)
    whole = tuple(tick for tick in scale.ticks if tick % 1 == 0)  # none is written with parts of a second
    return replace(scale, ticks=whole) if len(whole) > 1 else scale
