from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from types import SimpleNamespace
from uuid import UUID
from zoneinfo import ZoneInfo

import pendulum
import pytest
from airflow.models.dag_version import DagVersion as DagVersionModel
from airflow.sdk import DAG, Asset
from airflow.sdk.api.datamodels._generated import DagRun, DagRunType
from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
from airflow.timetables.assets import AssetOrTimeSchedule as CoreAssetOrTimeSchedule
from airflow.timetables.base import Timetable
from airflow.timetables.events import EventsTimetable
from airflow.timetables.interval import CronDataIntervalTimetable
from airflow.timetables.simple import ContinuousTimetable
from airflow.timetables.trigger import (
    CronTriggerTimetable,
    DeltaTriggerTimetable,
    MultipleCronTriggerTimetable,
)

from airflow_provider_daybreak.context.run import dag_version_of, run_of
from airflow_provider_daybreak.exceptions import InvalidValueError


def test_the_report_date_is_the_day_in_the_dags_zone(make_context):
    context = make_context(
        logical_date=datetime(2026, 3, 28, 23, 30, tzinfo=timezone.utc), dag_timezone="Europe/Berlin"
    )

    assert run_of(context).report_date == date(2026, 3, 29)


def test_the_zone_of_the_timetable_is_the_dags_zone(make_context):
    dag = DAG("daily", schedule=CronTriggerTimetable("0 9 * * *", timezone="Asia/Tokyo"))
    context = make_context(logical_date=datetime(2026, 3, 28, 15, 30, tzinfo=timezone.utc)) | {"dag": dag}

    assert run_of(context).report_date == date(2026, 3, 29)


class Own(Timetable):
    """A timetable of one's own, with what it is made of."""

    def __init__(self, **parts):
        vars(self).update(parts)


class OwnZone(Own):
    @property
    def timezone(self):
        return pendulum.timezone("Asia/Tokyo")


def sdk(module, name):
    """Return what Airflow's SDK has of that name, or skip where this version of it has none."""
    found = getattr(pytest.importorskip(f"airflow.sdk.definitions.{module}"), name, None)
    if found is None:
        pytest.skip(f"this Airflow has no {name}")
    return found


NINE = CronTriggerTimetable("0 9 * * *", timezone="Asia/Tokyo")
SCHEDULES = {
    "several crons": lambda: MultipleCronTriggerTimetable("0 0 * * *", "0 12 * * *", timezone="Asia/Tokyo"),
    "several crons of the SDK": lambda: sdk("timetables.trigger", "MultipleCronTriggerTimetable")(
        "0 0 * * *", "0 12 * * *", timezone="Asia/Tokyo"
    ),
    "data intervals": lambda: CronDataIntervalTimetable("0 0 * * *", timezone="Asia/Tokyo"),
    "assets or a cron": lambda: CoreAssetOrTimeSchedule(timetable=NINE, assets=[Asset("sales")]),
    "assets or several crons, of the SDK": lambda: sdk("timetables.assets", "AssetOrTimeSchedule")(
        timetable=sdk("timetables.trigger", "MultipleCronTriggerTimetable")("0 0 * * *", timezone="Asia/Tokyo"),
        assets=[Asset("sales")],
    ),
    "events": lambda: EventsTimetable([pendulum.datetime(2026, 3, 29, tz="Asia/Tokyo")]),
    "partitions": lambda: sdk("timetables.trigger", "CronPartitionTimetable")(
        "0 0 * * *", timezone="Asia/Tokyo"
    ),
    "partitions of assets": lambda: sdk("timetables.assets", "PartitionedAssetTimetable")(
        assets=Asset("sales"),
        default_partition_mapper=sdk("partition_mappers.temporal", "StartOfDayMapper")(timezone="Asia/Tokyo"),
    ),
    "one's own, of another": lambda: Own(workdays={"mon": [NINE]}),
    "one's own, of a zone": lambda: Own(tz=ZoneInfo("Asia/Tokyo")),
    "one's own, with a property": OwnZone,
}


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_the_zone_is_found_wherever_a_timetable_keeps_it(make_context, schedule):
    dag = DAG("daily", schedule=schedule())
    context = make_context(logical_date=datetime(2026, 3, 28, 15, tzinfo=timezone.utc)) | {"dag": dag}

    assert run_of(context).report_date == date(2026, 3, 29)


class Itself(Own):
    def __init__(self):
        super().__init__(timetable=self)


