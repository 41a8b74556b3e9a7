"""
Flights from New York in 2013, daily and weekly, by SQL over 336,776 real rows.

A database stands for yours: the script loads it, once, into the SQLite file that the connection ``flights``
names, such as AIRFLOW_CONN_FLIGHTS='{"conn_type": "sqlite", "host": "/var/tmp/flights.db"}'. Each report reads its
period's rows by four queries, compares with the period before, and is archived with a workbook. Where there is no such
connection, the run is skipped, and find_database says so. The report needs the extras sql and xlsx.
A run reports its own date, and is skipped where the data has no flight: trigger it with a report date of 2013, or
backfill: airflow backfill create --dag-id flights_day --from-date 2013-03-01 --to-date 2013-03-31
For a preview without a scheduler, load it by hand first: python flights_report/script/load.py --database …
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from airflow.sdk import DAG, Connection, Param, task
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator
from airflow_provider_daybreak.reports.checks import no_nulls
from airflow_provider_daybreak.reports.sources import SqlSource

FILES = Path(__file__).with_suffix("")
NAME = FILES.name.removesuffix("_report")  # how the names of Dags, releases and reports begin
ZONE = "America/New_York"
QUERIES = ("days", "carriers", "hours", "worst")


@task
def find_database() -> str:
    """Return the path of the database's file; skip the run where nobody has said it, for an example's sake."""
    from airflow_provider_daybreak.version_compat import AirflowNotFoundException, AirflowSkipException

    path: str | None = None
    with suppress(AirflowNotFoundException):
        path = Connection.get("flights").host
    if path:
        return path
    raise AirflowSkipException(
        "There is no connection 'flights' that says where the database of this example is. Add one of type sqlite whose "
        "host is the path of a file, such as /var/tmp/flights.db, then clear this task."
    )


def flights_dag(period: str, cron: str, offset: int) -> DAG:
    """Return the Dag that reports each period by a schedule."""
    name = f"{NAME}_{period}"
    with DAG(
        dag_id=name,
        description="Flights from New York in 2013. Needs the connection flights, to a SQLite file",
        schedule=CronTriggerTimetable(cron, timezone=ZONE),
        catchup=False,  # no end date either: Airflow runs no task of a run that somebody triggers after it
        params={
            "report_date": Param(
                None,
                type=["null", "string"],
                format="date",
                title="Report date",
                description="A day of 2013, the year of the data. Empty: the day of the run.",
                examples=["2013-03-09"],
            ),
        },
        tags=["daybreak", "report", "sql"],
        doc_md=__doc__,
    ) as dag:
        database = find_database()
        deploy = VenvDeployOperator(task_id="deploy", name=name, source=FILES / "script", only_binary=False)
        load = VenvRunOperator(
            task_id="load_database",
            release=deploy.output,
            command=["load.py", "--database", database],
        )
        report = ReportOperator(
            task_id="render_report",
            report=name,
            template=FILES / "report.md.j2",
            data={query: SqlSource(f"{FILES.name}/{query}.sql", conn_id="flights") for query in QUERIES},
            period=period,
            offset=offset,
            formats=("html", "text", "page", "xlsx"),
            checks=[no_nulls("days", "day", "flights")],
            when_empty="skip",
        )
        database >> deploy
        load >> report
    return dag


daily = flights_dag("day", "0 7 * * *", -1)
weekly = flights_dag("week", "0 7 * * 1", -1)
