"""A private Airflow on this machine: started, asked over its REST API, and stopped with all its processes."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from demo.api import BUSY_SECONDS, AirflowBusyError, AirflowFailedError, Api, gist

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STOP_SECONDS = 30
PID_FILE = "standalone.pid"


def free_port(wanted: int = 0) -> int:
    """Return the wanted port of the loopback interface, or another one when it is taken or 0."""
    for port in (wanted, 0):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found: int = probe.getsockname()[1]
                return found
    raise AirflowFailedError("No free port on 127.0.0.1.")


class Airflow(Api):
    """
    Airflow in one folder, by ``airflow standalone``.

    :param home: its AIRFLOW_HOME: configuration, database and logs.
    :param port: of UI and REST API, on the loopback interface.
    :param env: further environment of all its processes.
    :param dags: folders of Dags beside ours, by bundle name.
    :ivar settings: what is set for its processes beside this one's environment.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int,
        env: Mapping[str, str] | None = None,
        dags: Mapping[str, Path] | None = None,
    ) -> None:
        super().__init__(f"http://localhost:{port}")
        self.home = home
        self.port = port
        self.log = home / "standalone.log"
        self._pid_file = home / PID_FILE
        self._process: subprocess.Popen[bytes] | None = None
        self.settings = self._own_env(dags or {}) | dict(env or {})
        self.env = os.environ | self.settings

    def _own_env(self, dags: Mapping[str, Path]) -> dict[str, str]:
        package = "airflow_provider_daybreak.bundles.package.PackageDagBundle"
        local = "airflow.dag_processing.bundles.local.LocalDagBundle"
        bundles: list[dict[str, object]] = [{"name": "daybreak", "classpath": package, "kwargs": {}}]
        for name, folder in dags.items():
            bundles.append({"name": name, "classpath": local, "kwargs": {"path": str(folder)}})
        return {
            "AIRFLOW_HOME": str(self.home),
            "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", os.defpath),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self.port}/execution/",
            # A write waits its turn for a minute. Without IMMEDIATE, two that begin at once end with an error.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db?timeout=60&isolation_level=IMMEDIATE",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        }

    @property
    def password(self) -> str:
        """Password of the user ``admin``, made at the first call."""
        path = self.home / "simple_auth_manager_passwords.json.generated"
        if not path.exists():
            self.home.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(json.dumps({"admin": secrets.token_urlsafe(12)}))
        password: str = json.loads(path.read_text())["admin"]
        return password

    def start(self) -> None:
        """Start all components. Stops what an earlier start left behind, if it was killed."""
        _ = self.password
        stop_leftover(self.home)
        with closing(sqlite3.connect(self.home / "airflow.db")) as database:
            database.execute("PRAGMA journal_mode=WAL")  # readers and a writer don't wait for each other
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["airflow", "standalone"],
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pid_file.write_text(str(self._process.pid))

    def wait_until_ready(self, *, seconds: float = 180, tick: Callable[[], None] = lambda: None) -> None:
        """
        Wait until every component is healthy.

        :param seconds: how long at most.
        :param tick: called about once a second.
        :raises AirflowFailedError: it ended, or the time is over.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise AirflowFailedError(f"Airflow ended while it started. Its log: {self.log}")
            with suppress(httpx.HTTPError):
                health = self.client.get("/api/v2/monitor/health").json()
                parts = ("metadatabase", "scheduler", "dag_processor")
                if all((health.get(part) or {}).get("status") == "healthy" for part in parts):
                    self.log_in(self.password)
                    return
            tick()
            time.sleep(1)
        raise AirflowFailedError(f"Airflow was not ready after {seconds:.0f} s. Its log: {self.log}")

    def backfill(
        self,
        dag_id: str,
        *args: str,
        seconds: float = 120,
        say: Callable[[str], None] = lambda _: None,
    ) -> str:
        """
        Create a backfill by the command line, once the one before is closed: Airflow takes one at a time.

        Airflow creates it within a savepoint, before which SQLite takes no lock: no timeout lets it wait for
        another's write, so that it is tried again.

        :param args: of ``airflow backfill create``, after the Dag's.
        :param say: told of each further try.
        :return: what the command prints.
        :raises AirflowFailedError: the command failed, or the backfill before is not closed in time.
        """
        deadline = time.monotonic() + seconds
        while self._open_backfills(dag_id):
            if time.monotonic() > deadline:
                raise AirflowFailedError(f"A backfill of {dag_id} is still open after {seconds:.0f} s.")
            time.sleep(1)
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return self.cli("backfill", "create", "--dag-id", dag_id, *args)
            except AirflowBusyError:
                if time.monotonic() > deadline:
                    raise
            say("  Airflow's database is busy: trying again …")
            for left in self._open_backfills(dag_id):  # without runs, which it writes all at once or not at all
                self.api("PUT", f"/backfills/{left}/cancel")
            time.sleep(1)

    def _open_backfills(self, dag_id: str) -> list[int]:
        found = self.api("GET", "/backfills", params={"dag_id": dag_id, "limit": "100"})["backfills"]
        return [one["id"] for one in found if one["completed_at"] is None]

    def cli(self, *args: str) -> str:
        """
        Run an ``airflow`` command, and return what it prints.

        :raises AirflowBusyError: its database was locked.
        :raises AirflowFailedError: it failed; the message says with which error, and where all that it printed is.
        """
        done = subprocess.run(["airflow", *args], env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stdout + done.stderr
            log = self.home / "command.log"
            log.write_text(said)
            kind = AirflowBusyError if "database is locked" in said.lower() else AirflowFailedError
            raise kind(f"airflow {' '.join(args)} failed: {gist(said)}\nAll that it printed: {log}")
        return done.stdout

    def stop(self) -> None:
        """Stop all components, politely first, and wait until they are gone."""
        if self._process is None:
            return
        _stop_group(self._process.pid)
        self._process.wait()
        self._process = None
        self._pid_file.unlink(missing_ok=True)


def stop_leftover(home: Path) -> None:
    """Stop the Airflow of that home that a killed process has left behind."""
    with suppress(OSError, ValueError):
        pid = int((home / PID_FILE).read_text())
        if b"standalone" in Path(f"/proc/{pid}/cmdline").read_bytes():
            _stop_group(pid)


def _stop_group(group: int) -> None:
    """Ask all processes of the group to end, and end those that don't."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and _living(group):
            time.sleep(0.2)
        os.killpg(group, signal.SIGKILL)


def _living(group: int) -> bool:
    """Return whether the group has a process that is no zombie."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, process_group = stat.read_text().rpartition(")")[2].split()[:3]
            if int(process_group) == group and state != "Z":
                return True
    return False
