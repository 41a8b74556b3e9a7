"""What a Dag in shadow captured is set beside what the old job sent: mail by mail and day by day, with a verdict on each."""

from __future__ import annotations

import json
import mailbox
import zipfile
from argparse import Namespace
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from email.message import EmailMessage
from email.utils import format_datetime
from io import BytesIO
from unittest.mock import create_autospec
from zoneinfo import ZoneInfo

import pytest
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_daybreak.archive import Archive, Draft
from airflow_provider_daybreak.cli.shadowing import comparing
from airflow_provider_daybreak.cli.shadowing.imap import Mailbox, access_of, letters_of
from airflow_provider_daybreak.cli.shadowing.letters import Letter, letter_of
from airflow_provider_daybreak.cli.shadowing.pairing import blocks, pairs
from airflow_provider_daybreak.cli.shadowing.tokens import Tolerance
from airflow_provider_daybreak.context.known_dag import KnownDag
from airflow_provider_daybreak.context.schedules import Schedule
from airflow_provider_daybreak.delivery.captured import captured_files
from airflow_provider_daybreak.delivery.intake import RelayedMessage
from airflow_provider_daybreak.delivery.shadow import Shadow, Shadows, event

BERLIN = ZoneInfo("Europe/Berlin")
DAY = date(2026, 3, 30)


def letter(
    day=DAY,
    *,
    subject="Sales",
    text="12 sold.\n",
    to="ann@example.org",
    html=None,
    files=(),
    minutes=0,
    identity="1",
):
    """Return a mail, as bytes."""
    message = EmailMessage()
    message["From"] = "root@old.example.org"
    message["To"] = to
    message["Subject"] = subject
    at = datetime(day.year, day.month, day.day, 9, 0, tzinfo=BERLIN) + timedelta(minutes=minutes)
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{identity}@old.example.org>"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for name, data in files:
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return bytes(message)


@pytest.fixture
def scene(tmp_path, monkeypatch, capsys):
    """Return a Dag in shadow since the day before, whose captured mails and old ones a test says."""
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "archive").as_uri())
    timetable = CronTriggerTimetable("0 9 * * *", timezone="Europe/Berlin")
    schedule = Schedule("sales", frozenset(), makes_others=True, zone=BERLIN, timetable=timetable)
    monkeypatch.setattr(
        comparing, "known_dag", lambda name: KnownDag(name, "", paused=False, schedule=schedule)
    )
    began = datetime(2026, 3, 29, 5, tzinfo=timezone.utc)
    Shadows(Archive(tmp_path / "archive").root).keep(Shadow("sales").begun(event("started", began, "ann")))
    return Scene(tmp_path, capsys)


