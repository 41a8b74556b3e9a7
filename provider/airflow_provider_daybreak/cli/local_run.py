"""Runs a Dag file's tasks here and now, for a look at what they give: no scheduler, no database rows."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import date, datetime, time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.cli.command import lines_in
from airflow_provider_daybreak.cli.progress import busy
from airflow_provider_daybreak.context.outlets import outlet_events
from airflow_provider_daybreak.context.run import zone_of
from airflow_provider_daybreak.exceptions import DagFileError, InvalidValueError
from airflow_provider_daybreak.exceptions.base import one_of
from airflow_provider_daybreak.version_compat import dags_of_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


_RUN_ID = "preview"
_MOST_NAMED = 5  # files that an error names


def find_task(path: Path, task_id: str, dag_id: str | None = None) -> Any:
    """
    Return a task of a Dag file, as its Dag holds it.

    :param dag_id: which of the file's Dags; needed where several have such a task.
    :raises DagFileError: the file can't be loaded, or has no such task, or several.
    """
    dags = {dag.dag_id: dag for dag in _load(path)}
    if dag_id is not None:
        if dag_id not in dags:
            raise DagFileError(
                str(path), f"it has no Dag {dag_id!r}; expected {one_of(dags, having='the file')}"
            )
        dags = {dag_id: dags[dag_id]}
    having = sorted(name for name, dag in dags.items() if task_id in dag.task_dict)
    if len(having) == 1:
        return dags[having[0]].get_task(task_id)
    if having:
        raise DagFileError(
            str(path), f"several Dags have a task {task_id!r}; say --dag {' or --dag '.join(having)}"
        )
    tasks = sorted({name for dag in dags.values() for name in dag.task_dict})
    raise DagFileError(str(path), f"it has no task {task_id!r}; expected {one_of(tasks, having='it')}")


def _load(path: Path) -> list[Any]:
    """Return the Dags that Airflow finds in the file."""
    if path.is_dir():
        raise DagFileError(str(path), f"it is a folder; {_dag_files(path)}")
    if not path.is_file():
        raise DagFileError(str(path), f"no such file; {_dag_files(path.parent)}")
    sys.path.append(str(path.parent))  # as Airflow does with the bundle's folder
    try:
        dags, problem = dags_of_file(path)
    finally:
        sys.path.remove(str(path.parent))
    if problem:
        raise DagFileError(str(path), _said(path, problem))
    if not dags and path.suffix != ".py":
        raise DagFileError(str(path), "it is no Python file")
    return dags


def _dag_files(folder: Path) -> str:
    """Say which file of the folder may be meant."""
    names = sorted(one.name for one in folder.glob("*.py"))
    if not names:
        return f"expected the path of a Dag file, and {str(folder)!r} has none"
    return f"expected a Dag file, such as {', '.join(names[:_MOST_NAMED])} in {str(folder)!r}"


def _said(path: Path, problem: str) -> str:
    """Return an error of the file as one line, with the line of the file that it came from."""
    lines = lines_in(path, problem)
    last = next((line for line in reversed(problem.splitlines()) if line.strip()), problem)
    said = re.sub(r"^airflow_provider_daybreak\.[\w.]+: ", "", last.strip())
    if zone := re.fullmatch(r"[\w.]*\bInvalidTimezone: (.+)", said):
        said = f"there is no time zone {zone[1]!r}; expected one such as Europe/Rome or UTC"
    if said.startswith("ModuleNotFoundError"):
        said += "; install what brings it where Dags run, or import it in the script, which has an environment of its own"
    return f"line {lines[-1]}: {said}" if lines else said


@dataclass
class LocalRun:
    """
    One run of a Dag that Airflow doesn't know of. Tasks run when their output is asked for, each once.

    :param dag: the Dag.
    :param day: the date that the run is of, in the zone of the Dag's schedule.
    :param params: values that replace the Dag's own.
    :param home: the folder that takes what tasks deploy or archive meanwhile.
    """

    dag: Any
    day: date
    home: Path
    params: Mapping[str, Any] = field(default_factory=dict)
    results: dict[tuple[str, str], Any] = field(default_factory=dict)

    def context(self, task: Any) -> dict[str, Any]:
        """
        Return the context that the task's ``execute`` gets.

        :raises InvalidValueError: a param is none of the Dag's, or its value is wrong.
        """
        instant = datetime.combine(self.day, time(12), zone_of(self.dag))
        params = self._params()
        run = SimpleNamespace(
            dag_id=self.dag.dag_id,
            run_id=_RUN_ID,
            run_type="manual",
            conf={},
            logical_date=instant,
            run_after=instant,
            data_interval_start=instant,
            data_interval_end=instant,
            partition_date=None,
        )
        return {
            "dag": self.dag,
            "dag_run": run,
            "ti": _TaskInstance(self, task),
            "task": task,
            "params": params,
            "run_id": _RUN_ID,
            "logical_date": instant,
            "ds": self.day.isoformat(),
            "ts": instant.isoformat(),
            "data_interval_start": instant,
            "data_interval_end": instant,
            "outlet_events": outlet_events(),
        }

    def rendered(self, task: Any) -> tuple[Any, dict[str, Any]]:
        """Return the task with its templated fields filled in, and its context."""
        context = self.context(task)
        copy = task.prepare_for_execution()
        copy.render_template_fields(context)
        return copy, context

    def pull(self, task_id: str, key: str) -> Any:
        """Return what a task gave, and run it for that if it hasn't run yet."""
        if (task_id, "return_value") not in self.results:
            task, context = self.rendered(self.dag.get_task(task_id))
            if not sys.stderr.isatty():
                print(f"Running {task_id} …", file=sys.stderr)
            with busy(f"Running {task_id}"), deploying_in(self.home):
                self.results[task_id, "return_value"] = _execute(task, context)
        return self.results.get((task_id, key))

    def _params(self) -> dict[str, Any]:
        params = self.dag.params.deep_merge({}) if hasattr(self.dag.params, "deep_merge") else self.dag.params
        unknown = sorted(set(self.params) - set(params))
        if unknown:
            raise InvalidValueError("param", unknown[0], one_of(params, having=f"the Dag {self.dag.dag_id!r}"))
        values = {name: params[name] for name in params}
        if "report_date" in values:
            values["report_date"] = self.day.isoformat()
        return {**values, **self.params}


