"""The daily almanac's mail as other programs read it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from airflow_provider_daybreak.context.run import run_of
from airflow_provider_daybreak.hooks.report import ReportHook
from airflow_provider_daybreak.reports.report import ReportSpec
from tests.waiting import until

DAGS = Path(__file__).parents[3] / "dags" / "daily_report"
DAY = "2026-03-29"
ATTACHED, CONTENT = "Tageslänge (März).csv", b"day,hours\n2026-03-29,12.7\n"


@pytest.fixture
def almanac(archive, make_context):
    """Publish the almanac as the daily Dag does."""
    script = [sys.executable, DAGS / "script" / "almanac.py", "--date", DAY]
    data = {"almanac": json.loads(subprocess.run(script, check=True, capture_output=True).stdout)}
    spec = ReportSpec("daily_report", DAGS / "report.md.j2", "day", 0, DAGS, data, locale="en_GB")
    return ReportHook(archive.uri).publish(spec, run_of(make_context(), report_date=DAY))


@pytest.fixture
def eml(almanac, mail, server, archive, tmp_path):
    """Return the file of the almanac's mail, with names that are not ASCII, as a server got it."""
    data = tmp_path / "data"
    data.write_bytes(CONTENT)
    with data.open("rb") as file:
        attachment = archive.store_artifact(ATTACHED, file).info()
    mail({"manifest": almanac.uri}, to=['"Doe, Jörg" <joerg@example.org>'], attachments=[attachment])
    path = tmp_path / "almanac.eml"
    path.write_bytes(server.mails[0].content)
    return path


@pytest.fixture
def unpacked(eml, tmp_path):
    """Return the folder of the parts as ripMIME unpacks them, by its own parser in C."""
    folder = tmp_path / "parts"
    subprocess.run(["ripmime", "-i", eml, "-d", folder], check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
    return folder


class Terminal:
    """A program in a terminal of its own: what it shows, and what is typed."""

    def __init__(self, descriptor):
        self._descriptor, self._shown = descriptor, b""

    def answer(self, shown, typed):
        """Type once the program shows something."""
        os.set_blocking(self._descriptor, False)
        until(lambda: shown.encode() in self._read())
        self._shown = b""
        self.type(typed)

    def type(self, text):
        os.write(self._descriptor, text.encode())

    def _read(self):
        with suppress(BlockingIOError):
            self._shown += os.read(self._descriptor, 65536)
        return self._shown


@contextmanager
def in_terminal(*command):
    process, descriptor = pty.fork()
    if process == 0:
        os.environ.update(LC_ALL="C.UTF-8", TERM="xterm", COLUMNS="120", LINES="40")
        os.execvp(command[0], command)
    try:
        yield Terminal(descriptor)
    finally:
        os.kill(process, signal.SIGKILL)  # one that has ended is there until it is waited for
        os.waitpid(process, 0)
        os.close(descriptor)


@pytest.mark.mail_readers
def test_mutt_shows_names_subject_and_text(eml, almanac, tmp_path):
    mailbox = tmp_path / "mailbox"
    mailbox.write_bytes(b"From sender Sun Mar 29 09:00:00 2026\n" + eml.read_bytes().replace(b"\r\n", b"\n"))
    shown = tmp_path / "shown"
    settings = f"set folder={tmp_path} pipe_decode=yes wait_key=no"  # it asks whether to make a folder that is not there
    with in_terminal("mutt", "-n", "-F", "/dev/null", "-R", "-f", mailbox, "-e", settings) as mutt:
        mutt.answer("almanac", "|")  # the list of mails is there
        mutt.answer("Pipe to command", f"cat > {shown}; echo > {shown}.done\r")
        until(Path(f"{shown}.done").exists)
        mutt.type("q")

    head, _, text = shown.read_text().partition("\n\n")
    assert 'To: "Doe, Jörg" <joerg@example.org>' in head.splitlines()
    assert "Subject: Daily almanac for Berlin, 29 March 2026" in head.splitlines()
    assert text.startswith(almanac.read("report.txt").decode())
    assert text.rstrip().endswith(CONTENT.decode().rstrip())


@pytest.mark.mail_readers
def test_ripmime_unpacks_the_chart_and_the_attachment_under_their_names(unpacked, almanac):
    assert (unpacked / "daylight.png").read_bytes() == almanac.read("charts/daylight.png")
    assert (unpacked / ATTACHED).read_bytes() == CONTENT


@pytest.mark.mail_readers
@pytest.mark.browser
@pytest.mark.parametrize("width", [375, 600])
def test_chromium_shows_the_html_with_its_chart_at_a_phones_width_and_a_mails(width, unpacked, eml, browser):
    [markup] = [text for path in unpacked.glob("textfile*") if "<html" in (text := path.read_text())]
    content_id = re.search(rb"Content-ID: <(.+?)>", eml.read_bytes())[1].decode()
    shown = unpacked / "shown.html"  # a browser knows no cid:, which a mail program looks up
    shown.write_text(markup.replace(f"cid:{content_id}", "daylight.png"))
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto(shown.as_uri())

    assert page.get_by_role("heading", name="Daily almanac for Berlin, 29 March 2026").is_visible()
    assert page.locator("img").evaluate("image => image.naturalWidth") > 600
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.mail_readers
def test_spamassassin_finds_little_to_suspect(eml):
    checked = subprocess.run(
        ["spamassassin", "--local", "--test-mode"], input=eml.read_bytes(), capture_output=True, check=True
    )

    score, tests = re.search(
        rb"score=(-?[\d.]+) .*?tests=([\w,\s]+?) autolearn", checked.stdout, re.DOTALL
    ).groups()
    print("SpamAssassin:", score.decode(), tests.decode().split())
    assert float(score) < 2