class Scene:
    """What the Dag captured, in a real archive, and what the old job sent, in a folder of mails."""

    def __init__(self, folder, capsys):
        self.folder = folder
        self.old = folder / "old"
        self.old.mkdir()
        self._capsys = capsys

    def captured(self, *letters, day=DAY):
        taken = []
        for number, data in enumerate(letters):
            path = self.folder / f"taken-{day}-{number}"
            path.write_bytes(data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
            taken.append(RelayedMessage("me@example.org", ("ann@example.org",), path))
        out = self.folder / f"out-{day}"
        out.mkdir(exist_ok=True)
        title, files = captured_files(taken, out)
        start = datetime(day.year, day.month, day.day, tzinfo=BERLIN)
        period = {"name": "day", "start": start.isoformat(), "end": (start + timedelta(days=1)).isoformat()}
        made = Draft(
            report="sales", report_date=day, period={**period, "timezone": "Europe/Berlin"}, title=title, files=files,
            rows={"mails": len(letters)}, run={"dag_id": "sales", "run_id": "r", "task_id": "t", "map_index": -1, "try_number": 1},
        )  # fmt: skip
        Archive(self.folder / "archive").publish(made)

    def sent(self, *letters):
        for data in letters:
            (self.old / f"{len(list(self.old.iterdir()))}.eml").write_bytes(data)

    def compare(self, *, expect=0, beside=None, **options):
        said = {
            "dag": "sales",
            "beside": str(beside or self.old),
            "since": None,
            "until": str(DAY),
            "numbers": "0",
            "imap_conn_id": None,
        }
        said |= {
            "minutes": 60,
            "subject": None,
            "strict": False,
            "page": None,
            "output": "json",
            "verbose": False,
        }
        self._capsys.readouterr()
        code = 0
        try:
            comparing.compare(Namespace(**{**said, **options}))
        except SystemExit as ended:
            code = ended.code
        assert code == expect
        captured = self._capsys.readouterr()
        self.said = captured.err
        return json.loads(captured.out) if captured.out else {}

    def outcomes(self, **options):
        return [row["outcome"] for row in self.compare(**options)["compared"]]


def test_the_same_mail_from_another_server_is_the_same(scene):
    scene.captured(letter(identity="new"))
    scene.sent(letter(minutes=3, identity="old").replace(b"root@old", b"ann@elsewhere"))

    assert scene.outcomes() == ["same"]


def test_times_within_the_hour_are_close_and_strict_counts_them(scene):
    scene.captured(letter(text="12 sold, by 09:00:05\n"))
    scene.sent(letter(text="12 sold, by 09:00:59\n"))

    assert scene.outcomes() == ["close"]
    assert scene.outcomes(strict=True, expect=1) == ["close"]


def test_another_number_is_different_and_shown_on_both_sides(scene):
    scene.captured(letter(text="In the north 13 were sold.\n"))
    scene.sent(letter(text="In the north 12 were sold.\n"))

    [row] = scene.compare(expect=1)["compared"]
    assert (row["outcome"], row["what"]) == ("different", "text")
    assert "12 were" in row["old"]
    assert "13 were" in row["dag"]
    assert scene.outcomes(numbers="10%") == ["close"]


def test_what_one_of_both_did_not_send_is_missing(scene):
    scene.captured(letter(subject="Sales"), letter(subject="Sales of the north"))
    scene.sent(letter(subject="Sales"), letter(day=date(2026, 3, 29), subject="Sales"))

    rows = {(row["date"], row["subject"]): row["outcome"] for row in scene.compare(expect=1)["compared"]}
    assert rows == {
        ("2026-03-30", "Sales"): "same",
        ("2026-03-30", "Sales of the north"): "only the Dag",
        ("2026-03-29", "Sales"): "only the old job",
    }


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"to": "bo@example.org"}, "recipients"),
        ({"subject": "Sales 2"}, "subject"),
        ({"html": "<p>13</p>"}, "HTML"),
        ({"files": [("a.csv", b"a\n2\n")]}, "attachment a.csv"),
        ({"files": [("b.csv", b"a\n1\n")]}, "names of attachments"),
        ({"files": []}, "names of attachments"),
    ],
)
def test_the_part_that_differs_is_named(scene, change, what):
    base = {"html": "<p>12</p>", "files": [("a.csv", b"a\n1\n")]}
    scene.captured(letter(**base))
    scene.sent(letter(**{**base, **change}))

    assert [row["what"] for row in scene.compare(expect=1)["compared"]] == [what]


def test_markup_alone_makes_no_difference(scene):
    scene.captured(letter(html="<div><p>12 <b>sold</b></p><style>p{color:red}</style></div>"))
    scene.sent(letter(html="<table><tr><td>12 <i>sold</i></td></tr></table>"))

    assert scene.outcomes() == ["same"]


def test_workbooks_are_compared_by_what_is_in_them(scene):
    def workbook(cell, author):
        box = BytesIO()
        with zipfile.ZipFile(box, "w") as file:
            file.writestr("xl/sheet1.xml", f"<c>{cell}</c>")
            file.writestr("docProps/core.xml", author)
        return box.getvalue()

    scene.captured(letter(files=[("s.xlsx", workbook(12, "new"))]))
    scene.sent(letter(files=[("s.xlsx", workbook(12, "old"))]))
    assert scene.outcomes() == ["same"]

    scene.sent(letter(files=[("s.xlsx", workbook(13, "old"))], identity="2"))
    assert "only the old job" in scene.outcomes(expect=1)


def test_a_mail_belongs_to_the_day_that_was_due_last_before_it(scene):
    scene.captured(letter())
    scene.sent(letter(minutes=23 * 60))  # early the next morning, still before nine

    assert scene.outcomes() == ["same"]


def test_copies_of_one_mail_for_several_are_one(scene):
    scene.captured(letter(to="ann@example.org, bo@example.org"))
    scene.sent(letter(to="ann@example.org, bo@example.org"), letter(to="ann@example.org, bo@example.org"))

    assert scene.outcomes() == ["same"]


def test_other_mails_of_the_mailbox_are_left_out_and_counted(scene):
    scene.captured(letter())
    scene.sent(letter(), letter(subject="Lunch?"))

    found = scene.compare()
    assert found["other_mails"] == 1
    assert "1 other mails" in scene.said
    assert "only the old job" in scene.outcomes(subject="Sales|Lunch", expect=1)


def test_what_cron_mailed_of_the_output_is_what_the_dag_mails_of_it(scene):
    scene.captured(letter(subject="Cron: sales"))
    scene.sent(letter(subject="Cron <root@old> /srv/sales.py"))

    assert scene.outcomes() == ["same"]


