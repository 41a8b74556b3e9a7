"""
What templates call to put tables, metrics, charts and notices into a report: loose values in, frozen blocks out.

One module, since a template's author knows these as one list.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast, get_args

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.charts.lying import lying
from airflow_provider_daybreak.reports.charts.points import DRAWABLE, number_of, place_among, plotted
from airflow_provider_daybreak.reports.charts.vega import drawn
from airflow_provider_daybreak.reports.charts.words import alt_text
from airflow_provider_daybreak.reports.document import (
    Align,
    Chart,
    ChartKind,
    Column,
    Drawing,
    Highlight,
    Metric,
    Notice,
    Reference,
    Series,
    Table,
    Tone,
)
from airflow_provider_daybreak.reports.format import Format, guess
from airflow_provider_daybreak.reports.identifiers import names_something
from airflow_provider_daybreak.reports.period import zone
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.values import is_missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_daybreak.reports.language import Language
    from airflow_provider_daybreak.reports.period import Period

_SAMPLE = 1000
"""Rows that a column's format is guessed from."""
_MAX_POINTS = 500_000
_CONDITION = re.compile(r"\s*(<=|>=|==|!=|<|>)\s*(.+?)\s*\Z")
_TOTALS = ("sum", "mean", "min", "max", "count")
_MARGIN = 1e-12


