"""How each row of Reports today is mended, and for whom."""

from __future__ import annotations

from datetime import date

import pytest

from airflow_provider_daybreak.hooks.row import Row
from airflow_provider_daybreak.overview.facts import Archived, Mails
from airflow_provider_daybreak.overview.standing import STATES, RunFacts, Standing
from airflow_provider_daybreak.web import ways
from airflow_provider_daybreak.web.access import may_answer, may_change, may_run_again
from airflow_provider_daybreak.web.ways import Way, way_of, ways_for
from airflow_provider_daybreak.web.words import WORDS

DAY = date(2026, 11, 27)
FAILED = RunFacts("manual__1", "failed", task="mail")
MAIL = "day/sales/2026-11-27/mail?standing="
AGAIN = "day/sales/2026-11-27/again"
FILL = "calendar/sales/fill?day=2026-11-27"


def row(state, reason, run=None, **mails):
    archived = Archived("sales", DAY, 1, mails=Mails(mails)) if mails else None
    return Row("sales", "sales_dag", DAY, None, Standing(state, reason), archived, run)


@pytest.mark.parametrize(
    ("state", "reason", "run", "mails", "way"),
    [
        ("failed", "task_failed", FAILED, {}, Way("run_again", AGAIN, may_run_again, "manual__1")),
        ("failed", "checks_failed", FAILED, {}, Way("run_again", AGAIN, may_run_again, "manual__1")),
        (
            "failed",
            "not_mailed",
            FAILED,
            {"deferred": 1},
            Way("retry_mail", AGAIN, may_run_again, "manual__1"),
        ),
        (
            "failed",
            "not_mailed",
            None,
            {"deferred": 1},
            Way("mail_it_again", f"{MAIL}deferred&standing=new", may_change),
        ),
        ("in_doubt", "in_doubt", FAILED, {"in_doubt": 1}, Way("mail_or_count", f"{MAIL}in_doubt", may_change)),
        ("refused", "refused", FAILED, {"refused": 1}, Way("mail_it_again", f"{MAIL}refused", may_change)),
        (
            "held",
            "waiting",
            None,
            {"waiting": 1},
            Way("approve_or_reject", "day/sales/2026-11-27#question-1", may_answer),
        ),
        ("held", "kept", None, {"sent": 1, "held": 1}, Way("send_anyway", f"{MAIL}held", may_change)),
        ("archived", "kept", None, {"held": 1}, Way("send_anyway", f"{MAIL}held", may_change)),
        ("archived", "kept", None, {"rejected": 1}, None),  # somebody said that it is not to be sent
        ("missing", "no_run", None, {}, Way("fill_it", FILL, may_change)),
        ("late", "late_no_run", None, {}, Way("fill_it", FILL, may_change)),
        ("late", "late_running", RunFacts("scheduled__1", "running"), {}, None),
        ("failed", "damaged", RunFacts("scheduled__1", "success"), {"sent": 1}, None),
        ("running", "mailing", RunFacts("scheduled__1", "running"), {"in_flight": 1}, None),
        ("delivered", "", RunFacts("scheduled__1", "success"), {"sent": 1}, None),
        ("delivered", "", FAILED, {"sent": 1}, None),
        ("not_due", "not_expected", None, {}, None),
    ],
)
def test_each_row_offers_what_mends_it(state, reason, run, mails, way):
    assert state in STATES
    assert way_of(row(state, reason, run, **mails)) == way
    assert way is None or way.word in WORDS["en"]


def test_who_may_not_is_offered_nothing_and_each_right_is_asked_for_once(monkeypatch):
    asked = []

    def may(user, dag_id):
        asked.append((user, dag_id))
        return user == "ann"

    monkeypatch.setattr(ways, "may_run_again", may)
    failed = row("failed", "task_failed", FAILED)
    of_ann, of_bo = ways_for("ann"), ways_for("bo")

    assert [of_ann(failed).word, of_ann(failed).word] == ["run_again"] * 2
    assert of_bo(failed) is None
    assert of_bo(row("delivered", "", sent=1)) is None
    assert asked == [("ann", "sales_dag"), ("bo", "sales_dag")]


def test_a_report_that_is_named_like_a_path_leads_to_its_own_page_alone():
    strange = Row("a/../b?c#d", "dag", DAY, None, Standing("missing", "no_run"))

    assert way_of(strange).path == "calendar/a%2F..%2Fb%3Fc%23d/fill?day=2026-11-27"