@pytest.mark.parametrize("kind", ["mbox", "maildir", "file"])
def test_mailboxes_of_every_kind_are_read(scene, kind, tmp_path):
    scene.captured(letter(text="From here on 12.\n"))
    old = letter(text="From here on 12.\n")
    if kind == "mbox":
        box = mailbox.mbox(tmp_path / "box")
        box.add(old)
        box.close()
    elif kind == "maildir":
        box = mailbox.Maildir(tmp_path / "box")
        box.add(old)
    else:
        (tmp_path / "box").write_bytes(old.replace(b"\n", b"\r\n"))

    assert scene.outcomes(beside=tmp_path / "box") == ["same"]


def test_a_mailbox_on_a_server_is_asked_for_the_days_on_which_the_mails_may_have_been_sent(scene, monkeypatch):
    scene.captured(letter())
    old = [letter_of(letter(), "1"), letter_of(letter(subject="Lunch?"), "2")]
    asked = []

    def letters(access, since, before, wanted):
        asked.append((access, since, before, [wanted(each) for each in old]))
        return iter(old)

    monkeypatch.setattr(comparing, "letters_of", create_autospec(letters_of, side_effect=letters))
    monkeypatch.setattr(comparing, "access_of", create_autospec(access_of, side_effect=lambda *given: given))

    found = scene.compare(beside="imaps://ann@imap.example.org/Sales", imap_conn_id="old")
    assert ([row["outcome"] for row in found["compared"]], found["other_mails"]) == (["same"], 1)
    mailbox = Mailbox("imap.example.org", 993, "ann", "Sales")
    assert asked == [((mailbox, "old"), date(2026, 3, 27), date(2026, 4, 2), [True, False])]


def test_thousands_of_mails_of_a_day_are_each_compared_with_few():
    new = [Letter(f"Invoice {number}", None, frozenset(), f"Pay {number}.", "", {}) for number in range(3000)]
    old = [replace(each) for each in new[:-1]]

    found = [pair.outcome for pair in pairs(DAY, old, new, Tolerance())]
    assert found == ["same"] * 2999 + ["only the Dag"]


def test_the_page_shows_a_mail_s_text_as_text(scene, tmp_path):
    scene.captured(letter(text="<script>alert(1)</script> 13\n", subject="<b>Sales</b>"))
    scene.sent(letter(text="<script>alert(1)</script> 12\n", subject="<b>Sales</b>"))
    scene.compare(page=str(tmp_path / "page.html"), expect=1)

    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page
    assert "&lt;b&gt;Sales" in page
    assert 'class="bad"' in page


def test_bytes_that_are_no_mail_break_nothing(scene):
    scene.captured(letter())
    for number, data in enumerate(
        (b"", b"\0\xff", b"Date: x\n\nSubject: y", b"Subject: =?x?q?=?=\n\n", letter()[:20])
    ):
        (scene.old / f"bad-{number}.eml").write_bytes(data)
    scene.sent(letter())

    assert "same" in scene.outcomes(expect=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beside": "/nowhere"}, "a folder of .eml files"),
        ({"numbers": "some"}, "a share such as 1%"),
        ({"subject": "("}, "a regular expression"),
        ({"since": "2026-03-31", "until": "2026-04-02"}, "has captured something"),
        ({"page": "/nowhere/page.html"}, "a file that can be written"),
    ],
)
def test_what_cannot_be_compared_is_said(scene, options, message):
    scene.captured(letter())
    scene.sent(letter())
    scene.compare(expect=1, **options)

    assert message in scene.said


def test_a_dag_that_never_was_in_shadow_has_nothing_to_compare(scene):
    scene.compare(expect=1, dag="other")

    assert "airflow daybreak shadow start" in scene.said


LOG = "start 2026-03-29\n12 sold\ndone\nstart 2026-03-30\n14 sold\nsomething else\n"


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        (["start 2026-03-29", "12 sold", "done"], "same"),
        (["start 2026-03-29", "12.1 sold", "done"], "close"),
        (["start 2026-03-29", "20 sold", "done"], "different"),
        (["never printed"], "only the Dag"),
        ([], "same"),
        (None, "no log"),
    ],
)
def test_what_a_run_printed_is_looked_for_in_the_old_log(lines, outcome):
    tolerance = Tolerance.of("1%", 60)

    assert [pair.outcome for pair in blocks({DAY: lines}, LOG.splitlines(), tolerance)] == [outcome]


def test_two_runs_that_print_the_same_need_two_places_in_the_log():
    runs = {DAY: ["done"], DAY + timedelta(days=1): ["done"]}

    assert [pair.outcome for pair in blocks(runs, ["done"], Tolerance())] == ["same", "only the Dag"]
    assert [pair.outcome for pair in blocks(runs, ["done", "done"], Tolerance())] == ["same", "same"]
