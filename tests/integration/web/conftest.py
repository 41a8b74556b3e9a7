from __future__ import annotations

import time

import pytest

from tests.integration.web.server import served
from tests.waiting import SECONDS


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
        deadline = time.monotonic() + SECONDS
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

    def publish(report, dag_id, *, recipient="ann@example.org", **changes):
        server.publish_mailed(report, dag_id, recipients=[recipient], **changes)
        return report

    return publish
