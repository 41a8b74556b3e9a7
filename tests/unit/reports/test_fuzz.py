"""Whatever comes in is written or refused with a sentence: anything but an error of ours fails."""

from __future__ import annotations

import io
import json
import string
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from ipaddress import ip_address
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_daybreak.archive import Manifest
from airflow_provider_daybreak.context.archive import storage_path
from airflow_provider_daybreak.context.attachments import attached_files
from airflow_provider_daybreak.exceptions import DaybreakError
from airflow_provider_daybreak.reports import rendering, snapshot
from airflow_provider_daybreak.reports.format import Format
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.period import period_of, zone
from airflow_provider_daybreak.reports.rows import Rows, as_data
from airflow_provider_daybreak.reports.sources import FileSource
from airflow_provider_daybreak.reports.sources.csv import read_csv
from airflow_provider_daybreak.reports.sources.declared import CsvOptions
from airflow_provider_daybreak.reports.sources.files import fill_dates, read_files
from airflow_provider_daybreak.reports.sources.query import bind
from airflow_provider_daybreak.reports.templates.limits import Limits
from airflow_provider_daybreak.reports.templates.sandbox import evaluate
from airflow_provider_daybreak.reports.templates.template import Subject, render
from airflow_provider_daybreak.reports.theme import Theme, find_theme
from tests.examples import examples

DAY = date(2026, 3, 29)
PERIOD = period_of(DAY, timezone=zone("Europe/Berlin"))
TEXT = st.text(st.characters(codec=None), max_size=30)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    st.decimals(),
    st.sampled_from(
        [Decimal("1e400"), Decimal("-1e9999999"), Decimal("sNaN"), ip_address("::1"), Path("a"), 1j, object]
    ),
    TEXT,
    st.binary(max_size=40),
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.timezones()),
    st.times(),
    st.timedeltas(),
    st.uuids(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXT | st.integers(), inner, max_size=3)
        | st.tuples(inner)
    ),
    max_leaves=6,
)
NAMES = st.text(max_size=8)


@st.composite
def tables(draw):
    columns = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    return draw(st.lists(st.fixed_dictionaries(dict.fromkeys(columns, VALUES)), min_size=1, max_size=4))


def changed(valid):
    """Return a strategy of bytes like the valid ones: cut, with bytes replaced, or with some put in."""

    @st.composite
    def strategy(draw):
        data = bytearray(draw(st.sampled_from(valid)))
        for _ in range(draw(st.integers(0, 4))):
            at = draw(st.integers(0, len(data)))
            data[at : at + draw(st.integers(0, 8))] = draw(st.binary(max_size=8))
        return bytes(data)

    return strategy() | st.binary(max_size=80)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def render_in(folder):
    """Return a function that renders a template with data, in some formats."""

    def run(source, data, formats=("html", "text", "csv", "xlsx", "page"), locale="en", suffix=".md.j2"):
        path = folder / f"report{suffix}"
        path.write_text(source, encoding="utf-8", errors="replace")
        subject = Subject("fuzz", DAY, PERIOD, Language(locale))
        document = render(path, subject, data, limits=Limits(seconds=20), previous=lambda name, _: data[name])
        return list(rendering.render(document, formats, Theme()))

    return run


CSV = [
    b"a,b\n1,2\n",
    b"a;b\n1,5;2\n",
    b'\xef\xbb\xbf"a","b"\r\n"x\r\ny",\r\n',
    "ä\tb\nü\t1\n".encode("utf-16"),
    b"sep=;\na;b\n",
]


@examples(150)
@given(
    data=changed(CSV) | st.text("a1,;|\t\"\n\r' .=-+e", max_size=60).map(str.encode),
    delimiter=st.none() | st.sampled_from(list(',;\t| "x')) | NAMES,
    encoding=st.none()
    | st.sampled_from(["utf-8", "cp1252", "utf-16", "utf-7", "idna", "punycode", "rot13", "hex", "x", ""]),
    decimal=st.sampled_from([".", ",", ""]),
    thousands=st.none() | st.sampled_from(list(".,' x")),
    skip=st.integers(-1, 3),
    na=st.sampled_from([(), "-", ("NA", "1")]),
)
def test_any_bytes_of_csv(data, delimiter, encoding, decimal, thousands, skip, na):
    options = CsvOptions(
        delimiter=delimiter, encoding=encoding, decimal=decimal, thousands=thousands, skip_rows=skip, na=na
    )
    with suppress(DaybreakError):
        assert len(list(read_csv("data", "a.csv", io.BytesIO(data), options))) >= 0


