"""Calling uv: the real binary, in an environment that is built rather than inherited."""

from __future__ import annotations

import logging
import os
import re
import subprocess
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.releases.locking import held_locks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


_PACKAGE = r"([A-Za-z0-9][\w.-]*)"
_SOURCE_ONLY = re.compile(
    rf"{_PACKAGE}(?:==\S+)? has no usable wheels|`{_PACKAGE}(?:==\S+)?`[^`]*no usable wheels"
    rf"|Building source distributions for `{_PACKAGE}` is disabled"
)
_OTHER_SYSTEM = re.compile(rf"{_PACKAGE}(==[\w.!+-]+)? has no wheels with a matching platform tag")
_OTHER_PYTHON = re.compile(rf"{_PACKAGE}(==[\w.!+-]+)? has no wheels with a matching Python")
_NOT_ASKED = re.compile(r"index URL \(([^)]*)\) (?:could not be queried|returned)[^(]*\((\d{3} [^)]*)\)")
_NO_SUCH_PACKAGE = re.compile(rf"Because {_PACKAGE} was not found in the package registry")
_NO_SUCH_VERSION = re.compile(rf"(?:Because|and) there is no version of {_PACKAGE}[=<>~!]")
_UVS_OWN = (
    (re.compile(r"\n*hint: [^\n]*`?--(no-build|only-binary|no-binary)[^\n]*"), ""),
    (re.compile(r"`--index-strategy (unsafe-[a-z-]+)`"), r"VenvDeployOperator(index_strategy='\1')"),
)
"""What uv says of options that nobody gives it here, and what stands for that."""


@dataclass(frozen=True)
class Index:
    """
    Where packages come from. Its repr shows neither user nor password.

    :param url: address of a simple index (PEP 503), without credentials.
    """

    url: str
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    conn_id: str = ""

    def variables(self) -> dict[str, str]:
        """Return how uv is told: by its environment, since others can read its arguments."""
        if not self.url:
            return {}
        return {"UV_DEFAULT_INDEX": f"{OWN_INDEX}={self.url}", **self.credentials(OWN_INDEX)}

    def credentials(self, name: str) -> dict[str, str]:
        """Return how uv is told of user and password, where it knows the index by that name."""
        if not (self.username or self.password):
            return {}
        prefix = f"UV_INDEX_{name.upper().replace('-', '_')}"
        return {f"{prefix}_USERNAME": self.username, f"{prefix}_PASSWORD": self.password}


@dataclass(frozen=True)
class OtherIndex:
    """
    An index beside the default one.

    :param explicit: whether nothing comes from it but what is said to.
    :param searched: whether anything that is to be installed may be from it, as only its hash says.
    :param name: what the source calls it, or "".
    """

    index: Index
    explicit: bool = False
    searched: bool = False
    name: str = ""


@dataclass(frozen=True)
class Indexes:
    """
    Where packages come from.

    :param default: asked last; the worker's ``UV_DEFAULT_INDEX``, or PyPI, when None.
    :param others: asked before it, in this order.
    :param strategy: which versions count where several have a package, as uv calls it, or "".
    """

    default: Index | None = None
    others: tuple[OtherIndex, ...] = ()
    strategy: str = ""

    def variables(self) -> dict[str, str]:
        """Return how uv is told, for a resolution: by its environment, since others can read its arguments."""
        told = dict(self.default.variables()) if self.default else {}
        asked = [f"{self.name_of(one)}={one.index.url}" for one in self.others if not one.explicit]
        if asked:
            told["UV_INDEX"] = " ".join(asked)
        if self.strategy:
            told["UV_INDEX_STRATEGY"] = self.strategy
        for one in self.others:
            told |= one.index.credentials(self.name_of(one))
        return told

    def name_of(self, other: OtherIndex) -> str:
        """Return what uv knows one of the others by."""
        return f"{OWN_INDEX}-{self.others.index(other) + 1}"

    def installing(self, url: str = "") -> Indexes:
        """
        Return where locked packages come from: those that are said to be from that address from there alone.

        :param url: the address of one of the others, or "" for packages of which the lock says none.
        """
        if not url:
            searched = tuple(one for one in self.others if one.searched)
            return Indexes(self.default, searched, "unsafe-best-match" if searched else "")
        found = next((one.index for one in self.others if one.index.url == url), Index(url))
        return Indexes(found)


