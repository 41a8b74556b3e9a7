"""Two people with a Dag each, one who may read one of them, and an admin, by Airflow's FAB auth manager behind a reverse proxy."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import cache, cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from airflow_provider_daybreak.delivery.audit import records_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.states import states_of
from demo.ports import free_port
from tests.integration.web import fab
from tests.integration.web.proxy import proxied
from tests.integration.web.server import Server, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import httpx

PREFIX = "/data/airflow"
DAYS = 5
GAP = 2
"""How many days back each report is missing."""
FAILED = 6
"""How many days back the run of each report failed."""
NOBODY = "cyd"


@dataclass(frozen=True, eq=False)
class House:
    """
    The server, and what belongs to whom.

    :param outside: address by which browsers know it, with a slash at the end.
    :param today: report date of the last reports.
    """

    server: Server
    outside: str
    today: date

    @cached_property
    def routes(self) -> dict[tuple[str, str], str]:
        """All that the application answers: by method and path, a pattern of the path below its own."""
        from fastapi.routing import APIRoute

        from airflow_provider_daybreak.web.app import make_app

        found = make_app().routes
        assert all(isinstance(each, APIRoute) for each in found), "what else is mounted is looked at by no test"
        return {(method, each.path): each.path_regex.pattern for each in found for method in each.methods}

    def gets(self) -> list[str]:
        """Return the path of each route that shows something."""
        return sorted(path for method, path in self.routes if method == "GET")

    def posts(self) -> list[str]:
        """Return the path of each route that changes something: all that is no GET or HEAD."""
        return sorted(path for method, path in self.routes if method not in ("GET", "HEAD"))

    def address(self, path: str, owner: str) -> str:
        """
        Return the address that a route has for what is somebody's, with all that its query may name.

        A route with a part that is not known here can't be looked at: say what it is of ``owner``.
        """
        start = path.split("/")[1]
        values = {
            "report": f"{owner}s_report",
            "report_date": f"{self.today - timedelta(days=FAILED if path.endswith('/again') else 0)}",
            "number": "1",
            "dag_id": f"{owner}_daily",
            "run_id": f"scheduled__{self.today}",
            "release": self.fields(owner)["to"],
            "name": {"static": "pages.css", "releases": f"{owner}s_script"}.get(start, "report.txt"),
        }
        filled = re.sub(r"\{(\w+)(?::path)?\}", lambda found: values[found[1]], path)
        return f"daybreak{filled}?{urlencode(self.fields(owner), doseq=True)}"

    @cache  # noqa: B019 - there is one house
    def fields(self, owner: str, back: int = 0) -> dict[str, object]:
        """Return what queries and forms say of what is somebody's."""
        key = self.mails(owner, back)[0].key if owner != NOBODY else "0" * 64
        day = self.today - timedelta(days=back)
        return {
            "key": key,
            "mail": f"{owner}s_report/{day}/{key}",
            "day": f"{self.today - timedelta(days=GAP)}",
            "to": self.releases(owner)[-1],
            "do": "sent",
            "answer": "approve",
            "mark": "0" * 64,
            "run_id": f"failed__{owner}",
            "id": f"a{back}",
            "reason": "asked",
        }

    def mails(self, owner: str, back: int = 0) -> list:
        """Return the mails about a report of somebody's."""
        latest = self.server.archive.latest(f"{owner}s_report", self.today - timedelta(days=back))
        return sorted(
            records_of(ledger_of(self.server.archive, latest.manifest)), key=lambda each: each.recipient
        )

    def releases(self, owner: str) -> list[str]:
        """Return the releases that somebody has, the current first."""
        if owner == NOBODY:
            return ["20260329-000000-00000000"]
        found = states_of(Layout(self.server.log.parent / "daybreak" / "releases", f"{owner}s_script"))
        return [each["release"] for each in sorted(found, key=lambda each: "current" not in each["state"])]

    def standing(self) -> dict[str, object]:
        """Return all that an action may change."""
        backfills = self.client("root").get("api/v2/backfills", params={"dag_id": "bob_daily"}).json()
        return {
            "mails": {
                (owner, back): [each.standing for each in self.mails(owner, back)]
                for owner in fab.OWNERS
                for back in range(DAYS)
                if back != GAP
            },
            "releases": {owner: self.releases(owner)[0] for owner in fab.OWNERS},
            "backfills": backfills["total_entries"],
            "runs": {owner: self.run_state(owner) for owner in fab.OWNERS},
        }

    def run_state(self, owner: str) -> str:
        """Return the state of the run of somebody's that failed."""
        path = f"api/v2/dags/{owner}_daily/dagRuns/failed__{owner}"
        return self.client("root").get(path).json()["state"]

    def client(self, user: str | None = None, **headers: str) -> httpx.Client:
        """Return a client that asks as a user, straight."""
        return self.server.client(user, headers=headers)

    def origin(self) -> str:
        """Return what a browser says where a page of ours sends a form."""
        split = urlsplit(self.outside)
        return f"{split.scheme}://{split.netloc}"

    def form(self, user: str, owner: str, back: int = 0) -> dict[str, object]:
        """Return a form about what is somebody's, with the token of who sends it."""
        own = "ada" if user == "eve" else user
        answer = self.client(user).get(f"daybreak/calendar/{own}s_report/fill?day={self.fields(own)['day']}")
        found = re.search(r'name="token" value="([0-9a-f]{64})"', answer.text)
        return {**self.fields(owner, back), "token": found[1] if found else "0" * 64}


