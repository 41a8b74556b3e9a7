"""A line of a crontab is imported, runs in shadow beside the old job, is compared, cut over and taken back, under a real scheduler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from demo.api import AirflowFailedError
from tests.integration.delivery.dovecot import PASSWORD, PROGRAM, USER, Dovecot
from tests.mail import Authority, MailServer
from tests.system.test_delivery import Chain
from tests.waiting import until

pytestmark = pytest.mark.scheduler

NAME = "stock_of_the_shop"
NOW = datetime.now(timezone.utc)
ZONE = f"Etc/GMT{NOW.hour - 12:+d}"
"""One in which it is noon: nothing is due for hours, and no day ends."""
TODAY = NOW.astimezone(ZoneInfo(ZONE)).date()
TOMORROW = TODAY + timedelta(days=1)
SCRIPT = """\
#!/usr/bin/python3
import os, smtplib
from datetime import date
from email.message import EmailMessage
from email.utils import localtime

message = EmailMessage()
message["Subject"], message["Date"] = f"Stock of {date.today()}", localtime()
message["From"], message["To"] = "shop@example.org", "ann@example.org"
message.set_content(f"On {date.today()} there were 12 chairs.\\n")
with smtplib.SMTP(os.environ["SMTP_HOST"], int(os.environ["SMTP_PORT"])) as server:
    server.send_message(message)
"""


class Shop(Chain):
    """The old job, whose line is run by hand, and the Dag that it was imported into."""

    def __init__(self, stack, folder, old):
        self.folder, self.old = folder, old
        self.script = folder / "srv" / f"{NAME}.py"
        self.script.parent.mkdir()
        self.script.write_text(SCRIPT)
        self.script.chmod(0o755)
        self.crontab = folder / "crontab"
        line = f"0 0 * * * {self.script}"
        self.crontab.write_text(
            f"SMTP_HOST=127.0.0.1\nSMTP_PORT={old.port}\n# The shop's stock\n{line}\n0 4 * * * other\n"
        )
        self.text = self.crontab.read_text()
        stack.airflow.cli(
            "daybreak", "import", str(self.crontab), "--out", str(stack.copies), "--timezone", ZONE
        )
        self.stack, self.airflow, self.dag_id = stack, stack.airflow, NAME
        until(self._is_known)
        self.runs = {}

    def _is_known(self):
        try:
            return self.airflow.api("GET", f"/dags/{NAME}")
        except AirflowFailedError:
            return False

    def paused(self):
        return self.airflow.api("GET", f"/dags/{NAME}")["is_paused"]

    def daybreak(self, *words):
        """Run a command; return what it printed, as data."""
        said = self.airflow.cli("daybreak", *words, "--output", "json")
        return json.loads(said[min(place for place in map(said.find, "[{") if place >= 0) :])

    def run_old(self):
        """Run the line, as cron does where it is still there."""
        if f"\n0 0 * * * {self.script}\n" in self.crontab.read_text():
            env = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(self.old.port), "TZ": ZONE}
            subprocess.run([sys.executable, self.script], env=os.environ | env, check=True)

    def run_dag(self, day):
        """Run the Dag for a day, or its tasks again; return how its mail ended."""
        if day in self.runs:
            body = {"dry_run": False, "only_failed": False, "dag_run_id": self.runs[day]}
            self.airflow.api("POST", f"/dags/{NAME}/clearTaskInstances", json=body)
        else:
            self.runs[day] = self.start(day)
        assert self.ended(self.runs[day]) == "success"
        return self.airflow.tasks(NAME, self.runs[day])["run_script"]

    def sent(self):
        """Return the subjects of what the Dag has mailed."""
        return sorted(mail["Subject"] for mail in self.stack.mails("12 chairs"))


@pytest.fixture(scope="module")
def shop(stack, tmp_path_factory):
    with MailServer() as old:
        yield Shop(stack, tmp_path_factory.mktemp("shop"), old)


@pytest.fixture(scope="module")
def shadowed(shop):
    """Return it once both have run for today, the Dag in shadow."""
    assert shop.paused()
    assert shop.daybreak("shadow", "start", NAME)[0]["state"] == "shadow"
    assert not shop.paused()
    shop.run_old()
    assert shop.run_dag(TODAY) == "skipped"
    assert shop.run_dag(TODAY) == "skipped"
    assert shop.sent() == []
    return shop


@pytest.fixture
def old_mail(shadowed, tmp_path):
    """Return a folder of what the old job has sent."""
    (tmp_path / "old").mkdir()
    for number, mail in enumerate(shadowed.old.mails):
        (tmp_path / "old" / f"{number}.eml").write_bytes(mail.content)
    return tmp_path / "old"


def test_in_shadow_both_say_the_same_and_another_number_does_not(shadowed, old_mail):
    found = shadowed.daybreak("shadow", "compare", NAME, "--with", str(old_mail))
    assert [(row["date"], row["outcome"]) for row in found["compared"]] == [(str(TODAY), "same")]

    [mail] = old_mail.iterdir()
    mail.write_bytes(mail.read_bytes().replace(b"12 chairs", b"13 chairs"))
    with pytest.raises(AirflowFailedError, match="1 different"):
        shadowed.daybreak("shadow", "compare", NAME, "--with", str(old_mail))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start a Dovecot")
@pytest.mark.skipif(not PROGRAM, reason="dovecot is not installed: apt install dovecot-imapd")
def test_what_the_old_job_sent_is_read_out_of_its_mailbox(shadowed, old_mail, tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    authority.context()
    connection = {
        "conn_type": "imap",
        "login": USER,
        "password": PASSWORD,
        "extra": {"ca_file": str(authority.file)},
    }
    monkeypatch.setitem(shadowed.airflow.env, "AIRFLOW_CONN_OLD_MAIL", json.dumps(connection))
    with Dovecot(tmp_path / "localhost-False-False.pem") as server:
        for mail in old_mail.iterdir():
            server.add(mail.read_bytes())
        where = f"imaps://localhost:{server.port}/INBOX"
        found = shadowed.daybreak("shadow", "compare", NAME, "--with", where, "--imap-conn-id", "old_mail")

        assert [row["outcome"] for row in found["compared"]] == ["same"]
        assert server.unread() == 1


def test_after_the_cutover_each_day_is_mailed_by_exactly_one_and_it_can_be_taken_back(shadowed):
    shop = shadowed
    assert shop.daybreak("cutover", NAME)["lines"] == [f"0 0 * * * {shop.script}"]
    assert shop.crontab.read_text() == shop.text

    row = shop.daybreak("cutover", NAME, "--crontab", str(shop.crontab))
    assert (row["state"], row["mails_from"]) == ("live", str(TOMORROW))
    assert f"# daybreak cutover {NAME} " in shop.crontab.read_text()

    shop.run_old()  # finds its line no more
    assert shop.run_dag(TODAY) == "skipped"
    for _ in range(2):
        shop.run_old()
        assert shop.run_dag(TOMORROW) == "success"
    assert len(shop.old.mails) == 1
    assert shop.sent() == [f"Stock of {TOMORROW}"]

    row = shop.daybreak("cutover", NAME, "--undo", "--crontab", str(shop.crontab))
    assert row["state"] == "shadow"
    assert shop.crontab.read_text() == shop.text
    shop.run_old()
    assert shop.run_dag(TOMORROW + timedelta(days=1)) == "skipped"
    assert len(shop.old.mails) == 2
    assert shop.sent() == [f"Stock of {TOMORROW}"]
