"""A switch is whole, or is made whole by the next call: no day is mailed by both, and none by nobody unsaid."""

from __future__ import annotations

import random
from argparse import Namespace
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from _pytest.outcomes import Failed
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_daybreak.cli.shadowing import command, cutover
from airflow_provider_daybreak.cli.shadowing.old_place import OldPlace
from airflow_provider_daybreak.context.known_dag import KnownDag
from airflow_provider_daybreak.context.schedules import Schedule
from airflow_provider_daybreak.context.shadow import shadows_of
from airflow_provider_daybreak.delivery.shadow import Shadows
from airflow_provider_daybreak.exceptions import CutoverError
from tests.imports import import_file

BERLIN = ZoneInfo("Europe/Berlin")
LINE = "0 9 * * * /srv/sales.py\n"
MORNING = datetime(2026, 11, 27, 7, 30, 20, tzinfo=timezone.utc)  # 08:30 there: today is still to come
TODAY, TOMORROW = date(2026, 11, 27), date(2026, 11, 28)


class KilledError(BaseException):
    """Stands for what ends a process at once."""


class Scene:
    """A Dag with a real schedule that was imported from a real crontab; Airflow's database is not there."""

    def __init__(self, folder, monkeypatch):
        self.crontab = folder / "crontab"
        self.now = MORNING
        self.switched = []
        timetable = CronTriggerTimetable("0 9 * * *", timezone="Europe/Berlin")
        schedule = Schedule("sales", frozenset(), makes_others=True, zone=BERLIN, timetable=timetable)
        dag = KnownDag("sales", str(folder / "dags" / "sales.py"), paused=False, schedule=schedule)
        for module in (command, cutover):
            monkeypatch.setattr(module, "known_dag", lambda _dag_id: dag)
            monkeypatch.setattr(module, "switch", lambda _dag_id, *, on: self.switched.append(on))
            monkeypatch.setattr(module, "_now", lambda: self.now)
        monkeypatch.setattr(cutover, "sleep", self._pass)

    def _pass(self, seconds):
        self.now += timedelta(seconds=seconds)

    def cutover(self, **options):
        said = {"dag": "sales", "crontab": str(self.crontab), "old_is_off": False, "undo": False}
        cutover.cutover(Namespace(**{**said, **options}, output="json", verbose=True))

    @property
    def shadow(self):
        return shadows_of().of("sales")

    @property
    def old_runs(self):
        return self.crontab.read_text() == LINE


@pytest.fixture
def scene(tmp_path, monkeypatch):
    """Return a Dag in shadow."""
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "archive").as_uri())
    (tmp_path / "crontab").write_text(LINE)
    import_file(tmp_path / "crontab", timezone="Europe/Berlin", verbose=True)
    found = Scene(tmp_path, monkeypatch)
    command.start(Namespace(dag="sales", output="json", verbose=True))
    assert found.switched == [True]
    assert found.shadow.on
    return found


@pytest.fixture
def killed(monkeypatch):
    """Return a function that has whoever calls a function be killed before it is done."""

    def at(target, name):
        def die(*_arguments, **_named):
            raise KilledError

        with monkeypatch.context() as patch:
            patch.setattr(target, name, die)
            with pytest.raises(KilledError):
                yield

    return contextmanager(at)


def test_without_an_answer_it_shows_the_line_and_switches_nothing(scene, capsys):
    capsys.readouterr()
    scene.cutover(crontab=None)

    said = capsys.readouterr()
    assert LINE.strip() in said.out
    assert "--old-is-off" in said.err
    assert scene.shadow.on
    assert scene.old_runs


def test_the_day_that_is_still_to_come_is_the_dags_and_what_was_is_the_old_jobs(scene):
    scene.cutover()

    assert not scene.old_runs
    assert scene.shadow.live_from == TODAY
    assert scene.switched == [True, True]


def test_a_day_that_the_old_job_has_begun_stays_the_old_jobs(scene):
    scene.now = MORNING + timedelta(minutes=31)
    scene.cutover()

    assert scene.shadow.live_from == TOMORROW


@pytest.mark.parametrize("second", [0, 1, 4, 40, 59])
def test_a_crontab_is_not_changed_while_cron_may_be_looking_at_it(scene, second):
    scene.now = MORNING.replace(minute=59, second=second)
    scene.cutover()

    assert 5 <= scene.now.second < 40
    ran = scene.now >= MORNING.replace(hour=8, minute=0, second=0)
    assert scene.shadow.live_from == (TOMORROW if ran else TODAY)


