"""The Compose file's stack, up as its document says; where no registry is reached, with stand-ins for its images."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from datetime import date, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import httpx
import pytest

from demo.airflow import free_port
from demo.api import Api
from tests.attacks import often
from tests.test_packaging import AIRFLOW, DAGS
from tests.waiting import until

pytestmark = [pytest.mark.scheduler, pytest.mark.engine]

ROOT = Path(__file__).parents[2]
# Of this folder alone: another may have its stack beside it.
PROJECT = f"daybreak-test-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]}"
STAND_INS = {
    "AIRFLOW_IMAGE": "airflow",
    "POSTGRES_IMAGE": "postgres",
    "MAILPIT_IMAGE": "mailpit",
    "DOCKER_PROXY_IMAGE": "docker-proxy",
    "REDIS_IMAGE": "redis",
    "OBJECT_STORE_IMAGE": "object-store",
}
DAY, NEXT = (date.today() - timedelta(days=ago) for ago in (3, 2))  # noqa: DTZ011 - any recent days will do
PEOPLE = ("ann@example.org", "bo@example.org", "cy@example.org")
ROUNDS = int(os.environ.get("DAYBREAK_KILLS", often(0, 1)))
SEED = int(os.environ.get("DAYBREAK_KILLS_SEED", "1"))
CANARY = "canary-of-the-mail-server"
OWN_DAG = """
from time import sleep
from datetime import timedelta
from airflow.sdk import dag, get_current_context, task

@dag(schedule=None)
def my_own():
    @task(retries=1, retry_delay=timedelta(0))
    def work():
        if get_current_context()["ti"].try_number == 1:
            sleep(3600)
    work()

my_own()
"""
# A chain that many days of are made while services die.
NIGHTLY = f"""
from datetime import datetime, timedelta
from pathlib import Path
from airflow.sdk import DAG
from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator

FILES = Path(__file__).parent / "nightly"

with DAG(
    "nightly",
    schedule="0 6 * * *",
    start_date=datetime(2099, 1, 1),
    catchup=False,
    max_active_runs=3,
    default_args={{"retries": 30, "retry_delay": timedelta(seconds=1)}},
):
    deploy = VenvDeployOperator(task_id="deploy", name="nightly", source=FILES)
    run = VenvRunOperator(task_id="run", release=deploy.output, command=["figures.py"], output="json")
    report = ReportOperator(
        task_id="render", report="nightly", template=FILES / "report.md.j2", data={{"figures": run.output}}
    )
    ReportEmailOperator(task_id="mail", report=report.output, to={PEOPLE!r}, max_lateness=None)
"""
FIGURES = """
import json, os, time
time.sleep(2)
day = os.environ["DAYBREAK_REPORT_DATE"]
print(json.dumps([{"day": day, "units": int(day.replace("-", ""))}]))
"""
TEMPLATE = """# {{ report.name }} {{ report.date | date("y-MM-dd") }}

{{ table(figures) }}
"""


def titled(day):
    """Return a day as the daily report's title has it."""
    return f"{day:%-d %B %Y}"


