"""What all tests share: an Airflow home of their own, and the context that a task gets."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

_home = tempfile.mkdtemp(prefix="daybreak-tests-")
atexit.register(shutil.rmtree, _home, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = _home  # before anything imports Airflow
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"


@pytest.fixture
def make_context():
    """Return a function that makes the context of one task's try, as ``execute`` gets it."""

    def make(
        *,
        dag_id="daily_report",
        task_id="render_report",
        run_id="scheduled__2026-03-29",
        logical_date=datetime(2026, 3, 29, 7, tzinfo=timezone.utc),
        dag_timezone="Europe/Berlin",
        try_number=1,
        map_index=-1,
        params=None,
    ):
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
            dag_id=dag_id, task_id=task_id, run_id=run_id, map_index=map_index, try_number=try_number
        )
        dag = SimpleNamespace(dag_id=dag_id, timezone=SimpleNamespace(name=dag_timezone))
        return {"ti": ti, "dag_run": dag_run, "dag": dag, "params": params or {}, "run_id": run_id}

    return make
