"""Environments that micromamba, mamba or conda makes: locked by address and hash, made anew of that lock alone, compared by file."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import CondaError
from airflow_provider_daybreak.releases.conda_program import program
from airflow_provider_daybreak.releases.environments.interpreter import Interpreter
from airflow_provider_daybreak.releases.locking import held_locks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_daybreak.releases.requirements.needs import CondaNeeds

_PASSED_ON = re.compile(
    r"(HOME|LANG|PATH|TMPDIR|SSL_CERT_(DIR|FILE)|REQUESTS_CA_BUNDLE|CONDA(RC|_.*)|MAMBA(RC|_.*)|XDG_.*|(https?|all|no)_proxy)",
    re.IGNORECASE,
)
_MARK = "# conda "
"""Begins a line of a lock that conda's program installs, and that uv takes for a comment."""

_LINE = re.compile(r"(?P<url>[a-z]+://[^\s#@?]+)#(?P<md5>[0-9a-f]{32}) sha256=(?P<sha256>[0-9a-f]{64})?")
_PYTHON = re.compile(r"/python-(?P<version>\d+\.\d+(\.\d+)?)[^/]*$")


@dataclass(frozen=True)
class CondaPackage:
    """
    A package as a channel has it.

    :param url: its address, without credentials.
    :param sha256: "" where the channel does not say it.
    """

    url: str
    md5: str
    sha256: str = ""

    def __str__(self) -> str:
        return f"{_MARK}{self.url}#{self.md5} sha256={self.sha256}"


def packages_in(lock: str) -> tuple[CondaPackage, ...]:
    """Return what a lock has conda's program install."""
    lines = [line.removeprefix(_MARK) for line in lock.splitlines() if line.startswith(_MARK)]
    found = [match for line in lines if (match := _LINE.fullmatch(line))]
    return tuple(CondaPackage(one["url"], one["md5"], one["sha256"] or "") for one in found)


def python_in(packages: Sequence[CondaPackage]) -> str:
    """
    Return the version of Python among these packages.

    :raises CondaError: there is none.
    """
    found = next((match for one in packages if (match := _PYTHON.search(one.url))), None)
    if found is None:
        raise CondaError("the environment", "it has no Python. Add python to its dependencies.")
    return found["version"]


def interpreter_in(packages: Sequence[CondaPackage]) -> Interpreter:
    """
    Return the Python of an environment of these packages, which is made with it.

    :raises CondaError: there is none.
    """
    platforms = {one.url.rpartition("/")[0].rpartition("/")[2] for one in packages} - {"noarch"}
    return Interpreter(
        path="conda",
        implementation="CPython",
        version=python_in(packages),
        abi="",
        platform=f"conda {' '.join(sorted(platforms))}",
        base="conda",
    )


def chosen(needs: CondaNeeds, folder: Path) -> tuple[CondaPackage, ...]:
    """
    Return the packages that an environment is made of: those of one that is there, or what fits what is asked for.

    :param folder: an empty folder, in which the environment is left.
    :raises CondaError: there is no such environment, or nothing fits.
    :raises CondaMissingError: no program of conda's is here.
    """
    if needs.environment:
        packages = _installed(_prefix_of(needs.environment))
        create(folder, packages)
        return packages
    text = {"channels": list(needs.channels), "dependencies": list(needs.specs)}
    file = folder.with_suffix(".yml")  # JSON is YAML
    file.write_text(json.dumps(text if needs.channels else {"dependencies": text["dependencies"]}))
    what = f"an environment of {', '.join(needs.specs)}"
    runs = program(what)
    arguments = ["env", "create"] if Path(runs).name.startswith("conda") else ["create", "--yes"]
    _call(what, [runs, *arguments, "--quiet", "--prefix", str(folder), "--file", str(file)])
    return _installed(folder)


