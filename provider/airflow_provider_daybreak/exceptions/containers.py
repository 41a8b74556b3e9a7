"""Errors of containers and their engine."""

from __future__ import annotations

from airflow_provider_daybreak.exceptions.base import DaybreakError, missing_module


class ContainerError(DaybreakError):
    """A container, its image or its engine that can't do what was asked."""


class EngineUnavailableError(ContainerError):
    """A container engine that doesn't answer."""

    addresses: tuple[str, ...]
    problem: str

    def __str__(self) -> str:
        tried = ", ".join(self.addresses)
        return (
            f"No container engine answers. Tried {tried}. The last attempt said: {self.problem}. "
            "Then see what answers with: airflow daybreak check"
        )


class EngineError(ContainerError):
    """An engine that answers, and refuses."""

    action: str
    problem: str

    def __str__(self) -> str:
        return f"The container engine refused to {self.action}: {self.problem.rstrip('.')}. Mend what it says, or see its own log."


class ClusterUnavailableError(EngineUnavailableError):
    """A Kubernetes cluster that can't be reached."""

    def __str__(self) -> str:
        return (
            f"The Kubernetes API at {', '.join(self.addresses)} does not answer: {self.problem}. Look at the connection of type "
            "kubernetes that kubernetes_conn_id names; without one, at the worker's service account or its kube config"
        )


class ClusterError(EngineError):
    """A Kubernetes API that answers, and refuses."""

    def __str__(self) -> str:
        return f"The Kubernetes API refused to {self.action}: {self.problem.rstrip('.')}. Mend what it says, or ask who runs the cluster."


class PodStartError(ContainerError):
    """A pod that does not come to run its command."""

    name: str
    problem: str

    def __str__(self) -> str:
        return f"Pod {self.name} does not start: {self.problem}"


class PodNetworkError(ContainerError, permanent=True):
    """A pod that is to have no network, in a namespace where nothing keeps it from one."""

    namespace: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Nothing keeps pods of the namespace {self.namespace!r} from the network: {self.problem}. Let somebody who may "
            "apply the policy of docs/kubernetes.md there; or say network='cluster' where the script needs a network."
        )


class ImageBuildError(ContainerError):
    """A folder that no image can be built from."""

    folder: str
    step: str
    problem: str
    output: str

    def __str__(self) -> str:
        at = f" at '{self.step}'" if self.step else ""
        output = f"\nThe last it said:\n{self.output}" if self.output else ""
        return f"Cannot build an image from {self.folder!r}{at}: {self.problem}{output}"


class ImagePullError(ContainerError):
    """An image that is not there and can't be pulled."""

    image: str
    problem: str
    connection: str | None

    def __str__(self) -> str:
        login = (
            f"the connection {self.connection!r} logs in to its registry"
            if self.connection
            else "a private registry needs a connection of type docker, named by docker_conn_id"
        )
        return f"Cannot pull image {self.image!r}: {self.problem}. Check its name and tag; {login}."


class ContainerNameTakenError(ContainerError):
    """A container's name that belongs to a container of somebody else."""

    name: str
    owner: str

    def __str__(self) -> str:
        return (
            f"Container {self.name!r} ({self.owner}) exists and is not this task's. "
            "Leave container_name out, or remove that container."
        )


class ContainerInputError(ContainerError, permanent=True):
    """A file that can't go into a container."""

    name: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot put {self.name!r} into the container: {self.problem}."


class ContainerOutputError(ContainerError):
    """A file that can't come out of a container."""

    name: str
    path: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot take output {self.name!r} from {self.path!r}: {self.problem}."


class ContainerCommandError(ContainerError, permanent=True):
    """A command that the image can't execute."""

    image: str
    command: str | list[str] | None
    problem: str

    def __str__(self) -> str:
        return (
            f"Image {self.image!r} cannot execute {self.command!r}: {self.problem}. "
            "Name a program that the image holds, by its path when it is not on PATH."
        )


class ContainerFailedError(ContainerError):
    """A container that ended, and not well."""

    name: str
    image: str
    exit_code: int
    outcome: str
    last_lines: str

    def __str__(self) -> str:
        last = f"\nThe last it wrote:\n{self.last_lines}" if self.last_lines else " It wrote nothing."
        module = missing_module(self.last_lines)
        step = f"\nLet the image install the package that brings the module {module!r}." if module else ""
        return f"Container {self.name} of image {self.image!r} failed: {self.outcome}.{last}{step}"


class ContainerGaveUpError(ContainerFailedError, permanent=True):
    """A container that lacks a module of Python: another try would fail so too."""


class ContainerMailError(ContainerError, permanent=True):
    """An image whose scripts' mail can't be kept."""

    image: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot keep the mail of a script of image {self.image!r}: {self.problem} Or leave out mail=: the script then "
            "mails by itself, at each retry, clear and backfill again."
        )


class ContainerStoppedError(ContainerError):
    """A container that ended because its task was told to, or that somebody removed."""

    name: str
    last_line: str | None

    def __str__(self) -> str:
        last = f" Its last line: {self.last_line}" if self.last_line else ""
        return f"Container {self.name} was stopped before its work was done.{last}"


class ContainerLogTooLargeError(ContainerError, permanent=True):
    """A container that writes without end."""

    name: str
    limit: int

    def __str__(self) -> str:
        return (
            f"Container {self.name} wrote more than {self.limit} bytes to its log, and was stopped. "
            "Let it write less, or raise log_limit."
        )
