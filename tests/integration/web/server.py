"""A real API server under a path prefix, whose users may each read the Dags that bear their name."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import httpx
import pytest

from airflow_provider_daybreak.archive import Archive, Draft, DraftFile
from airflow_provider_daybreak.context.archive import archive_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
    tokens: dict[str, str] = field(default_factory=dict)

    def token(self, user: str) -> str:
        if user not in self.tokens:  # each login costs the server a second, and lasts for a day
            self.tokens[user] = self._token(user)
        return self.tokens[user]

    def _token(self, user: str) -> str:
        answer = httpx.post(f"{self.base}auth/token", json={"username": user, "password": user}, timeout=30)
        assert answer.status_code == 201, answer.text
        return answer.json()["access_token"]

    def client(self, user: str | None = None, **options: object) -> httpx.Client:
        client = httpx.Client(base_url=self.base, timeout=30, **options)
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


@contextmanager
def served(home: Path, archive: str) -> Iterator[Server]:
    """
    Run a server until the block ends.

    :param home: an empty folder for all that Airflow writes.
    :param archive: URI of the archive it shows.
    """
    (home / "each_their_own.py").write_text(AUTH_MANAGER % {"readers": READERS})
    (home / "simple_auth_manager_passwords.json.generated").write_text(json.dumps({u: u for u in USERS}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    base = f"http://127.0.0.1:{port}/airflow/"
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": base,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__AUTH_MANAGER": "each_their_own.EachTheirOwn",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
        "AIRFLOW__DAYBREAK__ARCHIVE": archive,
        "PYTHONPATH": str(home),
    }
    airflow = [sys.executable, "-m", "airflow"]
    log = home / "api-server.log"
    with log.open("wb") as output:
        subprocess.run([*airflow, "db", "migrate"], env=environment, stdout=output, stderr=output, check=True)
        process = subprocess.Popen(
            [*airflow, "api-server", "--host", "127.0.0.1", "--port", str(port)],
            env=environment,
            stdout=output,
            stderr=output,
        )
        try:
            _wait_for(f"{base}api/v2/version", process, log)
            yield Server(base, archive_at(archive), log)
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(address, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    pytest.fail(f"The API server does not answer:\n{log.read_text()[-4000:]}")
