from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from html import unescape
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from pathlib import Path
from uuid import UUID

import openpyxl
import pytest

from airflow_provider_daybreak.exceptions import TemplateError, UnwritableValueError
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.values import text_of


class State(Enum):
    READY = "ready"
    DONE = 2


class Level(IntEnum):
    HIGH = 3


@dataclass
class Money:
    amount: int


WRITTEN = [
    ({"a": [1, None, True], "at": date(2026, 3, 29)}, '{"a": [1, null, true], "at": "2026-03-29"}'),
    ([Decimal("1.50"), "é", float("nan")], '["1.50", "é", null]'),
    ((1, {2: {"x"}}), '[1, {"2": ["x"]}]'),
    ({"b", "a"}, '["a", "b"]'),
    (Counter("aa"), '{"a": 2}'),
    (b"\x1f\x8b", "1f8b (2 B)"),
    (bytearray(b"x" * 40), "78" * 32 + "… (40 B)"),
    (Path("/data/in.csv"), "/data/in.csv"),
    (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (ip_address("10.0.0.1"), "10.0.0.1"),
    (ip_network("fe80::/10"), "fe80::/10"),
    (State.READY, "ready"),
    (State.DONE, "DONE"),
]


@pytest.mark.parametrize(("value", "text"), WRITTEN, ids=lambda value: type(value).__name__)
def test_a_value_reads_alike_in_every_format(render_files, value, text):
    source = "{{ row.x }}\n\n{{ table([row]) }}\n"

    files = render_files(source, {"row": {"x": value}}, formats=("html", "text", "csv", "xlsx"))

    assert text in files["report.txt"].decode()
    assert unescape(files["report.html"].decode()).count(text) == 2
    assert list(csv.reader(io.StringIO(files["data/table.csv"].decode("utf-8-sig")))) == [["X"], [text]]
    assert openpyxl.load_workbook(io.BytesIO(files["report.xlsx"])).active["A2"].value == text


def test_a_number_with_a_name_is_a_number(render_files):
    data = {"a": HTTPStatus.NOT_FOUND, "b": Level.HIGH, "c": timedelta(minutes=90)}

    said = render_files("{{ a }}, {{ b }}, {{ c }}\n", data, formats=("text",))["report.txt"].decode()

    assert "404, 3, 1\N{NO-BREAK SPACE}hr 30\N{NO-BREAK SPACE}min" in said or "404, 3, 1 hr 30 min" in said


@pytest.mark.parametrize("kind", ["csv", "xlsx", "html", "text", "page"])
def test_what_only_python_can_show_is_refused_by_its_column_and_type(render_files, kind):
    rows = [{"n": 1, "x": "a"}, {"n": 2, "x": Money(5)}]

    with pytest.raises(UnwritableValueError) as caught:
        render_files("{{ table(rows) }}\n", {"rows": rows}, formats=(kind,))

    assert "in row 2 of column 'x', which is a Python Money: expected text" in str(caught.value)


@pytest.mark.parametrize("name", ["rows", "period", "thing", "many"])
def test_prose_never_shows_what_only_python_can_read(make_document, name):
    data = {"rows": [{"n": 1}], "thing": Money(5), "many": {"a": Money(5)}}

    with pytest.raises(TemplateError, match="line 1.*which is a Python (Rows|Period|Money): expected text"):
        make_document(f"Sold: {{{{ {name} }}}}\n", data)


def test_a_list_that_holds_itself_is_refused():
    value: list[object] = []
    value.append(value)

    with pytest.raises(UnwritableValueError, match="list that holds itself"):
        text_of(value)
    assert Language("de").value({"a": 1}) == '{"a": 1}'
