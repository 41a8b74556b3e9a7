"""The one place that looks at Airflow's version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow import __version__ as airflow_version
from packaging.version import Version

AIRFLOW_VERSION = Version(Version(airflow_version).base_version)
AIRFLOW_V_3_2 = Version("3.2") <= AIRFLOW_VERSION
AIRFLOW_V_3_3 = Version("3.3") <= AIRFLOW_VERSION

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


def task_state(context: Mapping[str, Any]) -> Any | None:
    """Return the store that all tries of a task in a run share (Airflow 3.3 and later), or None."""
    return context.get("task_state_store") if AIRFLOW_V_3_3 else None


__all__ = [
    "AIRFLOW_V_3_2",
    "AIRFLOW_V_3_3",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSkipException",
    "task_state",
]