ELSEWHERE = {
    "none": lambda: None,
    "a delta": lambda: DeltaTriggerTimetable(timedelta(hours=1)),
    "continuous": ContinuousTimetable,
    "moments in UTC": lambda: EventsTimetable([pendulum.datetime(2026, 3, 29)]),
    "crons of two zones": lambda: Own(
        timetables=[NINE, CronTriggerTimetable("0 9 * * *", timezone="Asia/Kolkata")]
    ),
    "one that holds itself": Itself,
}


@pytest.mark.parametrize("schedule", ELSEWHERE.values(), ids=ELSEWHERE)
def test_the_dags_own_zone_decides_where_the_timetable_says_none(make_context, schedule):
    dag = DAG(
        "daily",
        schedule=schedule(),
        max_active_runs=1,
        start_date=pendulum.datetime(2026, 1, 1, tz="America/New_York"),
    )
    context = make_context(logical_date=datetime(2026, 3, 30, 1, tzinfo=timezone.utc)) | {"dag": dag}

    assert run_of(context).report_date == date(2026, 3, 29)


def test_a_param_decides_over_the_runs_own_date(make_context):
    assert run_of(make_context(params={"report_date": "2026-01-02"})).report_date == date(2026, 1, 2)


def test_an_empty_param_leaves_it_to_the_run(make_context):
    assert run_of(make_context(params={"report_date": None})).report_date == date(2026, 3, 29)


def test_a_param_that_is_no_date_is_an_error(make_context):
    with pytest.raises(InvalidValueError, match="Invalid report_date '29.3.2026': expected a date such as"):
        run_of(make_context(params={"report_date": "29.3.2026"}))


def test_a_run_without_logical_date_takes_the_time_it_was_due(make_context):
    context = make_context()
    context["dag_run"].logical_date = None

    assert run_of(context).report_date == date(2026, 3, 29)


@pytest.mark.parametrize(
    ("cleared", "since"), [(0, "2026-03-30T08:00:00+00:00"), (1, "2026-03-29T07:00:00+00:00")]
)
def test_a_run_got_its_version_when_it_started_or_if_cleared_since_when_it_was_due(
    make_context, cleared, since
):
    context = make_context()
    context["ti"].bundle_instance = SimpleNamespace(name="git", version="8f2c")
    context["ti"].dag_version_id = UUID("0196e000-0000-7000-8000-000000000000")
    context["dag_run"].clear_number = cleared
    context["dag_run"].start_date = datetime(2026, 3, 30, 8, tzinfo=timezone.utc)

    version = dag_version_of(context)

    assert (version.bundle_version, version.id[:8], version.since) == ("8f2c", "0196e000", since)


def test_a_bundle_without_versions_has_none(make_context):
    context = make_context()
    context["ti"].bundle_instance = SimpleNamespace(name="dags-folder", version=None)

    assert dag_version_of(context) is None


def test_airflow_has_what_a_version_is_read_from():
    assert {"bundle_instance", "dag_version_id"} <= RuntimeTaskInstance.model_fields.keys()
    assert {"clear_number", "start_date", "run_after"} <= DagRun.model_fields.keys()
    assert DagVersionModel.__table__.c.id.default.arg.__name__ == "uuid7"


# When a run is due: what clock="report_date" starts a script's clock at


def instant(context, **options):
    return run_of(context, **options).instant.isoformat()


def scheduled(make_context, schedule, **options):
    return make_context(**options) | {"dag": DAG("daily", schedule=schedule)}


def cron(*crons, timezone="Europe/Berlin"):
    return MultipleCronTriggerTimetable(*crons, timezone=timezone)


def test_a_scheduled_run_is_due_at_its_own_instant_in_the_dags_zone(make_context):
    assert instant(make_context()) == "2026-03-29T09:00:00+02:00"


def test_a_manual_run_of_today_is_due_when_it_was_started(make_context):
    at = datetime(2026, 3, 29, 12, 34, 56, tzinfo=timezone.utc)
    context = scheduled(
        make_context, CronTriggerTimetable("0 9 * * *", timezone="Europe/Berlin"), logical_date=at
    )

    assert instant(context) == "2026-03-29T14:34:56+02:00"


def test_a_run_for_an_earlier_date_is_due_at_the_scheduled_time_of_that_date(make_context):
    at = datetime(2026, 3, 29, 12, 34, tzinfo=timezone.utc)
    context = scheduled(
        make_context, CronTriggerTimetable("15 9 * * 1-5", timezone="Europe/Berlin"), logical_date=at
    )

    assert instant(context, report_date="2026-01-31") == "2026-01-31T09:15:00+01:00"


