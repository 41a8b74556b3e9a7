"""The one place that looks at Airflow's version."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow import __version__ as airflow_version
from packaging.version import Version

AIRFLOW_VERSION = Version(Version(airflow_version).base_version)
AIRFLOW_V_3_2 = Version("3.2") <= AIRFLOW_VERSION
AIRFLOW_V_3_3 = Version("3.3") <= AIRFLOW_VERSION

_AIRFLOWS_OWN = re.compile(r"airflow\.(sdk\.|secrets\.metastore)")

if TYPE_CHECKING:
    from collections.abc import Mapping

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


__all__ = [
    "AIRFLOW_V_3_2",
    "AIRFLOW_V_3_3",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSkipException",
    "secrets_backends",
    "task_state",
]