def workbook():
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.active.append(["a", "b"])
    book.active.append([1, datetime(2026, 3, 29, 10)])  # noqa: DTZ001 - as workbooks have it
    book.save(file)
    return file.getvalue()


def parquet():
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2], "b": ["x", None]}), file)
    return file.getvalue()


FILES = {
    "xlsx": [workbook()],
    "ods": [workbook()],
    "parquet": [parquet()],
    "json": [b'[{"a": 1}, {"a": null}]', b"[]", b"[" * 5000, b'[{"a": 1e999}, {"b": NaN}]'],
    "jsonl": [
        b'{"a": 1}\n{"a": "x"}\n',
        b"\n\n",
        b'{"a": {"b": [1]}}',
        b"[1]\n",
        b'{"a": 1' + b"0" * 5000 + b"}",
    ],
}


@pytest.mark.parametrize("kind", FILES)
def test_any_bytes_of_a_file(folder, kind):
    @examples(60)
    @given(changed(FILES[kind]), st.none() | NAMES, st.integers(0, 2))
    def read(data, sheet, skip):
        path = folder / f"file.{kind}"
        path.write_bytes(data)
        with suppress(DaybreakError):
            rows = read_files("data", [path], FileSource(str(path), sheet=sheet, skip_rows=skip))
            assert len(list(rows)) >= 0

    read()


EXPRESSIONS = [
    "rows",
    "value",
    "x",
    "none",
    "true",
    "1",
    "-1",
    "0.5",
    "''",
    "'a*b'",
    "[]",
    "{}",
    "()",
    "rows[0]",
    "rows[:2]",
    "rows.columns",
    "period.start",
    "report.date",
    "table",
    "metric('a', x)",
    "table(rows)",
    "chart(rows,'a','b')",
    "notice(x)",
    "m(x)",
    "caller()",
    "loop.index",
    "self.b()",
    "b",
    "previous('rows')",
    "namespace(a=x)",
    "dict(a=x)",
    "range(5)",
    "cycler(1,2)",
]
FILTERS = [
    "abs",
    "attr",
    "batch(2)",
    "capitalize",
    "center",
    "count",
    "default(x)",
    "dictsort",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "forceescape",
    "format(x)",
    "groupby('a')",
    "indent",
    "int",
    "items",
    "join",
    "join(x)",
    "last",
    "length",
    "list",
    "lower",
    "map('upper')",
    "map(attribute='a')",
    "max",
    "min",
    "number",
    "number(2)",
    "percent",
    "pprint",
    "reject('odd')",
    "rejectattr('a')",
    "replace('a',x)",
    "reverse",
    "round",
    "round(2)",
    "safe",
    "select",
    "selectattr('a','eq',1)",
    "slice(2)",
    "sort",
    "sort(attribute='a')",
    "string",
    "striptags",
    "sum",
    "sum(attribute='a')",
    "title",
    "tojson",
    "trim",
    "truncate(4)",
    "unique",
    "upper",
    "urlencode",
    "urlize",
    "wordcount",
    "wordwrap(4)",
    "xmlattr",
    "currency('EUR')",
    "currency(x)",
    "date",
    "date(x)",
    "time(zone='UTC')",
    "datetime('full')",
    "duration",
    "size",
]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "<", "in", "not in", "and", "is", "if x else", "."]


@st.composite
def expressions(draw):
    text = draw(st.sampled_from(EXPRESSIONS))
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.booleans()):
            text += " | " + draw(st.sampled_from(FILTERS))
        else:
            text = f"({text}) {draw(st.sampled_from(OPERATORS))} {draw(st.sampled_from(EXPRESSIONS))}"
    return text