class _TaskInstance:
    """As much of a task instance as operators and templates ask for."""

    def __init__(self, local_run: LocalRun, task: Any) -> None:
        self._local_run = local_run
        self.task = task
        self.task_id, self.dag_id, self.run_id = task.task_id, task.dag_id, _RUN_ID
        self.map_index, self.try_number = -1, 1

    def xcom_pull(self, task_ids: Any = None, key: str = "return_value", **_: Any) -> Any:
        if isinstance(task_ids, (list, tuple, set)):
            return [self._local_run.pull(task_id, key) for task_id in task_ids]
        return self._local_run.pull(task_ids or self.task_id, key)

    def xcom_push(self, key: str, value: Any) -> None:
        self._local_run.results[self.task_id, key] = value

    def get_relevant_upstream_map_indexes(self, **_: Any) -> None:
        return None


def _execute(task: Any, context: dict[str, Any]) -> Any:
    """Execute the task as a task runner does: operators refuse, or complain, when anybody else does."""
    from airflow.sdk.bases.operator import ExecutorSafeguard

    own = copy_context()
    own.run(ExecutorSafeguard.tracker.set, task)
    return own.run(task.execute, context)


@contextmanager
def deploying_in(home: Path, *, archive: bool = True) -> Iterator[None]:
    """
    Let tasks deploy in that folder: a local_run must not change what runs in production.

    :param archive: whether they archive there too.
    """
    wanted = {"AIRFLOW__DAYBREAK__RELEASES": str(home / "releases"), "AIRFLOW__DAYBREAK__RELEASE_STORE": ""}
    if archive:
        wanted["AIRFLOW__DAYBREAK__ARCHIVE"] = (home / "archive").as_uri()
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
