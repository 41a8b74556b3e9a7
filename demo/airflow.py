"""A private Airflow on this machine: started, asked over its REST API, and stopped with all its processes."""

from __future__ import annotations

import json
import os
import re
import secrets
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from demo.api import BUSY_SECONDS, AirflowBusyError, AirflowFailedError, Api, gist
from demo.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STOP_SECONDS = 30
LOOK_SECONDS = 2
"""How long what is asked over the REST API takes it for granted that all of its Airflow runs."""
_ROOT = Path(__file__).parents[1]
_WAITING = (sys.executable, "-m", "demo.immediate")
"""The ``airflow`` whose transactions wait for those of others."""
_PARTS = re.compile("scheduler|dag.processor|api.server|triggerer")
_OF = "DAYBREAK_DEMO_OF"
"""Variable by which what a demo started is known to be its own, however it and those between were killed."""


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
        self._process: subprocess.Popen[bytes] | None = None
        self._parts: set[int] = set()
        self._looked = 0.0
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
            # Airflow's processes call themselves something, which would write over the environment that shows whose
            # they are: one that outlives those who started it would be found by nobody, and keep its port.
            "SPT_NOENV": "1",
            "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", os.defpath),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(Path(__file__).with_name("plugins")),
            # By Airflow's defaults a folder whose name has a % is taken for "{AIRFLOW_HOME}", literally.
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.home / "logs"),
            "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(
                self.home / "logs" / "dag_processor"
            ),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            # What is due begins a quarter of a second later at most, rather than one, four times in a daily run: docs/performance.md.
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
            # On a busy machine the API server's first answer takes longer than the five seconds after which a task fails.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self.port}/execution/",
            # A write waits its turn for a minute. Without IMMEDIATE, two that begin at once end with an error.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db?timeout=60&isolation_level=IMMEDIATE",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__DEFAULT_WRAP": "True",  # of logs: a sentence of ours is read whole
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            # By default all Airflows of a machine share one folder: a bundle of the same name is then another's.
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(self.home / "dag_bundles"),
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
                env=self.env | {_OF: str(self.home)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def api(self, method: str, path: str, **options: Any) -> Any:
        """
        Return the JSON that the REST API answers, while all that was started runs.

        :raises AirflowFailedError: a part has ended, whose work would be waited for in vain; or as of any Airflow.
        """
        if self._process is not None and time.monotonic() > self._looked + LOOK_SECONDS:
            self.check()
        return super().api(method, path, **options)

    def check(self) -> None:
        """
        Look whether it still runs.

        :raises AirflowFailedError: it has ended; the message says with which error, and where its log is.
        """
        self._looked = time.monotonic()
        if self._process is None or self._process.poll() is not None or self._has_lost_a_part():
            raise AirflowFailedError(f"Airflow ended: {self._gist()}\nIts log: {self.log}")

    def _has_lost_a_part(self) -> bool:
        """Return whether one of its processes has ended, without which it goes on and does nothing."""
        if self._process is None:
            return False
        living = set()
        with suppress(psutil.Error):
            for part in psutil.Process(self._process.pid).children():
                if part.status() != psutil.STATUS_ZOMBIE and _PARTS.search(" ".join(part.cmdline())):
                    living.add(part.pid)
        lost = self._parts - living
        self._parts |= living
        return bool(lost)

    def _gist(self) -> str:
        return gist(self.log.read_text(errors="replace"))

    def wait_until_ready(self, *, seconds: float = 180, tick: Callable[[], None] = lambda: None) -> None:
        """
        Wait until every component is healthy.

        :param seconds: how long at most.
        :param tick: called about once a second.
        :raises AirflowFailedError: it ended, or the time is over.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            with suppress(httpx.HTTPError):
                health = self.client.get("/api/v2/monitor/health").json()
                parts = ("metadatabase", "scheduler", "dag_processor")
                if all((health.get(part) or {}).get("status") == "healthy" for part in parts):
                    self.log_in(self.password)
                    return
            tick()
            time.sleep(1)
        raise AirflowFailedError(
            f"Airflow was not ready after {seconds:.0f} s: {self._gist()}\nIts log: {self.log}"
        )

    def backfill(
        self,
        dag_id: str,
        *args: str,
        seconds: float = 120,
        say: Callable[[str], None] = lambda _: None,
    ) -> str:
        """
        Create a backfill by the command line, once the one before is closed: Airflow takes one at a time.

        Its transactions wait for those of others, see ``plugins/backfills.py``; where one has waited for too long, the
        command is tried again.

        :param args: of ``airflow backfill create``, after the Dag's.
        :param say: told of each further try.
        :return: what the command prints.
        :raises AirflowFailedError: the command failed, or the backfill before is not closed in time.
        """
        deadline = time.monotonic() + seconds
        while self.open_backfills(dag_id):
            if time.monotonic() > deadline:
                raise AirflowFailedError(f"A backfill of {dag_id} is still open after {seconds:.0f} s.")
            time.sleep(1)
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return self._run(_WAITING, "backfill", "create", "--dag-id", dag_id, *args)
            except AirflowBusyError:
                if time.monotonic() > deadline:
                    raise
            say("  Airflow's database is busy: trying again …")
            self.cancel_backfills(dag_id)  # one without runs, which it writes all at once or not at all
            time.sleep(1)

    def cancel_backfills(self, dag_id: str) -> None:
        """End the backfill that is open, if one is: what has not begun fails."""
        for backfill in self.open_backfills(dag_id):
            self.api("PUT", f"/backfills/{backfill}/cancel")

    def open_backfills(self, dag_id: str) -> list[int]:
        """Return the numbers of the backfills of a Dag that the scheduler has not closed."""
        found = self.api("GET", "/backfills", params={"dag_id": dag_id, "limit": "100"})["backfills"]
        return [one["id"] for one in found if one["completed_at"] is None]

    def cli(self, *args: str) -> str:
        """
        Run an ``airflow`` command, and return what it prints.

        :raises AirflowBusyError: its database was locked.
        :raises AirflowFailedError: it failed; the message says with which error, and where all that it printed is.
        """
        return self._run(("airflow",), *args)

    def _run(self, program: tuple[str, ...], *args: str) -> str:
        done = subprocess.run(
            [*program, *args], cwd=_ROOT, env=self.env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = done.stdout + done.stderr
            log = self.home / "command.log"
            log.write_text(said)
            kind = AirflowBusyError if "database is locked" in said.lower() else AirflowFailedError
            raise kind(f"airflow {' '.join(args)} failed: {gist(said)}\nAll that it printed: {log}")
        return done.stdout

    def stop(self) -> None:
        """Stop all components, politely first, and wait until they are gone."""
        stop_leftover(self.home)
        if self._process is not None:
            self._process.wait()
            self._process = None
            self._parts.clear()


def stop_leftover(home: Path) -> None:
    """Stop the Airflow of that home, with all that it has started, whoever of it is still there."""
    for process in _of(home):
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    while left := _of(home):
        if time.monotonic() > deadline:
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(0.2)


def _of(home: Path) -> list[psutil.Process]:
    """Return the living processes that the Airflow of that home started, itself among them."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):  # it has ended, or is another user's
            if process.environ().get(_OF) == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
