"""Calling uv: the real binary, in an environment that is built rather than inherited."""

from __future__ import annotations

import logging
import os
import re
import subprocess
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from airflow_provider_daybreak.releases.locking import held_locks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

OWN_INDEX = "daybreak"
"""What uv knows an :class:`Index` by."""

_PASSED_ON = (
    "ALL_PROXY",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "LANG",
    "NO_PROXY",
    "PATH",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "UV_CACHE_DIR",
    "UV_DEFAULT_INDEX",
    "UV_HTTP_TIMEOUT",
    "UV_NATIVE_TLS",  # what uv before 0.11 calls UV_SYSTEM_CERTS
    "UV_SYSTEM_CERTS",
    "XDG_CACHE_HOME",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
_FIXED = {
    "NO_COLOR": "1",
    "UV_NO_CONFIG": "1",  # what is installed depends on the source and the index, not on a machine's uv.toml
    "UV_NO_PROGRESS": "1",
    "UV_PYTHON_DOWNLOADS": "never",
}


_SOURCE_ONLY = re.compile(
    r"([A-Za-z0-9][\w.-]*)(?:==\S+)? has no usable wheels|`([A-Za-z0-9][\w.-]*)(?:==\S+)?`[^`]*no usable wheels"
)


@dataclass(frozen=True)
class Index:
    """
    Where packages come from. Its repr shows neither user nor password.

    :param url: address of a simple index (PEP 503), without credentials.
    """

    url: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def variables(self) -> dict[str, str]:
        """Return how uv is told: by its environment, since others can read its arguments."""
        if not self.url:
            return {}
        named = {"UV_DEFAULT_INDEX": f"{OWN_INDEX}={self.url}"}
        if self.username or self.password:
            prefix = f"UV_INDEX_{OWN_INDEX.upper()}"
            named |= {f"{prefix}_USERNAME": self.username, f"{prefix}_PASSWORD": self.password}
        return named


@dataclass(frozen=True)
class UvResult:
    """How a call of uv ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def explanation(self) -> str:
        """What uv said of its failure."""
        return self.stderr.strip() or self.stdout.strip() or f"nothing, and exit code {self.code}"


def remedy_for(explanation: str) -> str:
    """Return what to do where uv found a package that would have to be built, or ""."""
    found = _SOURCE_ONLY.search(explanation)
    if found is None:
        return ""
    return (
        f"{found[1] or found[2]} has no wheel that fits, and building it runs its code. Ask for a version that has one, or let packages "
        "be built: VenvDeployOperator(only_binary=False)."
    )


def run_uv(arguments: Sequence[str], *, cwd: Path, index: Index | None = None) -> UvResult:
    """
    Run uv to its end.

    :param cwd: a folder without a project in it, unless the project is meant.
    :param index: where packages come from; the worker's ``UV_DEFAULT_INDEX``, or PyPI, when None.
    """
    log.debug("uv %s", " ".join(arguments))
    finished = subprocess.run(
        [binary(), *arguments],
        cwd=cwd,
        env=_environment(index),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        pass_fds=held_locks(),
        umask=0o022,  # an environment that others can't read can't be run as another user
        check=False,
    )
    return UvResult(finished.returncode, finished.stdout, finished.stderr)


@lru_cache(maxsize=1)
def binary() -> str:
    """Return the path of uv itself: a version manager's shim costs a tenth of a second a call."""
    from uv import find_uv_bin

    return str(find_uv_bin())


@lru_cache(maxsize=1)
def version() -> str:
    """Return uv's version, without running it."""
    from importlib.metadata import version

    return version("uv")


def _environment(index: Index | None) -> Mapping[str, str]:
    passed_on = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    return passed_on | _FIXED | (index.variables() if index else {})