def bash(command, **options):
    done = subprocess.run(["bash", "-ec", command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def documented(beginning):
    """Return the command of the document that begins so."""
    blocks = (
        part.split("```")[0] for part in (ROOT / "docs" / "compose.md").read_text().split("```bash\n")[1:]
    )
    [found] = [block for block in blocks if block.startswith(beginning)]
    return found


class Stack:
    """The services, and what is asked of them."""

    def __init__(self, folder):
        (folder / "dags").mkdir()
        self.folder = folder
        files = {
            "my_own.py": OWN_DAG,
            "nightly.py": NIGHTLY,
            "nightly/figures.py": FIGURES,
            "nightly/report.md.j2": TEMPLATE,
        }
        for name, text in files.items():
            (folder / "dags" / name).parent.mkdir(exist_ok=True)
            (folder / "dags" / name).write_text(text)
        self.env = os.environ | {
            "COMPOSE_PROJECT_NAME": PROJECT,
            "COMPOSE_ENV_FILES": str(folder / ".env"),
            "ENV_FILE": str(folder / ".env"),
            "DAGS_FOLDER": str(folder / "dags"),
            "BUILD_NETWORK": "host",
            "AIRFLOW_PORT": str(free_port()),
            "MAILPIT_PORT": str(free_port()),
            "TASK_QUEUED_TIMEOUT": "30",  # what a killed worker took from the queue is looked for sooner
        }
        for variable, target in STAND_INS.items():
            self.env[variable] = f"daybreak-test-{target}"
            bash(
                f"docker build --quiet --network host --build-arg AIRFLOW_VERSION={AIRFLOW} --target {target} "
                f"--tag {self.env[variable]} --file stand_ins/Dockerfile .",
                cwd=ROOT / "tests",
            )
        self.run(documented("make env"))
        env = folder / ".env"
        env.write_text(
            env.read_text().replace('"disable_ssl"', f'"canary": "{CANARY}\\u0027 #", "disable_ssl"')
        )
        self.password = bash(". ./.env; echo $AIRFLOW_ADMIN_PASSWORD", cwd=folder).strip()
        self.url = f"http://localhost:{self.env['AIRFLOW_PORT']}"

    def run(self, command, **env):
        return bash(command, cwd=ROOT, env=self.env | env)

    def airflow(self, command):
        return self.run(f"docker compose exec --no-TTY airflow-scheduler airflow {command}")

    def rows(self, command):
        return json.loads(self.airflow(f"{command} --output json").splitlines()[-1])

    def api(self):
        api = Api(self.url)
        api.log_in(self.password)
        return api

    def mails(self):
        """Return the mails that reached the server since it was started."""
        with tempfile.TemporaryDirectory() as folder:
            found = f"{folder}/new"
            self.run(f"docker compose cp mailpit:/tmp/mail/new {found} 2>/dev/null || true")
            return [
                message_from_bytes(path.read_bytes(), policy=default) for path in sorted(Path(found).glob("*"))
            ]

    def well(self):
        """Return whether all that runs is healthy, by its own health check."""
        told = self.run("docker inspect --format '{{.State.Health.Status}}' $(docker compose ps --quiet)")
        return set(told.split()) == {"healthy"}

    def kill(self, service):
        """Kill a service's processes as a machine does that runs out of memory: Docker starts it again."""
        container = self.run(f"docker compose ps --quiet {service}").split()[0]
        process = int(bash(f"docker inspect --format '{{{{.State.Pid}}}}' {container}"))
        if process:  # it has not just been killed
            os.kill(process, signal.SIGKILL)

    def files(self):
        """Return the digests of the files in the archive and in the release store, on volumes."""
        command = (
            "cd /opt/airflow/daybreak && find reports store -type f | sort | xargs --no-run-if-empty sha256sum"
        )
        return self.run(
            f"docker compose run --rm --no-TTY --no-deps --entrypoint sh airflow-scheduler -c '{command}'"
        )

    def standings(self, report):
        """Return where each mail of a report stands by the ledger, by day and recipient."""
        printed = self.airflow(f"daybreak deliveries {report} --output json")
        rows = json.loads(printed[printed.index("[\n") :])
        return {(row["date"], row["recipient"]): row["standing"] for row in rows}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("compose"))
    everything = {"COMPOSE_PROFILES": "mail,celery,s3"}
    stack.run("docker compose down --volumes", **everything)  # what a killed run left has another password
    try:
        stack.run(documented("docker compose up"))
        yield stack
    finally:
        print(bash("docker compose logs --tail 50", cwd=ROOT, env=stack.env | everything))
        stack.run("docker compose down --volumes", **everything)


@pytest.fixture(scope="module")
def api(stack):
    return stack.api()


def test_the_image_shows_provider_plugin_and_dags_once_beside_ones_own(stack, api):
    for dag in ("daily_report", "my_own"):
        api.wait_for_dag(dag)  # what it raises for: an import error
    providers = [row["package_name"] for row in stack.rows("providers list")]
    plugins = [row["name"] for row in stack.rows("plugins")]
    dags = [row["dag_id"] for row in stack.rows("dags list")]

    assert providers.count("airflow-provider-daybreak") == 1
    assert plugins.count("daybreak") == 1
    assert sorted(dags) == sorted([*DAGS, "my_own", "nightly"])


def test_the_documented_command_says_that_all_answers(stack):
    command = documented("docker compose exec airflow-scheduler airflow daybreak check")
    printed = stack.run(command.strip().replace("exec", "exec --no-TTY") + " --output json")
    states = {row["part"]: row["state"] for row in json.loads(printed[printed.index("[\n") :])}

    assert states["archive"] == states["releases"] == states["mail server"] == states["Docker engine"] == "ok"


@pytest.mark.usefixtures("stack")
def test_the_image_that_pipelines_build_has_the_dags_of_its_repository(tmp_path):
    """Its file is that of the page; what stands for the official image has the package already, from this stack's build."""
    shown = (ROOT / "docs" / "installing" / "Dockerfile").read_text()
    assert shown.count("FROM apache/airflow:3.3.2\n") == 1
    (tmp_path / "Dockerfile").write_text(shown.replace("apache/airflow:3.3.2", "daybreak-airflow:3.3.2"))
    (tmp_path / "requirements.txt").write_text("airflow-provider-daybreak[xlsx]\n")
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "mine.py").write_text(OWN_DAG)
    image = f"{PROJECT}-pipeline"

    bash(f"docker build --quiet --network host --tag {image} .", cwd=tmp_path)

    printed = bash(
        f"docker run --rm --network none --entrypoint daybreak {image} check --dags /opt/airflow/dags"
    )
    assert "1 file, 1 Dag in " in printed
    assert "nothing found" in printed


