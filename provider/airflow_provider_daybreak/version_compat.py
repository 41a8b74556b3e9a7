"""The one place that looks at Airflow's version, and the one that uses what Airflow keeps to itself."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow import __version__ as airflow_version
from packaging.version import Version

AIRFLOW_VERSION = Version(Version(airflow_version).base_version)
AIRFLOW_V_3_2 = Version("3.2") <= AIRFLOW_VERSION
AIRFLOW_V_3_3 = Version("3.3") <= AIRFLOW_VERSION
RESCHEDULES_ANY_TASK = Version("3.1.8") <= AIRFLOW_VERSION
"""Whether the scheduler waits for a task that is no sensor, and asked to be started again later, until then."""


def as_called(text: str) -> str:
    """Return a text with our commands as they are called here: Airflow asks a provider for commands from 3.2 on."""
    return text if AIRFLOW_V_3_2 else text.replace("airflow daybreak", "daybreak")


__all__ = [
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowRescheduleException",
    "AirflowSkipException",
]

_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"
_AIRFLOWS_OWN = re.compile(r"airflow\.(sdk\.|secrets\.metastore)")

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from sqlalchemy.orm import Session


if TYPE_CHECKING or AIRFLOW_V_3_2:
    from airflow.sdk.exceptions import (
        AirflowFailException,
        AirflowNotFoundException,
        AirflowRescheduleException,
        AirflowSkipException,
    )
else:
    from airflow.exceptions import (
        AirflowFailException,
        AirflowNotFoundException,
        AirflowRescheduleException,
        AirflowSkipException,
    )


def secrets_backends() -> list[Any]:
    """Return what is asked for connections here, in turn, before Airflow's own API or database is."""
    from airflow.sdk.execution_time.supervisor import ensure_secrets_backend_loaded

    return [each for each in ensure_secrets_backend_loaded() if not _AIRFLOWS_OWN.match(type(each).__module__)]


@contextmanager
def reading_the_database() -> Iterator[None]:
    """
    Let connections and variables be read from Airflow's database too, as its servers do, where there is one.

    A command is none of its servers and no task: without this it finds those of the environment and of secrets
    backends alone, and calls those missing that people entered in the UI.
    """
    from airflow.configuration import conf
    from sqlalchemy import make_url

    url = make_url(conf.get("database", "sql_alchemy_conn"))
    there = (
        url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()
    )  # a look at one would make it
    if not there or _CONTEXT in os.environ:
        yield
        return
    os.environ[_CONTEXT] = "server"
    try:
        yield
    finally:
        del os.environ[_CONTEXT]


def reads_the_database() -> bool:
    """Return whether connections are read from Airflow's database here, as servers and commands do, and no task."""
    return os.environ.get(_CONTEXT) == "server"


def task_state(context: Mapping[str, Any]) -> Any | None:
    """Return the store that all tries of a task in a run share (Airflow 3.3 and later), or None."""
    return context.get("task_state_store") if AIRFLOW_V_3_3 else None


def timetable_zone(timetable: object) -> Any | None:
    """Return the zone that a cron timetable has of its own, or None."""
    # Airflow has each cron timetable twice: the SDK's says `timezone`, the scheduler's `_timezone`.
    return getattr(timetable, "timezone", None) or getattr(timetable, "_timezone", None)


def timetable_cron(timetable: object) -> str | None:
    """Return the expression of a cron timetable, or None for any other."""
    if not any(kind.__name__ == "CronMixin" for kind in type(timetable).__mro__):
        return None
    # As above: the SDK's says `expression`, the scheduler's `_expression`.
    return str(getattr(timetable, "expression", None) or timetable._expression)  # type: ignore[attr-defined]  # noqa: SLF001 - see above


def slots_of(timetable: Any, earliest: Any, latest: Any) -> Iterator[Any]:
    """Yield what a timetable starts between two instants, both included, as Airflow's scheduler and its backfills ask it."""
    from airflow.timetables.base import TimeRestriction

    if getattr(timetable, "partitioned", False):  # Airflow 3.2 and later have them, and 3.3 asks them so
        if hasattr(timetable, "iter_partition_dagrun_infos"):
            yield from timetable.iter_partition_dagrun_infos(earliest=earliest, latest=latest)
        return
    restriction, last = TimeRestriction(earliest, latest, catchup=True), None
    while info := timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction):
        yield info
        last = info.data_interval


def hand_on_connection_class(backend: Any, fallback: Any) -> None:
    """Have a secrets backend make connections as Airflow told another to (Airflow 3.2 and later tell it)."""
    if AIRFLOW_V_3_2:
        fallback._set_connection_class(backend._get_connection_class())  # noqa: SLF001 - as Airflow does itself


@contextmanager
def logging_to(logger: logging.Logger, part: Any) -> Iterator[None]:
    """Let a part of Airflow, such as a hook, log to that logger for a while, whatever its own is."""
    own, part._log = part._log, logger  # noqa: SLF001 - it takes no logger
    try:
        yield
    finally:
        part._log = own  # noqa: SLF001 - see above


