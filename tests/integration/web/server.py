"""A real API server under a path prefix, whose users may each read the Dags that bear their name, or as its auth manager has it."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4
from zlib import crc32

import httpx
import pytest

from airflow_provider_daybreak.archive import Archive, Draft, DraftFile
from airflow_provider_daybreak.context.archive import archive_at
from airflow_provider_daybreak.delivery.ledger import key_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from demo.ports import free_port
from tests.mail import draft

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_daybreak.archive import Revision

AUTH_MANAGER = """
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

class EachTheirOwn(SimpleAuthManager):
    def is_authorized_dag(self, *, method, user, access_entity=None, details=None):
        if method != "GET" and user.username in %(readers)s:
            return False
        anywhere = details is None or details.id in (None, "~")
        return anywhere or details.id.startswith(user.username)
"""
NASTY = (
    "<script>document.title='acted'</script>",
    "\"><img src=x onerror=document.title='acted'>",
    "' onmouseover='document.title=1' x='",
    "javascript:document.title='acted'",
    "{{ 7*7 }}{% raw %}${7*7}",
    "</title></style></textarea><svg onload=document.title='acted'>",
    "\u202e<!--&lt;script&gt;",
)
"""What no value of a report may become in a page."""
_RUNS = (
    "<script>document.title='acted'</script>",
    "<img src=x onerror=document.title='acted'>",
    "<svg/onload=document.title='acted'>",
    "<details open ontoggle=document.title='acted'>x</details>",
    "<iframe srcdoc=\"<script>parent.document.title='acted'</script>\"></iframe>",
    "<a href=javascript:document.title='acted'>x</a>",
    "<input autofocus onfocus=document.title='acted'>",
    "<math><mtext><style><img src=x onerror=document.title='acted'></style></mtext></math>",
    "<base href=https://evil.example/>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
)
_LEAVES = (
    "",
    "'>",
    '">',
    "</td></tr></table>",
    "</title></style></textarea></script>",
    "--><!--",
    "]]>",
    "&lt;",
    "`>",
    "{{ 7*7 }}",
)
INJECTIONS = tuple(leaves + runs for leaves in _LEAVES for runs in _RUNS)
"""A hundred of them: what would run, each behind what leaves where it is."""
USERS = {"ada": "viewer", "bob": "admin", "ad": "viewer"}
READERS = ("ad",)
"""Users who may read what others of the same letters may change, too."""


@dataclass(frozen=True)
class Server:
    """
    The server, and what its tests say to it.

    :param base: its address with a slash at the end.
    """

    base: str
    archive: Archive
    log: Path
    pid: int = 0
    tokens: dict[str, str] = field(default_factory=dict)

    def cpu(self) -> float:
        """Return the seconds of processors that it has had."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def token(self, user: str) -> str:
        if user not in self.tokens:  # each login costs the server a second, and lasts for a day
            self.tokens[user] = self._token(user)
        return self.tokens[user]

    def _token(self, user: str) -> str:
        answer = httpx.post(f"{self.base}auth/token", json={"username": user, "password": user}, timeout=30)
        assert answer.status_code == 201, answer.text
        return answer.json()["access_token"]

    def client(self, user: str | None = None, **options: object) -> httpx.Client:
        client = httpx.Client(base_url=self.base, **{"timeout": 30, **options})
        if user is not None:
            client.headers["Authorization"] = f"Bearer {self.token(user)}"
        return client

    def publish(
        self, *, dag_id: str, report: str, files: dict[str, tuple[str, bytes]], draft: bool = False
    ) -> str:
        """Publish a report of a Dag and return its address, relative to the base."""
        self.archive.publish(
            Draft(
                report=report,
                report_date=date(2026, 3, 29),
                period={
                    "name": "day",
                    "start": "2026-03-29T00:00:00+00:00",
                    "end": "2026-03-30T00:00:00+00:00",
                    "timezone": "UTC",
                },
                title="Almanac",
                files=[DraftFile(name, *file) for name, file in files.items()],
                rows={},
                run={"dag_id": dag_id},
                draft=draft,
            )
        )
        return f"daybreak/reports/{report}/2026-03-29/1/"

    def publish_mailed(
        self,
        report: str,
        dag_id: str,
        *,
        day: date | None = None,
        title: str = "Almanac",
        run_id: str = "",
        recipients: Sequence[str] = ("ann@example.org",),
        status: str = "sent",
        reason: str = "250 taken",
        **changes: object,
    ) -> Revision:
        """
        Publish a report of a day, and mail it to somebody.

        :param day: today when None.
        :param status: what became of each mail.
        :param changes: of the draft.
        """
        day = day or datetime.now(timezone.utc).date()
        start, end = (f"{each}T00:00:00+00:00" for each in (day, day + timedelta(days=1)))
        made = draft(report, day, title=title, text=f"{title}\n", start=start, end=end, timezone="UTC")
        run = {"dag_id": dag_id, "run_id": run_id or f"scheduled__{title}"}
        revision = self.archive.publish(replace(made, **{"run": run, **changes}))
        ledger = ledger_of(self.archive, revision.manifest)
        for recipient in recipients:
            key = key_of(report, revision.manifest.period_key, recipient)
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
        return revision

    def deploy_from_task(self, dag_id: str, run_id: str, worker: str, result: object) -> None:
        """Have a deploy task of a run end well on a worker."""
        now = datetime.now(timezone.utc).isoformat(sep=" ")
        number = crc32(run_id.encode())
        self.return_from_task(dag_id, run_id, "deploy", result)
        with closing(sqlite3.connect(self.log.parent / "airflow.db", timeout=60)) as database, database:
            database.execute(
                "INSERT INTO dag_run (id, dag_id, run_id, run_type, run_after, clear_number, span_status) "
                "VALUES (?, ?, ?, 'manual', ?, 0, 'not_started')",
                (number, dag_id, run_id, now),
            )
            database.execute(
                "INSERT INTO task_instance (id, task_id, dag_id, run_id, map_index, try_number, max_tries, pool, pool_slots, "
                "span_status, state, hostname, operator, end_date) VALUES (?, 'deploy', ?, ?, -1, 1, 0, 'default_pool', 1, "
                "'not_started', 'success', ?, 'VenvDeployOperator', ?)",
                (uuid4().hex, dag_id, run_id, worker, now),
            )

    def return_from_task(self, dag_id: str, run_id: str, task_id: str, result: object) -> None:
        """Have a task of a run return a result."""
        row = (
            crc32(run_id.encode()),
            task_id,
            -1,
            "return_value",
            dag_id,
            run_id,
            json.dumps(json.dumps(result)),
        )
        with closing(sqlite3.connect(self.log.parent / "airflow.db", timeout=60)) as database, database:
            names = "dag_run_id, task_id, map_index, key, dag_id, run_id, value, timestamp"
            database.execute(
                f"INSERT INTO xcom ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, '2026-03-29 09:00:00')", row
            )


