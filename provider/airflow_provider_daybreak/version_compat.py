"""The one place that looks at Airflow's version, and the one that uses what Airflow keeps to itself."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow import __version__ as airflow_version
from packaging.version import Version

AIRFLOW_VERSION = Version(Version(airflow_version).base_version)
AIRFLOW_V_3_2 = Version("3.2") <= AIRFLOW_VERSION
AIRFLOW_V_3_3 = Version("3.3") <= AIRFLOW_VERSION

_AIRFLOWS_OWN = re.compile(r"airflow\.(sdk\.|secrets\.metastore)")

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow.sdk import DAG

if TYPE_CHECKING or AIRFLOW_V_3_2:
    from airflow.sdk.exceptions import (
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSkipException,
    )
else:
    from airflow.exceptions import (
        AirflowFailException,
        AirflowNotFoundException,
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
    return str(getattr(timetable, "expression", None) or timetable._expression)  # type: ignore[attr-defined]  # noqa: SLF001


def hand_on_connection_class(backend: Any, fallback: Any) -> None:
    """Have a secrets backend make connections as Airflow told another to (Airflow 3.2 and later tell it)."""
    if AIRFLOW_V_3_2:
        fallback._set_connection_class(backend._get_connection_class())  # noqa: SLF001 - as Airflow does itself


@contextmanager
def made_dags(module: str) -> Iterator[list[DAG]]:
    """
    Note the Dags that ``with DAG(…)`` makes meanwhile, also those that no variable holds.

    :param module: name of the module, in ``sys.modules``, that makes them.
    :return: a list, filled at the end.
    """
    from airflow.sdk.definitions._internal.contextmanager import DagContext

    made: list[DAG] = []
    DagContext.autoregistered_dags.clear()
    DagContext.current_autoregister_module_name = module
    try:
        yield made
    finally:
        DagContext.current_autoregister_module_name = None
        made.extend(dag for dag, _ in DagContext.autoregistered_dags)


__all__ = [
    "AIRFLOW_V_3_2",
    "AIRFLOW_V_3_3",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSkipException",
    "hand_on_connection_class",
    "made_dags",
    "secrets_backends",
    "task_state",
    "timetable_cron",
    "timetable_zone",
]
