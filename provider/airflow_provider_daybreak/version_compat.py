"""The one place that looks at Airflow's version, and the one that uses what Airflow keeps to itself."""

from __future__ import annotations

import os
import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow import __version__ as airflow_version
from packaging.version import Version

AIRFLOW_VERSION = Version(Version(airflow_version).base_version)
AIRFLOW_V_3_2 = Version("3.2") <= AIRFLOW_VERSION
AIRFLOW_V_3_3 = Version("3.3") <= AIRFLOW_VERSION
RESCHEDULES_ANY_TASK = Version("3.1.8") <= AIRFLOW_VERSION
"""Whether the scheduler waits for a task that is no sensor, and asked to be started again later, until then."""


__all__ = [
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowRescheduleException",
    "AirflowSkipException",
]

_AIRFLOWS_OWN = re.compile(r"airflow\.(sdk\.|secrets\.metastore)")

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


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


def hand_on_connection_class(backend: Any, fallback: Any) -> None:
    """Have a secrets backend make connections as Airflow told another to (Airflow 3.2 and later tell it)."""
    if AIRFLOW_V_3_2:
        fallback._set_connection_class(backend._get_connection_class())  # noqa: SLF001 - as Airflow does itself


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