class Components:
    """
    The components of one document. Each method returns a block; names of files are kept unique.

    :param language: how values are written.
    :param period: what "the period before" is called after.
    """

    def __init__(self, language: Language, period: Period) -> None:
        self._language = language
        self._period = period
        self._names: set[tuple[str, str]] = set()
        self._drawn: dict[tuple[str, Chart], Chart] = {}

    def table(
        self,
        rows: object,
        columns: Mapping[str, Any] | Sequence[str] | None = None,
        *,
        caption: str = "",
        limit: int = 50,
        totals: Mapping[str, str] | Sequence[str] = (),
        highlight: Mapping[str, Mapping[str, Any]] | None = None,
        name: str = "",
    ) -> Table:
        """
        Return a table.

        :param rows: rows by name of the report's data, or a list of mappings.
        :param columns: which columns, in their order: names; or names with titles; or names with mappings
            of ``title``, ``format`` (as :meth:`Format.parse` takes it), ``align`` and ``zone``. All when None.
        :param limit: how many rows html and text show; the other formats have all.
        :param totals: columns that are summed, or what to say of each: sum, mean, min, max or count.
        :param highlight: by column, what stands out by tone: ``{"delay": {"danger": "> 30"}}``.
        :param name: names its file and sheet; the name of its data, or its caption, when empty.
        :raises MissingColumnError: the rows have no column of that name.
        """
        data = Rows.of(rows)
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
            raise InvalidValueError("limit of a table", limit, "a number of rows, 0 or more")
        if columns is None:
            columns = data.all_columns()
        wanted = columns if isinstance(columns, Mapping) else {str(column): None for column in columns}
        if data.columns:
            for column in (*wanted, *(highlight or ()), *totals):
                data.position(column)
        else:  # a list without rows can't say which columns it would have
            data = Rows(list(wanted), (), name=data.name)
        sample = data[:_SAMPLE] if len(data) > _SAMPLE else data
        sums = _totals(data, totals) if len(data) else {}
        built = tuple(
            self._column(column, options, sample, (highlight or {}).get(column, {}), sums.get(column))
            for column, options in wanted.items()
        )
        return Table(
            name=self._name(name or data.name or _text(caption), "table"),
            rows=data,
            columns=built,
            caption=_text(caption),
            limit=limit,
            totals=sums,
            label=str(name or data.name or _text(caption)),
        )

    def _column(
        self, name: str, options: Any, sample: Rows, highlight: Mapping[str, Any], total: Any
    ) -> Column:
        if options is None:
            options = {}
        if isinstance(options, str):
            options = {"title": options}
        if not isinstance(options, Mapping) or options.keys() - {"title", "format", "align", "zone"}:
            expected = "a title, or a mapping with title, format, align and zone"
            raise InvalidValueError(f"options of column {name!r}", options, expected)
        values = list(sample.values(name)) if name in sample.columns else []
        format_ = Format.parse(options["format"]) if options.get("format") else guess([*values, total])
        title = str(options.get("title") or _title(name))
        if format_ == Format("number", 0) and format_.guessed and any(map(names_something, (name, title))):
            format_ = Format("plain", guessed=True)
        align = options.get("align") or ("right" if format_.numeric else "start")
        if align not in get_args(Align):
            raise InvalidValueError(f"align of column {name!r}", align, ", ".join(get_args(Align)))
        return Column(
            name=name,
            title=title,
            format=format_,
            align=cast("Align", align),
            highlights=tuple(
                _highlight(name, tone, condition, text=_all_text(values))
                for tone, condition in highlight.items()
            ),
            sample=sample,
            zone=zone(options["zone"]) if options.get("zone") else None,
        )

    def metric(
        self,
        label: object,
        value: object,
        *,
        unit: str = "",
        format: str | None = None,  # noqa: A002 - what authors call it
        previous: object = None,
        change: str = "percent",
        good: str | None = None,
        note: str = "",
        trend: Iterable[float] | None = None,
    ) -> Metric:
        """
        Return a figure.

        :param format: as :meth:`Format.parse` takes it; guessed from the value when None.
        :param previous: the figure of the period before; its change is shown when given.
        :param change: percent, or absolute (in the figure's own format).
        :param good: up or down: which direction of the change is the good one. None colours nothing.
        :param note: a line under it.
        :param trend: values up to this one, drawn as a small line.
        """
        if good not in (None, "up", "down"):
            raise InvalidValueError("good direction of a metric", good, "'up', 'down' or none")
        if change not in ("percent", "absolute"):
            raise InvalidValueError("change of a metric", change, "'percent' or 'absolute'")
        format_ = Format.parse(format) if format else guess([value, previous], years=False)
        words, tone = "", None
        if not is_missing(previous):
            words, tone = self._change(value, previous, format_, change=change, good=good)
        name, values = self._language.value(label), tuple(() if trend is None else trend)
        return Metric(
            label=name,
            value=format_.write(value, self._language),
            unit=_text(unit),
            change=words,
            tone=tone,
            note=_text(note),
            trend=self._trend(name, values, format_) if values else None,
        )

    def _change(
        self, value: Any, previous: Any, format_: Format, *, change: str, good: str | None
    ) -> tuple[str, Tone | None]:
        now, before = number_of(value), number_of(previous)
        if now is None or before is None:
            return "", None
        language = self._language
        difference = now - before
        same = type(value) is type(previous) and not isinstance(value, str)
        amount = abs(value - previous if same else difference)
        write: Callable[[Any], str] = lambda amount: format_.write(amount, language)  # noqa: E731 - one of three
        # A share of nothing, or of what had the other sign, says nothing.
        if change == "percent" and before and now * before >= 0:
            amount = abs(difference / before)
            write = lambda share: language.percent(share, 1)  # noqa: E731 - one of three
        elif format_.kind == "percent":
            write = lambda share: language.word("points", value=language.number(100 * share, 1))  # noqa: E731 - one of three
        size = write(amount)
        if size == write(amount - amount) or abs(difference) <= _MARGIN * max(abs(now), abs(before)):
            return f"{language.word('unchanged')} {language.word(f'against.{self._period.name}')}", None
        tone: Tone | None = None
        if good is not None:
            tone = "success" if (difference > 0) == (good == "up") else "danger"
        arrow = "▲" if difference > 0 else "▼"
        return f"{arrow} {size} {language.word(f'against.{self._period.name}')}", tone

    def _trend(self, name: str, values: Sequence[Any], format_: Format) -> Chart:
        line = Chart(
            name="",
            kind="sparkline",
            x=tuple(range(len(values))),
            series=(Series(name, tuple(number_of(value, "trend") for value in values)),),
            title=name,
            # A chart's numbers are floats, which the plain format would write with a point.
            y_format=format_ if format_.numeric and format_.kind != "plain" else None,
        )
        return self._once(name, replace(line, alt=alt_text(line, self._language)))

    def chart(
        self,
        rows: object,
        x: str | None = None,
        y: str | Sequence[str] | Mapping[str, str] | None = None,
        *,
        kind: str = "line",
        series: str | None = None,
        title: str = "",
        x_format: str | None = None,
        y_format: str | None = None,
        reference: object = None,
        alt: str = "",
        name: str = "",
        height: int = 280,
        horizontal: bool | None = None,
        zone: str = "",
    ) -> Chart:
        """
        Return a chart.

        :param rows: rows, or a list of numbers.
        :param x: column of the horizontal axis: dates, times, numbers or text.
        :param y: the column of the values, or several, or columns with titles.
        :param kind: line, area, bar, stacked_bar, scatter or sparkline.
        :param series: a column that splits one column of values into a series for each of its texts.
        :param reference: a value to draw a line at, or a mapping of ``value``, or of ``at`` (a place of the horizontal axis,
            marked on the first series), and ``label``.
        :param alt: what the chart shows, in words; written from the data when empty.
        :param horizontal: whether bars lie beside their names; where the names would be slanted below them, when None.
        :param height: in CSS pixels, to which further lines of a legend are added.
        :param zone: by whose clock instants are placed; the report's when empty.
        """
        if kind not in get_args(ChartKind):
            raise InvalidValueError("kind of a chart", kind, "one of " + ", ".join(get_args(ChartKind)))
        _check_height(height)
        if (
            not isinstance(rows, (Rows, Mapping))
            and isinstance(rows, Sequence)
            and rows
            and not isinstance(rows[0], Mapping)
        ):
            rows = Rows(("x", "y"), enumerate(rows))
            x, y = "x", {"y": title or name or ""}
        data = Rows.of(rows)
        if len(data) > _MAX_POINTS:
            expected = f"at most {_MAX_POINTS:,}; aggregate them in the query"
            raise InvalidValueError("number of rows of a chart", len(data), expected)
        if x is None or y is None or not y:
            raise InvalidValueError(
                "x and y of a chart", (x, y), f"names of columns: {', '.join(data.columns)}"
            )
        columns: dict[str, str] = (
            {column: str(text) for column, text in y.items()}
            if isinstance(y, Mapping)
            else {column: _title(column) for column in ([y] if isinstance(y, str) else y)}
        )
        if not data.columns:  # a list without rows can't say which columns it would have
            data = Rows(list(dict.fromkeys([x, *columns, *([series] if series else [])])), (), name=data.name)
        clock = self._language.at(zone) if zone else self._language
        places, built = plotted(data, x, columns, series, kind, clock)
        chart = Chart(
            name="",
            kind=cast("ChartKind", kind),
            x=places,
            series=built,
            title=_text(title),
            x_format=Format.parse(x_format) if x_format else None,
            y_format=Format.parse(y_format) if y_format else None,
            reference=_reference(reference, places, built, clock),
            alt=_text(alt),
            height=height,
        )
        chart = lying(chart, clock, horizontal=horizontal)
        chart = chart if alt else replace(chart, alt=alt_text(chart, self._language))
        return self._once(name or title or data.name, chart)

    def vega(
        self,
        spec: object,
        data: object = None,
        *,
        alt: str = "",
        title: str = "",
        name: str = "",
        height: int = 280,
        zone: str = "",
    ) -> Drawing:
        """
        Return the picture of a specification of Vega-Lite.

        :param spec: a mapping, such as Altair's ``to_dict()``, or its JSON.
        :param data: rows, rows by name, or GeoJSON; none where the specification holds its own.
        :param alt: what it shows, in words; it must be given.
        :param height: in CSS pixels, of a specification that says none.
        :param zone: by whose clock instants are placed; the report's when empty.
        """
        _check_height(height)
        language = self._language.at(zone) if zone else self._language
        name = self._name(name or title or getattr(data, "name", ""), "chart")
        return drawn(spec, data, language, alt=_text(alt), title=_text(title), name=name, height=height)

    def notice(self, text: object, tone: str = "info", *, title: str | None = None) -> Notice:
        """
        Return a remark that stands out.

        :param tone: info, success, warning or danger.
        :param title: the tone's own word when None.
        """
        if tone not in get_args(Tone):
            raise InvalidValueError("tone of a notice", tone, "one of " + ", ".join(get_args(Tone)))
        words = self._language.word(tone) if title is None else str(title)
        return Notice(self._language.value(text), cast("Tone", tone), words)

    def _once(self, wanted: str, chart: Chart) -> Chart:
        """Return the chart with a name for its file: that of one before which was called so and is the same picture."""
        try:
            known = self._drawn.get((wanted, chart))
        except TypeError:  # what it shows can't be looked up
            return replace(chart, name=self._name(wanted, "chart"))
        if known is None:
            known = self._drawn[wanted, chart] = replace(chart, name=self._name(wanted, "chart"))
        return known

    def _name(self, wanted: str, kind: str) -> str:
        """Return a name that no other of its kind has: tables and charts have folders of their own."""
        stem = slug(wanted) or kind
        name, number = stem, 2
        while (kind, name) in self._names:
            name, number = f"{stem}_{number}", number + 1
        self._names.add((kind, name))
        return name


