"""The Dag of a script as it is, run as it stands."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from airflow.sdk import DAG

DAGS = Path(__file__).parents[3] / "dags"


def dag_of(name):
    path = DAGS / f"{name}.py"
    names = {"__file__": str(path), "__name__": name}
    exec(compile(path.read_text(), str(path), "exec"), names)
    return next(value for value in names.values() if isinstance(value, DAG))


def test_it_mails_its_script_once_for_the_day_of_its_run(
    server, connect_to, make_context, monkeypatch, tmp_path
):
    connect_to(server)
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "archive").as_uri())
    dag = dag_of("script_as_it_is")
    release = dag.get_task("deploy_script").execute(make_context())
    run = dag.get_task("run_script")
    run.release = release
    day = datetime.now(timezone.utc) - timedelta(days=2)  # which is caught up on
    context = make_context(task_id="run_script", logical_date=day)
    context["ti"].xcom_push = lambda **_: None

    for _ in range(2):
        run.execute(context)

    assert server.recipients() == ["you@example.org"]
    assert (
        server.mails[0]
        .message["Subject"]
        .startswith(f"{day.astimezone(ZoneInfo('Europe/Berlin')):%d %B %Y}: day ")
    )
