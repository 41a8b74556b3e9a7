"""A program beside a script of a host: it takes in what the script mails, and leaves that as files when the script has ended."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import RemoteMailError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

_SECONDS = 30.0  # to write down what it has


@contextmanager
def beside(
    asked: Mapping[str, Any], program: str, folder: Path, *, given: Mapping[str, str], users: Collection[int]
) -> Iterator[tuple[dict[str, str], str]]:
    """
    Have it run, and return the variables that lead a script to it, and its address.

    :param asked: ``code``, what its Python runs; ``index``, the file that it writes last; and what it is told.
    :param program: the folder that it imports from.
    :param folder: for what it leaves; it makes that.
    :param given: variables that the script would see otherwise.
    :param users: ids of those whose programs may come to it.
    :raises RemoteMailError: it did not begin, or not end well.
    """
    code = f"import sys; sys.path.insert(0, sys.argv[1]); {asked['code']}"
    process = subprocess.Popen(
        [sys.executable, "-I", "-X", "utf8", "-c", code, program, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        told = {**asked["told"], "given": dict(given), "users": sorted(users)}
        answer = _answer(process, told)
        if "address" not in answer:
            problem = answer.get("problem") or "the relay beside it did not begin"
            raise RemoteMailError(socket.gethostname(), problem)
        try:
            yield answer["variables"], answer["address"]
        finally:
            _end(process)
    if process.returncode or not (folder / asked["index"]).exists():
        raise RemoteMailError(socket.gethostname(), f"the relay beside it ended with {process.returncode}")


def _answer(process: subprocess.Popen[bytes], told: Mapping[str, Any]) -> dict[str, Any]:
    stdin, stdout = process.stdin, process.stdout
    try:
        stdin.write(json.dumps(told).encode() + b"\n")  # type: ignore[union-attr]  # they are pipes
        stdin.flush()  # type: ignore[union-attr]
    except BrokenPipeError:
        return {}
    line = stdout.readline()  # type: ignore[union-attr]
    answer: dict[str, Any] = json.loads(line) if line else {}
    return answer


def _end(process: subprocess.Popen[bytes]) -> None:
    process.stdin.close()  # type: ignore[union-attr]  # it is a pipe; this is what ends it
    try:
        process.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