def _check_height(height: object) -> None:
    if isinstance(height, bool) or not isinstance(height, int) or not 120 <= height <= 800:  # noqa: PLR2004 - pixels that show something, on one page
        raise InvalidValueError("height of a chart", height, "120 to 800 pixels")


def slug(text: str) -> str:
    """Return the text as a file's name: lower case letters of ASCII, digits and underscores, at most 40."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:40].rstrip("_")


def _text(value: object) -> str:
    """Return what a parameter says: nothing when a template gives none."""
    return "" if value is None else str(value)


def _title(column: str) -> str:
    words = column.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _all_text(values: list[Any]) -> bool:
    return all(isinstance(value, str) or is_missing(value) for value in values)


def _highlight(column: str, tone: str, condition: Any, *, text: bool) -> Highlight:
    """
    Return the highlight that a condition asks for.

    :param text: whether the column's values are text, which equals text alone: 007 is no 7 there.
    """
    if tone not in get_args(Tone):
        raise InvalidValueError(f"highlight of column {column!r}", tone, "a tone: " + ", ".join(get_args(Tone)))
    match = _CONDITION.match(condition) if isinstance(condition, str) else None
    if match is None:
        raise InvalidValueError(
            f"highlight of column {column!r}", condition, "a comparison such as '> 30' or '== late'"
        )
    operand: Any = match[2].strip("'\"")
    ordered = match[1] not in ("==", "!=")
    if ordered or not text:
        with suppress(ValueError):
            operand = float(operand)
    if ordered if isinstance(operand, str) else not math.isfinite(operand):
        expected = "a finite number after < or >, a finite number or text after == or !="
        raise InvalidValueError(f"highlight of column {column!r}", condition, expected)
    return Highlight(cast("Any", match[1]), operand, cast("Tone", tone))


def _totals(rows: Rows, wanted: Mapping[str, str] | Sequence[str]) -> dict[str, Any]:
    totals = dict(wanted) if isinstance(wanted, Mapping) else dict.fromkeys(wanted, "sum")
    for column, kind in totals.items():
        if kind not in _TOTALS:
            raise InvalidValueError(f"total of column {column!r}", kind, "one of " + ", ".join(_TOTALS))
    return {column: _total(rows, column, kind) for column, kind in totals.items()}


def _total(rows: Rows, column: str, kind: str) -> Any:
    """Return what is said of all values that are there; sums of floats are exact (math.fsum)."""
    values = [value for value in rows.values(column) if not is_missing(value)]
    if kind == "count":
        return len(values)
    wrong = next(
        (value for value in values if isinstance(value, bool) or not isinstance(value, (int, float, Decimal))),
        None,
    )
    if wrong is not None:
        raise InvalidValueError(f"value in column {column!r}, which has a total", wrong, "a number")
    if not values:
        return None
    if kind in ("min", "max"):
        return min(values) if kind == "min" else max(values)
    try:
        total = _sum(values)
        return total / len(values) if kind == "mean" else total
    except ArithmeticError as error:
        largest = max(values, key=abs)
        expected = f"numbers whose {kind} is a number too"
        raise InvalidValueError(f"value in column {column!r}, which has a total", largest, expected) from error


def _sum(values: list[Any]) -> Any:
    if not any(isinstance(value, float) for value in values):
        return sum(values)
    return math.fsum(values) if all(math.isfinite(value) for value in values) else sum(map(float, values))


def _reference(
    value: Any, places: Sequence[Any], series: Sequence[Series], language: Language
) -> Reference | None:
    if value is None:
        return None
    options: Mapping[str, Any] = value if isinstance(value, Mapping) else {"value": value}
    label = _text(options.get("label"))
    if options.keys() <= {"at", "label"} and not is_missing(options.get("at")):
        at = place_among(places, options["at"], language)
        values = (
            number
            for one in series[:1]
            for place, number in zip(places, one.values, strict=True)
            if place == at
        )
        return Reference(next(values, None), label, at)
    number = number_of(options.get("value"))
    if number is None or options.keys() - {"value", "label"}:
        expected = f"a number of at most {DRAWABLE:g}, or a mapping of value or at, and label"
        raise InvalidValueError("reference of a chart", value, expected)
    return Reference(number, label)
