from __future__ import annotations

import copy
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, Asset, AssetAlias

from airflow_provider_daybreak.context.archive import archive_at, report_asset
from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.operators.venv import VenvDeployOperator
from airflow_provider_daybreak.reports.sources import ScriptSource
from airflow_provider_daybreak.settings import Settings
from airflow_provider_daybreak.version_compat import AirflowFailException


@pytest.fixture
def run_report(tmp_path, make_context):
    """Return a function that executes a ReportOperator over a template's text."""
    (tmp_path / "archive").mkdir()

    def run(source="Sold: {{ sales | length }}\n", *, context=None, **options):
        template = tmp_path / "report.md.j2"
        template.write_text(source)
        arguments = {"data": {"sales": [{"n": 1}, {"n": 2}]}, "archive": (tmp_path / "archive").as_uri()}
        operator = ReportOperator(
            task_id="render_report", report="daily_report", **{"template": template, **arguments, **options}
        )
        return operator.execute(context or make_context())

    return run


def test_a_report_is_published_and_described(run_report):
    info = run_report(title="Sales")

    assert info["report"] == "daily_report"
    assert info["report_date"] == "2026-03-29"
    assert info["period"] == {"start": "2026-03-29T00:00:00+01:00", "end": "2026-03-30T00:00:00+02:00"}
    assert info["revision"] == 1
    assert info["title"] == "Sales"
    assert info["rows"] == {"sales": 2}
    assert info["manifest"].endswith("/daily_report/2026/03/29/r0001/manifest.json")


def test_weeks_begin_where_they_are_said_to_in_the_report_and_for_its_data(run_report, tmp_path):
    info = run_report(
        data={"sales": lambda period_first, period_last: [{"n": period_first}, {"n": period_last}]},
        source="{{ sales[0].n }} {{ sales[1].n }}\n",
        period="week",
        offset=-1,
        week_start="sunday",
    )

    text = archive_at((tmp_path / "archive").as_uri()).open(info["manifest"]).read("report.txt")
    assert info["period"] == {"start": "2026-03-22T00:00:00+01:00", "end": "2026-03-29T00:00:00+01:00"}
    assert b"Mar 22, 2026 Mar 28, 2026" in text


def test_a_run_knows_where_its_reports_weeks_and_years_begin_as_scripts_are_told_them(make_context):
    run = ReportOperator(
        task_id="render_report", report="sales", template="x.md.j2", week_start="sunday", fiscal_year_start=4
    ).run_in(make_context())

    assert run.period("week").first.isoformat() == "2026-03-29"
    assert run.period("year").first.isoformat() == "2025-04-01"


def test_csv_files_are_written_for_a_locales_spreadsheets(run_report, tmp_path):
    info = run_report(
        data={"sales": [{"n": 1.5, "remark": "-50,00"}]},
        source="{{ table(sales) }}\n",
        formats=("csv",),
        csv_dialect="excel-de",
    )

    content = archive_at((tmp_path / "archive").as_uri()).open(info["manifest"]).read("data/sales.csv")
    assert content.decode("utf-8-sig") == "N;Remark\r\n1,5;-50,00\r\n"


def test_what_was_published_can_be_read(run_report, tmp_path):
    info = run_report()

    revision = archive_at((tmp_path / "archive").as_uri()).open(info["manifest"])

    assert b"Sold: 2" in revision.read("report.html")
    assert b"Sold: 2" in revision.read("report.txt")


@pytest.mark.parametrize(("link", "linked"), [(True, True), (False, False)])
def test_a_report_leads_to_its_page_and_made_again_is_the_same_revision(
    run_report, tmp_path, monkeypatch, link, linked
):
    archive = (tmp_path / "archive").as_uri()
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", archive)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org/")
    address = b"https://airflow.example.org/daybreak/reports/daily_report/2026-03-29"

    infos = [run_report(link=link) for _ in range(2)]

    assert [info["revision"] for info in infos] == [1, 1]
    revision = archive_at(archive).open(infos[0]["manifest"])
    assert (address in revision.read("report.html"), address in revision.read("report.txt")) == (linked, linked)


def test_a_copied_dag_is_refused_at_once_and_a_renamed_one_goes_on(run_report, make_context):
    run_report()

    with pytest.raises(
        AirflowFailException, match="belongs to the Dag 'daily_report', and 'copy' would publish into it"
    ):
        run_report(context=make_context(dag_id="copy"), title="Copy")
    info = run_report(context=make_context(dag_id="renamed"), title="Renamed", take_over="daily_report")

    assert (info["revision"], info["title"]) == (2, "Renamed")


