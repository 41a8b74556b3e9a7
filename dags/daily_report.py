"""
The day's almanac in every inbox at nine: deploy the script, run it, render the report, make a PDF, mail it.

Written to be copied. Take this file and the folder beside it, and call both by the report's name. Then change the
folder: your script and its requirements.txt in script/, your report in report.md.j2, your container in pdf/; and
what stands in capitals here.

Mails go out over the connection ``smtp_default``. Without it the report is made and archived, and mail_report fails and
says what to add. Without a Docker engine make_pdf is skipped, and the mail has no PDF.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param
from airflow.timetables.trigger import CronTriggerTimetable

# from airflow_provider_daybreak.notifications.failure import ReportFailureNotifier
# from airflow_provider_daybreak.notifications.ping import PingNotifier
from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
from airflow_provider_daybreak.operators.docker import ImageBuild, ScriptDockerOperator
from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.operators.venv import VenvDeployOperator
from airflow_provider_daybreak.reports.sources import ScriptSource

NAME = Path(__file__).stem  # this file's: of the Dag, the release, the report, and the folder
FILES = Path(__file__).parent / NAME
SCHEDULE = CronTriggerTimetable(
    "0 9 * * *",
    timezone="Europe/Berlin",
    run_immediately=timedelta(0),  # unpausing mails nothing, before any backfill: "When" in docs/delivery.md
)
PLACE = "Berlin"

with DAG(
    dag_id=NAME,
    description="The day's almanac. Needs the connection smtp_default, to mail it over",
    schedule=SCHEDULE,
    catchup=False,  # missed days are backfilled on purpose: airflow backfill create --dag-id daily_report …
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
    params={
        "report_date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Report date",
            description="Empty: the day of the run.",
        ),
        "place": Param(PLACE, type="string", title="Place", description="A capital or another large city."),
        "recipients": Param(
            None,
            type=["null", "string"],
            title="Recipients",
            description="Addresses, with commas between them. Empty: those of the connection.",
        ),
        "mail_even_if_late": Param(
            False,
            type="boolean",
            title="Mail even if late",
            description="Else a report is only archived where its day ended more than seven days ago.",
        ),
    },
    tags=["daybreak", "report"],
    doc_md=__doc__,
    # Who is told of a failure, and what calls where silence raises the alarm: "Afterwards" in docs/delivery.md.
    # on_failure_callback=ReportFailureNotifier(to="you@example.org", report=NAME),
    # on_success_callback=PingNotifier(url="https://hc.example.org/ping/..."),
) as dag:
    deploy = VenvDeployOperator(task_id="deploy", name=NAME, source=FILES / "script")

    report = ReportOperator(
        task_id="render_report",
        report=NAME,
        template=FILES / "report.md.j2",
        data={"almanac": ScriptSource(deploy.output, ["almanac.py", "--place", "{{ params.place }}"])},
        locale="en_GB",
        formats=("html", "text", "page"),  # the mail's two, and the page that the PDF is made of
    )

    pdf = ScriptDockerOperator(
        task_id="make_pdf",
        build=ImageBuild(FILES / "pdf", network="host"),  # the build installs packages; the run has no network
        inputs={".": report.output},
        outputs={"daily-almanac.pdf": "/out/report.pdf"},
        skip_if_unavailable=True,
    )

    mail = ReportEmailOperator(
        task_id="mail_report",
        report=report.output,
        to="{{ params.recipients or '' }}",
        attachments=[pdf.output],
        trigger_rule="none_failed",  # without a Docker engine, the mail goes out without the PDF
    )