def create(path: Path, packages: Sequence[CondaPackage]) -> None:
    """
    Make an environment of exactly these packages.

    :raises CondaError: it can't be made, or another one was.
    :raises CondaMissingError: no program of conda's is here.
    """
    what = f"environment {path.name}"
    file = path.with_suffix(".explicit.txt")
    file.write_text("@EXPLICIT\n" + "".join(f"{one.url}#{one.md5}\n" for one in packages))
    try:
        _call(what, [program(what), "create", "--yes", "--quiet", "--prefix", str(path), "--file", str(file)])
    finally:
        file.unlink()
    made = {one.url.rpartition("/")[2]: one for one in _installed(path)}
    for one in packages:
        name = one.url.rpartition("/")[2]
        other = made.get(name)
        if other is None or other.md5 != one.md5 or (one.sha256 and other.sha256 not in ("", one.sha256)):
            raise CondaError(
                what, f"{name} is not what the lock says. Clear the cache of conda's program, and deploy again."
            )


def files_of(environment: Path) -> Iterator[tuple[str, str]]:
    """Yield the files that conda installed, each with its SHA-256 as ``RECORD`` writes it."""
    for facts in _facts(environment):
        for file in facts.get("paths_data", {}).get("paths", []):
            digest = file.get("sha256_in_prefix") or file.get("sha256")
            if digest and file.get("path_type") != "softlink":
                said = base64.urlsafe_b64encode(bytes.fromhex(digest)).rstrip(b"=").decode()
                yield str(environment / file["_path"]), said


def is_conda(environment: Path) -> bool:
    """Return whether conda's program made an environment."""
    return (environment / "conda-meta").is_dir()


def _prefix_of(name: str) -> Path:
    """Return the folder of an environment, by its path or its name."""
    if Path(name).is_absolute():
        found = [Path(name)]
    else:
        what = f"the environment {name!r}"
        said = json.loads(_call(what, [program(what), "env", "list", "--json"]) or "{}")
        found = [Path(path) for path in said.get("envs", []) if Path(path).name == name]
    there = next((path for path in found if is_conda(path)), None)
    if there is None:
        raise CondaError(
            f"the environment {name!r}", "there is none of that name here. Give its path, or create it."
        )
    return there


def _installed(prefix: Path) -> tuple[CondaPackage, ...]:
    found = []
    for facts in _facts(prefix):
        package = CondaPackage(
            _without_user(str(facts.get("url", ""))), str(facts.get("md5", "")), str(facts.get("sha256") or "")
        )
        if not _LINE.fullmatch(str(package).removeprefix(_MARK)):
            problem = f"{facts.get('name')!r} has no address and hash, so that it can't be locked. Install it from a channel."
            raise CondaError(f"the environment {str(prefix)!r}", problem)
        found.append(package)
    return tuple(sorted(found, key=lambda one: one.url))


def _facts(prefix: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((prefix / "conda-meta").glob("*.json")):
        facts = json.loads(path.read_bytes())
        for file in facts.get("paths_data", {}).get("paths", []):
            file["_path"] = file.get("_path", "")
        yield facts


def _without_user(url: str) -> str:
    """Return a channel's address without what conda puts into it of a user: ``user:password@`` and ``/t/<token>``."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    path = re.sub(r"^t/[^/]+/", "", path)
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _call(what: str, command: Sequence[str]) -> str:
    environment = {key: value for key, value in os.environ.items() if _PASSED_ON.fullmatch(key)}
    try:
        finished = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            pass_fds=held_locks(), umask=0o022, check=False,
        )  # fmt: skip
    except OSError as error:
        raise CondaError(what, f"{command[0]} can't be run: {error.strerror}.") from error
    if finished.returncode:
        said = (finished.stderr.strip() or finished.stdout.strip() or f"exit code {finished.returncode}")[
            -4000:
        ]
        raise CondaError(what, f"{Path(command[0]).name} says:\n{_shown(said)}")
    return finished.stdout


def _shown(said: str) -> str:
    """Return what a program said without the users and tokens of channels in it."""
    return re.sub(r"/t/[^/\s]+", "/t/***", re.sub(r"://[^\s/@]+@", "://***@", said))
