"""A small report, mailed at once, after an approval, and by a server of a test's own."""

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG

from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
from airflow_provider_daybreak.operators.report import ReportOperator

MAILED = {
    "delivery_once": {},
    "delivery_held": {"mode": "hold"},
    "delivery_killed": {"smtp_conn_id": "smtp_paused", "retries": 1, "retry_delay": timedelta(seconds=1)},
}

for dag_id, arguments in MAILED.items():
    schedule = "0 9 * * *" if dag_id == "delivery_once" else None  # what has none can't be backfilled
    with DAG(dag_id, schedule=schedule, catchup=False, params={"report_date": ""}):
        report = ReportOperator(
            task_id="render",
            report=dag_id,
            template=Path(__file__).with_name("delivery.md.j2"),
            data={"sales": [{"region": "North", "units": 3}, {"region": "South", "units": 4}]},
        )
        ReportEmailOperator(task_id="mail", report=report.output, **arguments)