def dags_of_file(path: Path) -> tuple[list[Any], str]:
    """Return the Dags that Airflow's own reader finds in a file, and its traceback of what is wrong with the file."""
    module = import_module("airflow.dag_processing.dagbag" if AIRFLOW_V_3_2 else "airflow.models.dagbag")
    bag = module.DagBag(dag_folder=os.devnull, collect_dags=False)
    # A cache of bytecode takes a save within the second, of the same length, for the one before.
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        dags = bag.process_file(str(path), only_if_updated=False, safe_mode=False)
    finally:
        sys.dont_write_bytecode = writes
    return dags, "\n".join(bag.import_errors.values())


async def beside_the_loop(call: Callable[..., None], *arguments: Any) -> None:
    """Call what takes its time in a thread of a triggerer, where it may ask for connections on all versions of Airflow."""
    from asgiref.sync import sync_to_async

    # Up to 3.2 a thread finds its way back to the triggerer's loop only where this has made it.
    await sync_to_async(call, thread_sensitive=False)(*arguments)


def count_metric(name: str, number: int, tags: Mapping[str, str]) -> None:
    """Add to one of Airflow's metrics, which go where its ``[metrics]`` section says."""
    if not AIRFLOW_V_3_2:
        from airflow.stats import Stats

        Stats.incr(name, number, tags=dict(tags))
        return
    from airflow.sdk.observability import stats

    if AIRFLOW_V_3_3:
        state = sys.modules[stats.initialize.__module__]
        if state._factory is None:  # noqa: SLF001 - tasks begin with one, commands and servers with none
            from airflow.configuration import conf
            from airflow.sdk.observability.metrics import stats_utils

            legacy = conf.getboolean("metrics", "legacy_names_on", fallback=True)
            stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=legacy)
    stats.Stats.incr(name, number, tags=dict(tags))


def create_backfill(
    dag_id: str, first: datetime, last: datetime, *, by: str, conf: Mapping[str, Any] | None = None
) -> None:
    """
    Have Airflow make up for a range, as its own command does: runs that failed are made again, others stay.

    :param by: who wants it.
    :param conf: that of each run.
    :raises Exception: it can't be done; Airflow's database has the reason in its exception.
    """
    from airflow.models.backfill import ReprocessBehavior, _create_backfill

    with waiting_for_sqlite():
        _create_backfill(
            dag_id=dag_id,
            from_date=first,
            to_date=last,
            max_active_runs=10,
            reverse=False,
            dag_run_conf=dict(conf or {}),
            triggering_user_name=by,
            reprocess_behavior=ReprocessBehavior.FAILED,
        )


_waiting: ContextVar[bool] = ContextVar("waiting", default=False)


@contextmanager
def waiting_for_sqlite() -> Iterator[None]:
    """
    Let transactions that begin here take SQLite's lock for writing at once, where Airflow's database is one of SQLite.

    One that reads first fails as soon as it writes, whatever the timeout, when another has written meanwhile. With the lock it waits.
    """
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    if not event.contains(Engine, "begin", _take_the_lock):
        event.listen(Engine, "begin", _take_the_lock)
    before = _waiting.set(True)
    try:
        yield
    finally:
        _waiting.reset(before)


def _take_the_lock(connection: Any) -> None:
    if _waiting.get() and connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def let_airflows_backfills_wait() -> None:
    """Let backfills that this API server is asked for, by its form or over REST, begin with SQLite's lock as ours do."""
    routes = import_module("airflow.api_fastapi.core_api.routes.public.backfills")
    create = routes._create_backfill  # noqa: SLF001 - what the request reads before has a transaction of its own

    def create_waiting(**wanted: Any) -> Any:
        with waiting_for_sqlite():
            return create(**wanted)

    routes._create_backfill = create_waiting  # type: ignore[attr-defined]  # noqa: SLF001 - as above


def clear_failed(dag_id: str, run_id: str) -> int:
    """Have Airflow do again what failed of a run, by its Dag as that is now, and what waits for it; return how many tasks that is."""
    from airflow.models.dagbag import DBDagBag
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with waiting_for_sqlite(), create_session() as session:
        # Held until it is done, so that whoever asks twice has it done once.
        asked = select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        run = session.scalar(asked.with_for_update(of=DagRun))
        dag = DBDagBag().get_dag_for_run(run, session=session) if run is not None else None
        if dag is None:
            return 0
        return int(dag.clear(run_id=run_id, only_failed=True, run_on_latest_version=True, session=session))


def answer_question(
    dag_id: str, run_id: str, task_id: str, map_index: int, option: str, *, user: BaseUser, session: Session
) -> None:
    """
    Answer what a task asks as Airflow's own page does: refused where somebody has, or where others are asked.

    :param option: one of those that the task offers.
    :raises HTTPException: 403 for a user who is not asked, 404 where nothing is, 409 where it is answered.
    """
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail

    update_hitl_detail(
        dag_id=dag_id,
        dag_run_id=run_id,
        task_id=task_id,
        map_index=map_index,
        update_hitl_detail_payload=UpdateHITLDetailPayload(chosen_options=[option], params_input={}),
        user=user,
        session=session,
    )