STATEMENTS = st.one_of(
    TEXT,
    st.text("#*_-`|>[]()!\\<&;:~=\n 1.a{}%", max_size=20),
    expressions().map("{{{{ {} }}}}\n".format),
    expressions().map("{{% for x in {} %}}{{{{ x }}}}{{% endfor %}}\n".format),
    expressions().map("{{% set x = {} %}}{{{{ x }}}}\n".format),
    st.tuples(st.sampled_from(FILTERS), expressions()).map(
        lambda both: f"{{% set y | {both[0]} %}}*{{{{ {both[1]} }}}}*{{% endset %}}{{{{ y }}}}\n"
    ),
    expressions().map("{{% filter upper %}}{{{{ {} }}}}{{% endfilter %}}\n".format),
    expressions().map("{{% call notice() %}}\n- {{{{ {} }}}}\n{{% endcall %}}\n".format),
    expressions().map("| a |\n| - |\n| {{{{ {} }}}} |\n\n".format),
    st.sampled_from(
        [
            "{% include 'part.j2' %}",
            "{% import 'part.j2' as p %}{{ p }}",
            "{% extends 'part.j2' %}",
            "{% block b %}{{ x }}{% endblock %}",
        ]
    ),
    st.sampled_from(
        [
            "{% macro m(a) %}*{{ a }}*{{ varargs }}{% endmacro %}",
            "{% raw %}",
            "{#",
            "{% endif %}",
            "{% if x %}",
            "{% break %}",
        ]
    ),
)


@pytest.mark.parametrize("suffix", [".md.j2", ".html.j2"])
def test_any_text_of_a_template(folder, render_in, suffix):
    (folder / "part.j2").write_text("*{{ x }}*{% block b %}{% endblock %}{{ table(rows) }}")

    @examples(250)
    @given(st.lists(STATEMENTS, max_size=4).map("".join), tables(), VALUES)
    def run(source, rows, x):
        with suppress(DaybreakError):
            data = {"rows": as_data("rows", rows), "x": as_data("x", x), "value": "**v**"}
            render_in(source, data, ("html", "text"), suffix=suffix)

    run()


COMPONENTS = [
    "{{ table(rows) }}",
    "{{ table(rows, totals=rows.columns) }}",
    "{{ table(rows, rows.columns, caption=x, name=x, limit=2, highlight={x: {'danger': x}}) }}",
    "{{ table(rows, {rows.columns[0]: {'title': x, 'format': x, 'align': x}}) }}",
    "{{ metric(x, x, unit=x, previous=x, change='absolute', note=x, format=x) }}",
    "{{ metric(x, 1, trend=x) }}",
    "{{ chart(rows, rows.columns[0], rows.columns[-1], title=x) }}",
    "{{ chart(rows, rows.columns[0], rows.columns[-1], kind='bar', series=rows.columns[0], reference=x) }}",
    "{{ chart(x, kind='scatter') }}",
    "{{ notice(x, title=x) }}",
    "{{ x }} **{{ x }}** [{{ x }}]({{ x }} '{{ x }}')",
    "{{ rows | list }} {{ x | tojson }}",
]


@examples(120)
@given(
    source=st.sampled_from(COMPONENTS),
    rows=tables(),
    x=VALUES,
    locale=st.sampled_from(["en", "de", "ar", "ja", "he"]),
)
def test_data_of_any_type(render_in, source, rows, x, locale):
    with suppress(DaybreakError):
        data = {"rows": as_data("rows", rows), "x": as_data("x", x)}
        render_in(source + "\n", data, locale=locale)


KEPT = [
    snapshot.keep(
        "x", Rows.of([{"a": 1, "b": DAY, "c": Decimal("1.5"), "d": time(7), "e": timedelta(1)}])
    ).content,
    snapshot.keep("x", {"a": [1, {"b": datetime(2026, 3, 29, tzinfo=timezone.utc)}]}).content,
]


