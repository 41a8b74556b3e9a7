"""The life of a container: made or found, filled, started, followed, emptied, removed."""

from __future__ import annotations

import logging
import re
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_daybreak.containers import logs, outputs
from airflow_provider_daybreak.containers.engine import cannot_execute, errors_of
from airflow_provider_daybreak.containers.exit_status import ExitStatus
from airflow_provider_daybreak.containers.identity import LABEL
from airflow_provider_daybreak.containers.outage import through_outages
from airflow_provider_daybreak.containers.spec import SPOOL
from airflow_provider_daybreak.exceptions import (
    ContainerCommandError,
    ContainerNameTakenError,
    ContainerOutputError,
    ContainerStoppedError,
    EngineError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from docker import APIClient

    from airflow_provider_daybreak.containers.identity import Identity
    from airflow_provider_daybreak.containers.logs import StreamName
    from airflow_provider_daybreak.containers.outputs import CopyLimits, Store
    from airflow_provider_daybreak.containers.spec import ContainerSpec
    from airflow_provider_daybreak.containers.written import Written

log = logging.getLogger(__name__)

_CONFLICT = 409
_KEPT = "-kept-"
_STOP_GRACE = 2
"""Seconds between SIGTERM and SIGKILL: Airflow gives a task five in all."""
_CONNECT_ONLY = (10, None)
"""Seconds to connect, and no limit to how long a container may be silent."""
_ATTEMPTS = 20
"""How often a name is tried that an ending container still holds, or a container that is on its way out."""
_AGAIN = 0.5
"""Seconds between two of them."""


@dataclass
class Container:
    """
    The one container that does a task's work.

    :param name: its name on the engine.
    :param spec: what it is to do.
    :param try_number: the try that asks for it.
    :param id: the engine's id of it, once it is claimed. All that is done to it is done by id: its name may be
        another container's by then.
    :param adopted: whether an earlier try made it.
    :param ended: whether it has ended by itself.
    :param abandoned: whether its engine was away while it ran.
    """

    client: APIClient
    identity: Identity
    name: str
    spec: ContainerSpec
    try_number: int
    id: str = ""
    adopted: bool = False
    ended: bool = False
    abandoned: bool = False
    _kept: bool = False

    def claim(self) -> None:
        """
        Make the container, or take over the one that an earlier try of the same task has left.

        One that runs, or that ended well, is taken over. Any other is removed: one that was never
        started, that failed, or that does other work than is asked for now.

        :raises ContainerNameTakenError: somebody else's container has the name.
        :raises EngineError: the engine refuses to make it.
        """
        if self.name != self.identity.name:  # a name of the task's own may differ from try to try
            self.name = find(self.client, self.identity) or self.name
        for _ in range(_ATTEMPTS):
            if self._created():
                return
            found = self._inspect()
            if found is None:
                continue  # it went while we looked
            if not self.identity.made(found["Config"].get("Labels")):
                raise ContainerNameTakenError(self.name, str(found["Id"])[:12])
            if self._worth_keeping(found):
                self.id, self.adopted = str(found["Id"]), True
                log.info("Taking over container %s, which an earlier try left %s", self.name, _state(found))
                return
            log.info("Removing container %s, which an earlier try left %s", self.name, _state(found))
            remove(self.client, str(found["Id"]))
            time.sleep(0 if self._inspect() is None else _AGAIN)
        raise EngineError(f"create container {self.name!r}", "its name stays taken")

    def _created(self) -> bool:
        from docker.errors import APIError

        spec = self.spec
        with errors_of(self.client, f"create container {self.name!r}"):
            try:
                created = self.client.create_container(
                    image=spec.image_id,
                    command=spec.command,
                    name=self.name,
                    user=spec.user,
                    environment=dict(spec.environment),
                    volumes=spec.volumes,
                    host_config=self.client.create_host_config(**spec.host),
                    **self._create_arguments(),
                )
            except APIError as error:
                if error.status_code == _CONFLICT:
                    return False
                raise
        self.id = str(created["Id"])
        return True

    def _create_arguments(self) -> dict[str, Any]:
        given = dict(self.spec.create)
        labels = given.pop("labels", None) or {}
        if isinstance(labels, list):
            labels = dict.fromkeys(labels, "")
        return {
            **given,
            "labels": {**labels, **self.identity.labels(work=self.spec.digest, try_number=self.try_number)},
        }

    def _worth_keeping(self, found: Mapping[str, Any]) -> bool:
        state = found["State"]
        if found["Config"]["Labels"].get(f"{LABEL}.work") != self.spec.digest:
            return False
        return state["Status"] in ("running", "paused", "restarting") or (
            state["Status"] == "exited" and state["ExitCode"] == 0
        )

    def _inspect(self) -> Mapping[str, Any] | None:
        from docker.errors import NotFound

        with errors_of(self.client, f"look for container {self.name!r}"):
            try:
                return cast("Mapping[str, Any]", self.client.inspect_container(self.id or self.name))
            except NotFound:
                return None

    def start(self) -> None:
        """
        Fill the container's folders and start it.

        :raises ContainerInputError: an input is not what it was said to be.
        :raises ContainerCommandError: the image has no such program.
        """
        for folder, tar in self.spec.seeds():
            with errors_of(self.client, f"copy files to {folder} of container {self.name!r}"):
                self.client.put_archive(self.id, folder, tar)
        try:
            with errors_of(self.client, f"start container {self.name!r}"):
                self.client.start(self.id)
        except EngineError as error:
            if reason := cannot_execute(error.problem):
                raise ContainerCommandError(self.spec.image, self.spec.command, reason) from error
            raise

    def follow(self, written: Written) -> ExitStatus:
        """
        Pass on every line that the container writes, from its first one, and return how it ended.

        An engine that goes away is waited for: a container may outlive it, and what became of it is known
        when the engine is back.

        :raises ContainerLogTooLargeError: it writes more than the limit.
        :raises ContainerStoppedError: somebody removed it.
        :raises EngineUnavailableError: the engine stays away.
        """

        def step() -> ExitStatus:
            with errors_of(self.client, f"follow container {self.name!r}"):
                written.take(self._frames(follow=True), self.name)
            return self._ended(written)

        def noticed() -> None:
            self.abandoned = True

        return through_outages(step, noticed)

    def _frames(self, *, follow: bool) -> Iterator[tuple[StreamName, bytes]]:
        """
        Yield what it wrote from its first byte on: ``attach`` can't do that for a retry.

        :param follow: until it has ended.
        """
        from docker.errors import create_api_error_from_http_exception
        from requests.exceptions import HTTPError

        response = self.client.get(
            f"{self.client.base_url}/v{self.client.api_version}/containers/{self.id}/logs",
            params={"stdout": 1, "stderr": 1, "follow": int(follow)},
            stream=True,
            timeout=_CONNECT_ONLY,
        )
        with response:
            try:
                response.raise_for_status()
            except HTTPError as error:
                raise create_api_error_from_http_exception(error) from error
            chunks = response.iter_content(chunk_size=None)
            if self.spec.create.get("tty"):
                yield from (("stdout", chunk) for chunk in chunks)
            else:
                yield from logs.frames(chunks)

    def _ended(self, written: Written) -> ExitStatus:
        from docker.errors import NotFound

        with errors_of(self.client, f"wait for container {self.name!r}"):
            code = int(self.client.wait(self.id, timeout=_CONNECT_ONLY)["StatusCode"])  # type: ignore[arg-type]
            with suppress(NotFound):  # somebody removed it
                # What follows a container that ends at once may itself end before the last bytes that it wrote.
                written.take(self._frames(follow=False), self.name)
        self.ended = True
        written.end()
        if code == 0:
            return ExitStatus(0)
        found = self._inspect()
        if found is None:
            raise ContainerStoppedError(self.name, written.stderr.last)
        return ExitStatus.of(found)

    def unload(self, limits: CopyLimits, store: Store) -> None:
        """
        Give the store the files of the container's spool, whatever became of its command.

        :raises ContainerOutputError: it is missing, or is not what may come out.
        """
        if self.spec.spool:
            with self.taken(SPOOL, self.spec.spool) as chunks:
                outputs.unpack(SPOOL, self.spec.spool, chunks, outputs.Budget(limits), store)

    @contextmanager
    def taken(self, name: str, path: str) -> Iterator[Iterator[bytes]]:
        """
        Open a tar of what lies at a path, in pieces.

        :raises ContainerOutputError: there is nothing.
        """
        from docker.errors import NotFound

        with errors_of(self.client, f"copy {path} from container {self.name!r}"):
            try:
                chunks, _ = self.client.get_archive(self.id, path)
            except NotFound as error:
                raise ContainerOutputError(
                    name,
                    path,
                    "the container ended well, and wrote no such file; let it write that one, or correct outputs",
                ) from error
            try:
                yield chunks
            finally:
                chunks.close()

    def dispose(self, *, keep: bool) -> None:
        """End the container as :meth:`end` does, by the connections of its work."""
        self.end(self.client, keep=keep)

    def end(self, client: APIClient, *, keep: bool) -> None:
        """
        End the container within its grace, and remove it with its volumes or leave it under another name.

        :param client: the engine, by connections that nobody else uses.
        :param keep: whether it is left for a look.
        """
        ident = self.id or self._made(client)
        if not ident:
            return
        if not keep:
            if not self.ended:
                stop(client, ident)
            remove(client, ident)
            return
        kept = f"{self.name}{_KEPT}{self.try_number}"
        if not self._kept:
            with errors_of(client, f"keep container {self.name!r}"):
                client.rename(ident, kept)
            self._kept = True
        stop(client, ident)
        log.warning(
            "Container %s is kept. Look at it with: docker logs %s; docker cp %s:/out . "
            "When done: docker rm -v %s",
            *[kept] * 4,
        )

    def _made(self, client: APIClient) -> str | None:
        """Return the id of the container that this try has made without getting to know it, or None."""
        from docker.errors import NotFound

        with errors_of(client, f"look for container {self.name!r}"):
            try:
                found = client.inspect_container(self.name)
            except NotFound:
                return None
        labels = found["Config"].get("Labels") or {}
        mine = self.identity.made(labels) and labels.get(f"{LABEL}.try_number") == str(self.try_number)
        return str(found["Id"]) if mine else None


def find(client: APIClient, identity: Identity) -> str | None:
    """Return the name of the container that a task has on an engine, or None. Those kept for a look don't count."""
    with errors_of(client, "list containers"):
        listed = client.containers(all=True, filters={"label": [f"{LABEL}.identity={identity.digest}"]})
    names = (str(container["Names"][0]).lstrip("/") for container in listed if container["Names"])
    return next((name for name in names if not is_kept(name)), None)


def is_kept(name: str) -> bool:
    """Return whether a container of that name is one that was left for a look."""
    return re.search(rf"{_KEPT}\d+$", name) is not None


def stop(client: APIClient, ident: str) -> None:
    """End a container, if it runs, with SIGTERM, and with SIGKILL when that has not done it in two seconds."""
    from docker.errors import NotFound

    with errors_of(client, f"stop container {ident[:12]}", always=True):
        try:
            client.stop(ident, timeout=_STOP_GRACE)
        except NotFound:
            return


def remove(client: APIClient, ident: str) -> None:
    """
    Remove a container that may still run, with the volumes that are its own.

    :raises EngineError: it stays.
    """
    from docker.errors import APIError, NotFound

    for last in reversed(range(_ATTEMPTS)):
        with errors_of(client, f"remove container {ident[:12]}", always=True):
            try:
                client.remove_container(ident, v=True, force=True)
            except NotFound:
                return
            except APIError as error:  # on its way out by another hand, unless that is lost
                if error.status_code != _CONFLICT or not last:
                    raise
            else:
                return
        time.sleep(_AGAIN)


def _state(found: Mapping[str, Any]) -> str:
    state = found["State"]
    if state["Status"] == "exited":
        return f"ended ({ExitStatus.of(found)})"
    return str(state["Status"])
