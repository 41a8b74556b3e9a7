"""On how many hosts tasks run: what lies on one of them is not there for the others."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import ArchiveNotSharedError
from airflow_provider_daybreak.settings import Settings

if TYPE_CHECKING:
    from airflow_provider_daybreak.archive import Archive

_CONTAINER_ENTRY = "airflow.sdk.execution_time.execute_workload"
"""What executors start in a container of the task's own (Kubernetes, ECS, Batch, Lambda)."""


def remote_executors() -> tuple[str, ...]:
    """
    Return what runs tasks on other hosts than the scheduler's; nothing where all run on one.

    Those are the configured executors, of all teams, that don't call themselves local. A container that an
    executor made for the task may have a configuration of its own that says otherwise, so it counts too.
    """
    from airflow.configuration import conf

    found = [
        name for name in _names(conf.get("core", "executor", fallback="LocalExecutor")) if not _is_local(name)
    ]
    started_by = getattr(getattr(sys.modules.get("__main__"), "__spec__", None), "name", "")
    if not found and (os.environ.get("AIRFLOW_IS_K8S_EXECUTOR_POD") or started_by == _CONTAINER_ENTRY):
        found.append("an executor that made this task's container")
    return tuple(found)


def check_shared(archive: Archive) -> None:
    """
    Refuse an archive on a disk of this host where others mail too: each would have a ledger of its own.

    :raises ArchiveNotSharedError: the archive is a local folder, tasks run on several hosts, and
        ``[daybreak] archive_is_shared`` doesn't say that it is one mount for all of them.
    """
    if not isinstance(archive.root, Path) or Settings.load().archive_is_shared:
        return
    if executors := remote_executors():
        raise ArchiveNotSharedError(archive.uri, executors)


def _names(option: str) -> list[str]:
    """Return the executors of the option: ``Executor,alias:path.Executor;team=Executor`` in its fullest form."""
    entries = (entry.rpartition("=")[2] for entry in option.split(";"))
    return [name.rpartition(":")[2].strip() for entry in entries for name in entry.split(",") if name.strip()]


def _is_local(name: str) -> bool:
    """Return whether an executor, by its short name or its class's path, runs tasks beside the scheduler."""
    from airflow.executors.executor_constants import LOCAL_EXECUTOR

    module, _, attribute = name.rpartition(".")
    if not module:
        return name == LOCAL_EXECUTOR
    try:
        return bool(getattr(import_module(module), attribute).is_local)
    except (ImportError, AttributeError):  # Airflow's own would be here, so it is none of them
        return False
