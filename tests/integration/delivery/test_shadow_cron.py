"""Debian's cron itself, beside the Dag that its line was imported into: both say the same, then one takes over from the other."""

from __future__ import annotations

import subprocess
from argparse import Namespace
from contextlib import contextmanager
from datetime import datetime, time, timedelta, timezone

import pytest

from airflow_provider_daybreak.cli.local_run import find_task
from airflow_provider_daybreak.cli.shadowing import command, comparing, cutover
from airflow_provider_daybreak.context.known_dag import KnownDag
from airflow_provider_daybreak.context.schedules import Schedule
from airflow_provider_daybreak.context.shadow import shadows_of
from tests.conftest import FAKETIME, UNSHARED
from tests.imports import import_file
from tests.mail import MailServer, result_of
from tests.waiting import until

pytestmark = pytest.mark.cron

SCRIPT = """\
#!/usr/bin/python3
import os, smtplib
from datetime import date
from email.message import EmailMessage
from email.utils import localtime

message = EmailMessage()
message["Subject"], message["Date"] = f"Sales of {date.today()}", localtime()
message["From"], message["To"] = "reports@example.org", "ann@example.org"
message.set_content("12 sold.\\n")
with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])) as server:
    server.send_message(message)
"""
SPOOL = "/var/spool/cron/crontabs"
PLACE = f"""
mount --bind "$1" {SPOOL}
mount -t tmpfs none /etc/cron.d
mount --bind /dev/null /etc/crontab
mount -t tmpfs none /run
exec env LD_PRELOAD={FAKETIME} FAKETIME="$2" TZ=UTC cron -f -L 15
"""


class Cron:
    """Debian's cron with a spool of its own, in namespaces of its own."""

    def __init__(self, folder, port):
        self.spool = folder / "spool"
        self.spool.mkdir()
        script = folder / "srv" / "sales.py"
        script.parent.mkdir()
        script.write_text(SCRIPT)
        script.chmod(0o755)
        self.passed = folder / "passed"
        self.crontab = self.spool / "root"
        self.crontab.write_text(
            f"SMTP_HOST=127.0.0.1\nSMTP_PORT={port}\n# Sales of the day\n0 0 * * * {script}\n0 0 * * * touch {self.passed}\n"
        )
        self.crontab.chmod(0o600)

    @contextmanager
    def running(self, now):
        """Let it run, with the clock on the wall as said, which goes on from there."""
        offset = now - datetime.now(timezone.utc)
        self.passed.unlink(missing_ok=True)
        words = [*UNSHARED, "sh", "-ec", PLACE, "cron", str(self.spool), f"{offset.total_seconds():+.0f}s"]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        try:
            yield lambda: datetime.now(timezone.utc) + offset
        finally:
            process.kill()
            process.wait(30)

    def wait(self):
        """Wait until it has run what is due at midnight."""
        until(self.passed.exists)


@pytest.fixture
def old_server():
    with MailServer() as server:
        yield server


@pytest.fixture
def cron(tmp_path, old_server):
    return Cron(tmp_path, old_server.port)


@pytest.fixture
def dag(cron, server, connect_to, make_context, monkeypatch, tmp_path):
    """Return the Dag of the crontab's first line: a function that runs it for a day, and its commands."""
    connect_to(server)
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "archive").as_uri())
    import_file(cron.crontab, tmp_path / "dags", verbose=True)
    return Dag(tmp_path / "dags" / "sales.py", make_context, monkeypatch)


class Dag:
    def __init__(self, file, make_context, monkeypatch):
        self._dag = find_task(file, "run_script", "sales").dag
        self._make_context = make_context
        schedule = Schedule(
            "sales", frozenset(), makes_others=True, zone=timezone.utc, timetable=self._dag.timetable
        )
        known = KnownDag("sales", str(file), paused=True, schedule=schedule)
        for module in (command, comparing, cutover):
            monkeypatch.setattr(module, "known_dag", lambda _dag_id: known)
        for module in (command, cutover):
            monkeypatch.setattr(module, "switch", lambda _dag_id, *, on: on)
        self._monkeypatch = monkeypatch

    def run(self, due):
        context = self._make_context(
            dag_id="sales", dag_timezone="UTC", logical_date=due, run_id=due.isoformat()
        )
        deploy, task = self._dag.get_task("deploy_script"), self._dag.get_task("run_script")
        task.release = deploy.execute(context)
        return result_of(task.execute, context)

    def start(self):
        command.start(Namespace(dag="sales", output="json", verbose=True))

    def cut_over(self, crontab, now):
        self._monkeypatch.setattr(cutover, "_now", now)
        said = {"dag": "sales", "crontab": str(crontab), "old_is_off": False, "undo": False}
        cutover.cutover(Namespace(**said, output="json", verbose=True))

    def compare(self, folder):
        said = {
            "dag": "sales",
            "beside": str(folder),
            "since": None,
            "until": None,
            "numbers": "0",
            "minutes": 60,
        }
        more = {
            "imap_conn_id": None,
            "subject": None,
            "strict": False,
            "page": None,
            "output": "json",
            "verbose": True,
        }
        comparing.compare(Namespace(**said, **more))


def test_both_say_the_same_and_after_the_cutover_each_day_is_mailed_by_exactly_one(
    cron, dag, server, old_server, tmp_path
):
    today = datetime.combine(datetime.now(timezone.utc).date(), time(), timezone.utc)
    tomorrow = today + timedelta(days=1)
    dag.start()
    with cron.running(today - timedelta(seconds=15)):
        dag.run(today)
        cron.wait()
        until(lambda: old_server.mails)
    assert server.mails == []

    (tmp_path / "old").mkdir()
    for number, mail in enumerate(old_server.mails):
        (tmp_path / "old" / f"{number}.eml").write_bytes(mail.content)
    dag.compare(tmp_path / "old")  # ends with an error where anything differs

    with cron.running(tomorrow - timedelta(seconds=45)) as now:
        dag.cut_over(cron.crontab, now)
        cron.wait()
    if (
        not shadows_of().of("sales").is_live(tomorrow.date())
    ):  # this machine was so slow that midnight came first
        until(lambda: len(old_server.mails) == 2)
    dag.run(tomorrow)
    dag.run(tomorrow)
    dag.run(today)

    assert len(old_server.mails) + len(server.mails) == 2, "one for each day"
    assert bool(server.mails) is shadows_of().of("sales").is_live(tomorrow.date())
    assert len(list(cron.spool.iterdir())) == 2, "the crontab, and the copy that was made before"
    assert [path.stat().st_mode & 0o777 for path in cron.spool.iterdir()] == [0o600, 0o600]
