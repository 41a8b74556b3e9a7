"""
Try to mail, and be killed on the way: a program, so that what it does to itself ends nothing else.

    attempt.py once FOLDER PORT NUMBER [KINDS [CONNECTIONS]]   one attempt; prints what became of it
    attempt.py race FOLDER PORT KEYS CONNECTIONS   one attempt at as many mails, begun by a line on stdin
    attempt.py lines FOLDER PORT FIRST STEP LAST CONNECTIONS   for each line, an attempt that ends there, and three retries
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from dataclasses import replace
from datetime import datetime, timezone
from email.headerregistry import Address
from itertools import count
from pathlib import Path

from airflow_provider_daybreak import delivery as delivery_package
from airflow_provider_daybreak import storage as storage_package
from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.delivery.mailing import Mailing
from airflow_provider_daybreak.delivery.message import Message
from airflow_provider_daybreak.delivery.recipients import Recipient
from airflow_provider_daybreak.delivery.rules import Rules
from airflow_provider_daybreak.delivery.server import Server, Timeouts
from airflow_provider_daybreak.delivery.transport import Session
from airflow_provider_daybreak.exceptions import DaybreakError
from tests.integration.delivery.forked import forked
from tests.integration.delivery.scripted import KINDS, address

DELIVERY, STORAGE = (Path(package.__file__).parent for package in (delivery_package, storage_package))
TRACED = {
    *(
        str(DELIVERY / f"{name}.py")
        for name in (
            "sender",
            "ledger",
            "facts",
            "claims",
            "mailing",
            "connecting",
            "connections",
            "transport",
            "process",
            "upkeep",
        )
    ),
    *(str(STORAGE / f"{name}.py") for name in ("__init__", "local")),
}


def mailing(folder, number, kinds=KINDS, **rules):
    """Return the mailing of one attempt: one recipient of each kind, in a ledger of its own."""
    revision = next(Archive(folder / "reports").revisions())
    message = Message(
        Address("", addr_spec="reports@example.org"),
        "Almanac",
        revision,
        recipients=[Recipient(address(kind, number), kind="bcc") for kind in kinds],
    )
    return Mailing(
        message,
        Ledger(folder / "ledgers" / str(number)),
        rules=Rules(max_lateness=None, pauses=(0, 0), **rules),
        run={},
        now=datetime.now(timezone.utc),
    )


def attempt(one, port):
    """Return what became of an attempt, as plain JSON."""
    timeouts = Timeouts(connect=5, greeting=5, command=5, data=60, block=5, final=20)
    server = Server("127.0.0.1", port, security="none", timeouts=timeouts)
    try:
        summary = one.send(lambda: Session.open(server))
        summary.check("almanac")
    except DaybreakError as error:
        return {"error": type(error).__name__, "text": str(error)}
    except OSError as error:
        return {"error": "OSError", "text": str(error)}
    return vars(summary)


def standings(one):
    """Return where each recipient's mail stands, by address."""
    entries = one.ledger.entries(mail.key for mail in one.mails())
    return {mail.recipient.address: entries[mail.key].standing for mail in one.mails()}


def kill_at(line):
    """Kill this process at the line of that number that runs in the traced files, in whichever thread."""
    lines = count(1)

    def trace(frame, event, _argument):
        if frame.f_code.co_filename not in TRACED:
            return None
        if event == "line" and next(lines) == line:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    threading.settrace(trace)
    sys.settrace(trace)


def line_kills(folder, port, numbers, connections):
    """Yield, for each line's number, whether the attempt was killed there, and what three retries made of it."""
    for number in numbers:

        def ended(number=number):
            one = mailing(folder, number, connections=connections)
            kill_at(number)
            return attempt(one, port)

        first = forked(ended)
        retries = [
            forked(lambda number=number: attempt(mailing(folder, number, connections=connections), port))
            for _ in range(3)
        ]
        yield {
            "number": number,
            "killed": first is None,
            "last": retries[-1],
            "standings": standings(mailing(folder, number)),
        }
        if first is not None:  # the attempt has no more lines
            return


def main(command, folder, port, *rest):
    folder, port = Path(folder), int(port)
    if command == "once":
        number, kinds = rest[0], rest[1].split(",") if len(rest) > 1 else KINDS
        one = mailing(folder, number, kinds, connections=int(rest[2]) if len(rest) > 2 else 1)
        os.access("/start-of-the-attempt", os.F_OK)  # seen by strace
        result = attempt(one, port)
        os.access("/end-of-the-attempt", os.F_OK)
        print(json.dumps({"last": result, "standings": standings(one)}))
    elif command == "race":
        message = mailing(folder, "race").message
        people = [Recipient(address("good", number), kind="bcc") for number in range(int(rest[0]))]
        one = mailing(folder, "race", connections=int(rest[1]))
        one.message = replace(message, recipients=people)
        print("ready", flush=True)
        sys.stdin.readline()
        attempt(one, port)
    else:
        first, step, last, connections = map(int, rest)
        for outcome in line_kills(folder, port, range(first, last, step), connections):
            print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
