"""The Python that an environment is made of, and all that tells it from another."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from airflow_provider_daybreak.exceptions import InterpreterError
from airflow_provider_daybreak.releases.files import read_json, write_json
from airflow_provider_daybreak.releases.uv import run_uv

_PROBE = """
import json, platform, sys, sysconfig
print(json.dumps({
    "implementation": platform.python_implementation(),
    "version": platform.python_version(),
    "abi": sysconfig.get_config_var("SOABI") or "",
    "platform": sysconfig.get_platform() + "-" + "-".join(platform.libc_ver()),
    "base": sys.base_prefix,
}))
"""
_VERSION = re.compile(r"[<>=!~]*\s*\d+(\.\d+)*.*")
_IDENTITY = ("implementation", "version", "abi", "platform", "base")
_SECONDS = 60


@dataclass(frozen=True)
class Interpreter:
    """
    A Python on this machine.

    :param path: what to run.
    :param base: its base prefix: where its standard library lies.
    """

    path: str
    implementation: str
    version: str
    abi: str
    platform: str
    base: str

    @property
    def minor(self) -> str:
        """Major and minor version, such as ``3.12``."""
        return ".".join(self.version.split(".")[:2])

    def identity(self) -> dict[str, str]:
        """Return what an environment built on it depends on."""
        return {key: value for key, value in asdict(self).items() if key != "path"}


def find_interpreter(wanted: str | None, *, cache: Path, requires: str = "") -> Interpreter:
    """
    Return the interpreter that is wanted.

    :param wanted: an absolute path, or a version such as ``3.12``; when None, the one that runs the
        worker if the source's own requirement allows it, or else one on this machine that does.
    :param cache: file that remembers what interpreters are, for as long as they don't change.
    :param requires: the source's ``requires-python``.
    :raises InterpreterError: there is none, or it can't be run.
    """
    if wanted:
        path = wanted if Path(wanted).is_absolute() else _search(wanted, cache.parent)
        interpreter = _identify(path, cache)
    else:
        interpreter = _identify(_own(), cache)
        if requires and not _allows(requires, interpreter.version):
            interpreter = _identify(_search(requires, cache.parent), cache)
    if requires and not _allows(requires, interpreter.version):
        problem = f"it is {interpreter.version}, and the source requires {requires}"
        raise InterpreterError(wanted or interpreter.path, problem)
    return interpreter


def _own() -> str:
    """Return the path of the interpreter that runs this: in a virtual environment, of the one it was made from."""
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    return str(base) if sys.prefix != sys.base_prefix and base.exists() else sys.executable


def _search(wanted: str, cwd: Path) -> str:
    if not _VERSION.fullmatch(wanted.strip()):
        raise InterpreterError(wanted, "it is neither an absolute path nor a version")
    outcome = run_uv(["python", "find", "--no-project", "--system", wanted.strip()], cwd=cwd)
    if outcome.code:
        raise InterpreterError(wanted, outcome.explanation.removeprefix("error: "))
    return outcome.stdout.strip()


def _identify(path: str, cache: Path) -> Interpreter:
    try:
        status = Path(path).stat()
    except OSError as error:
        raise InterpreterError(path, error.strerror or str(error)) from error
    stamp = [status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size]
    known = read_json(cache) or {}
    entry = known.get(path)
    if isinstance(entry, dict) and entry.get("stamp") == stamp and entry.keys() == {"stamp", *_IDENTITY}:
        return Interpreter(path=path, **{key: entry[key] for key in _IDENTITY})
    identity = _probe(path)
    write_json(cache, known | {path: {"stamp": stamp, **identity}})
    return Interpreter(path=path, **identity)


def _probe(path: str) -> dict[str, str]:
    try:
        finished = subprocess.run(
            [path, "-I", "-c", _PROBE],
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except OSError as error:
        raise InterpreterError(path, error.strerror or str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise InterpreterError(path, f"it did not answer within {_SECONDS} seconds") from error
    try:
        identity: dict[str, str] = json.loads(finished.stdout)
    except ValueError as error:
        said = (finished.stderr or finished.stdout).strip().splitlines()
        shim = " (a version manager's shim: name the interpreter that it stands for)" if _is_shim(path) else ""
        problem = f"it is no Python 3 that works{shim}{': ' + said[-1] if said else ''}"
        raise InterpreterError(path, problem) from error
    return identity


def _is_shim(path: str) -> bool:
    """Return whether a version manager (pyenv, asdf, mise) put it there, to find the interpreter when it runs."""
    try:
        return "shims" in Path(path).parts or Path(path).read_bytes()[:2] == b"#!"
    except OSError:
        return False


def _allows(requires: str, version: str) -> bool:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(requires).contains(version, prereleases=True)
    except InvalidSpecifier as error:
        raise InterpreterError(requires, "requires-python of the source is no version specifier") from error
