"""
Containers and pods that nobody will come back for: a worker was lost, or an engine went away, and the task has ended since.

Each try of a task takes over or removes what an earlier one left. After the last one nobody of that task does, so that each task
begins with a look for what others of the same Airflow have left.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_daybreak.containers.container import is_kept, remove, stop
from airflow_provider_daybreak.containers.engine import errors_of
from airflow_provider_daybreak.containers.identity import MARK, Task
from airflow_provider_daybreak.containers.pod_manifest import KEPT
from airflow_provider_daybreak.exceptions import DaybreakError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from docker import APIClient

    from airflow_provider_daybreak.containers.cluster import Cluster
    from airflow_provider_daybreak.containers.identity import Identity

log = logging.getLogger(__name__)

_STOP_GRACE = 2
"""Seconds between SIGTERM and SIGKILL, as for a task that is killed."""


@dataclass(frozen=True)
class Found:
    """
    A container or a pod, as it was found.

    :param whose: its labels, or annotations, that name its task.
    :param remove: ends and removes it, unless it is gone.
    """

    name: str
    whose: Mapping[str, str]
    remove: Callable[[], None]


def on_engine(client: APIClient, mark: str) -> Iterator[Found]:
    """Yield the containers that an Airflow has made on an engine, but for those that were kept for a look."""
    with errors_of(client, "list containers"):
        listed = client.containers(all=True, filters={"label": [f"{MARK}={mark}"]})
    for container in listed:
        name = str((container["Names"] or ["/?"])[0]).lstrip("/")
        if not is_kept(name):
            yield Found(name, container["Labels"] or {}, _removal(client, str(container["Id"])))


def _removal(client: APIClient, ident: str) -> Callable[[], None]:
    def end() -> None:
        stop(client, ident)
        remove(client, ident)

    return end


def in_cluster(cluster: Cluster, mark: str) -> Iterator[Found]:
    """Yield the pods that an Airflow has made in a namespace, but for those that were kept, or are about to go."""
    for pod in cluster.pods(f"{MARK}={mark}"):
        about = pod["metadata"]
        if KEPT not in (about.get("labels") or {}) and "deletionTimestamp" not in about:
            yield Found(
                about["name"], about.get("annotations") or {}, _deletion(cluster, about["name"], about["uid"])
            )


def _deletion(cluster: Cluster, name: str, uid: str) -> Callable[[], None]:
    return lambda: cluster.delete_pod(name, uid, grace=_STOP_GRACE)


def sweep(
    look: Callable[[str], Iterator[Found]],
    own: Identity,
    ended: Callable[[Collection[Task]], Collection[Task]],
) -> None:
    """
    Remove what tasks have left that have ended. What can't be removed is said in the log, and hinders nobody's work.

    :param look: returns what there is of an Airflow, by its mark.
    :param own: whose look it is: its own is left to it.
    :param ended: returns those of the tasks that have ended, and will have no other try. It is asked after all has been
        listed, so that what a task is still at work with was not there yet.
    """
    if not own.mark:
        return
    try:
        found = [(each, Task.of(each.whose)) for each in look(own.mark)]
        others = {task for _, task in found if task is not None and task != own.task}
        over = ended(others) if others else ()
    except DaybreakError as error:
        log.warning("What lost workers may have left was not looked for: %s", error)
        return
    for each, task in found:
        if task is not None and task in over:
            log.info(
                "Removing %s, which was left when task %s of run %s ended", each.name, task.task_id, task.run_id
            )
            try:
                each.remove()
            except DaybreakError as error:
                log.warning("%s may be left over, until a later task removes it: %s", each.name, error)
