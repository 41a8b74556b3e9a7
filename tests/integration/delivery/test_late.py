"""A report that is not there by a deadline of its Dag: who is told, once, as a triggerer and an executor call the notifier."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG
from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference

from airflow_provider_daybreak.delivery.shadow import Shadow, Shadows, event
from airflow_provider_daybreak.exceptions import InvalidValueError, MissingConnectionError
from airflow_provider_daybreak.notifications.late import ReportLateNotifier

DUE = datetime(2026, 3, 29, 5, tzinfo=timezone.utc)


def deadline_context(dag_id="daily_report", *, due=DUE, conf=None, deadline="2026-03-29 07:00:00+00:00"):
    """Return what Airflow's scheduler gives to the callback of a deadline, by its own model of a run."""
    from airflow.api_fastapi.core_api.datamodels.dag_run import DAGRunResponse

    names = [field.validation_alias or name for name, field in DAGRunResponse.model_fields.items()]
    run = dict.fromkeys([name for name in names if isinstance(name, str)]) | {
        "dag_id": dag_id,
        "run_id": "scheduled__2026-03-29",
        "run_type": "scheduled",
        "state": "running",
        "dag_versions": [],
        "conf": conf or {},
        "dag_model": SimpleNamespace(dag_display_name=dag_id),
        **dict.fromkeys(("logical_date", "run_after", "data_interval_start", "data_interval_end"), due),
    }
    told = DAGRunResponse.model_validate(SimpleNamespace(**run)).model_dump(mode="json")
    return {"dag_run": told, "deadline": {"id": "1", "deadline_time": deadline}}


@pytest.fixture
def late(server, archive, connect_to):
    """Return a function that has the notifier awaited as a triggerer does, in its event loop."""
    connect_to(server)

    def tell(context=None, **arguments):
        given = {"to": "owner@example.org", "report": "daily_report", "timezone": "Europe/Berlin"} | arguments

        async def wait():
            await ReportLateNotifier(**given, archive=archive.uri, context=context or deadline_context())

        asyncio.run(wait())
        return [mail.message for mail in server.mails]

    return tell


def test_the_owner_learns_that_the_report_is_not_there_and_where_to_look(late, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.org/af")

    [message] = late()

    assert (message["To"], message["Subject"]) == ("owner@example.org", "Late: daily_report, 2026-03-29")
    text = message.get_content()
    assert "Report:   daily_report, 2026-03-29: not there" in text
    assert "Deadline: 2026-03-29 07:00:00+00:00" in text
    assert "Run:      scheduled__2026-03-29, running" in text
    assert "https://airflow.example.org/af/dags/daily_report/runs/scheduled__2026-03-29" in text
    assert "Nobody has got it." in text


def test_it_is_told_once_for_each_deadline(late):
    for _ in range(3):
        late()
    messages = late(deadline_context(deadline="2026-03-29 09:00:00+00:00"))

    assert len(messages) == 2


@pytest.mark.usefixtures("revision")
def test_a_report_that_somebody_lacks_is_late_and_says_who(late, mail, server):
    server.replies["joe@example.org"] = "450 try later"
    with pytest.raises(Exception, match="daily_report"):
        mail(to=["jane@example.org", "joe@example.org"])
    server.mails.clear()

    [message] = late()
    text = message.get_content()
    assert "revision 1, made 2026" in text
    assert "sent       jane@example.org" in text
    assert "deferred   joe@example.org  450 try later" in text


@pytest.mark.usefixtures("revision")
def test_a_report_that_everybody_has_is_not_late_though_its_run_is_at_work(late, mail, server):
    mail(to=["jane@example.org"])
    server.mails.clear()

    assert late() == []


def test_the_report_date_is_that_of_the_zone_or_what_the_run_was_started_with(late):
    midnight = deadline_context(due=datetime(2026, 3, 28, 23, tzinfo=timezone.utc), deadline="1")
    assert late(midnight)[-1]["Subject"] == "Late: daily_report, 2026-03-29"
    assert late(midnight, timezone=None, report="of_utc")[-1]["Subject"] == "Late: daily_report, 2026-03-29"
    other = deadline_context(conf={"report_date": "2026-02-01"}, deadline="2")
    assert late(other)[-1]["Subject"] == "Late: daily_report, 2026-02-01"


def test_templates_know_the_run_that_is_late(late):
    [message] = late(report="{{ dag_run.dag_id }}")

    assert message["Subject"] == "Late: daily_report, 2026-03-29"


def test_the_triggerers_other_work_goes_on_while_it_is_mailed(server, archive, connect_to):
    connect_to(server)
    server.pause = 0.4
    turns = 0

    async def both():
        nonlocal turns
        told = asyncio.ensure_future(_awaited(archive))
        while not told.done():
            await asyncio.sleep(0.01)
            turns += 1
        await told

    asyncio.run(both())
    assert len(server.mails) == 1
    assert turns > 10


async def _awaited(archive):
    await ReportLateNotifier(
        to="owner@example.org", report="daily_report", archive=archive.uri, context=deadline_context()
    )


def test_airflow_takes_it_as_a_deadlines_callback_and_its_trigger_calls_it(server, archive, connect_to):
    from airflow.triggers.callback import CallbackTrigger

    connect_to(server)
    arguments = {"to": "owner@example.org", "report": "daily_report", "archive": archive.uri}
    callback = AsyncCallback(ReportLateNotifier, kwargs=arguments)
    alert = DeadlineAlert(DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=1), callback)
    with DAG("daily_report", schedule=None, deadline=alert) as dag:
        pass
    assert dag.deadline

    async def run():
        trigger = CallbackTrigger(callback.path, {**callback.kwargs, "context": deadline_context()})
        return [event.payload["state"] async for event in trigger.run()]

    assert [str(state) for state in asyncio.run(run())] == ["running", "success"]
    assert server.recipients() == ["owner@example.org"]


def test_an_executor_calls_it_as_well(server, archive, connect_to):
    connect_to(server)

    ReportLateNotifier(to="owner@example.org", report="daily_report", archive=archive.uri)(deadline_context())

    assert server.recipients() == ["owner@example.org"]


def test_a_dag_in_shadow_is_not_heard_of(server, connect_to, monkeypatch, archive):
    connect_to(server)
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", archive.uri)
    begun = event("start", datetime(2026, 3, 1, tzinfo=timezone.utc), "ann")
    Shadows(archive.root).keep(Shadow("daily_report").begun(begun))

    notifier = ReportLateNotifier(to="owner@example.org", report="daily_report", archive=archive.uri)
    notifier.notify(deadline_context())

    assert server.connections == 0


@pytest.mark.parametrize(
    ("arguments", "context", "error"),
    [
        ({"timezone": "Mars/Olympus"}, None, "Mars/Olympus"),
        ({"report": "../secret"}, None, "secret"),
        ({"to": "no address"}, None, "no address"),
        ({}, {"task": "x", "exception": "boom"}, "DeadlineAlert"),
    ],
    ids=["zone", "report", "to", "context"],
)
def test_what_can_not_be_used_is_an_error_that_names_it(late, server, arguments, context, error):
    with pytest.raises(InvalidValueError, match=error):
        late(context, **arguments)
    assert server.mails == []


def test_a_connection_that_is_not_there_is_named(archive):
    with pytest.raises(MissingConnectionError, match="no_such"):
        ReportLateNotifier(to="o@example.org", report="r", smtp_conn_id="no_such", archive=archive.uri).notify(
            deadline_context()
        )
