"""How reports stand by what their Dags' timetables say, beside what archive and runs say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_daybreak.context.schedules import Schedule
from airflow_provider_daybreak.hooks.filters import Filters
from airflow_provider_daybreak.hooks.overview import DAYS, Overview, OverviewHook, _rows_of, _Sources
from airflow_provider_daybreak.overview.facts import Archived, Freshness, Mails
from airflow_provider_daybreak.overview.standing import RunFacts
from airflow_provider_daybreak.settings import Settings

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 27, 12, tzinfo=BERLIN)
TODAY = NOW.date()
LONG_AGO = datetime(2026, 1, 1, tzinfo=BERLIN)


def schedule(dag_id="sales", cron="0 9 * * *", **changes):
    made = Schedule(
        dag_id,
        frozenset({dag_id}),
        makes_others=False,
        zone=BERLIN,
        timetable=CronTriggerTimetable(cron, timezone="Europe/Berlin"),
        first_seen=LONG_AGO,
    )
    return replace(made, **changes)


def archived(day=TODAY, report="sales", dag_id="sales", sent=2, **changes):
    arrived = datetime(day.year, day.month, day.day, 9, 4, tzinfo=BERLIN).isoformat()
    run = {"dag_id": dag_id, "run_id": f"scheduled__{day}"}
    made = Archived(report, day, 1, created=arrived, run=run, mails=Mails({"sent": sent}, arrived))
    return replace(made, **changes)


def sources(*schedules, days=(), owners=None, runs=None, **changes):
    found = {}
    for one in days:
        found.setdefault(one.report, {})[one.report_date] = one
    return _Sources(
        owners=owners if owners is not None else {report: report for report in found},
        archived=found,
        schedules={one.dag_id: one for one in schedules},
        runs=runs or {},
        first_runs={},
        first_dates={},
        last_dates={report: max(of_report) for report, of_report in found.items()}
        | changes.pop("last_dates", {}),
        since=TODAY - timedelta(days=DAYS),
        **changes,
    )


def whole(without=()):
    return [archived(TODAY - timedelta(days=back)) for back in range(DAYS + 2) if back not in without]


def states(known, report="sales", now=NOW):
    return [(row.report_date, row.standing.state) for row in _rows_of(report, known, now)]


def test_a_report_that_is_there_is_one_row_with_its_last_days_and_the_next_time():
    [row] = _rows_of("sales", sources(schedule(), days=whole()), NOW)

    assert (row.report_date, row.standing.state) == (TODAY, "delivered")
    assert [state for _, state in row.days] == ["delivered"] * DAYS
    assert row.due == datetime(2026, 11, 27, 9, tzinfo=BERLIN)
    assert row.next_due == datetime(2026, 11, 28, 9, tzinfo=BERLIN)


def test_a_day_that_is_missing_is_a_row_of_its_own():
    found = states(sources(schedule(), days=whole(without=(0, 4))))

    assert sorted(found) == [(TODAY - timedelta(days=4), "missing"), (TODAY, "late")]


def test_before_it_is_due_the_last_time_is_what_counts():
    early = NOW.replace(hour=8)

    assert states(sources(schedule(), days=whole(without=(0,))), now=early) == [
        (TODAY - timedelta(days=1), "delivered")
    ]


def test_nothing_is_missing_from_before_airflow_knew_the_dag():
    known = sources(schedule(first_seen=NOW - timedelta(days=3)), days=[archived()])

    assert [day for day, state in states(known) if state == "missing"] == [
        TODAY - timedelta(days=2),
        TODAY - timedelta(days=1),
    ]


def test_a_database_that_forgot_its_runs_makes_no_missing_day_not_due():
    known = sources(schedule(first_seen=NOW - timedelta(hours=1)), days=whole(without=(5,)))

    assert ("missing" in dict(states(known)).values()) is False
    assert (TODAY - timedelta(days=5), "missing") in states(
        replace(known, first_dates={"sales": date(2026, 11, 1)})
    )


def test_a_start_date_that_lies_ahead_makes_nothing_due_and_one_with_catchup_everything_since():
    ahead = schedule(start=NOW + timedelta(days=3))
    caught = schedule(start=NOW - timedelta(days=3), catchup=True, first_seen=NOW)

    assert {state for _, state in states(sources(ahead))} == {"not_due"}
    assert sum(state == "missing" for _, state in states(sources(caught))) == 2


def test_nobody_waits_for_what_was_due_after_a_dag_was_paused():
    known = sources(schedule(paused=True), days=whole(without=(0, 1, 2, 6)))

    assert states(known) == [(TODAY - timedelta(days=6), "missing"), (TODAY, "not_due")]


def test_a_report_without_a_schedule_stands_by_what_the_archive_has():
    days = [
        archived(report="adhoc", dag_id="by_hand"),
        archived(date(2026, 11, 20), report="adhoc", dag_id="by_hand"),
    ]
    [row] = _rows_of("adhoc", sources(days=days, owners={"adhoc": "by_hand"}), NOW)

    assert (row.report_date, row.due, row.standing.state, row.dag_id) == (TODAY, None, "delivered", "by_hand")


def test_a_report_that_its_dag_makes_no_more_is_no_row():
    owner = schedule("daily", reports=frozenset({"other"}), makes_others=True)

    assert list(_rows_of("sales", sources(owner, owners={"sales": "daily"}), NOW)) == []


def test_a_report_whose_name_is_known_only_once_it_ran_is_due_by_the_schedule_of_its_owner():
    owner = schedule("script", reports=frozenset(), makes_others=True)
    known = sources(owner, days=[archived(TODAY - timedelta(days=1))], owners={"sales": "script"})

    assert (TODAY, "late") in states(known)


@pytest.mark.parametrize(
    ("names", "days", "waited_for"),
    [((), 60, True), ((), 200, False), (("renamed",), 60, False), (("renamed",), 9, True)],
)
def test_a_report_that_only_runs_name_is_waited_for_until_it_is_clear_that_its_dag_makes_it_no_more(
    names, days, waited_for
):
    owner = schedule("script", reports=frozenset(names), makes_others=True)
    last = {"sales": TODAY - timedelta(days=days)}

    found = states(sources(owner, owners={"sales": "script"}, last_dates=last))

    assert ((TODAY, "late") in found) is waited_for


def test_a_run_that_failed_says_so_for_its_date():
    runs = {("sales", TODAY): RunFacts("manual__1", "failed", task="render_report")}
    [row] = _rows_of("sales", sources(schedule(), days=whole(without=(0,)), runs=runs), NOW)

    assert (row.standing.state, row.standing.values["task"]) == ("failed", "render_report")


@pytest.mark.parametrize(
    ("readable", "seen"),
    [({"sales"}, False), ({"former"}, False), ({"sales", "former"}, True), (set(), False)],
)
def test_a_report_is_shown_to_who_may_read_every_dag_that_made_it(readable, seen):
    days = [archived(), archived(date(2026, 11, 20), dag_id="former")]
    known = sources(schedule(), days=days)

    assert known.may_be_read("sales", readable.__contains__) is seen


def test_a_report_of_nobody_is_for_nobody():
    known = sources(days=[archived(dag_id="", run={})], owners={"sales": ""})

    assert known.may_be_read("sales", bool) is False


def test_all_is_good_since_the_last_one_arrived_and_never_while_one_is_open():
    rows = list(_rows_of("sales", sources(schedule(), days=whole()), NOW))
    late = list(_rows_of("sales", sources(schedule(), days=whole(without=(0,))), NOW))

    assert Overview(NOW, rows, Freshness()).good_since == datetime(2026, 11, 27, 9, 4, tzinfo=BERLIN)
    assert Overview(NOW, [*rows, *late], Freshness()).good_since is None
    assert Overview(NOW, [], Freshness()).good_since is None
    assert Overview(NOW, late, Freshness()).counts["late"] == 1


def test_what_a_program_is_told_is_plain_json():
    import json

    overview = Overview(
        NOW, list(_rows_of("sales", sources(schedule(), days=whole(without=(0, 3))), NOW)), Freshness()
    )

    facts = json.loads(json.dumps(overview.facts(Filters())))

    assert facts["reports"][0]["due"].startswith("2026-11-")
    assert {row["state"] for row in facts["reports"]} == {"late", "missing"}


def test_who_asks_within_some_seconds_is_answered_by_what_is_known_and_sees_only_what_he_may_read(
    monkeypatch, tmp_path
):
    settings = Settings(archive=tmp_path.as_uri(), releases=tmp_path, release_store=None, index=tmp_path)
    hook, asked = OverviewHook(settings), []
    known = sources(schedule(), days=whole())
    monkeypatch.setattr(hook, "_sources", lambda *given: asked.append(given) or known)

    assert len(hook.today(NOW).rows) == 1
    assert hook.today(NOW + timedelta(seconds=3), readable=lambda _: False).rows == []
    assert len(asked) == 1
    hook.today(NOW + timedelta(seconds=40))
    assert len(asked) == 2


def test_who_asks_has_the_last_answer_until_the_next_is_there_and_then_that(monkeypatch, tmp_path):
    settings = Settings(archive=tmp_path.as_uri(), releases=tmp_path, release_store=None, index=tmp_path)
    hook, known = OverviewHook(settings), [sources(schedule(), days=whole())]
    monkeypatch.setattr(hook, "_sources", lambda *_: known[-1])
    assert not hook.answers
    before = hook.today(NOW)
    assert hook.answers
    known.append(sources(schedule(), days=whole(without=(3,))))

    later = NOW + timedelta(seconds=10)
    assert hook.today(later).counts == before.counts
    hook.renew(later)
    assert hook.today(later).counts["missing"] == 1
