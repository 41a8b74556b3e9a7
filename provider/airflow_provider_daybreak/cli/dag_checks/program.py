"""
The program that parses Dag files: one forked process for each, with a limit of time and of memory.

It loads Airflow once, and no process of a Dag file outlives that file. It is told what to do as JSON in a file: ``folder``, ``files``,
``out`` (a folder, which gets ``<number>.json`` for each file that could be parsed), ``seconds``, ``bytes``, ``jobs``.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_TELLS_WITHIN = 10  # seconds after a file's end, in which its process says where it is, and ends by itself
_LOOK_EVERY = 0.005


def main(asked: str) -> None:
    """
    Parse the files, several at a time.

    :param asked: path of the file that says what to do.
    """
    request = json.loads(Path(asked).read_text(encoding="utf-8"))
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    sys.path.append(request["folder"])
    _load(request["out"])
    gc.collect()
    gc.freeze()  # what is loaded is shared with each process, not copied into it
    waiting = list(enumerate(request["files"]))
    running: dict[int, tuple[int, float]] = {}
    while waiting or running:
        while waiting and len(running) < request["jobs"]:
            number, path = waiting.pop(0)
            end = time.monotonic() + request["seconds"] + _TELLS_WITHIN
            running[_start(number, path, request)] = number, end
        for pid, (number, end) in list(running.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            late = not ended and time.monotonic() > end
            if late:
                _kill(pid)
                os.waitpid(pid, 0)
            if ended or late:
                del running[pid]
                late = late or _has_told(Path(request["out"], f"{number}.where"))
                ending = {"late": late, "code": 0 if late else os.waitstatus_to_exitcode(status)}
                Path(request["out"], f"{number}.end").write_text(json.dumps(ending))
                _end_orphans(set(running))
        time.sleep(_LOOK_EVERY)


def _load(out: str) -> None:
    """Load what nearly every Dag file loads."""
    import airflow.sdk  # noqa: F401 - for the processes that are forked

    import airflow_provider_daybreak.cli.dag_checks.facts  # noqa: F401 - likewise
    from airflow_provider_daybreak.version_compat import dags_of_file

    empty = Path(out, "empty.py")
    empty.write_text("from airflow.sdk import DAG\ndag = DAG('empty', schedule='@daily')\n")
    dags_of_file(empty)  # what Airflow loads for the first file is a second of each, otherwise


def _start(number: int, path: str, request: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        out = Path(request["out"])
        _limit(request["bytes"])
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        where = (out / f"{number}.where").open("w")
        faulthandler.dump_traceback_later(request["seconds"], exit=True, file=where)
        found = _parse(path, request["folder"])
        faulthandler.cancel_dump_traceback_later()
        (out / f"{number}.part").write_text(json.dumps(found))
        (out / f"{number}.part").replace(out / f"{number}.json")
        code = 0
    finally:
        os._exit(code)  # threads that the file has started don't keep it


def _has_told(where: Path) -> bool:
    try:
        return where.stat().st_size > 0
    except FileNotFoundError:
        return False


def _limit(size: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # a lower one is there
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _parse(path: str, folder: str) -> dict[str, Any]:
    from airflow_provider_daybreak.cli.dag_checks.facts import Recorder
    from airflow_provider_daybreak.version_compat import dags_of_file

    recorder = Recorder(folder)
    try:
        with recorder:
            dags, problem = dags_of_file(Path(path))
            return {
                "problem": problem,
                "dags": [recorder.facts(dag) for dag in dags],
                "lost": recorder.lost(dags, path),
            }
    except SystemExit as error:
        return {"exit": str(error.code), "line": recorder.line_of(error.__traceback__, path)}
    except MemoryError:
        return {"memory": True}


def _kill(pid: int) -> None:
    for kill, target in ((os.killpg, pid), (os.kill, pid)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(target, signal.SIGKILL)


def _end_orphans(running: set[int]) -> None:
    """End what a file has started and left: this process adopted it."""
    me = os.getpid()
    children = Path(f"/proc/{me}/task/{me}/children")
    with contextlib.suppress(OSError):
        for pid in {int(word) for word in children.read_text().split()} - running:
            _kill(pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
