"""Which tasks have ended, as Airflow knows it."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_daybreak.containers.identity import Task

log = logging.getLogger(__name__)

_ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
_RUNS = 50
"""Runs that are asked for at once: their ids are a part of an address, which has its limits."""


def ended(ti: Any, tasks: Collection[Task]) -> set[Task]:
    """
    Return those of the tasks that have ended and that Airflow will not try again by itself.

    One that Airflow doesn't know, or can't tell of now, is none of them.

    :param ti: the task instance of the context that Airflow gives to ``execute``.
    """
    from airflow.sdk.exceptions import AirflowRuntimeError

    ask = getattr(ti, "get_task_states", None)
    if ask is None:  # a preview has no Airflow to ask
        return set()
    by_task = defaultdict(list)
    for task in sorted(tasks):
        by_task[task.dag_id, task.task_id].append(task)
    found = set()
    for (dag_id, task_id), members in by_task.items():
        runs = sorted({task.run_id for task in members})
        for first in range(0, len(runs), _RUNS):
            try:
                states = ask(dag_id=dag_id, task_ids=[task_id], run_ids=runs[first : first + _RUNS])
            except AirflowRuntimeError as error:
                log.warning("Airflow does not say which tasks of Dag %s have ended: %s", dag_id, error)
                continue
            found |= {task for task in members if states.get(task.run_id, {}).get(_key(task)) in _ENDED}
    return found


def _key(task: Task) -> str:
    """Return how Airflow names the task among others of its run."""
    return task.task_id if task.map_index < 0 else f"{task.task_id}_{task.map_index}"