@pytest.mark.parametrize(
    ("schedule", "due"),
    [
        (cron("0 17 * * *", "30 6 * * *"), "06:30:00"),
        (cron("*/15 8-18 * * *"), "08:00:00"),
        (cron("30 * * * *"), "00:30:00"),
        (
            CoreAssetOrTimeSchedule(
                timetable=CronTriggerTimetable("0 9 * * *", timezone="Europe/Berlin"), assets=[]
            ),
            "09:00:00",
        ),
    ],
)
def test_of_several_scheduled_times_the_first_of_the_day_is_taken(make_context, schedule, due):
    context = scheduled(make_context, schedule)

    assert instant(context, report_date="2026-01-31", timezone="Europe/Berlin") == f"2026-01-31T{due}+01:00"


def test_without_a_scheduled_time_an_earlier_date_is_due_at_the_runs_own_time_of_day(make_context):
    assert instant(make_context(), report_date="2026-01-31") == "2026-01-31T09:00:00+01:00"


def test_a_scheduled_time_is_meant_in_the_schedules_zone(make_context):
    context = scheduled(make_context, CronTriggerTimetable("0 9 * * *", timezone="Asia/Tokyo"))

    assert instant(context, report_date="2026-01-31", timezone="Europe/Berlin") == "2026-01-31T01:00:00+01:00"


def test_a_time_that_clocks_skip_is_the_one_that_they_show_instead(make_context):
    context = scheduled(make_context, CronTriggerTimetable("30 2 * * *", timezone="Europe/Berlin"))
    context["dag_run"].run_after = context["dag_run"].logical_date = datetime(2026, 3, 30, tzinfo=timezone.utc)

    assert instant(context, report_date="2026-03-29") == "2026-03-29T03:30:00+02:00"


def test_a_partition_is_due_on_its_own_day_at_the_scheduled_time(make_context):
    context = scheduled(
        make_context, CronTriggerTimetable("0 9 * * *", timezone="Europe/Berlin"), logical_date=None
    )
    context["dag_run"].partition_date = datetime(2026, 3, 27, 23, tzinfo=timezone.utc)
    context["dag_run"].run_after = datetime(2026, 3, 29, 7, 0, 3, tzinfo=timezone.utc)

    assert instant(context) == "2026-03-28T09:00:00+01:00"


def test_a_run_that_an_asset_started_is_due_when_it_was(make_context):
    context = make_context(logical_date=None)
    context["dag_run"].run_after = datetime(2026, 3, 29, 5, 0, 3, tzinfo=timezone.utc)

    assert instant(context) == "2026-03-29T07:00:03+02:00"


def test_a_run_of_an_interval_is_due_as_its_report_date_begins_it(make_context):
    context = make_context()
    context["dag_run"].data_interval_start = datetime(2026, 3, 27, 8, tzinfo=timezone.utc)

    assert instant(context) == "2026-03-27T09:00:00+01:00"


def test_an_instant_outside_of_the_calendar_is_an_error(make_context):
    context = make_context(
        logical_date=datetime(2026, 3, 28, 15, tzinfo=timezone.utc), dag_timezone="Asia/Tokyo"
    )
    with pytest.raises(InvalidValueError, match="expected a date between the years 1 and 9999"):
        run_of(context, report_date="0001-01-01")


@pytest.mark.parametrize(
    ("run_type", "run_id", "refused"),
    [
        ("backfill", "backfill__2026-03-29", True),
        ("backfill", "scheduled__2026-03-29", True),
        ("backfill", "manual__2026-03-29", False),
        ("manual", "manual__2026-03-29", False),
    ],
)
def test_a_backfill_cannot_give_all_its_runs_one_day(make_context, run_type, run_id, refused):
    context = make_context(run_id=run_id, params={"report_date": "2026-03-01"})
    context["dag_run"].run_type, context["dag_run"].run_id = DagRunType(run_type), run_id
    context["dag_run"].conf = {"report_date": "2026-03-01"}

    if refused:
        with pytest.raises(
            InvalidValueError, match="expected none in a backfill, whose runs each have the day"
        ):
            run_of(context)
    else:
        assert run_of(context).report_date.isoformat() == "2026-03-01"


def test_a_backfill_whose_form_was_left_empty_has_its_own_days(make_context):
    context = make_context(params={"report_date": None})
    context["dag_run"].run_type, context["dag_run"].conf = "backfill", {"report_date": None, "place": "Oslo"}

    assert run_of(context).report_date.isoformat() == "2026-03-29"
