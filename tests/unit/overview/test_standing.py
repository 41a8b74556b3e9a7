"""What became of a report, by all that may be known of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone

import pytest

from airflow_provider_daybreak.overview.facts import Archived, Mail, Mails
from airflow_provider_daybreak.overview.standing import (
    LEAST_GRACE,
    STATES,
    RunFacts,
    Slot,
    Standing,
    grace_of,
    judge,
)
from airflow_provider_daybreak.overview.words import _REASONS, LANGUAGES, sentence
from airflow_provider_daybreak.overview.words import STATES as NAMES

DAY = date(2026, 11, 27)
DUE = datetime(2026, 11, 27, 9, tzinfo=timezone.utc)
SLOT = Slot(DAY, DUE, following=DUE + timedelta(days=1))
RUN = RunFacts("scheduled__1", "success")
MADE = Archived("sales", DAY, 1, created="2026-11-27T09:02:00+00:00")
SOON, LATER, TOMORROW = DUE + timedelta(minutes=5), DUE + timedelta(hours=2), DUE + timedelta(days=1)


def mailed(**standings):
    return replace(MADE, mails=Mails(standings, "2026-11-27T09:04:00.000+00:00" if "sent" in standings else ""))


@pytest.mark.parametrize(
    ("archived", "run", "now", "state", "reason"),
    [
        (None, None, DUE - timedelta(hours=1), "not_due", ""),
        (None, None, SOON, "running", "not_begun"),
        (None, None, LATER, "late", "late_no_run"),
        (None, None, TOMORROW, "missing", "no_run"),
        (None, replace(RUN, state="running"), SOON, "running", "running"),
        (None, replace(RUN, state="queued"), SOON, "running", "queued"),
        (None, replace(RUN, state="running"), LATER, "late", "late_running"),
        (None, replace(RUN, state="running", start=LATER - timedelta(minutes=1)), LATER, "running", "running"),
        (None, replace(RUN, state="queued", start=TOMORROW), TOMORROW, "running", "queued"),
        (None, replace(RUN, state="failed", task="render"), LATER, "failed", "task_failed"),
        (None, replace(RUN, state="failed"), TOMORROW, "failed", "run_failed"),
        (None, RUN, LATER, "not_due", "no_report"),
        (replace(MADE, draft=True), RUN, LATER, "failed", "checks_failed"),
        (replace(MADE, draft=True), replace(RUN, state="running"), SOON, "running", "running"),
        (replace(MADE, problem="no manifest"), RUN, LATER, "failed", "damaged"),
        (MADE, RUN, LATER, "archived", "not_asked"),
        (MADE, replace(RUN, state="running"), SOON, "running", "running"),
        (MADE, replace(RUN, state="failed", task="mail"), LATER, "failed", "task_failed"),
        (mailed(sent=12), RUN, LATER, "delivered", ""),
        (mailed(sent=12), replace(RUN, state="failed", task="clean"), LATER, "delivered", ""),
        (mailed(sent=11, in_doubt=1), RUN, LATER, "in_doubt", "in_doubt"),
        (mailed(refused=1, in_doubt=1), RUN, LATER, "in_doubt", "in_doubt"),
        (mailed(sent=11, refused=1), RUN, LATER, "refused", "refused"),
        (mailed(waiting=3), replace(RUN, state="running"), LATER, "held", "waiting"),
        (mailed(sent=1, in_flight=3), replace(RUN, state="running"), LATER, "running", "mailing"),
        (mailed(sent=1, deferred=3), replace(RUN, state="running"), LATER, "running", "mailing"),
        (mailed(sent=1, deferred=3), replace(RUN, state="failed"), LATER, "failed", "not_mailed"),
        (mailed(held=3), RUN, LATER, "archived", "kept"),
        (mailed(sent=2, held=3), RUN, LATER, "held", "kept"),
        (mailed(sent=2, excluded=3), RUN, LATER, "delivered", ""),
        (mailed(excluded=3), RUN, LATER, "archived", "not_asked"),
    ],
)
def test_a_report_stands_as_archive_ledger_and_run_say(archived, run, now, state, reason):
    standing = judge(SLOT, archived, run, now=now)

    assert (standing.state, standing.reason) == (state, reason)
    for language in LANGUAGES:
        assert bool(sentence(standing, language)) == bool(reason)


@pytest.mark.parametrize("now", [SOON, LATER, TOMORROW + timedelta(days=30)])
def test_nobody_waits_for_a_day_before_the_dag_or_while_it_is_paused(now):
    assert judge(replace(SLOT, expected=False), None, None, now=now).state == "not_due"


def test_the_last_time_of_a_schedule_is_late_for_ever_and_never_missing():
    last = replace(SLOT, following=None)

    assert judge(last, None, None, now=TOMORROW + timedelta(days=900)).state == "late"


def test_how_late_it_came_is_from_when_it_was_due_to_the_last_mail():
    standing = judge(SLOT, mailed(sent=12), RUN, now=TOMORROW)

    assert standing.arrived == DUE + timedelta(minutes=4)
    assert standing.late == timedelta(minutes=4)


def test_one_that_takes_long_each_day_is_not_late_before_it_takes_twice_as_long():
    usual = [timedelta(hours=2), timedelta(hours=1), timedelta(hours=3)]

    assert grace_of(usual) == timedelta(hours=4)
    assert grace_of([timedelta(minutes=1)]) == LEAST_GRACE
    assert grace_of([]) == LEAST_GRACE
    assert grace_of([timedelta(days=30), timedelta(hours=-3)]) == LEAST_GRACE
    assert judge(SLOT, None, None, now=LATER, grace=grace_of(usual)).state == "running"


def one(recipient, standing, occasion="", time="2026-11-27T09:04:00+00:00"):
    return Mail("0" * 64, DAY.isoformat(), 1, recipient, standing, f"because of {recipient}", time, occasion)


def test_what_was_sent_for_trial_counts_for_nobody_and_a_correction_only_where_somebody_must_act():
    mails = Mails.of(
        [
            one("ann@example.org", "sent"),
            one("bo@example.org", "held"),
            one("bo@example.org", "refused", "trial:x@example.org"),
            one("ann@example.org", "refused", "resend:1"),
            one("ann@example.org", "sent", "correction:2026-11-27 r0002", time="2026-11-27T12:00:00+00:00"),
            one("cy@example.org", "in_doubt", "correction:2026-11-27 r0002"),
            one("dee@example.com", "excluded"),
        ]
    )

    assert mails.standings == {"sent": 1, "held": 1, "in_doubt": 1, "excluded": 1}
    assert mails.last_sent == "2026-11-27T09:04:00+00:00"
    assert (mails.recipient, mails.reason) == ("cy@example.org", "because of cy@example.org")
    assert (mails.sent, mails.total) == (1, 3)


def test_each_language_names_every_state_and_says_the_same_with_the_same_values():
    import string

    def places(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert all(list(NAMES[language]) == list(STATES) for language in LANGUAGES)
    for reason, text in _REASONS["en"].items():
        assert places(_REASONS["fr"][reason]) == places(text)
    assert _REASONS["fr"].keys() == _REASONS["en"].keys()


def test_what_a_server_said_is_never_read_as_a_place_for_a_value():
    standing = Standing(
        "refused", "refused", {"count": 1, "recipient": "{0.__class__}", "said": "{count} {x!r}"}
    )

    assert sentence(standing).endswith("({count} {x!r})")
    assert "{0.__class__}" in sentence(standing)
    assert sentence(Standing("refused", "refused", {**standing.values, "count": 3})).startswith(
        "The server refused {0.__class__} and 2 others."
    )
