from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_daybreak.delivery.ledger import key_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from tests.integration.web.server import served
from tests.mail import draft


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server whose archive is a folder."""
    folder = tmp_path_factory.mktemp("archive") / "my reports"
    with served(tmp_path_factory.mktemp("airflow"), folder.as_uri()) as server:
        yield server


@pytest.fixture(scope="session")
def shown(server):
    """Return a function that has a user's page, or what a program is told, once it knows a report."""

    def ask(user, knows=None, path="daybreak/api/today"):
        client = server.client(user)
        deadline = time.monotonic() + 60
        while True:
            told = client.get("daybreak/api/today").json()
            if (
                knows is None
                or knows in {row["report"] for row in told["reports"]}
                or time.monotonic() > deadline
            ):
                break
            time.sleep(0.5)
        return told if path.endswith("api/today") else client.get(path, headers={"Accept": "text/html"})

    return ask


@pytest.fixture(scope="session")
def mailed(server):
    """Return a function that publishes a report of today, and mails it to somebody."""

    def publish(
        report, dag_id, *, title="Almanac", recipient="ann@example.org", status="sent", reason="250 taken"
    ):
        day = datetime.now(timezone.utc).date()
        start, end = (f"{each}T00:00:00+00:00" for each in (day, day + timedelta(days=1)))
        made = draft(report, day, title=title, start=start, end=end, timezone="UTC")
        revision = server.archive.publish(
            replace(made, run={"dag_id": dag_id, "run_id": f"scheduled__{title}"})
        )
        ledger, key = (
            ledger_of(server.archive, revision.manifest),
            key_of(report, revision.manifest.period_key, recipient),
        )
        facts = {
            "report": report,
            "report_date": str(day),
            "recipient": recipient,
            "revision": 1,
            "occasion": "",
        }
        with ledger.held(key, 0):
            ledger.commit(key, 0, facts)
            ledger.settle(key, 0, status, reason, facts)
        ledger.synchronise()
        return report

    return publish
