"""
The relay of a script in a container, where it has no other way out, or on a host without Airflow: beside it there.

This is the program that the container runs, and it runs the script's command; on a host, it runs beside the script. It and what
it imports are copied there, where a Python has nothing else of ours: no more than Python 3.10, and idna, which is copied too.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.delivery.intake import Limits
from airflow_provider_daybreak.delivery.relay import HOST, Relay
from airflow_provider_daybreak.delivery.script_mail import variables_leading_to
from airflow_provider_daybreak.exceptions import RelayUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

INDEX = "mails.json"
"""File beside the messages that says whose they are, and what was refused. Written last."""
SETTINGS = "settings.json"
CERTIFICATE = "certificate.pem"
CANNOT_EXECUTE = 127  # as shells have it

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def main(home: Path, command: Sequence[str]) -> int:
    """
    Run a command with a relay beside it, and return its exit code.

    :param home: folder of the settings and the certificate.
    :param command: program and arguments.
    """
    settings = json.loads((home / SETTINGS).read_bytes())
    folder = Path(settings["folder"])
    folder.mkdir()
    limits = Limits(settings["max_bytes"], settings["max_total"], settings["allowed_domains"])
    relay = Relay(folder, limits, ports=tuple(settings["ports"]), certificate=home / CERTIFICATE)
    try:
        with relay:
            code = _run(command)
    except RelayUnavailableError as error:
        sys.stderr.write(f"Daybreak: {error}\n")
        return 1
    _write_index(relay, folder)
    return code


def beside(folder: Path) -> None:
    """
    Keep a relay until stdin ends, beside a script that somebody else runs.

    The first line of stdin says what it takes; the one that it answers, what leads a script to it, or why there is none.

    :param folder: for messages; made here.
    """
    asked = json.loads(sys.stdin.buffer.readline())
    folder.mkdir(mode=0o700)
    certificate = folder / CERTIFICATE
    with os.fdopen(os.open(certificate, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(asked["certificate"])
    limits = Limits(asked["max_bytes"], asked["max_total"], asked["allowed_domains"], asked["users"])
    relay = Relay(folder, limits, certificate=certificate)
    try:
        with relay:
            variables = variables_leading_to(
                HOST, relay.port, relay.tls_port, asked["variables"], given=asked["given"]
            )
            _answer(variables=variables, address=f"{HOST}:{relay.port}:{relay.tls_port}")
            sys.stdin.buffer.read()
    except RelayUnavailableError as error:
        _answer(problem=str(error))
        return
    finally:
        certificate.unlink()
    _write_index(relay, folder)


def _answer(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def _write_index(relay: Relay, folder: Path) -> None:
    mails = [[mail.file.name, mail.sender, list(mail.recipients)] for mail in relay.messages]
    (folder / INDEX).write_text(json.dumps({"mails": mails, "refused": relay.refused}))


def _run(command: Sequence[str]) -> int:
    """Run the command as if nothing were between it and who started this, and return how it ended."""
    waiting: list[int] = []
    pass_on = waiting.append

    def take(number: int, _frame: FrameType | None) -> None:
        pass_on(number)

    for number in _PASSED_ON:
        signal.signal(number, take)
    try:
        process = subprocess.Popen(list(command))
    except OSError as error:
        sys.stderr.write(f"[daybreak] exec {command[0]} failed: {error.strerror}\n")
        return CANNOT_EXECUTE
    pass_on = process.send_signal
    for missed in waiting:
        process.send_signal(missed)
    return process.wait()


def end(code: int) -> None:
    """End this process as the command ended: by its exit code, or by its signal."""
    sys.stdout.flush()
    sys.stderr.flush()
    if code < 0:
        with suppress(OSError, ValueError):  # no handler of SIGKILL can be set
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)
