"""A namespace of a Kubernetes cluster: the calls that a pod's life takes, and what goes wrong there as errors of ours."""

from __future__ import annotations

import json
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_daybreak.exceptions import ClusterError, ClusterUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_NOT_FOUND, _CONFLICT = 404, 409
_AWAY = (0, 401, 429)  # no answer, a token that has just expired, too many at once
_BROKEN = 500  # and above: the API server or what it asks
_CONNECT_ONLY = (10, None)
"""Seconds to connect, and no limit to how long a container may be silent."""
_SILENCE = 300
"""Seconds that a command which copies files may be silent."""
_STDIN, _STDOUT, _STDERR, _STATUS = 0, 1, 2, 3  # channels of v4.channel.k8s.io
_LAST_WORDS = 2000


class Cluster:
    """
    A namespace of a cluster. What it returns is what the API says, as JSON.

    :param connect: returns a client (``kubernetes.client.CoreV1Api``) with connections and credentials of its own.
    """

    def __init__(self, connect: Callable[[], Any], namespace: str) -> None:
        self.namespace = namespace
        self._connect = connect
        self._client: Any = None

    @property
    def api(self) -> Any:
        """The client. After a failure it is another one, with credentials read anew."""
        if self._client is None:
            self._client = self._connect()
        return self._client

    @contextmanager
    def errors_of(self, action: str, *, known: tuple[int, ...] = ()) -> Iterator[None]:
        """
        Turn what the client raises into errors of ours.

        :param action: what is being done, such as ``create pod x``.
        :param known: HTTP states that the block deals with.
        :raises ClusterError: the API refused.
        :raises ClusterUnavailableError: it can't be reached, or not now.
        """
        from kubernetes.client.exceptions import ApiException
        from kubernetes.config import ConfigException
        from urllib3.exceptions import HTTPError
        from websocket import WebSocketException

        try:
            yield
        except ApiException as error:
            status = error.status or 0
            if status in known:
                raise
            problem = _said(error)
            if status in _AWAY or status >= _BROKEN:
                raise self._unavailable(problem) from error
            raise ClusterError(action, problem) from error
        except (HTTPError, WebSocketException, ConfigException, OSError) as error:
            raise self._unavailable(str(error)) from error

    def _unavailable(self, problem: str) -> ClusterUnavailableError:
        address = str(self._client.api_client.configuration.host) if self._client is not None else "?"
        self._client = None
        return ClusterUnavailableError((address,), problem)

    def create_pod(self, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the pod that was made, or None where another has its name."""
        name = manifest["metadata"]["name"]
        return self._created("pod", name, self.api.create_namespaced_pod, manifest)

    def create_secret(self, manifest: Mapping[str, Any]) -> bool:
        """Make a secret, and return whether there was none of its name."""
        name = manifest["metadata"]["name"]
        return self._created("secret", name, self.api.create_namespaced_secret, manifest) is not None

    def create_policy(self, manifest: Mapping[str, Any]) -> bool:
        """Make a network policy, and return whether there was none of its name."""
        name = manifest["metadata"]["name"]
        call = self._networking.create_namespaced_network_policy
        return self._created("network policy", name, call, manifest) is not None

    def pod(self, name: str) -> dict[str, Any] | None:
        """Return a pod as it is now, or None."""
        return self._read("pod", name, self.api.read_namespaced_pod)

    def secret(self, name: str) -> dict[str, Any] | None:
        """Return a secret, or None."""
        return self._read("secret", name, self.api.read_namespaced_secret)

    def policy(self, name: str) -> dict[str, Any] | None:
        """Return a network policy, or None."""
        return self._read("network policy", name, self._networking.read_namespaced_network_policy)

    def pods(self, selector: str) -> list[dict[str, Any]]:
        """Return the pods whose labels a selector takes."""
        with self.errors_of("list pods"):
            listed = self.api.list_namespaced_pod(self.namespace, label_selector=selector)
        return [self._plain(pod) for pod in listed.items]

    def label(self, name: str, labels: Mapping[str, str]) -> None:
        """Add labels to a pod."""
        with self.errors_of(f"label pod {name!r}"):
            self.api.patch_namespaced_pod(name, self.namespace, {"metadata": {"labels": dict(labels)}})

    def delete_pod(self, name: str, uid: str, *, grace: int) -> None:
        """
        Let a pod end and go, unless it is gone or another one by now.

        :param grace: seconds between SIGTERM and SIGKILL.
        """
        self._deleted("pod", name, self.api.delete_namespaced_pod, uid, gracePeriodSeconds=grace)

    def delete_secret(self, name: str, uid: str) -> None:
        """Remove a secret, unless it is gone or another one by now."""
        self._deleted("secret", name, self.api.delete_namespaced_secret, uid)

    def warnings(self, name: str) -> list[str]:
        """Return what the cluster warned of a pod, oldest first."""
        with self.errors_of(f"read the events of pod {name!r}"):
            selector = f"involvedObject.name={name},type=Warning"
            listed = self.api.list_namespaced_event(self.namespace, field_selector=selector)
        return [f"{event.reason}: {event.message}" for event in listed.items]

    def log(self, name: str, container: str, *, since: int | None, follow: bool) -> Iterator[bytes]:
        """
        Yield a container's log in pieces, with a time before each line.

        :param since: of the last that many seconds; all of it when None.
        :param follow: until the container has ended.
        """
        arguments = {"since_seconds": since} if since is not None else {}
        with self.errors_of(f"read the log of pod {name!r}"):
            response = self.api.read_namespaced_pod_log(
                name,
                self.namespace,
                container=container,
                follow=follow,
                timestamps=True,
                _preload_content=False,
                _request_timeout=_CONNECT_ONLY,
                **arguments,
            )
            try:
                yield from response.stream(amt=None)
            finally:
                response.close()

    def run(
        self, name: str, container: str, command: Sequence[str], given: Iterable[bytes] = ()
    ) -> Iterator[bytes]:
        """
        Run a command in a container that runs, and yield what it writes to stdout.

        :param given: what it reads from stdin. That isn't closed after it: the command must know when it has all.
        :raises CommandFailed: it ended with another exit code than 0.
        """
        from kubernetes.stream import stream
        from websocket import ABNF

        with self.errors_of(f"run {command[0]!r} in pod {name!r}"):
            try:
                client = stream(
                    self.api.connect_get_namespaced_pod_exec,
                    name,
                    self.namespace,
                    container=container,
                    command=list(command),
                    stdin=True,
                    stdout=True,
                    stderr=True,
                    tty=False,
                    _preload_content=False,
                )
            except (
                AttributeError
            ) as error:  # the client fails at its own exception, of a connection that was refused
                raise self._unavailable(str(error.__context__ or error)) from error
            said = b""
            # By frames: what the client itself reads, it keeps in memory as a whole.
            with closing(client.sock) as socket:
                socket.settimeout(_SILENCE)
                for piece in given:
                    socket.send(bytes([_STDIN]) + piece, opcode=ABNF.OPCODE_BINARY)
                while True:
                    code, frame = socket.recv_data_frame(True)
                    if code == ABNF.OPCODE_CLOSE:
                        raise self._unavailable("the connection ended before the command did")
                    if code not in (ABNF.OPCODE_BINARY, ABNF.OPCODE_TEXT) or not frame.data:
                        continue
                    channel, data = frame.data[0], frame.data[1:]
                    if channel == _STDOUT and data:
                        yield data
                    elif channel == _STDERR:
                        said = (said + data)[-_LAST_WORDS:]
                    elif channel == _STATUS:
                        _check(json.loads(data), said.decode(errors="replace").strip())
                        return

    def _created(
        self, kind: str, name: str, call: Callable[..., Any], manifest: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        from kubernetes.client.exceptions import ApiException

        try:
            with self.errors_of(f"create {kind} {name!r}", known=(_CONFLICT,)):
                return self._plain(call(self.namespace, dict(manifest)))
        except ApiException:
            return None

    def _read(self, kind: str, name: str, call: Callable[..., Any]) -> dict[str, Any] | None:
        from kubernetes.client.exceptions import ApiException

        try:
            with self.errors_of(f"read {kind} {name!r}", known=(_NOT_FOUND,)):
                return self._plain(call(name, self.namespace))
        except ApiException:
            return None

    def _deleted(self, kind: str, name: str, call: Callable[..., Any], uid: str, **options: Any) -> None:
        from kubernetes.client.exceptions import ApiException

        with suppress(ApiException), self.errors_of(f"delete {kind} {name!r}", known=(_NOT_FOUND, _CONFLICT)):
            call(name, self.namespace, body={**options, "preconditions": {"uid": uid}})

    @property
    def _networking(self) -> Any:
        from kubernetes.client import NetworkingV1Api

        return NetworkingV1Api(self.api.api_client)

    def _plain(self, model: Any) -> dict[str, Any]:
        return cast("dict[str, Any]", self.api.api_client.sanitize_for_serialization(model))


class CommandFailed(Exception):  # noqa: N818 - no error of a user's: who runs the command says what it means
    """
    A command in a container that ended with another exit code than 0.

    :ivar code: the exit code, or -1 where it could not be started.
    """

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code


def _check(status: Mapping[str, Any], said: str) -> None:
    if status.get("status") == "Success":
        return
    causes = (status.get("details") or {}).get("causes") or []
    codes = [cause["message"] for cause in causes if cause.get("reason") == "ExitCode"]
    raise CommandFailed(int(codes[0]) if codes else -1, said or str(status.get("message") or ""))


def _said(error: Any) -> str:
    """Return what the API says, rather than all of its answer."""
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason or error)
