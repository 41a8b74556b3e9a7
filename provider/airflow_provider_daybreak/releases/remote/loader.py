"""
Begins on a host that may have nothing but a Python: takes the program and uv where it lacks them, and starts the program.

It is sent as text, and imports nothing that is not Python's own.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from typing import Any, BinaryIO


class _RefusedError(Exception):
    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.facts = {"problem": problem, "remedy": remedy}


def load(stdin: BinaryIO, stdout: BinaryIO) -> None:
    """
    Answer who connected: first with the marker, after whatever a login shell has printed.

    :param stdin: brings a line of JSON: ``marker``, ``folder``, ``program`` (a SHA-256), and ``uv`` or None.
    """
    ask = json.loads(stdin.readline())

    def say(**facts: Any) -> None:
        stdout.write(json.dumps(facts).encode() + b"\n")
        stdout.flush()

    def given(what: str, digest: str) -> bytes:
        say(need=what)
        data = stdin.read(json.loads(stdin.readline())["bytes"])
        if hashlib.sha256(data).hexdigest() != digest:
            raise EOFError
        return data

    stdout.write(b"\n" + ask["marker"].encode() + b"\n")
    os.umask(0o077)
    folder = os.path.expanduser(ask["folder"])
    try:
        _make(folder)
        program = os.path.join(folder, "programs", ask["program"])
        if not os.path.isdir(program):
            _unpack(given("program", ask["program"]), program)
        uv = _uv(ask["uv"], folder, given) if ask["uv"] else None
    except _RefusedError as error:
        say(refused=error.facts)
        return
    except OSError as error:
        say(unwritable={"path": str(error.filename or folder), "problem": error.strerror or str(error)})
        return
    sys.path.insert(0, program)
    from airflow_provider_daybreak.releases.remote.host import serve

    say(ready=True)
    serve(folder, program, uv, stdin, stdout)


def _make(folder: str) -> None:
    os.makedirs(folder, mode=0o700, exist_ok=True)
    status = os.stat(folder)
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        remedy = f"Make it that user's alone (chmod 700 {folder}), or name another as daybreak_folder in the connection's extra."
        raise _RefusedError(f"others than its user may write to {folder!r}", remedy)
    for name in ("programs", "uv", "releases", "runs", "incoming"):
        os.makedirs(os.path.join(folder, name), mode=0o700, exist_ok=True)


def _unpack(data: bytes, target: str) -> None:
    with tempfile.TemporaryDirectory(dir=os.path.dirname(target)) as made:
        whole = os.path.join(made, "program")
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            file.extractall(whole)
        try:
            os.rename(whole, target)
        except OSError:
            if not os.path.isdir(target):  # else somebody else was faster
                raise


def _uv(wanted: dict[str, str], folder: str, given: Any) -> str:
    path = os.path.join(folder, "uv", wanted["digest"])
    if platform.machine() != wanted["machine"]:
        raise _RefusedError(
            f"it is a {platform.machine()}, and the uv of the worker is for {wanted['machine']}",
            "Deploy from a worker of the same kind of processor.",
        )
    if not os.path.exists(path):
        part = f"{path}.{os.getpid()}"
        try:
            with open(part, "wb") as file:
                file.write(given("uv", wanted["digest"]))
            os.chmod(part, 0o700)
            ran = subprocess.run([part, "--version"], capture_output=True, text=True, check=False)
            if ran.returncode:
                raise _RefusedError(
                    f"the worker's uv does not run there: {ran.stderr.strip()[:300]}", _OTHER_UV
                )
            os.rename(part, path)
        except PermissionError as error:
            raise _RefusedError(
                f"no program may be run from {folder!r} ({error.strerror})", _NO_EXEC
            ) from error
        except OSError as error:
            if error.filename == part and error.errno == 2:  # noqa: PLR2004 - ENOENT of a file that is there: it lacks its loader
                raise _RefusedError(
                    "the worker's uv does not run there: it needs another C library", _OTHER_UV
                ) from error
            raise
        finally:
            if os.path.exists(part):
                os.unlink(part)
    return path


_OTHER_UV = "Deploy from a worker with the same C library as the host (glibc or musl)."
_NO_EXEC = "Name a folder on a file system without noexec as daybreak_folder in the connection's extra."
