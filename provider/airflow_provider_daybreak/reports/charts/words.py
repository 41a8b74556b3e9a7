"""What a chart shows, in words: for who can't see it, and for mail in plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.reports.charts.axes import by_clock, place_text, telling, value_scale
from airflow_provider_daybreak.reports.values import MISSING

if TYPE_CHECKING:
    from airflow_provider_daybreak.reports.document import Chart, Reference, Series
    from airflow_provider_daybreak.reports.format import Format
    from airflow_provider_daybreak.reports.language import Language


def alt_text(chart: Chart, language: Language) -> str:
    """Return what the chart shows, in words with its numbers: kind, span, and each series' extremes and end."""
    language = by_clock(chart, language)
    kind = language.word(f"alt.{chart.kind}")
    title = f"{kind}: {chart.title}" if chart.title else kind
    filled = [one for one in chart.series if any(value is not None for value in one.values)]
    if not chart.x or not filled:
        return f"{title}, {language.word('alt.empty')}."
    format_ = telling(chart.y_format, value_scale(chart, chart.height, 0).ticks, language)
    span = language.word(
        "alt.span", first=place_text(chart, chart.x[0], language), last=place_text(chart, chart.x[-1], language)
    )
    said = [_series_text(chart, one, format_, language) for one in filled[:4]]
    if chart.kind == "sparkline":  # it has no axis, and bare numbers of its positions say nothing
        spans = [span] if not isinstance(chart.x[0], (int, float)) else []
        return f"{', '.join([title, *spans, said[0]])}."
    if len(filled) > len(said):
        said.append(language.word("alt.more_series", count=len(filled) - len(said)))
    if chart.reference is not None:
        said.append(_reference_text(chart, chart.reference, format_, language))
    return f"{title}, {span}. {'; '.join(said)}."


def _series_text(chart: Chart, series: Series, format_: Format, language: Language) -> str:
    points = [(value, x) for value, x in zip(series.values, chart.x, strict=True) if value is not None]
    lowest, highest = min(points, key=lambda point: point[0]), max(points, key=lambda point: point[0])
    facts: dict[str, Any] = {
        "series": series.name,
        "lowest": format_.write(lowest[0], language),
        "highest": format_.write(highest[0], language),
        "last": format_.write(points[-1][0], language),
    }
    if chart.kind == "scatter":
        return language.word("alt.scatter_series", count=len(points), **facts)
    if chart.kind == "sparkline":
        return language.word("alt.sparkline_series", **facts)
    places: dict[str, Any] = {
        "lowest_at": place_text(chart, lowest[1], language),
        "highest_at": place_text(chart, highest[1], language),
    }
    return language.word("alt.series", **facts, **places)


def _reference_text(chart: Chart, reference: Reference, format_: Format, language: Language) -> str:
    value = MISSING if reference.value is None else format_.write(reference.value, language)
    if reference.at is None:
        return language.word("alt.reference", value=value)
    place = place_text(chart, reference.at, language)
    return f"{reference.label or place}: {value}" + (f" ({place})" if reference.label else "")
