"""Two Dags that are due at each midnight: one may start by itself at once, the other from tomorrow on."""

from datetime import datetime, timedelta, timezone

from airflow.sdk import DAG, task
from airflow.timetables.trigger import CronTriggerTimetable

TOMORROW = datetime.combine(datetime.now(timezone.utc), datetime.min.time(), timezone.utc) + timedelta(days=1)


@task
def work():
    pass


for dag_id, start_date in {"schedules_at_once": None, "schedules_from_tomorrow": TOMORROW}.items():
    schedule = CronTriggerTimetable("0 0 * * *", timezone="UTC", run_immediately=timedelta(0))
    with DAG(dag_id, schedule=schedule, start_date=start_date, catchup=False):
        work()