def test_the_reports_asset_gets_an_event_that_says_which_revision_there_is(run_report, make_context):
    context = make_context()

    info = run_report(context=context)

    (event,) = context["outlet_events"][AssetAlias("daybreak_reports")].asset_alias_events
    assert event.dest_asset_key.uri.endswith("/archive/daily_report")
    assert event.extra["manifest"] == info["manifest"]
    assert context["task"].outlets == [AssetAlias("daybreak_reports")]


def test_a_report_with_a_plain_name_has_its_asset_as_an_outlet_that_gets_the_event(
    run_report, make_context, tmp_path
):
    archive = (tmp_path / "archive").as_uri()
    task = ReportOperator(
        task_id="render_report", report="daily_report", template="report.md.j2", archive=archive
    )
    context = make_context() | {"task": task}

    info = run_report(context=context)

    [asset] = task.outlets
    assert asset.uri.endswith("/archive/daily_report")
    assert context["outlet_events"][asset].extra["manifest"] == info["manifest"]


def test_a_report_whose_name_is_a_template_has_the_alias_as_its_outlet():
    task = ReportOperator(task_id="render_report", report="{{ params.report }}", template="report.md.j2")

    assert task.outlets == [AssetAlias("daybreak_reports")]


def test_running_again_makes_no_second_revision(run_report):
    first, second = run_report(), run_report()

    assert first == second


def test_changed_data_makes_a_new_revision(run_report):
    run_report()

    assert run_report(data={"sales": []})["revision"] == 2


def test_the_period_may_be_the_week_before(run_report):
    info = run_report("{{ period.first }} to {{ period.last }}\n", period="week", offset=-1)

    assert info["period"]["start"].startswith("2026-03-16")


def test_a_relative_template_begins_at_the_dag_file(run_report, make_context, tmp_path):
    context = make_context()
    context["dag"] = SimpleNamespace(timezone=SimpleNamespace(name="UTC"), fileloc=str(tmp_path / "dag.py"))

    assert run_report(template="report.md.j2", context=context)["revision"] == 1


def test_a_template_error_fails_the_task_without_retries(run_report):
    with pytest.raises(AirflowFailException, match="line 1"):
        run_report("{{ slaes }}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formats": ("html", "docx")}, "Invalid formats 'docx'"),
        ({"formats": ()}, "Invalid formats"),
        ({"locale": "klingon"}, "Invalid locale 'klingon'"),
        ({"period": "fortnight"}, "Invalid period 'fortnight'"),
        ({"template": "/none.md.j2"}, "Cannot read template '/none.md.j2'"),
        ({"data": {"period": 1}}, "Invalid name of data 'period'"),
        ({"data": {"not a name": 1}}, "Invalid name of data 'not a name'"),
    ],
)
def test_a_bad_value_fails_the_task_and_says_what_was_expected(run_report, options, message):
    with pytest.raises(AirflowFailException) as caught:
        run_report(**options)

    assert message in str(caught.value)


def test_a_task_that_a_script_source_names_runs_before_the_report():
    with DAG("daily_report", schedule=None):
        deploy = VenvDeployOperator(task_id="deploy", name="daily_report", source="script")
        report = ReportOperator(
            task_id="render_report",
            report="daily_report",
            template="report.md.j2",
            data={"almanac": ScriptSource(deploy.output, ["almanac.py"])},
        )

    assert report.upstream_task_ids == {"deploy"}


@pytest.mark.parametrize("name", ["daily_report", "flights_report"])
def test_parsing_a_dag_reads_no_settings(monkeypatch, name):
    path = Path(__file__).parents[3] / "dags" / f"{name}.py"

    def load():
        raise AssertionError("the settings were read")

    monkeypatch.setattr(Settings, "load", load)
    dags = runpy.run_path(str(path))

    tasks = [task for dag in dags.values() if isinstance(dag, DAG) for task in dag.tasks]
    report = next(task for task in tasks if isinstance(task, ReportOperator))
    with pytest.raises(AssertionError, match="the settings were read"):  # by what asks for its asset
        _ = report.outlets


def test_outlets_are_those_that_were_given_and_the_reports_asset_once():
    mine = Asset("file:///x")

    task = ReportOperator(task_id="x", report="sales", template="x.md.j2", outlets=[mine])
    task.report = "rendered"

    assert task.outlets == [mine, report_asset("sales")]
    assert copy.deepcopy(task).outlets == task.outlets == [mine, report_asset("sales")]
