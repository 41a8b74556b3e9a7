"""A script as it is, run with what Daybreak can do for it, beside the same script run without."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from delivery import sink
from harness import Figure, in_turn, seconds

from tests.context import make_context

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 15
MAILER = """
import os, smtplib
from email.message import EmailMessage

message = EmailMessage()
message["Subject"], message["From"], message["To"] = "Sales", "me@example.org", "ann@example.org"
message.set_content("12 sold.\\n" * 500)
message.add_alternative("<p>12 sold.</p>" * 500, subtype="html")
with smtplib.SMTP(os.environ["SMTP_SERVER"], int(os.environ["SMTP_PORT"])) as server:
    server.send_message(message)
"""


def figures() -> Iterator[Figure]:
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name, sink() as port, _settings(Path(name), port):
        yield _clock(Path(name))
        yield _mail(Path(name), port)
        yield _large_source(Path(name))


def _clock(folder: Path) -> Figure:
    """Compare a run whose clock starts at its own day with one that has the true time."""
    from airflow_provider_daybreak.releases.clock import start_at
    from airflow_provider_daybreak.releases.deploy import Plan, deploy
    from airflow_provider_daybreak.releases.layout import Layout
    from airflow_provider_daybreak.releases.running.run import Job, run
    from airflow_provider_daybreak.releases.uv import Index

    script = folder / "today.py"
    script.write_text("from datetime import date\nprint(date.today())\n")
    release = deploy(Layout(folder / "releases", "today"), Plan(script)).release
    instant = datetime(2026, 3, 28, 9, tzinfo=ZoneInfo("Europe/Berlin"))

    def on_its_day() -> object:
        boot = start_at(instant, release, index_of=Index)
        return run(release, Job(("today.py",), boot=boot), on_line=lambda *_: None)

    def today() -> object:
        return run(release, Job(("today.py",)), on_line=lambda *_: None)

    on_its_day()
    ours, true = in_turn(lambda: seconds(on_its_day), lambda: seconds(today), rounds=ROUNDS)
    return Figure("script.clock", (ours - true) * 1000, None, 80, "ms more than with the true time")


def _mail(folder: Path, port: int) -> Figure:
    """Compare a run whose mail is kept, archived and sent once with one that sends it to the same server by itself."""
    from airflow_provider_daybreak.operators.venv import ScriptMail, VenvDeployOperator, VenvRunOperator

    (folder / "report.py").write_text(MAILER)
    deploy = VenvDeployOperator(task_id="deploy", name="mailer", source=folder / "report.py")
    release, days = deploy.execute(_context(0)), count(1)
    env = {"SMTP_SERVER": "127.0.0.1", "SMTP_PORT": str(port)}

    def run(mail: object) -> float:
        operator = VenvRunOperator(task_id="run", release=release, command=["report.py"], env=env, mail=mail)
        return seconds(lambda: operator.execute(_context(next(days))))

    once = ScriptMail(max_lateness=None)
    run(once)
    ours, direct = in_turn(lambda: run(once), lambda: run("direct"), rounds=ROUNDS)
    return Figure("script.mail", (ours - direct) * 1000, None, 150, "ms more than sending directly")


def _large_source(folder: Path) -> Figure:
    """Compare a run of a source of 5,000 files, some of which it writes to, with one of 5."""
    from airflow_provider_daybreak.releases.deploy import Plan, deploy
    from airflow_provider_daybreak.releases.layout import Layout
    from airflow_provider_daybreak.releases.running.run import Job, run

    def deployed(files: int) -> object:
        source = folder / f"source_{files}"
        for number in range(files - 1):
            path = source / f"data{number % 50}" / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{number}\n" * 100)
        (source / "report.py").write_text(
            "open('data0/0.txt', 'w').write('1')\nopen('new.txt', 'w')\nprint(1)\n"
        )
        release = deploy(Layout(folder / "releases", f"source_{files}"), Plan(source)).release
        run(release, Job(("report.py",)), on_line=lambda *_: None)  # the first one of a release makes the copy
        return lambda: run(release, Job(("report.py",)), on_line=lambda *_: None)

    large, small = deployed(5_000), deployed(5)
    ours, least = in_turn(lambda: seconds(large), lambda: seconds(small), rounds=ROUNDS)
    return Figure(
        "script.large_source", (ours - least) * 1000, None, 100, "ms more than of a source of 5 files"
    )


@contextmanager
def _settings(folder: Path, port: int) -> Iterator[None]:
    extra = {"disable_tls": True, "disable_ssl": True, "from_email": "me@example.org"}
    os.environ |= {
        "AIRFLOW__DAYBREAK__RELEASES": str(folder / "releases"),
        "AIRFLOW__DAYBREAK__ARCHIVE": (folder / "archive").as_uri(),
        "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(
            {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
        ),
    }
    yield
    for name in ("AIRFLOW__DAYBREAK__RELEASES", "AIRFLOW__DAYBREAK__ARCHIVE", "AIRFLOW_CONN_SMTP_DEFAULT"):
        del os.environ[name]


def _context(day: int) -> dict[str, object]:
    """Return the context of a run that many days after some day."""
    instant = datetime(2026, 1, 1, 8, tzinfo=timezone.utc) + timedelta(days=day)
    return make_context(dag_id="bench", task_id="run", run_id=f"run-{day}", logical_date=instant)
