"""The life of a pod: made or found, given its files, followed, emptied, removed."""

from __future__ import annotations

import logging
import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.containers import tarball
from airflow_provider_daybreak.containers.cluster import CommandFailed
from airflow_provider_daybreak.containers.exit_status import ExitStatus
from airflow_provider_daybreak.containers.identity import LABEL
from airflow_provider_daybreak.containers.outage import through_outages
from airflow_provider_daybreak.containers.pod_manifest import (
    BRING,
    GATE,
    KEPT,
    TAKE,
    labels_of,
    named,
    secret_of,
)
from airflow_provider_daybreak.containers.pod_state import (
    container_of,
    has_begun,
    hopeless,
    not_pulled,
    phase_of,
    unscheduled,
    why,
)
from airflow_provider_daybreak.containers.spec import INPUTS
from airflow_provider_daybreak.exceptions import (
    ClusterError,
    ContainerCommandError,
    ContainerInputError,
    ContainerNameTakenError,
    ContainerOutputError,
    ContainerStoppedError,
    PodStartError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_daybreak.containers.cluster import Cluster
    from airflow_provider_daybreak.containers.identity import Identity
    from airflow_provider_daybreak.containers.pod_manifest import PodSpec
    from airflow_provider_daybreak.containers.written import Written

log = logging.getLogger(__name__)

_STOP_GRACE = 2
"""Seconds between SIGTERM and SIGKILL: Airflow gives a task five in all."""
_LOOK_AGAIN = 0.5
"""Seconds between two looks at a pod that begins or ends."""
_GOING = 120
"""Seconds after which a pod that was told to go is no longer waited for."""
_CLOCKS = 5
"""Seconds that the clock of a node may be ahead of a worker's before its log is read from the start after an outage."""
_LINE_LIMIT = 1 << 20
"""Bytes after which a line that doesn't end is taken as one."""
_MISSING = 66
_CANNOT_EXECUTE = ("StartError", "ContainerCannotRun")
_PULL_TRIES = 30
"""Seconds that an image which can't be pulled is tried on: a registry may be away for a moment."""


@dataclass
class Pod:
    """
    The one pod that does a task's work.

    :param name: its name in the namespace, which is given once: so there are never two.
    :param startup: seconds until its script must have started.
    :param id: the cluster's id of it, once it is claimed.
    :param adopted: whether it needs no start: an earlier try gave it its files.
    :param ended: whether its script has ended by itself.
    :param abandoned: whether the API was away while it ran.
    """

    cluster: Cluster
    identity: Identity
    name: str
    spec: PodSpec
    try_number: int
    startup: float = 120
    id: str = ""
    adopted: bool = False
    ended: bool = False
    abandoned: bool = False
    _last: str = ""
    _known: str = ""
    _taken: float = 0.0
    _ahead: bool = False

    def claim(self) -> None:
        """
        Make the pod, or take over the one that an earlier try of the same task has left.

        :raises ContainerNameTakenError: somebody else's pod has the name.
        :raises ClusterError: the API refuses to make it.
        """
        selector = ",".join(f"{key}={value}" for key, value in labels_of(self.identity).items())
        if kept := len(self.cluster.pods(f"{selector},{KEPT}")):
            self.name = f"{self.name}-{kept}"
        until = time.monotonic() + _GOING
        while time.monotonic() < until:
            made = self.cluster.create_pod(named(self.spec, self.name, self.identity, self.try_number))
            if made is not None:
                self.id = made["metadata"]["uid"]
                break
            found = self.cluster.pod(self.name)
            if found is None:
                continue  # it went while we looked
            uid = found["metadata"]["uid"]
            if not self._is_ours(found):
                raise ContainerNameTakenError(self.name, uid)
            if self._worth_keeping(found):
                self.id, self.adopted = uid, has_begun(found)
                log.info("Taking over pod %s, which an earlier try left %s", self.name, phase_of(found).lower())
                break
            if "deletionTimestamp" not in found["metadata"]:
                log.info("Removing pod %s, which an earlier try left %s", self.name, phase_of(found).lower())
                self.cluster.delete_pod(self.name, uid, grace=_STOP_GRACE)
            time.sleep(_LOOK_AGAIN)
        else:
            raise ClusterError(f"create pod {self.name!r}", "its name stays taken by one that is to go")
        if self.spec.secrets:
            self._give_secrets()

    def _is_ours(self, pod: Mapping[str, Any]) -> bool:
        return self.identity.made(pod["metadata"].get("annotations"))

    def _worth_keeping(self, pod: Mapping[str, Any]) -> bool:
        about = pod["metadata"]
        if "deletionTimestamp" in about or about["annotations"].get(f"{LABEL}.work") != self.spec.digest:
            return False
        if hopeless(pod) or phase_of(pod) == "Failed":
            return False
        ended = container_of(pod, self.spec.container).get("terminated")
        if ended is None:
            return phase_of(pod) != "Succeeded"
        return ended["exitCode"] == 0 and (not self.spec.takes or "running" in container_of(pod, TAKE))

    def _give_secrets(self) -> None:
        """
        Make the pod's secret, once the pod is there: so that it never stays when the pod goes.

        The pod waits for it: a node mounts, and reads, what is not there yet again and again.
        """
        for _ in range(3):
            if self.cluster.create_secret(secret_of(self.spec, self.name, self.id)):
                return
            found = self.cluster.secret(self.name)
            if found is None:
                continue
            owners = found["metadata"].get("ownerReferences") or [{}]
            if owners[0].get("uid") == self.id:
                return
            self.cluster.delete_secret(self.name, found["metadata"]["uid"])
        raise ClusterError(f"create secret {self.name!r}", "its name stays taken")

    def start(self) -> None:
        """
        Give the pod its files, and wait until its script has started.

        :raises ContainerInputError: an input is not what it was said to be, or there is no room for it.
        :raises ContainerCommandError: the image has no such program.
        :raises PodStartError: the pod does not come to run it.
        """
        since = time.monotonic()
        if self.spec.inputs:
            found = self._wait_for(BRING, since, init=True)
            if "terminated" not in found:
                self._bring()
        self._wait_for(self.spec.container, since)

    def _bring(self) -> None:
        size = tarball.size(self.spec.inputs)
        script = f'head -c "$1" | tar -xof - -C {INPUTS} && : > {GATE}'
        command = ["sh", "-c", script, "sh", str(size)]
        try:
            for _ in self.cluster.run(self.name, BRING, command, tarball.stream(self.spec.inputs)):
                pass
        except CommandFailed as error:
            raise ContainerInputError(INPUTS, f"{BRING} of pod {self.name} says: {error}") from error

    def _wait_for(self, container: str, since: float, *, init: bool = False) -> dict[str, Any]:
        """Return the state of a container that has started: ``running`` or ``terminated``."""
        while True:
            pod = self._now()
            state = container_of(pod, container, init=init)
            if state.keys() & {"running", "terminated"}:
                return state
            waited = time.monotonic() - since
            problem = hopeless(pod) or (not_pulled(pod) if waited > _PULL_TRIES else "")
            if not problem and phase_of(pod) in ("Failed", "Succeeded"):
                problem = why(pod)
            if not problem and waited > self.startup:
                warned = "; ".join(dict.fromkeys(self.cluster.warnings(self.name)))
                said = warned or not_pulled(pod) or unscheduled(pod) or "nothing is known of why"
                problem = f"it had not started after {self.startup:.0f} s (startup_timeout_seconds): {said}"
            if problem:
                raise PodStartError(self.name, problem)
            time.sleep(_LOOK_AGAIN)

    def _now(self) -> dict[str, Any]:
        pod = self.cluster.pod(self.name)
        if pod is None or pod["metadata"]["uid"] != self.id:
            raise ContainerStoppedError(self.name, None)
        return pod

    def follow(self, written: Written) -> ExitStatus:
        """
        Pass on every line that the script writes, from its first one, and return how it ended.

        An API that goes away is waited for.

        :raises ContainerLogTooLargeError: it writes more than the limit.
        :raises ContainerStoppedError: somebody removed it.
        :raises ClusterUnavailableError: the API stays away.
        """

        def noticed() -> None:
            self.abandoned = True

        return through_outages(lambda: self._followed(written), noticed)

    def _followed(self, written: Written) -> ExitStatus:
        while True:
            state = container_of(pod := self._now(), self.spec.container)
            ended = state.get("terminated")
            if (
                ended is None and phase_of(pod) == "Failed"
            ):  # its node took it away, and says no more of its containers
                return ExitStatus(137, engine_error=why(pod))
            if ended is None and "running" not in state:
                self._wait_for(self.spec.container, time.monotonic())
                continue
            if ended and ended.get("reason") in _CANNOT_EXECUTE:
                problem = str(ended.get("message") or ended["reason"])
                raise ContainerCommandError(self.spec.image, self.spec.command, problem)
            self._pass_on(written, follow=ended is None)
            if ended is None:
                time.sleep(_LOOK_AGAIN)  # what it wrote last may come with the next look
                continue
            self.ended = True
            written.end()
            return self._status(pod, ended)

    def _pass_on(self, written: Written, *, follow: bool) -> None:
        """Pass on the lines after the last one that was: each begins with its time, to the nanosecond."""
        self._known = self._last
        rest, moment = b"", ""  # moment: of the line that comes in parts, which have no time of their own
        for piece in self.cluster.log(self.name, self.spec.container, since=self._since(), follow=follow):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self._take(line + b"\n", written, moment)
                moment = ""
            if len(rest) > _LINE_LIMIT:
                moment = self._take(rest, written, moment, whole=False)
                rest = b""
        if rest and not follow:  # one that was followed may have been cut off: it comes again
            self._take(rest, written, moment)

    def _take(self, text: bytes, written: Written, moment: str, *, whole: bool = True) -> str:
        """Pass on a line, or the next part of one, unless it was before; return its time."""
        if not moment:
            begin, _, text = text.partition(b" ")
            moment = begin.decode(errors="replace")
        if moment > self._known:
            self._known = (
                ""  # what follows is new, also where the node's clock was set back before it was written
            )
            written.add("stdout", text, self.name)
            if whole:
                self._last, self._taken = moment, time.monotonic()
                self._ahead = self._ahead or self._age() < -_CLOCKS
        return moment

    def _age(self) -> float:
        """Return how many seconds ago the last line was written, as far as the worker's clock is the node's."""
        last = datetime.fromisoformat(self._last[:19]).replace(tzinfo=timezone.utc)
        return (datetime.now(timezone.utc) - last).total_seconds()

    def _since(self) -> int | None:
        """Return of how many seconds the log is to come again; None for all of it, where clocks don't tell."""
        if not self._last or self._ahead or self._age() < -_CLOCKS:
            return None
        return max(1, math.ceil(max(self._age(), time.monotonic() - self._taken)) + _CLOCKS)

    def _status(self, pod: Mapping[str, Any], ended: Mapping[str, Any]) -> ExitStatus:
        reason, code = ended.get("reason", ""), int(ended["exitCode"])
        evicted = (pod.get("status") or {}).get("reason")
        return ExitStatus(
            code,
            out_of_memory=reason == "OOMKilled",
            memory_limit=self.spec.memory,
            engine_error=why(pod) if code and evicted else "",
        )

    @contextmanager
    def taken(self, name: str, path: str) -> Iterator[Iterator[bytes]]:
        """
        Open a tar of what lies at a path, in pieces.

        :raises ContainerOutputError: there is nothing.
        """
        self._wait_for(TAKE, time.monotonic())  # a script may end before it has begun
        place = PurePosixPath(path)
        script = f'[ -e "$1/$2" ] || [ -L "$1/$2" ] || exit {_MISSING}; exec tar -cf - -C "$1" "./$2"'
        chunks = self.cluster.run(self.name, TAKE, ["sh", "-c", script, "sh", str(place.parent), place.name])
        try:
            yield chunks
            for _ in chunks:  # what pads a tar's end, and how the command ended
                pass
        except CommandFailed as error:
            problem = "the pod ended well, and wrote no such file" if error.code == _MISSING else str(error)
            raise ContainerOutputError(name, path, problem) from error
        finally:
            chunks.close()  # type: ignore[attr-defined]

    def dispose(self, *, keep: bool) -> None:
        """End the pod as :meth:`end` does, by the connections of its work."""
        self.end(self.cluster, keep=keep)

    def end(self, cluster: Cluster, *, keep: bool) -> None:
        """
        End the pod within its grace and remove it, or leave one whose script has ended.

        :param cluster: the namespace, by connections that nobody else uses.
        :param keep: whether it is left for a look.
        """
        uid = self.id or self._made(cluster)
        if not uid:
            return
        if keep and self.ended:
            cluster.label(self.name, {KEPT: "true"})
            log.warning(
                "Pod %s is kept. Look at it with: kubectl --namespace %s logs %s --container %s. When done: kubectl --namespace %s "
                "delete pod %s",
                *(self.name, cluster.namespace, self.name, self.spec.container, cluster.namespace, self.name),
            )
            return
        cluster.delete_pod(self.name, uid, grace=_STOP_GRACE)

    def _made(self, cluster: Cluster) -> str | None:
        """Return the id of the pod that this try has made without getting to know it, or None."""
        found = cluster.pod(self.name)
        if found is None or not self._is_ours(found):
            return None
        mine = found["metadata"]["annotations"].get(f"{LABEL}.try_number") == str(self.try_number)
        return str(found["metadata"]["uid"]) if mine else None
