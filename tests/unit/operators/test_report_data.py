from __future__ import annotations

import hashlib
import json
import sqlite3
from datetime import date

import pytest

from airflow_provider_daybreak.context.archive import archive_at
from airflow_provider_daybreak.exceptions import ChecksFailedError, EmptyReportError, QueryError
from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.reports.checks import expression, fresh, min_rows
from airflow_provider_daybreak.reports.sources import FileSource, SqlSource
from airflow_provider_daybreak.version_compat import AirflowFailException, AirflowSkipException

SALES = [
    ("2026-03-28", "tea", 3),
    ("2026-03-29", "tea", 5),
    ("2026-03-29", "50% off", 1),
    ("2026-03-30", "tea", 9),
]
OF_THE_DAY = "SELECT item, n FROM sales WHERE day BETWEEN :period_first AND :period_last ORDER BY n"


@pytest.fixture
def database(tmp_path, monkeypatch):
    """The id of a connection to a database with sales of three days."""
    path = tmp_path / "sales.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE sales (day TEXT, item TEXT, n INTEGER)")
        connection.executemany("INSERT INTO sales VALUES (?, ?, ?)", SALES)
    connection.close()
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return "shop"


@pytest.fixture
def run_report(tmp_path, make_context):
    """Return a function that executes a ReportOperator and returns its result with what its text says."""
    archive = (tmp_path / "archive").as_uri()

    def run(source, data, **options):
        template = tmp_path / "report.md.j2"
        template.write_text(source)
        operator = ReportOperator(
            task_id="render_report", report="sales", template=template, data=data, archive=archive, **options
        )
        context = make_context()
        context["dag"].fileloc = str(tmp_path / "sales.py")
        info = operator.execute(context)
        revision = archive_at(archive).open(info["manifest"])
        return info, revision.read("report.txt").decode(), revision

    return run


def test_a_query_gets_the_periods_dates_bound(run_report, database):
    info, text, revision = run_report(
        "{{ table(sales) }}\n", {"sales": SqlSource(OF_THE_DAY, conn_id=database)}
    )

    assert info["rows"] == {"sales": 2}
    assert "50% off" in text
    assert revision.manifest.queries.keys() == {"sales"}


def test_a_query_may_have_parameters_of_its_own_and_stand_in_a_file(run_report, database, tmp_path):
    (tmp_path / "items.sql").write_text("SELECT n FROM sales WHERE item = :item -- not :this\n")

    source = SqlSource(str(tmp_path / "items.sql"), conn_id=database, parameters={"item": "tea' OR '1'='1"})

    assert run_report("{{ table(sales) }}\n", {"sales": source})[0]["rows"] == {"sales": 0}


def test_several_sources_are_read_for_one_report(run_report, database, tmp_path):
    (tmp_path / "goals-2026-03-29.csv").write_text("item,goal\ntea,4\n")
    data = {
        "sales": SqlSource(OF_THE_DAY, conn_id=database),
        "goals": FileSource(f"{tmp_path}/goals-{{report_date}}.csv"),
        "given": [{"a": 1}],
        "made": lambda report_date, period: [{"day": report_date, "name": period.name}],
        "plain": {"threshold": 3},
    }

    info, text, _ = run_report("{{ made[0].day }} {{ goals[0].goal }} {{ plain.threshold }}\n", data)

    assert info["rows"] == {"sales": 2, "goals": 1, "given": 1, "made": 1}
    assert "Mar 29, 2026 4 3" in text


def test_a_query_that_the_database_refuses_says_why(run_report, database):
    with pytest.raises(
        QueryError, match="data 'sales' failed on connection 'shop': OperationalError: no such column"
    ):
        run_report("x", {"sales": SqlSource("SELECT nope FROM sales", conn_id=database)})


def test_a_query_in_a_file_that_fails_names_the_file(run_report, database, tmp_path):
    (tmp_path / "sales.sql").write_text("SELEC n FROM sales")

    with pytest.raises(QueryError, match=r"syntax error \(sales.sql\)"):
        run_report("x", {"sales": SqlSource("sales.sql", conn_id=database)})


@pytest.mark.parametrize(
    ("connection", "problem"),
    [
        ({"conn_type": "sqlite", "host": "/nowhere/at/all.db"}, "unable to open database file"),
        ({"conn_type": "mysql"}, "pip install apache-airflow-providers-mysql"),
    ],
)
def test_a_database_that_cannot_be_opened_is_named(run_report, monkeypatch, connection, problem):
    monkeypatch.setenv("AIRFLOW_CONN_GONE", json.dumps(connection))

    with pytest.raises(QueryError, match=f"data 'sales' failed on connection 'gone'.*{problem}"):
        run_report("x", {"sales": SqlSource("SELECT 1", conn_id="gone")})