def test_a_weak_secret_is_refused_before_anything_runs(stack):
    done = subprocess.run(
        ["docker", "compose", "run", "--rm", "--no-deps", "airflow-init"],
        cwd=ROOT,
        env=stack.env | {"AIRFLOW_ADMIN_PASSWORD": "airflow"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "The secret admin_password is easy to guess: expected 12 characters or more" in done.stderr


def test_no_secret_stands_in_a_containers_settings(stack):
    secrets = [
        line.partition("=")[2]
        for line in Path(stack.env["ENV_FILE"]).read_text().splitlines()
        if line.partition("=")[0].endswith(("_KEY", "_SECRET", "PASSWORD"))
    ] + [CANARY]
    shown = stack.run("docker inspect $(docker compose ps --all --quiet)")

    assert len(secrets) == 8
    assert [secret for secret in secrets if secret in shown] == []
    seen = stack.run("docker compose exec --no-TTY airflow-scheduler env")
    assert [secret for secret in secrets if secret in seen] == []


@pytest.fixture(scope="module")
def run(api):
    """Return the id of a run of the daily report for a day that is mailed yet, which has ended well."""
    api.wait_for_dag("daily_report")
    run = api.trigger("daily_report", conf={"report_date": str(DAY)})
    assert api.wait_for_run("daily_report", run) == "success"
    return run


def test_the_daily_report_is_mailed_with_the_pdf_of_a_container(stack, api, run):
    assert set(api.tasks("daily_report", run).values()) == {"success"}  # the container step was not skipped
    [mail] = stack.mails()
    types = [part.get_content_type() for part in mail.walk() if not part.is_multipart()]
    assert types == ["text/plain", "text/html", "image/png", "application/pdf"]
    assert titled(DAY) in mail.get_body(("plain",)).get_content()


@pytest.mark.usefixtures("run")
def test_the_report_is_shown_to_who_logged_in_alone(stack, api):
    page = f"/daybreak/reports/daily_report/{DAY}/1/"

    assert httpx.get(stack.url + page).status_code == 401
    shown = api.client.get(page)
    assert shown.status_code == 200
    assert titled(DAY) in shown.text


def test_a_run_goes_on_after_its_scheduler_was_killed(stack, api):
    api.wait_for_dag("my_own")
    run = api.trigger("my_own", conf={})
    until(lambda: api.tasks("my_own", run).get("work") == "running")

    stack.kill("airflow-scheduler")

    assert api.wait_for_run("my_own", run) == "success"


@pytest.fixture(scope="module")
def restored(stack, run, tmp_path_factory):
    """Return the API of a stack with workers and an object store, restored after the run from a backup of one with volumes."""
    assert run
    backup = tmp_path_factory.mktemp("backup") / "backup"
    stack.run(f"bash compose/backup.sh {backup}")
    before = stack.files()
    stack.run("docker compose down --volumes")
    if ROUNDS:  # into volumes first
        stack.run(f"bash compose/restore.sh {backup}")
        assert stack.files() == before != ""
        stack.run("docker compose down --volumes")

    stack.run("bash compose/env.sh celery s3")
    stack.env["COMPOSE_PROFILES"] = "mail,celery,s3"  # the .env has a line of it already, which stays
    stack.run(f"bash compose/restore.sh {backup}")
    stack.run("docker compose up --detach")
    until(stack.well, seconds=900)  # --wait gives up at the first that is not well yet
    return stack.api()


def test_a_backup_is_restored_with_workers_and_an_object_store_and_mails_nothing_twice(stack, run, restored):
    again = {"dry_run": False, "dag_run_id": run, "only_failed": False, "reset_dag_runs": True}
    restored.api("POST", "/dags/daily_report/clearTaskInstances", json=again)
    assert restored.wait_for_run("daily_report", run) == "success"
    other = restored.trigger("daily_report", conf={"report_date": str(NEXT)})
    assert restored.wait_for_run("daily_report", other) == "success"

    assert [titled(NEXT) in mail.get_body(("plain",)).get_content() for mail in stack.mails()] == [True]
    assert stack.files() == ""  # all of it is in the object store


def ended(api, runs):
    return {api.runs("nightly")[one] for one in runs} <= {"success", "failed"}


@pytest.mark.attack("kills")
@pytest.mark.timeout(2400 + 600 * ROUNDS)
def test_whatever_service_is_killed_or_restarted_each_day_is_mailed_once(stack, restored, tried):
    """With DAYBREAK_KILLS each service is killed and restarted that many times; else those are killed once that are not Airflow."""
    services = stack.run("docker compose ps --services").split()
    assert len(services) == 11
    if not ROUNDS:
        services = [service for service in services if not service.startswith("airflow-")]
    ways = ["kill", "restart"] * ROUNDS or ["kill"]
    chance = random.Random(SEED)
    days = [str(date(2026, 1, 1) + timedelta(days=number)) for number in range(6 * ROUNDS or 2)]
    restored.wait_for_dag("nightly")
    stack.airflow(
        f"backfill create --dag-id nightly --from-date {days[0]} --to-date {days[-1]}T23:00:00 --max-active-runs 3"
    )
    runs = restored.runs("nightly")
    assert len(runs) == len(days)
    for way in ways:
        for service in chance.sample(services, len(services)):
            time.sleep(chance.uniform(1, 4))
            stack.kill(service) if way == "kill" else stack.run(f"docker compose restart {service}")
    tried(len(ways) * len(services))

    stack.run("docker compose up --detach")
    until(stack.well, seconds=900)  # each is there again, and well
    until(lambda: ended(restored, runs), seconds=300 + 60 * len(days))

    mails = Counter((mail["Subject"], mail["X-RcptTo"]) for mail in stack.mails())
    standings = stack.standings("nightly")
    print(f"\n{len(ways) * len(services)} by seed {SEED}: {Counter(standings.values())} of {len(days)} days")
    for day in days:
        for person in PEOPLE:
            taken = mails[f"nightly {day}", person]
            standing = standings[day, person]
            assert standing in ("sent", "in_doubt")
            assert taken == 1 if standing == "sent" else taken <= 1