@examples(150)
@given(changed(KEPT))
def test_any_bytes_of_a_snapshot(data):
    with suppress(DaybreakError):
        snapshot.restore("x", data)


@examples(80)
@given(as_=VALUES)
def test_what_is_kept_comes_back_or_is_refused(as_):
    with suppress(DaybreakError):
        value = as_data("x", as_)
        snapshot.restore("x", snapshot.keep("x", value).content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**6) | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
MANIFEST = {
    "schema": 1,
    "report": "sales",
    "report_date": "2026-03-29",
    "revision": 1,
    "title": "Sales",
    "created": "2026-03-29T09:00:00+00:00",
    "period": {
        "name": "day",
        "start": "2026-03-29T00:00:00+01:00",
        "end": "2026-03-30T00:00:00+02:00",
        "timezone": "Europe/Berlin",
    },
    "files": [
        {"name": "report.html", "media_type": "text/html", "bytes": 3, "sha256": "0" * 64, "snapshot": False}
    ],
    "digest": "0" * 64,
    "rows": {"sales": 3},
    "run": {"dag_id": "a"},
    "provider_version": "0.1.0",
    "template_sha256": "",
    "queries": {},
    "checks": [],
    "outcome": "ok",
    "draft": False,
}


@examples(150)
@given(
    st.dictionaries(st.sampled_from([*MANIFEST, "more"]), JSON, max_size=3),
    changed([json.dumps(MANIFEST).encode()]),
    st.booleans(),
)
def test_any_bytes_of_a_manifest(facts, raw, by_fact):
    data = json.dumps({**MANIFEST, **facts}).encode() if by_fact else raw
    with suppress(DaybreakError):
        manifest = Manifest.from_json(data, uri="file:///a")
        assert manifest.period_key
        assert manifest.to_json()


@examples(150)
@given(TEXT | st.text(":/?#%.*[]{}@abfile\0 ", max_size=20).map("file://{}".format))
def test_any_text_of_a_uri(text):
    with suppress(DaybreakError):
        storage_path(text, name="uri")
    with suppress(DaybreakError):
        attached_files([text if text.startswith("file") else f"file:///{text}"])


@examples(150)
@given(TEXT | st.text(":'\"`-$/*\n?%ab ", max_size=30), st.text("{}:%_report_date YmdHMSjUW-", max_size=30))
def test_any_text_of_a_query_or_a_path(sql, path):
    for placeholder in ("?", "%s"):
        with suppress(DaybreakError):
            bind(sql, {"a": 1}, placeholder)
    with suppress(DaybreakError):
        fill_dates(path, DAY, PERIOD)


@examples(150)
@given(expressions() | TEXT, VALUES)
def test_any_text_of_an_expression(text, x):
    with suppress(DaybreakError):
        evaluate(
            text,
            {"x": x, "rows": Rows.of([{"a": 1}]), "value": "v", "period": PERIOD},
            limits=Limits(seconds=20),
        )


@examples(150)
@given(
    TEXT | st.text(string.ascii_letters + ":.-#,0 %'", max_size=16),
    VALUES,
    st.sampled_from(["en", "de", "fa", "hi"]),
)
def test_any_text_of_a_format(text, value, locale):
    for one in (text, f"date:{text}", f"number:{text}", f"currency:{text}", f"datetime:{text}"):
        with suppress(DaybreakError):
            Format.parse(one).write(value, Language(locale))


THEME = [
    b'accent = "#1d5fd1"\nseries = ["#e07b1a"]\nfont = "Arial"\nlogo = "logo.png"\n',
    b'footer = "x"\nmuted = 3\n',
    b'logo = "\\u0000.png"\n',
]


@examples(80)
@given(changed(THEME), changed([b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"]))
def test_any_bytes_of_a_theme_and_its_logo(folder, theme, logo):
    (folder / "theme").mkdir(exist_ok=True)
    (folder / "theme" / "theme.toml").write_bytes(theme)
    (folder / "theme" / "logo.png").write_bytes(logo)
    with suppress(DaybreakError):
        find_theme(folder / "theme")
