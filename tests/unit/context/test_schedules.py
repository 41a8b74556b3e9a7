"""When a report is due, by Airflow's own timetables."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
from airflow.timetables.simple import NullTimetable, OnceTimetable
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_daybreak.context.schedules import Schedule, _schedule_of, date_of_run
from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator

BERLIN = ZoneInfo("Europe/Berlin")


def schedule(timetable, zone="Europe/Berlin"):
    return Schedule("sales", frozenset({"sales"}), makes_others=False, zone=ZoneInfo(zone), timetable=timetable)


def cron(expression, zone="Europe/Berlin"):
    return CronTriggerTimetable(expression, timezone=zone)


def said(slots, zone=BERLIN):
    return [f"{slot.report_date} {slot.due.astimezone(zone):%d %H:%M}" for slot in slots]


def test_a_report_of_each_morning_is_due_then_also_when_clocks_change():
    slots = schedule(cron("0 9 * * *")).slots(date(2026, 10, 24), date(2026, 10, 26))

    assert said(slots) == ["2026-10-24 24 09:00", "2026-10-25 25 09:00", "2026-10-26 26 09:00"]
    assert slots[1].due - slots[0].due == timedelta(hours=25)
    assert [slot.following for slot in slots] == [slots[1].due, slots[2].due, None]


def test_one_of_a_data_interval_is_due_when_that_has_ended_and_is_of_its_first_day():
    slots = schedule(CronDataIntervalTimetable("0 0 * * *", timezone="Europe/Berlin")).slots(
        date(2026, 11, 25), date(2026, 11, 26)
    )

    assert said(slots) == ["2026-11-25 26 00:00", "2026-11-26 27 00:00"]


@pytest.mark.parametrize(
    ("expression", "first"),
    [("* * * * *", "00:00"), ("*/15 8-18 * * *", "08:00"), ("0 6,18 * * *", "06:00")],
)
def test_several_runs_a_day_are_one_report_date_due_at_the_first(expression, first):
    slots = schedule(cron(expression)).slots(date(2026, 11, 1), date(2026, 11, 27))

    assert len(slots) == 27
    assert {f"{slot.due.astimezone(BERLIN):%H:%M}" for slot in slots} == {first}


@pytest.mark.parametrize(
    ("expression", "last", "following"),
    [
        ("0 7 * * 1", "2026-11-23 23 07:00", "2026-11-30 30 07:00"),
        ("0 7 1 * *", "2026-11-01 01 07:00", "2026-12-01 01 07:00"),
        ("0 7 2 1 *", "2026-01-02 02 07:00", "2027-01-02 02 07:00"),
        ("0 9 * * *", "2026-11-27 27 09:00", "2026-11-28 28 09:00"),
    ],
)
def test_the_last_time_and_the_next_are_known_however_seldom_it_is_due(expression, last, following):
    now = datetime(2026, 11, 27, 9, 5, tzinfo=BERLIN)

    slots = schedule(cron(expression)).around(now, 14)

    assert said(slots)[-2:] == [last, following]
    assert slots[-2].due <= now < slots[-1].due == slots[-2].following


def test_a_day_back_is_told_for_each_of_the_last_days():
    now = datetime(2026, 11, 27, 8, tzinfo=BERLIN)

    slots = schedule(cron("0 9 * * *")).around(now, 14)

    assert said(slots)[0] == "2026-11-13 13 09:00"
    assert said(slots)[-2:] == ["2026-11-26 26 09:00", "2026-11-27 27 09:00"]


@pytest.mark.parametrize("timetable", [NullTimetable(), OnceTimetable()])
def test_a_dag_without_a_schedule_is_never_due(timetable):
    now = datetime(2026, 11, 27, 8, tzinfo=BERLIN)

    assert [slot for slot in schedule(timetable).around(now, 14) if slot.due <= now - timedelta(days=401)] == []


def test_what_was_reckoned_once_is_not_reckoned_again(monkeypatch):
    timetable = cron("0 9 * * *")
    one = schedule(timetable)
    first = one.slots(date(2026, 11, 1), date(2026, 11, 27))
    monkeypatch.setattr(timetable, "next_dagrun_info", None)

    assert one.slots(date(2026, 11, 1), date(2026, 11, 27)) is first


def test_each_delta_of_a_timetable_is_due_at_its_end():
    slots = schedule(DeltaDataIntervalTimetable(pendulum.duration(days=1)), "UTC").slots(
        date(2026, 11, 25), date(2026, 11, 26)
    )

    assert [slot.report_date for slot in slots] == [date(2026, 11, 25), date(2026, 11, 26)]
    assert slots[0].due - datetime(2026, 11, 25, tzinfo=timezone.utc) == timedelta(days=1)


NINE = datetime(2026, 11, 26, 23, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("conf", "logical_date", "expected"),
    [
        ({}, NINE, date(2026, 11, 27)),
        (None, NINE.replace(tzinfo=None), date(2026, 11, 27)),
        ({"report_date": "2026-01-02"}, NINE, date(2026, 1, 2)),
        ({"report_date": "yesterday"}, NINE, None),
        ({"report_date": 3}, NINE, None),
        ("no object", None, date(2026, 11, 28)),
    ],
)
def test_a_run_is_for_the_date_that_its_task_would_say(conf, logical_date, expected):
    run = SimpleNamespace(
        conf=conf,
        logical_date=logical_date,
        data_interval_start=logical_date,
        data_interval_end=logical_date,
        run_after=datetime(2026, 11, 28, 8, tzinfo=timezone.utc),
    )

    assert date_of_run(run, BERLIN) == expected


def test_a_dag_says_under_which_names_it_deploys_and_runs_releases():
    with DAG("sales", schedule="0 9 * * *") as dag:
        deployed = VenvDeployOperator(task_id="deploy", name="sales", source="/srv/sales").output
        VenvRunOperator(task_id="run", release=deployed, command=["report.py"])
        VenvRunOperator(task_id="run_other", release="stock", command=["report.py"])
        VenvRunOperator(task_id="run_unknown", release="{{ params.name }}", command=["report.py"])
    data = DagSerialization.to_dict(dag)

    found = _schedule_of(SimpleNamespace(dag_id="sales", data=data, dag=DagSerialization.from_dict(data)))
    assert found.releases == {"sales", "stock"}
