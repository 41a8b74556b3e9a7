"""
Run a script that mails by itself, and be killed on the way: a program, so that what it does to itself ends nothing else.

    script_attempt.py FOLDER PORT FIRST STEP LAST CODE

For each line of ours that runs, counted in all threads, an attempt that ends there, and three retries. The script ends
with that exit code. Prints what became of each.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from dataclasses import asdict
from datetime import date, datetime
from itertools import count
from pathlib import Path

from airflow_provider_daybreak import archive as archive_package
from airflow_provider_daybreak import delivery as delivery_package
from airflow_provider_daybreak import hooks as hooks_package
from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.context.mailing_script import Script
from airflow_provider_daybreak.context.run import Run
from airflow_provider_daybreak.delivery import sender
from airflow_provider_daybreak.delivery.audit import deliveries
from airflow_provider_daybreak.delivery.script_mail import ScriptMail
from airflow_provider_daybreak.exceptions import DaybreakError, ScriptFailedError
from airflow_provider_daybreak.hooks.script_mail import ScriptMailHook
from airflow_provider_daybreak.releases.running.booting import BOOT
from airflow_provider_daybreak.reports.period import period_of, zone
from tests.integration.delivery.forked import forked
from tests.integration.delivery.scripted import KINDS, address

DELIVERY, ARCHIVE, HOOKS = (
    Path(package.__file__).parent for package in (delivery_package, archive_package, hooks_package)
)
TRACED = {
    *(
        str(DELIVERY / f"{name}.py")
        for name in (
            "relay",
            "dialogue",
            "intake",
            "captured",
            "raw_message",
            "mailer",
            "sender",
            "ledger",
            "mailing",
            "transport",
        )
    ),
    *(str(ARCHIVE / f"{name}.py") for name in ("archive", "manifest")),
    str(HOOKS / "script_mail.py"),
}
DAY = date(2026, 3, 29)
TWICE = "good-and-more"
SCRIPT = """
import smtplib, sys
to, code = sys.argv[1].split(","), int(sys.argv[2])
with smtplib.SMTP("mail.does-not-exist.invalid") as server:
    for number, address in enumerate(to):
        server.sendmail("me@example.org", [address], f"Subject: Message {number}\\nTo: {address}\\n\\nGood morning.\\n")
sys.exit(code)
"""


def attempt(folder, number, try_number, code):
    """Return what became of an attempt, as plain JSON."""
    to = [*(address(kind, number) for kind in KINDS), *[address(TWICE, number)] * 2]

    ran = []

    def execute(variables, boot):
        ran.append(True)
        command = [sys.executable, "-c", SCRIPT, ",".join(to), str(code)]
        environment = {**os.environ, **variables, **boot, "PYTHONPATH": str(BOOT)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ScriptFailedError("script", f"exit code {done.returncode}", done.stderr, "")
        return "done", {}

    ref = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1, "try_number": try_number}
    berlin = zone("Europe/Berlin")
    run = Run(ref, DAY, berlin, datetime(2026, 3, 29, 9, tzinfo=berlin))
    script = Script("1", f"report_{number}", ["script"], run, period_of(DAY, timezone=run.timezone), execute)
    options = ScriptMail(archive=folder.as_uri(), max_lateness=None)
    context = {
        "ti": type("Ti", (), ref)(),
        "dag_run": type("DagRun", (), {"logical_date": None})(),
        "dag": type("Dag", (), {"timezone": "Europe/Berlin"})(),
        "params": {"report_date": DAY.isoformat()},
    }
    try:
        mailed = ScriptMailHook(options).run(script, context)
    except DaybreakError as error:
        return {"ran": bool(ran), "error": type(error).__name__, "text": str(error)}
    return {"ran": bool(ran), **asdict(mailed.summary)}


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


def main(folder, first, step, last, code):
    logging.disable(logging.CRITICAL)  # Airflow logs to stdout
    sender.sleep = lambda _seconds: None
    for number in range(first, last, step):

        def ended(number=number):
            kill_at(number)
            return attempt(folder, number, 1, code)

        before = forked(ended)
        retries = [forked(lambda n=number, t=t: attempt(folder, n, t, code)) for t in (2, 3, 4)]
        records = list(deliveries(Archive(folder), f"report_{number}"))
        print(
            json.dumps(
                {
                    "number": number,
                    "killed": before is None,
                    "runs": sum(each["ran"] for each in retries),
                    "last": retries[-1],
                    "standings": [[record.recipient, record.standing] for record in records],
                    "expected": Counter(
                        [*(address(kind, number) for kind in KINDS), *[address(TWICE, number)] * 2]
                    ),
                }
            ),
            flush=True,
        )
        if before is not None:  # the attempt has no more lines
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
