"""What an image holds: found out by a container that is made of it, asked, and removed."""

from __future__ import annotations

import json
import re
import shlex
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath
from time import time
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.containers.engine import cannot_execute, errors_of
from airflow_provider_daybreak.containers.identity import LABEL
from airflow_provider_daybreak.exceptions import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from docker import APIClient

_PYTHON = re.compile(r"python(\d+(\.\d+)?)?")
_SECONDS = 60
_FACTS = """
import json, platform, sys, sysconfig
print(json.dumps({
    "implementation": platform.python_implementation(),
    "version": platform.python_version(),
    "abi": sysconfig.get_config_var("SOABI") or "",
    "machine": platform.machine(),
}))
"""


@dataclass(frozen=True)
class ImagePython:
    """
    A Python of an image.

    :param program: what it is started by there, such as ``python3``.
    :param version: such as ``3.12.4``.
    :param abi: what its compiled modules are called by, such as ``cpython-312-x86_64-linux-gnu``.
    :param machine: its processor, such as ``x86_64``.
    """

    program: str
    implementation: str
    version: str
    abi: str
    machine: str


@dataclass(frozen=True)
class Probe:
    """
    Asks an image, by containers without a network that never outlive a question.

    :param image_id: the image, as the engine names it.
    :param name: what such a container is called: one that a lost worker left is removed by the next question.
    :param environment: variables that its programs are looked up with.
    :param labels: whose it is.
    """

    client: APIClient
    image_id: str
    name: str
    environment: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)

    def time(self) -> int:
        """
        Return what time it is at least on the engine's machine, in whole seconds since 1970.

        By its answer to a question, since its clock is that of the containers; by this machine's clock where a proxy keeps
        the time of the answer to itself.
        """
        ours = int(time())
        with errors_of(self.client, "answer"):
            said = self.client.get(
                f"{self.client.base_url}/v{self.client.api_version}/_ping", timeout=self.client.timeout
            )
        date = said.headers.get("Date")
        return int(parsedate_to_datetime(date).timestamp()) if date else ours

    def python(self, programs: Iterable[str]) -> ImagePython | None:
        """Return the first of the programs that is a Python 3 there, or None."""
        for program in programs:
            try:
                said = self._run([program], ["-I", "-c", _FACTS])
            except EngineError as error:
                if not cannot_execute(error.problem):
                    raise
                continue
            try:
                return ImagePython(program, **json.loads(said))
            except (ValueError, TypeError):  # a Python 2 has no -I
                continue
        return None

    def first_of(self, paths: Sequence[str]) -> str | None:
        """Return the first of the paths that the image has, or None."""
        with self._container(["-"], []) as ident:  # which is never started
            return next((path for path in paths if self._has(ident, path)), None)

    def _has(self, ident: str, path: str) -> bool:
        from docker.errors import NotFound

        with errors_of(self.client, f"look for {path} in image {self.image_id}"):
            try:
                chunks, _ = self.client.get_archive(ident, path)
            except NotFound:
                return False
            chunks.close()
        return True

    def _run(self, entrypoint: list[str], command: list[str]) -> bytes:
        with self._container(entrypoint, command) as ident, errors_of(self.client, f"run {entrypoint[0]!r}"):
            self.client.start(ident)
            self.client.wait(ident, timeout=_SECONDS)
            return bytes(self.client.logs(ident, stdout=True, stderr=False))

    @contextmanager
    def _container(self, entrypoint: list[str], command: list[str]) -> Iterator[str]:
        from airflow_provider_daybreak.containers.container import remove

        remove(self.client, self.name)
        with errors_of(self.client, f"create container {self.name!r}"):
            ident = self.client.create_container(
                image=self.image_id,
                entrypoint=entrypoint,
                command=command,
                name=self.name,
                environment=dict(self.environment),
                labels={**self.labels, f"{LABEL}.probe": self.image_id},
                host_config=self.client.create_host_config(
                    network_mode="none",
                    read_only=True,
                    cap_drop=["ALL"],
                    security_opt=["no-new-privileges:true"],
                    mem_limit="512m",
                    pids_limit=64,
                ),
            )["Id"]
        try:
            yield str(ident)
        finally:
            remove(self.client, str(ident))


def command_of(
    image: Mapping[str, Any], entrypoint: str | list[str] | None, command: str | list[str] | None
) -> list[str]:
    """
    Return the words that a container executes.

    :param image: what the engine knows of the image.
    :param entrypoint: that of the task; the image's, before the image's command, when None.
    :param command: that of the task; the image's when None.
    """
    config = image.get("Config") or {}
    if entrypoint:
        return [*_words(entrypoint), *_words(command)]
    return [*_words(config.get("Entrypoint")), *_words(command or config.get("Cmd"))]


def pythons_of(command: Sequence[str]) -> list[str]:
    """Return the programs that may be the Python of a command, the likeliest first."""
    own = [word for word in command[:1] if _PYTHON.fullmatch(PurePosixPath(word).name)]
    return list(dict.fromkeys([*own, "python3", "python"]))


def variables_of(image: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that an image sets."""
    lines = (image.get("Config") or {}).get("Env") or []
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _words(command: str | Sequence[str] | None) -> list[str]:
    return shlex.split(command) if isinstance(command, str) else list(command or ())
