"""The daily chain under a real scheduler, with a real mail server and a real Docker engine."""

from __future__ import annotations

import os
import re
import signal
from datetime import date, timedelta

import ephem
import pytest

pytestmark = [pytest.mark.scheduler, pytest.mark.engine]

BERLIN = ("52.52", "13.405")


def sun(day, place=BERLIN):
    """Return sunrise and sunset in UTC by an ephemeris that has nothing in common with the script's."""
    observer = ephem.Observer()
    observer.lat, observer.lon = place
    observer.pressure, observer.horizon = 0, "-0:34"  # refraction; its own is for the upper edge
    observer.date = ephem.Date(day.isoformat())
    return tuple(
        ephem.to_timezone(instant(ephem.Sun()), ephem.UTC)
        for instant in (observer.next_rising, observer.next_setting)
    )


def run_for(stack, day, **conf):
    run = stack.airflow.trigger("daily_report", conf={"report_date": day.isoformat(), **conf})
    assert stack.wait(run) == "success"
    return run


def test_a_run_without_a_logical_date_delivers_the_chosen_date(stack):
    day = date.today() - timedelta(days=1)  # noqa: DTZ011 - any recent day will do

    run_for(stack, day)

    revision = stack.archive.latest("daily_report", day)
    assert revision.number == 1
    [mail] = stack.mails(day.strftime("%-d %B %Y"))
    types = [part.get_content_type() for part in mail.walk() if not part.is_multipart()]
    assert types == ["text/plain", "text/html", "image/png", "application/pdf"]
    assert mail.get_body(("html",)).get_content().count('src="cid:') == 1
    assert (
        mail.get_body(("plain",)).get_content().splitlines()
        == revision.read("report.txt").decode().splitlines()
    )
    pdf = next(part for part in mail.iter_attachments() if part.get_content_type() == "application/pdf")
    assert pdf.get_content().startswith(b"%PDF-")


def test_a_second_run_for_a_delivered_date_mails_nothing(stack):
    day = date.today() - timedelta(days=2)  # noqa: DTZ011 - any recent day will do

    run_for(stack, day)
    run_for(stack, day)

    assert len(list(stack.archive.revisions("daily_report", since=day, until=day))) == 1
    assert len(stack.mails(day.strftime("%-d %B %Y"))) == 1


def test_a_run_with_a_logical_date_takes_its_day_in_the_dags_zone(stack):
    # 23:30 in UTC is the next day in Berlin.
    run = stack.airflow.trigger("daily_report", logical_date="2026-03-28T23:30:00Z")

    assert stack.wait(run) == "success"

    assert stack.archive.latest("daily_report", date(2026, 3, 29)) is not None
    assert stack.archive.latest("daily_report", date(2026, 3, 28)) is None


def test_a_backfill_reports_each_day_as_an_independent_almanac_has_it(stack):
    days = [date(2026, 6, 19) + timedelta(days=n) for n in range(3)]
    stack.airflow.backfill("daily_report", "--from-date", "2026-06-19", "--to-date", "2026-06-21T23:59")

    window = {"logical_date_gte": "2026-06-19T00:00:00Z", "logical_date_lte": "2026-06-22T00:00:00Z"}
    runs = stack.airflow.runs("daily_report", **window)
    assert len(runs) == len(days)
    for run in runs:
        assert stack.wait(run) == "success"

    revisions = [stack.archive.latest("daily_report", day) for day in days]
    assert len({revision.manifest.digest for revision in revisions}) == len(days)
    for day, revision in zip(days, revisions, strict=True):
        text = revision.read("report.txt").decode()
        for name, instant in zip(("Sunrise", "Sunset"), sun(day), strict=True):
            shown = re.search(rf"{name}\W+(\d\d):(\d\d)", text)
            local = instant + timedelta(hours=2)  # Berlin's summer time
            minutes = int(shown[1]) * 60 + int(shown[2])
            assert abs(minutes - (local.hour * 60 + local.minute)) <= 2
    # June's days lie further back than the delivery's window: archived, and mailed to nobody.
    assert stack.mails("June 2026") == []


def test_a_task_that_was_killed_is_tried_again_and_its_mail_goes_out_once(stack):
    day = date.today() - timedelta(days=3)  # noqa: DTZ011 - any recent day will do
    run = stack.airflow.trigger("daily_report", conf={"report_date": day.isoformat()})
    stack.wait_for_task(run, "make_pdf", {"running"})

    task = f"/dags/daily_report/dagRuns/{run}/taskInstances/make_pdf"
    os.kill(stack.airflow.api("GET", task)["pid"], signal.SIGKILL)

    assert stack.wait(run) == "success"
    assert stack.airflow.api("GET", task)["try_number"] == 2
    assert len(stack.mails(day.strftime("%-d %B %Y"))) == 1