@contextmanager
def opened(folder: Path) -> Iterator[House]:
    """
    Run it until the block ends.

    :param folder: an empty one for all that is written.
    """
    due = (datetime.now(timezone.utc) - timedelta(hours=3)).replace(second=0, microsecond=0)
    for name in ("dags", "airflow", "proxy"):
        (folder / name).mkdir()
    (folder / "dags" / "daily.py").write_text(fab.DAGS.format(cron=f"{due.minute} {due.hour} * * *"))
    bundle = "airflow.dag_processing.bundles.local.LocalDagBundle"
    port = free_port()
    outside = f"http://localhost:{port}{PREFIX}"
    with ExitStack() as stack:
        server = stack.enter_context(
            served(
                folder / "airflow",
                (folder / "archive").as_uri(),
                made_by=("-m", "tests.integration.web.fab", f"{due.date() - timedelta(days=FAILED)}"),
                AIRFLOW__API__BASE_URL=outside,
                AIRFLOW__CORE__AUTH_MANAGER="airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
                AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST=json.dumps(
                    [{"name": "dags", "classpath": bundle, "kwargs": {"path": str(folder / "dags")}}]
                ),
            )
        )
        behind = urlsplit(server.base).port
        stack.enter_context(proxied(folder / "proxy", port=port, path=f"{PREFIX}/", behind=behind))
        house = House(server, f"{outside}/", due.date())
        for owner in fab.OWNERS:
            _furnish(house, owner, folder)
        yield house


def _furnish(house: House, owner: str, folder: Path) -> None:
    """Publish and mail somebody's reports, all of whose mails are in doubt, and deploy a script twice."""
    server, made = house.server, []
    for back in range(DAYS):
        if back != GAP:
            day = house.today - timedelta(days=back)
            published = {
                "day": day,
                "title": f"What {owner} knows",
                "run_id": f"scheduled__{day}",
                "recipients": [f"{owner}.{number}@example.org" for number in range(2)],
                "status": "unknown",
                "reason": "the connection ended",
            }
            made.append(server.publish_mailed(f"{owner}s_report", f"{owner}_daily", **published))
    made.append(server.publish_mailed(f"{owner}s_other", f"{owner}_daily", day=house.today))
    for revision in (made[0], made[-1]):
        said = revision.manifest
        result = {
            "report": said.report,
            "report_date": str(house.today),
            "revision": 1,
            "manifest": "file:///m.json",
        }
        server.return_from_task(f"{owner}_daily", f"scheduled__{house.today}", said.report, result)
    script = folder / f"{owner}s_script.py"
    layout = Layout(server.log.parent / "daybreak" / "releases", script.stem)
    for number in range(2):
        script.write_text(f"print('{owner}', {number})")
        deploy(layout, Plan(script, dag_id=f"{owner}_daily"))
