"""Airflow with two Celery workers, each as on a machine of its own: they share a database, a queue and an object store."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sys
import time
from contextlib import closing
from pathlib import Path

import httpx
import psycopg2

from airflow_provider_daybreak.context.archive import archive_at
from airflow_provider_daybreak.delivery.audit import deliveries
from demo.airflow import Airflow, free_port
from tests.conftest import UNSHARED
from tests.soak.services import Service, make_database
from tests.waiting import SECONDS, until

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[1] / "docs" / "scaling.md"
SOAK = HERE.parent / "soak"
PEOPLE = ("ann@example.org", "bo@example.org", "cy@example.org")
NAMES = ("a", "b")

# A machine sees its own processes, has its own name, and finds its own folder under the path that all know it by; those of
# the others are hidden. With its first process all that runs on it ends, as when the power fails.
MACHINE = """
hostname "worker-$0"
mount --bind "$MACHINES/$0" "$AIRFLOW_HOME"
mount -t tmpfs none "$MACHINES"
airflow celery worker --queues "$0,any" --concurrency 2 --skip-serve-logs
"""


def documented():
    """Return the settings that the document gives, as variables of an environment."""
    block = DOCUMENT.read_text().split("```ini\n")[1].split("```")[0]
    return dict(line.split("=", 1) for line in block.splitlines())


class Workers:
    """
    The stack, and what is asked of it.

    :param home: folder for everything.
    """

    def __init__(self, home):
        self.home = home
        self.mails = home / "mails"  # a note for each that was taken
        self.notes = home / "notes"  # of the scripts
        self.machines = home / "machines"
        self.logs = home / "logs"
        shared, scheduler = home / "machine", home / "scheduler"  # the one path under which each finds its own
        for folder in (self.mails, self.notes, self.machines, self.logs, shared):
            folder.mkdir()
        for folder in (scheduler, *(self.machines / name for name in NAMES)):
            shutil.copytree(HERE / "workers_dags", folder / "dags")
            (folder / "tmp").mkdir()
        ports = {name: free_port() for name in ("database", "queue", "store", "mail")}
        self.airflow = Airflow(
            scheduler,
            port=free_port(),
            env=self._settings(ports),
            dags={"workers": scheduler / "dags"},
        )
        self.at_work = self._at_work(self.airflow.env, scheduler, shared)
        python = sys.executable
        commands = {
            "database": make_database(home / "database", ports["database"], "airflow"),
            "queue": ["redis-server", "--port", str(ports["queue"]), "--save", "", "--dir", str(home)],
            "store": [python, "-m", "moto.server", "--port", str(ports["store"])],
            "mail": [python, str(SOAK / "mail_server.py"), str(self.mails), str(ports["mail"])],
        }
        self.services = {
            name: Service(name, command, self.logs / f"{name}.log") for name, command in commands.items()
        }
        for name in ("api-server", "scheduler", "dag-processor"):
            self.services[name] = Service(name, ["airflow", name], self.logs / f"{name}.log", self.airflow.env)
        for name in NAMES:
            self.services[name] = Service(
                name, [*UNSHARED, "sh", "-ec", MACHINE, name], self.logs / f"{name}.log", self.at_work
            )
        self._store = f"http://127.0.0.1:{ports['store']}"
        self._database = {
            "host": "127.0.0.1",
            "port": ports["database"],
            "user": "airflow",
            "dbname": "postgres",
        }

    def _settings(self, ports):
        database = f"postgresql+psycopg2://airflow@127.0.0.1:{ports['database']}/postgres"
        said = documented()
        store = json.loads(said["AIRFLOW_CONN_STORE"])
        store |= {"login": "access-key", "password": "secret-key"}
        store["extra"]["endpoint_url"] = f"http://127.0.0.1:{ports['store']}"
        return said | {
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(32),
            "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{ports['queue']}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": database.replace("postgresql+psycopg2", "db+postgresql"),
            "AIRFLOW__CELERY__SYNC_PARALLELISM": "1",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
            # What is lost with a worker is looked for sooner.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "12",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "30",
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "5",
            "AIRFLOW_CONN_SMTP_DEFAULT": (
                f"smtp://127.0.0.1:{ports['mail']}/?disable_tls=true&disable_ssl=true&from_email=reports%40example.org"
            ),
            "AIRFLOW_CONN_STORE": json.dumps(store),
            "WORKERS_NOTES": str(self.notes),
        }

    def _at_work(self, env, scheduler, shared):
        """Return a worker's environment: the scheduler's, with paths of the machine's own."""
        env = {name: value.replace(str(scheduler), str(shared)) for name, value in env.items()}
        return env | {
            "AIRFLOW__DAYBREAK__RELEASES": str(shared / "releases"),
            "HOME": str(shared),
            "MACHINES": str(self.machines),
            "TMPDIR": str(shared / "tmp"),
            "UV_CACHE_DIR": str(shared / "uv"),
            "XDG_CACHE_HOME": str(shared / "cache"),
        }

    def start(self):
        """Start everything, and wait until the Dags can be run."""
        for name in ("database", "queue", "store", "mail"):
            self.services[name].ensure()
        until(self._database_answers)
        _ = self.airflow.password
        self.airflow.cli("db", "migrate")
        until(self._store_answers)
        self.ensure()
        until(self._healthy, told=lambda: f"Airflow is not healthy. See {self.logs}")
        self.airflow.log_in(self.airflow.password)
        for dag in ("workers_chain", "workers_race", "workers_any"):
            self.airflow.wait_for_dag(dag)

    def _database_answers(self):
        try:
            with closing(psycopg2.connect(**self._database)):
                return True
        except psycopg2.OperationalError:
            return False

    def _store_answers(self):
        try:
            return httpx.put(f"{self._store}/daybreak").is_success
        except httpx.TransportError:
            return False

    def _healthy(self):
        try:
            health = self.airflow.client.get("/api/v2/monitor/health").json()
        except (httpx.HTTPError, ValueError):
            return False
        return all(
            health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor")
        )

    def ensure(self):
        """Start again what has ended, unless it is held down."""
        for service in self.services.values():
            service.ensure()

    def stop(self):
        """Stop everything: all are told before any is waited for, but for what they need to end."""
        for name in ("api-server", "scheduler", "dag-processor", *NAMES):
            process = self.services[name].process
            if process is not None and process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        for service in reversed(self.services.values()):
            service.stop()

    def wait(self, dag_id, *runs, seconds=SECONDS):
        """Wait until the runs have ended, while what was killed comes back; return the state of each."""
        deadline = time.monotonic() + seconds
        while True:
            self.ensure()
            states = [self.airflow.runs(dag_id)[run] for run in runs]
            if set(states) <= {"success", "failed"}:
                return states
            told = [self.airflow.tasks(dag_id, run) for run in runs]
            assert time.monotonic() < deadline, f"Still at {told}. See {self.logs}"
            time.sleep(0.5)

    def taken(self, dag_id, day):
        """Return to whom mails of the report for the day were taken, once for each time."""
        return sorted(
            recipient
            for note in self.mails.glob("*.mail")
            for recipient, subject in [note.read_text().strip().split("\t")]
            if subject == f"{dag_id} {day}"
        )

    @property
    def archive(self):
        """The archive that all share, by this process's own connection."""
        # By a name of its own: Airflow keeps what it once knew of a connection, and other tests have a store too.
        os.environ["AIRFLOW_CONN_WORKERS_STORE"] = self.airflow.env["AIRFLOW_CONN_STORE"]
        return archive_at("s3://workers_store@daybreak/reports")

    def standings(self, dag_id):
        """Return where each mail of the report stands by the ledger, by day and recipient."""
        return {(one.report_date, one.recipient): one.standing for one in deliveries(self.archive, dag_id)}

    def left_over(self):
        """Return the folders of runs that lie on the machines, and what lies in their folders for temporary files."""
        found = []
        for name in NAMES:
            machine = self.machines / name
            found += [path for path in machine.glob("releases/*/runs/*") if not path.name.startswith("kept-")]
            found += machine.glob("tmp/daybreak-*")
        return [str(path.relative_to(self.machines)) for path in found]
