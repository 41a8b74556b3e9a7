from __future__ import annotations

from datetime import date

import pytest

from airflow_provider_daybreak.exceptions import DataUnreadableError, InvalidValueError
from airflow_provider_daybreak.reports.period import period_of, zone
from airflow_provider_daybreak.reports.sources.files import fill_dates, read_files

PERIOD = period_of(date(2026, 3, 29), timezone=zone("Europe/Berlin"), period="month")


def test_a_path_has_the_reports_dates():
    path = "s3://x/{period_first:%Y/%m}/{report_date}.csv"

    assert fill_dates(path, date(2026, 3, 29), PERIOD) == "s3://x/2026/03/2026-03-29.csv"


def test_a_path_that_names_no_date_is_refused():
    with pytest.raises(InvalidValueError, match="one that names {report_date}"):
        fill_dates("x/{ds}.csv", date(2026, 3, 29), PERIOD)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", b"a,b\n1,2,3\n", "line 2 has 3 cells, but there are 2 columns"),
        ("x.csv", b"a\n\xff\n", "it is no text in UTF-8"),
        ("x.json", b"{}", "it is no json: expected a list of objects"),
        ("x.json", b"[" * 100_000, "it is no json: maximum recursion depth"),
        ("x.jsonl", b'{"a": 1}\nnope\n', "it is no jsonl"),
        ("x.parquet", b"nope", "it is no parquet"),
        ("x.xlsx", b"nope", "it is no workbook"),
        ("x.ods", b"nope", "it is no workbook"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataUnreadableError) as caught:
        read_files("sales", [tmp_path / name])

    assert message in str(caught.value)
    assert str(tmp_path / name) in str(caught.value)


def test_a_file_of_an_unknown_kind_is_refused(tmp_path):
    (tmp_path / "x.doc").write_bytes(b"")

    with pytest.raises(InvalidValueError, match="one whose name ends with .csv"):
        read_files("sales", [tmp_path / "x.doc"])


def test_files_of_one_pattern_are_one_table(tmp_path):
    (tmp_path / "1.csv").write_text("a,b\n1,2\n")
    (tmp_path / "2.csv").write_text("b,a\n4,3\n")

    assert list(read_files("x", [tmp_path / "1.csv", tmp_path / "2.csv"])) == [
        {"a": 1, "b": 2},
        {"a": 3, "b": 4},
    ]


def test_files_of_other_columns_are_refused(tmp_path):
    (tmp_path / "1.csv").write_text("a\n1\n")
    (tmp_path / "2.csv").write_text("b\n1\n")

    with pytest.raises(DataUnreadableError, match="its columns are b; expected those of the first file: a"):
        read_files("x", [tmp_path / "1.csv", tmp_path / "2.csv"])


def test_parquet_is_read_by_its_own_types(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(
        pyarrow.table({"n": [1, None], "day": [date(2026, 3, 29), None]}), tmp_path / "x.parquet"
    )

    assert list(read_files("x", [tmp_path / "x.parquet"])) == [
        {"n": 1, "day": date(2026, 3, 29)},
        {"n": None, "day": None},
    ]