@pytest.mark.parametrize("late", [15, 25], ids=["in time", "too late"])
def test_a_day_that_comes_due_while_the_crontab_is_changed_stays_the_old_jobs_and_is_told(
    scene, monkeypatch, capsys, late
):
    scene.now = MORNING.replace(minute=59, second=39)
    comment_out = OldPlace.comment_out

    def slow(place, at):
        scene.now += timedelta(seconds=late)
        return comment_out(place, at)

    monkeypatch.setattr(OldPlace, "comment_out", slow)
    scene.cutover()

    passed = late > 20
    assert scene.shadow.live_from == (TOMORROW if passed else TODAY)
    assert (f"It came due for {TODAY} while its crontab was changed" in capsys.readouterr().err) is passed


def test_called_twice_it_does_nothing_more(scene):
    scene.cutover()
    text, shadow = scene.crontab.read_text(), scene.shadow
    scene.now += timedelta(days=40)
    scene.cutover()

    assert (scene.crontab.read_text(), scene.shadow) == (text, shadow)


def test_killed_before_the_crontab_is_changed_all_is_as_it_was(scene, killed):
    with killed(OldPlace, "comment_out"):
        scene.cutover()

    assert scene.old_runs
    assert scene.shadow.on


def test_killed_after_the_old_job_ended_the_next_call_goes_on_from_then_and_tells_what_came_due(
    scene, killed, capsys
):
    with killed(Shadows, "keep"):
        scene.cutover()
    assert not scene.old_runs
    assert scene.shadow.on

    scene.now += timedelta(hours=26)
    scene.cutover()

    assert scene.shadow.live_from == TODAY
    assert f"{TODAY}, {TOMORROW}" in capsys.readouterr().err


def test_killed_before_the_dag_is_switched_on_the_next_call_does_that(scene, killed):
    with killed(cutover, "switch"):
        scene.cutover()
    scene.cutover()

    assert scene.switched[-1]
    assert scene.shadow.live_from == TODAY


def test_taken_back_the_old_job_runs_again_and_what_came_due_meanwhile_stays_the_dags(scene):
    scene.cutover()
    scene.now += timedelta(hours=1)
    scene.cutover(undo=True)

    assert scene.old_runs
    assert scene.shadow.on
    assert [scene.shadow.is_live(TODAY), scene.shadow.is_live(TOMORROW)] == [True, False]


def test_killed_while_it_is_taken_back_nobody_mails_until_the_next_call(scene, killed):
    scene.cutover()
    with killed(OldPlace, "put_back"):
        scene.cutover(undo=True)
    assert not scene.old_runs
    assert scene.shadow.on

    scene.cutover(undo=True)
    assert scene.old_runs


def test_cut_over_again_after_it_was_taken_back(scene):
    scene.cutover()
    scene.cutover(undo=True)
    scene.now += timedelta(days=3)
    scene.cutover()

    assert scene.shadow.live == ((TODAY + timedelta(days=3), None),)


def test_who_has_taken_the_line_out_says_so(scene):
    scene.crontab.write_text("")
    scene.cutover(crontab=None, old_is_off=True)

    assert scene.shadow.live_from == TODAY


def test_any_number_of_kills_and_calls_leaves_each_day_to_exactly_one(scene, killed):
    chosen = random.Random("daybreak")
    mailed = {}
    for number in range(120):
        scene.now = MORNING + timedelta(hours=number * 7)
        point = chosen.choice(
            [None, (OldPlace, "comment_out"), (OldPlace, "put_back"), (Shadows, "keep"), (cutover, "switch")]
        )
        undo = chosen.random() < 0.4
        try:
            if point:
                with suppress(Failed), killed(*point):
                    scene.cutover(undo=undo)
            else:
                scene.cutover(undo=undo)
        except CutoverError:
            pass
        for hour in range(7):
            instant = (scene.now + timedelta(hours=hour)).astimezone(BERLIN)
            due = instant.replace(hour=9, minute=0, second=0)
            if instant < due <= instant + timedelta(hours=1):
                mailed[due.date()] = ("old" if scene.old_runs else "", due.date())
    assert len(mailed) > 30
    twice = [day for day, (old, _) in mailed.items() if old and scene.shadow.is_live(day)]
    assert twice == []


def test_a_shadow_that_was_stopped_is_paused_first_and_still_mails_nobody(scene):
    command.stop(Namespace(dag="sales", output="json", verbose=True))

    assert scene.switched == [True, False]
    assert scene.shadow.on
    assert scene.shadow.last == "stopped"


def test_a_dag_that_mails_can_be_put_into_shadow_and_keeps_what_came_due(scene):
    scene.cutover()
    scene.now += timedelta(hours=2)
    command.start(Namespace(dag="sales", output="json", verbose=True))

    assert scene.shadow.on
    assert scene.shadow.is_live(TODAY)


def test_status_says_who_mails(scene, capsys):
    capsys.readouterr()
    command.status(Namespace(dag=None, output="json", verbose=True))
    scene.cutover()
    command.status(Namespace(dag="sales", output="json", verbose=True))

    text = capsys.readouterr().out
    assert '"state": "shadow"' in text
    assert f'"mails_from": "{TODAY}"' in text
