"""
What a soak runs: a database, a mail server, an engine, Airflow's four components, each a process group that can be killed and
comes back.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from demo.airflow import Airflow, free_port
from tests.soak.clock import Clock
from tests.soak.engine import Engine, can_be_started

PROGRAMS = Path(__file__).parent


class Service:
    """A program that is started again wherever it is found dead, except while it is held down."""

    def __init__(self, name, command, log, env=None):
        self.name, self.command, self.log, self.env = name, command, log, env
        self.down_until = 0.0
        self.process = None
        self.orphaned = []  # groups whose leader was killed alone

    def ensure(self):
        if (self.process is not None and self.process.poll() is None) or time.monotonic() < self.down_until:
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, sign=signal.SIGKILL, *, group=True, down=0.0):
        """Kill the program, or its whole group; it comes back after so many seconds."""
        if self.process is None:
            return
        self.down_until = time.monotonic() + down
        if not group:
            self.orphaned.append(self.process.pid)
        with suppress(ProcessLookupError):
            (os.killpg if group else os.kill)(self.process.pid, sign)
        self.process.wait()

    def stop(self):
        self.down_until = float("inf")
        for left in self.orphaned:
            with suppress(ProcessLookupError):
                os.killpg(left, signal.SIGKILL)
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def make_database(folder, port, user, **options):
    """
    Make a database of PostgreSQL, and return the command that serves it on the loopback interface.

    :param folder: for its files; it is made.
    :param user: who may do everything, without a password.
    :param options: further settings of the server.
    """
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    as_user = []
    folder.mkdir()
    if os.geteuid() == 0:  # a server of PostgreSQL refuses to be root
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(folder, "postgres", "postgres")
    make = [programs / "initdb", "-D", folder, "-U", user, "--auth", "trust", "--encoding", "UTF8"]
    subprocess.run([*as_user, *make], check=True, stdout=subprocess.DEVNULL, cwd="/")
    options = {"listen_addresses": "127.0.0.1", "max_connections": "200", **options}
    settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
    return [
        *as_user,
        str(programs / "postgres"),
        *("-D", str(folder), "-p", str(port), "-k", str(folder)),
        *settings,
    ]


class Soaked:
    """
    The stack of a soak.

    :param home: folder for everything.
    :param disk: MB that archive and releases have, on a file system of their own; 0 where none can be mounted.
    :ivar clock: the one that all but the mail server and the engine go by; None where none can be made.
    :ivar engine: an engine of its own; None where none can be started, and this machine's is used.
    """

    def __init__(self, home, *, disk):
        self.home = home
        self.data = home / "data"
        self.notes = home / "notes"
        self.mails = home / "mails"
        for folder in (self.data, self.notes, self.mails, home / "airflow"):
            folder.mkdir()
        self.disk = disk and os.geteuid() == 0
        if self.disk:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk}m", "soak", self.data], check=True)
        self.clock = Clock(home) if Clock.can_be_made() else None
        self.engine = Engine(home / "engine") if can_be_started() else None
        clock = self.clock.variables if self.clock else {}
        database, self.mail_port = free_port(), free_port()
        self.airflow = Airflow(
            home / "airflow",
            port=free_port(),
            dags={"soak": PROGRAMS / "dags"},
            env=self._settings(database) | clock,
        )
        log = home / "logs"
        log.mkdir()
        self.services = {
            "database": Service(
                "database",
                make_database(
                    home / "database",
                    database,
                    "soak",
                    # A scheduler that is killed alone leaves workers, and they its connection, with all its locks.
                    idle_in_transaction_session_timeout="30s",
                ),
                log / "database.log",
                os.environ | clock,
            ),
            "mail": Service(
                "mail",
                [sys.executable, str(PROGRAMS / "mail_server.py"), str(self.mails), str(self.mail_port)],
                log / "mail.log",
            ),
        }
        for name, command in (self.engine.commands if self.engine else {}).items():
            self.services[name] = Service(name, command, log / f"{name}.log")
        for name in ("scheduler", "dag-processor", "api-server", "triggerer"):
            self.services[name] = Service(name, ["airflow", name], log / f"{name}.log", self.airflow.env)

    def _settings(self, database):
        return {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://soak@127.0.0.1:{database}/postgres",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(32),
            "AIRFLOW__CORE__PARALLELISM": "6",
            "AIRFLOW__DAYBREAK__ARCHIVE": (self.data / "reports").as_uri(),
            "AIRFLOW__DAYBREAK__RELEASES": str(self.data / "releases"),
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "15",
            "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
            "AIRFLOW_CONN_SMTP_DEFAULT": (
                f"smtp://127.0.0.1:{self.mail_port}/?disable_tls=true&disable_ssl=true&from_email=reports%40example.org&timeout=10"
            ),
            "SOAK_ENGINE": self.engine.url if self.engine else "",
            "SOAK_NOTES": str(self.notes),
        }

    def ensure(self):
        for service in self.services.values():
            service.ensure()

    def start(self):
        """Start everything, and wait until Airflow knows the Dag."""
        self.services["database"].ensure()
        self.services["mail"].ensure()
        if self.engine:
            for name in self.engine.commands:
                self.services[name].ensure()
            self.engine.wait(lambda: None)
            self.engine.load()
        deadline = time.monotonic() + 120
        while subprocess.run(
            ["airflow", "db", "migrate"], env=self.airflow.env, capture_output=True, check=False
        ).returncode:
            if time.monotonic() > deadline:
                raise SystemExit(f"No database. See {self.home / 'logs'}")
            time.sleep(1)
        _ = self.airflow.password
        self.ensure()
        self.wait_until_healthy()
        self.airflow.wait_for_dag("soak", tick=self.ensure)

    def wait_until_healthy(self, seconds=180):
        """Wait until database, scheduler and Dag processor answer, and log in again: the clock may have moved."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.ensure()
            with suppress(httpx.HTTPError, ValueError):
                health = self.airflow.client.get("/api/v2/monitor/health").json()
                parts = ("metadatabase", "scheduler", "dag_processor")
                if all((health.get(part) or {}).get("status") == "healthy" for part in parts):
                    self.airflow.log_in(self.airflow.password)
                    return
            time.sleep(1)
        raise SystemExit(f"Airflow is not healthy after {seconds} s. See {self.home / 'logs'}")

    def stop(self):
        for service in reversed(self.services.values()):
            service.stop()
        if self.engine:
            self.engine.clear()
        if self.disk:
            subprocess.run(["umount", self.data], check=True)

    def tasks(self):
        """Return the processes in which tasks run, and the ones that watch over them."""
        scheduler = self.services["scheduler"].process
        found = []
        with suppress(psutil.Error):
            found = psutil.Process(scheduler.pid).children(recursive=True)
        return found

    def containers(self, *options):
        """Return the ids of the soak's containers; ``-a`` counts those that have ended too. None where no engine answers."""
        return self.docker("ps", "-q", *options, "--filter", "label=daybreak.dag_id=soak").split()

    def docker(self, *words):
        """Ask the engine that the soak's containers are in; nothing is said while none answers."""
        with suppress(subprocess.TimeoutExpired):
            env = self.engine.env if self.engine else None
            asked = subprocess.run(
                ["docker", *words], env=env, capture_output=True, text=True, timeout=20, check=False
            )
            return asked.stdout
        return ""