def test_a_statement_that_gives_no_rows_changes_nothing(run_report, database):
    with pytest.raises(QueryError, match="it gives no rows: expected a query"):
        run_report("x", {"sales": SqlSource("DELETE FROM sales", conn_id=database)})

    info, _, _ = run_report("x", {"sales": SqlSource("SELECT n FROM sales", conn_id=database)})
    assert info["rows"] == {"sales": len(SALES)}


@pytest.mark.parametrize(
    ("options", "message"),
    [({"offset": "-1"}, "Invalid offset '-1'"), ({"checks": min_rows("sales")}, "expected a list of checks")],
)
def test_a_wrong_argument_is_named(run_report, options, message):
    with pytest.raises(AirflowFailException, match=message):
        run_report("x", {"sales": [{"n": 1}]}, **options)


def test_a_query_that_names_what_has_no_value_fails_at_once(run_report, database):
    with pytest.raises(AirflowFailException, match=":ds, which has no value: expected one of period_end"):
        run_report("x", {"sales": SqlSource("SELECT :ds", conn_id=database)})


def test_a_missing_file_is_an_error_or_no_rows(run_report, tmp_path):
    path = f"{tmp_path}/none-*.csv"

    with pytest.raises(Exception, match="No such file. Correct the path"):
        run_report("x", {"goals": FileSource(path)})
    assert run_report("x", {"goals": FileSource(path, must_exist=False)})[0]["rows"] == {"goals": 0}


def test_a_failed_check_fails_the_task_and_keeps_a_draft(run_report, database, tmp_path):
    data = {"sales": SqlSource(OF_THE_DAY, conn_id=database)}

    with pytest.raises(ChecksFailedError, match=r"failed 1 of its checks.*min_rows\(sales, 100\): 2 rows"):
        run_report("Hello\n", data, checks=[min_rows("sales", 100), min_rows("sales", 1)])

    archive = archive_at((tmp_path / "archive").as_uri())
    assert archive.latest("sales", date(2026, 3, 29)) is None
    draft = archive.latest("sales", date(2026, 3, 29), drafts=True)
    assert draft.manifest.outcome == "failed_checks"
    assert [check["passed"] for check in draft.manifest.checks] == [False, True]
    assert b"Draft: a check failed" in draft.read("report.html")


def test_checks_that_hold_stand_in_the_manifest(run_report):
    data = {"sales": [{"day": "2026-03-29"}]}

    _, _, revision = run_report("x", data, checks=[fresh("sales", "day")])

    assert revision.manifest.checks[0]["passed"] is True
    assert revision.manifest.outcome == "ok"


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("sales", [SqlSource("SELECT 1 AS n WHERE 1 = 0", conn_id="shop"), [], list])
def test_a_report_without_rows_is_sent_skipped_or_fails(run_report, sales):
    data = {"sales": sales}
    needs_a_row = "{{ sales[0].n }}"

    assert run_report("x", data)[0]["outcome"] == "empty"
    with pytest.raises(AirflowSkipException, match="has no rows: skipped"):
        run_report(needs_a_row, data, when_empty="skip")
    with pytest.raises(EmptyReportError, match="has no rows in sales: expected some"):
        run_report(needs_a_row, data, when_empty="fail")


def test_data_that_is_late_fails_its_check_although_nothing_can_be_made_of_it(run_report):
    checks = [min_rows("sales"), expression("sales | map(attribute='n') | min > 0")]

    with pytest.raises(
        ChecksFailedError, match=r"min_rows\(sales, 1\): 0 rows. Nor could the data be rendered"
    ):
        run_report("{{ sales[0].n }}", {"sales": []}, checks=checks)


def test_an_expression_that_says_nothing_of_good_data_fails_at_once(run_report):
    with pytest.raises(AirflowFailException, match="'sold' is undefined"):
        run_report("x", {"sales": [{"n": 1}]}, checks=[min_rows("sales"), expression("sold > 0")])


def test_the_report_of_the_day_before_can_be_compared_with(run_report):
    source = "{% set before = previous('sales') %}{{ before | sum(attribute='n') }} then {{ sales | sum(attribute='n') }}\n"

    _, first, _ = run_report(source, {"sales": [{"n": 3}]}, report_date="2026-03-28")
    _, second, _ = run_report(source, {"sales": [{"n": 5}]}, report_date="2026-03-29")
    _, other, _ = run_report(source, {"sales": [{"n": 5}]}, report_date="2026-03-31")

    assert "0 then 3" in first
    assert "3 then 5" in second
    assert "0 then 5" in other