@contextmanager
def served(
    home: Path, archive: str, *, made_by: Sequence[str] = ("-m", "airflow", "db", "migrate"), **settings: str
) -> Iterator[Server]:
    """
    Run a server until the block ends.

    :param home: an empty folder for all that Airflow writes.
    :param archive: URI of the archive it shows.
    :param made_by: what Python is given to make the database.
    :param settings: further environment.
    """
    (home / "each_their_own.py").write_text(AUTH_MANAGER % {"readers": READERS})
    (home / "simple_auth_manager_passwords.json.generated").write_text(json.dumps({u: u for u in USERS}))
    port = free_port()
    prefix = urlsplit(settings.get("AIRFLOW__API__BASE_URL", "http://x/airflow")).path.strip("/")
    base = f"http://127.0.0.1:{port}/{prefix}/"
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": base,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__AUTH_MANAGER": "each_their_own.EachTheirOwn",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
        "AIRFLOW__DAYBREAK__ARCHIVE": archive,
        "PYTHONPATH": str(home),
        **settings,
    }
    log = home / "api-server.log"
    with log.open("wb") as output:
        subprocess.run([sys.executable, *made_by], env=environment, stdout=output, stderr=output, check=True)
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "api-server", "--host", "127.0.0.1", "--port", str(port)],
            env=environment,
            stdout=output,
            stderr=output,
        )
        try:
            _wait_for(f"{base}api/v2/version", process, log)
            yield Server(base, archive_at(archive), log, process.pid)
        finally:
            process.terminate()
            process.wait(300)  # of a machine with much else to do


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 300  # of a machine with much else to do
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(address, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    pytest.fail(f"The API server does not answer:\n{log.read_text()[-4000:]}")