@dataclass(frozen=True)
class Builds:
    """
    Which packages may be built, where one has no wheel: building runs its code.

    :param allowed: whether any may.
    :param packages: those that are built in any case.
    :param wheels: those that are not, though any other may.
    """

    allowed: bool = False
    packages: tuple[str, ...] = ()
    wheels: tuple[str, ...] = ()

    @property
    def arguments(self) -> list[str]:
        """How uv is told."""
        said = [] if self.allowed else ["--only-binary", ":all:"]
        for option, names in (("--only-binary", self.wheels), ("--no-binary", self.packages)):
            said += [argument for name in names for argument in (option, name)]
        return said

    def __str__(self) -> str:
        """Return what tells environments apart that were built in another way."""
        if not self.allowed:
            return "".join(f", builds {name}" for name in self.packages)
        return (
            f", builds{''.join(f' {name}' for name in (*self.packages, *(f'no {one}' for one in self.wheels)))}"
        )


NO_BUILDS = Builds()


@dataclass(frozen=True)
class UvResult:
    """How a call of uv ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def explanation(self) -> str:
        """What uv said of its failure."""
        said = self.stderr.strip() or self.stdout.strip() or f"nothing, and exit code {self.code}"
        for pattern, ours in _UVS_OWN:
            said = pattern.sub(ours, said)
        return said.strip()


def is_unsolvable(explanation: str) -> bool:
    """Return whether uv knew all that it asked for, and found that no packages fit: asked again, it finds the same."""
    explanation = re.sub(r"\s+", " ", explanation)
    if _NOT_ASKED.search(explanation):
        return False
    return "No solution found when resolving" in explanation and "Packages were unavailable" not in explanation


def remedy_for(explanation: str) -> str:
    """Return what to do where uv found that no packages fit, or one that is to be built or for something else; or ""."""
    explanation = re.sub(r"\s+", " ", explanation)  # uv before 0.12 breaks its lines
    return _of_index(explanation) or _of_packages(explanation)


def _of_index(explanation: str) -> str:
    if found := _NOT_ASKED.search(explanation):
        return f"The index at {found[1]} answered {found[2]}. Correct the login and the password of the connection that index_conn_id names."
    return ""


def _of_packages(explanation: str) -> str:
    if found := _SOURCE_ONLY.search(explanation):
        name = found[1] or found[2] or found[3]
        return (
            f"{name} has no wheel that fits, and building it runs its code. Ask for a version that has one, or let it "
            f"be built alone: VenvDeployOperator(only_binary={{{name!r}: False}})."
        )
    if found := _OTHER_SYSTEM.search(explanation):
        return f"{found[1]} is for another system. Say that it is not needed on this one: {found[1]}{found[2] or ''} ; sys_platform == 'win32'."
    if found := _OTHER_PYTHON.search(explanation):
        return (
            f"{found[1]}{found[2] or ''} has wheels for other versions of Python alone. Ask for a version that has one for this, or "
            f"deploy with python set to one that it has; VenvDeployOperator(only_binary={{{found[1]!r}: False}}) lets it be built."
        )
    if found := _NO_SUCH_PACKAGE.search(explanation):
        return f"Correct the name {found[1]!r} in the requirements; or, where it is a package of your own, name its index by index_conn_id."
    if found := _NO_SUCH_VERSION.search(explanation):
        return f"Ask for a version of {found[1]} that there is."
    return (
        "Loosen one of these requirements, so that they fit each other." if is_unsolvable(explanation) else ""
    )


def run_uv(arguments: Sequence[str], *, cwd: Path, index: Index | Indexes | None = None) -> UvResult:
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


_brought: dict[str, str] = {}


def bring(path: str | None, version: str) -> None:
    """
    Take a uv that is no installed package.

    :param path: where it is; None where nothing needs it.
    """
    _brought.update({"path": path, "version": version} if path else {"version": version})


@lru_cache(maxsize=1)
def _installed() -> str:
    from uv import find_uv_bin

    return str(find_uv_bin())


def binary() -> str:
    """Return the path of uv itself: a version manager's shim costs a tenth of a second a call."""
    return _brought.get("path") or _installed()


@lru_cache(maxsize=1)
def version() -> str:
    """Return uv's version, without running it."""
    from importlib.metadata import version

    return _brought.get("version") or version("uv")


def _environment(index: Index | Indexes | None) -> Mapping[str, str]:
    passed_on = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    without_cache = {} if _has_cache(passed_on) else {"UV_NO_CACHE": "1"}
    return passed_on | _FIXED | without_cache | (index.variables() if index else {})


def _has_cache(variables: Mapping[str, str]) -> bool:
    """Return whether uv can keep what it fetches where it wants to: some hosts let nobody write at home."""
    if said := variables.get("UV_CACHE_DIR"):
        wanted = Path(said)
    elif said := variables.get("XDG_CACHE_HOME"):
        wanted = Path(said, "uv")
    else:
        wanted = Path(variables.get("HOME", "/"), ".cache", "uv")
    there = next(path for path in (wanted.absolute(), *wanted.absolute().parents) if path.exists())
    return os.access(there, os.W_OK | os.X_OK)