def test_what_only_the_next_report_reads_makes_no_new_revision(run_report):
    source = "{% set at = sales[0].loaded_at %}{{ previous('sales') | length }} then {{ sales | sum(attribute='n') }}\n"

    first, _, _ = run_report(source, {"sales": [{"n": 3, "loaded_at": "07:00"}]})
    second, _, revision = run_report(source, {"sales": [{"n": 3, "loaded_at": "07:05"}]})

    assert (second["revision"], second["digest"]) == (1, first["digest"])
    assert b"07:00" in revision.read("data/sales.snapshot.jsonl", snapshot=True)


def test_a_weekly_report_compares_with_the_week_before(run_report):
    source = "{{ previous('sales') | sum(attribute='n') }} then {{ sales | sum(attribute='n') }}\n"
    weekly = {"period": "week", "offset": -1}

    run_report(source, {"sales": [{"n": 3}]}, report_date="2026-03-24", **weekly)

    assert "3 then 5" in run_report(source, {"sales": [{"n": 5}]}, report_date="2026-03-30", **weekly)[1]


def test_files_can_go_with_a_report(run_report, tmp_path):
    (tmp_path / "terms.pdf").write_bytes(b"%PDF")
    uri = (tmp_path / "terms.pdf").as_uri()

    _, _, revision = run_report("x", {}, attachments=[uri])

    assert revision.read("attachments/terms.pdf") == b"%PDF"
    with pytest.raises(Exception, match="its SHA-256 is not"):
        run_report("x", {}, attachments=[{"uri": uri, "sha256": "0" * 64, "bytes": 4}])


def test_what_a_container_made_can_go_with_a_report_under_its_own_name(run_report, tmp_path):
    path = tmp_path / "März.csv.gz"
    path.write_bytes(b"1f8b")
    made = {"uri": path.as_uri(), "sha256": hashlib.sha256(b"1f8b").hexdigest(), "bytes": 4}

    _, _, revision = run_report("x", {}, attachments=[{"outputs": {"sales": made}}, None])

    file = revision.file("attachments/März.csv.gz")
    assert file.media_type == "application/gzip"
    with pytest.raises(AirflowFailException, match="one file called 'März.csv.gz'"):
        run_report("x", {}, attachments=[made, made])


def test_a_query_of_sqlite_gets_the_whole_day_and_not_a_moment_of_the_next(run_report, database):
    moments = ["2026-03-28 23:59:59", "2026-03-29 00:00:00", "2026-03-29 23:59:59", "2026-03-30 00:00:00"]
    rows = " UNION ALL ".join(f"SELECT '{moment}' AS at" for moment in moments)
    query = f"SELECT at FROM ({rows}) WHERE at >= :period_start AND at < :period_end"

    _, text, _ = run_report(
        "{% for row in found %}{{ row.at }}; {% endfor %}\n", {"found": SqlSource(query, conn_id=database)}
    )

    assert "2026-03-29 00:00:00; 2026-03-29 23:59:59;" in " ".join(text.split())
    assert "28 23:59:59" not in text
    assert "30 00:00:00" not in text


@pytest.mark.parametrize("region", ["../secret", "rome/../../secret", ".hidden/rome", ".rome"])
def test_what_a_param_makes_of_a_path_leads_to_nothing_else(run_report, tmp_path, region):
    (tmp_path.parent / "secret.csv").write_text("n\n1\n")

    with pytest.raises(
        AirflowFailException, match=rf"Invalid path of a FileSource 'data/{region}.csv': expected"
    ):
        run_report("x", {"sales": FileSource(f"data/{region}.csv")})


def test_an_absolute_path_leads_not_upwards_either(run_report, tmp_path):
    with pytest.raises(AirflowFailException, match="Invalid path of a FileSource"):
        run_report("x", {"sales": FileSource(f"{tmp_path}/data/../../secret.csv")})


@pytest.mark.parametrize("pattern", ["*.csv", "**/*.csv"])
def test_a_wildcard_matches_nothing_hidden(run_report, tmp_path, pattern):
    for name in ("sales.csv", ".sales.csv.part.csv", ".trash/old.csv"):
        (tmp_path / ".data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / ".data" / name).write_text("n\n1\n")

    info, _, _ = run_report("x", {"sales": FileSource(f"{tmp_path}/.data/{pattern}")})

    assert info["rows"] == {"sales": 1}


@pytest.mark.parametrize("pattern", ["*.csv", "{folder}/*.csv"])
def test_a_relative_pattern_begins_at_the_dags_folder(run_report, tmp_path, pattern):
    (tmp_path / "sales.csv").write_text("n\n1\n")

    info, _, _ = run_report("x", {"sales": FileSource(pattern.format(folder=tmp_path))})

    assert info["rows"] == {"sales": 1}
