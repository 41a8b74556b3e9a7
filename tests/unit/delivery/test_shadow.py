"""Which report dates are a Dag's to mail, and which the old job's, whatever is done in which order."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

from airflow_provider_daybreak.delivery.shadow import Shadow, Shadows, event
from airflow_provider_daybreak.exceptions import ShadowUnreadableError

DAY = date(2026, 11, 27)
NOW = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)


def days(back, ahead=0):
    return [DAY + timedelta(days=number) for number in range(-back, ahead + 1)]


def what(text):
    return event(text, NOW, "ann")


def test_in_shadow_no_day_is_the_dags_and_the_reason_names_the_way_out():
    shadow = Shadow("sales").begun(what("started"))

    assert shadow.on
    assert not any(map(shadow.is_live, days(400, 400)))
    assert "airflow daybreak cutover sales" in shadow.why_held(DAY)


def test_after_the_cutover_later_days_are_the_dags_and_earlier_ones_stay_the_old_jobs():
    shadow = Shadow("sales").begun(what("started")).cut_over(DAY, what("cut over"))

    assert [shadow.is_live(day) for day in days(2, 2)] == [False, False, True, True, True]
    assert shadow.why_held(DAY) == ""
    assert "resend" in shadow.why_held(DAY - timedelta(days=1))


def test_a_second_cutover_changes_nothing():
    once = Shadow("sales").cut_over(DAY, what("cut over"))

    assert once.cut_over(DAY + timedelta(days=3), what("cut over")) == once


def test_what_came_due_before_it_was_taken_back_is_still_the_dags():
    shadow = (
        Shadow("sales").cut_over(DAY, what("cut over")).taken_back(DAY + timedelta(days=2), what("taken back"))
    )

    assert shadow.on
    assert [shadow.is_live(day) for day in days(1, 3)] == [False, True, True, False, False]


def test_a_cutover_that_is_taken_back_before_anything_was_due_leaves_nothing_live():
    shadow = Shadow("sales").cut_over(DAY, what("cut over")).taken_back(DAY, what("taken back"))

    assert not any(map(shadow.is_live, days(3, 3)))


def test_each_day_belongs_to_one_of_both_however_often_it_is_switched():
    shadow = Shadow("sales")
    for number in range(0, 12, 4):
        shadow = shadow.cut_over(DAY + timedelta(days=number), what("cut over"))
        shadow = shadow.taken_back(DAY + timedelta(days=number + 2), what("taken back"))

    assert [shadow.is_live(day) for day in days(0, 11)] == [True, True, False, False] * 3


def test_it_is_kept_in_the_archive_for_everybody(tmp_path):
    shadow = Shadow("sales/é").begun(what("started")).cut_over(DAY, what("cut over"))
    Shadows(tmp_path).keep(shadow)

    assert Shadows(tmp_path).of("sales/é") == shadow
    assert Shadows(tmp_path).all() == [shadow]
    assert Shadows(tmp_path).of("sales") is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"schema": 1}', b'{"dag_id": "a", "live": [["x", null]], "events": []}']
)
def test_a_damaged_file_lets_nothing_be_mailed(tmp_path, content):
    Shadows(tmp_path).keep(Shadow("sales"))
    [file] = (tmp_path / "_shadows").iterdir()
    file.write_bytes(content)

    with pytest.raises(ShadowUnreadableError, match="Restore it from a backup"):
        Shadows(tmp_path).why_held(DAY, {"dag_id": "sales"})


def test_either_the_dag_that_made_a_report_or_the_one_that_mails_it_may_be_in_shadow(tmp_path):
    Shadows(tmp_path).keep(Shadow("sales"))

    assert Shadows(tmp_path).why_held(DAY, {"dag_id": "mailer"}, {"dag_id": "sales"})
    assert Shadows(tmp_path).why_held(DAY, {"dag_id": "sales"}, {})
    assert not Shadows(tmp_path).why_held(DAY, {"dag_id": "other"}, {"reason": "none"})
