"""What a Dag file holds, as plain facts: read from its Dags in the process that parsed it."""

from __future__ import annotations

import inspect
from dataclasses import fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, XComArg

from airflow_provider_daybreak.cli.dag_checks.finding import IS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from types import FrameType, TracebackType

    from typing_extensions import Self

_DEEPEST = 12
_MOST_ITEMS = 500
_LONGEST = 50_000
_INSTALLED = ("/site-packages/", "/dist-packages/")
_OURS = "airflow_provider_daybreak."
_NOT_READ = frozenset(
    {
        "dag",
        "task_group",
        "start_date",
        "end_date",
        "upstream_task_ids",
        "downstream_task_ids",
        "outlets",
        "inlets",
    }
)


class Recorder:
    """
    Remembers, while a file is parsed, what its Dags no longer say afterwards.

    That is the line that made each of them and each of their tasks, and whether a start date named its zone.

    :param folder: the folder of Dags.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder.rstrip("/") + "/"
        self._dags: dict[int, tuple[str, int, bool]] = {}
        self._tasks: dict[int, tuple[str, int]] = {}
        self._kept: list[Any] = []  # so that no other gets the id of one
        self._before: tuple[Any, Any] = (None, None)

    def __enter__(self) -> Self:
        self._before = made, added = DAG.__init__, DAG.add_task
        setattr(DAG, "__init__", self._recording(made, self._dag))  # noqa: B010 - a type checker knows it for a method
        setattr(DAG, "add_task", self._recording(added, self._task))  # noqa: B010 - likewise
        return self

    def __exit__(self, *_: object) -> None:
        made, added = self._before
        setattr(DAG, "__init__", made)  # noqa: B010 - likewise
        setattr(DAG, "add_task", added)  # noqa: B010 - likewise

    def _recording(self, method: Callable[..., Any], record: Callable[..., None]) -> Callable[..., Any]:
        @wraps(method)
        def recorded(dag: Any, *args: Any, **kwargs: Any) -> Any:
            record(dag, *args, **kwargs)
            return method(dag, *args, **kwargs)

        return recorded

    def _dag(self, dag: Any, *_: Any, start_date: Any = None, default_args: Any = None, **__: Any) -> None:
        begins = start_date or (default_args or {}).get("start_date")
        self._kept.append(dag)
        self._dags[id(dag)] = (*self._place(), _names_zone(begins))

    def _task(self, _: Any, task: Any) -> None:
        self._kept.append(task)
        self._tasks[id(task)] = self._place()

    def _place(self) -> tuple[str, int]:
        frame: FrameType | None = inspect.currentframe()
        while frame is not None:
            name = frame.f_code.co_filename
            if name.startswith(self._folder) and not any(part in name for part in _INSTALLED):
                return frame.f_code.co_filename, frame.f_lineno
            frame = frame.f_back
        return "", 0

    def lost(self, dags: Sequence[Any], path: str) -> list[tuple[str, int]]:
        """Return the Dags, by id and line, that the file itself has made and that are none of those that were found."""
        found = {id(dag) for dag in dags}
        made = [(dag, *self._dags[id(dag)]) for dag in self._kept if id(dag) in self._dags]
        return [
            (str(getattr(dag, "dag_id", "")), line)
            for dag, place, line, _ in made
            if place == path and id(dag) not in found
        ]

    def line_of(self, trace: TracebackType | None, path: str) -> int:
        """Return the last line of the file that an error went through, or 0."""
        line = 0
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == path:
                line = trace.tb_lineno
            trace = trace.tb_next
        return line

    def facts(self, dag: Any) -> dict[str, Any]:
        """Return what there is to know of a Dag, as plain JSON."""
        path, line, said = self._dags.get(id(dag), (dag.fileloc, 0, True))
        schedule = getattr(dag, "schedule", None)
        return {
            "dag_id": dag.dag_id,
            "path": path or dag.fileloc,
            "line": line,
            "fileloc": dag.fileloc,
            "cron": schedule if isinstance(schedule, str) else None,
            "zone_said": said,
            "zone": str(getattr(dag.timezone, "name", dag.timezone)),
            "params": sorted(dag.params),
            "macros": sorted(dag.user_defined_macros or ()),
            "filters": sorted(dag.user_defined_filters or ()),
            "tasks": [self._facts_of(task) for task in dag.tasks],
        }

    def _facts_of(self, task: Any) -> dict[str, Any]:
        path, line = self._tasks.get(id(task), ("", 0))
        mapped = hasattr(task, "partial_kwargs")
        kind = task.operator_class if mapped else type(task)
        said = {**task.partial_kwargs} if mapped else vars(task)
        templated = tuple(task.template_fields)
        names = (
            [f"{each.__module__}.{each.__qualname__}" for each in kind.__mro__]
            if isinstance(kind, type)
            else []
        )
        ours = any(name.startswith(_OURS) for name in names)
        wanted = {name: value for name, value in said.items() if ours or name in (*templated, "image")}
        return {
            "task_id": task.task_id,
            "path": path,
            "line": line,
            "kinds": [name.rpartition(".")[2] for name in names],
            "ours": ours,
            "mapped": mapped,
            "params": sorted(getattr(task, "params", None) or ()),
            "templated": list(templated),
            "files": list(getattr(task, "template_ext", ()) or ()),
            "fields": {
                name: plain(value)
                for name, value in wanted.items()
                if name not in _NOT_READ and (not name.startswith("_") or name in templated)
            },
        }


def _names_zone(begins: datetime | str | None) -> bool:
    """Return whether a start date says by whose clock it is meant."""
    if isinstance(begins, str):
        return begins.rstrip().endswith("Z") or "+" in begins[10:] or "-" in begins[10:]
    return begins is not None and begins.tzinfo is not None


def plain(value: Any, depth: int = 0) -> Any:  # noqa: PLR0911 - one for each kind of value
    """Return a value as JSON can hold it: of what it can't, the type's name under ``IS``."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return str(value)[:_LONGEST]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, XComArg):
        task, key = next(iter(value.iter_references()), (None, ""))
        return {IS: "XComArg", "task": getattr(task, "task_id", ""), "key": key}
    if depth > _DEEPEST:
        return {IS: type(value).__name__}
    if isinstance(value, dict):
        return {str(key): plain(each, depth + 1) for key, each in list(value.items())[:_MOST_ITEMS]}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each, depth + 1) for each in list(value)[:_MOST_ITEMS]]
    if is_dataclass(value) and not isinstance(value, type):
        said = {field.name: plain(getattr(value, field.name, None), depth + 1) for field in fields(value)}
        return {**said, IS: type(value).__name__}
    code = getattr(value, "__code__", None)
    if code is not None:
        return {IS: "function", "path": code.co_filename, "line": code.co_firstlineno, "name": code.co_name}
    return {IS: type(value).__name__}
