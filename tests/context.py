"""The context of one task's try, as ``execute`` gets it."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace


def make_context(
    *,
    dag_id="daily_report",
    task_id="render_report",
    run_id="scheduled__2026-03-29",
    logical_date=datetime(2026, 3, 29, 7, tzinfo=timezone.utc),
    dag_timezone="Europe/Berlin",
    try_number=1,
    map_index=-1,
    params=None,
    fileloc=None,
):
    from airflow_provider_daybreak.context.outlets import outlet_events

    dag_run = SimpleNamespace(
        dag_id=dag_id,
        run_id=run_id,
        logical_date=logical_date,
        run_after=logical_date,
        data_interval_start=logical_date,
        data_interval_end=logical_date,
        partition_date=None,
    )
    ti = SimpleNamespace(
        dag_id=dag_id,
        task_id=task_id,
        run_id=run_id,
        map_index=map_index,
        try_number=try_number,
        xcom_push=lambda **_: None,
    )
    return {
        "ti": ti,
        "task": SimpleNamespace(task_id=task_id, outlets=[]),
        "dag_run": dag_run,
        "dag": SimpleNamespace(dag_id=dag_id, timezone=SimpleNamespace(name=dag_timezone), fileloc=fileloc),
        "params": params or {},
        "run_id": run_id,
        "outlet_events": outlet_events(),
    }
