"""The Compose file's stack, up as its document says; where no registry is reached, with stand-ins for its images."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from email import message_from_string
from email.policy import default
from pathlib import Path

import httpx
import pytest

from demo.airflow import free_port
from demo.api import Api
from tests.test_packaging import AIRFLOW, DAGS
from tests.waiting import until

pytestmark = [pytest.mark.scheduler, pytest.mark.engine]

ROOT = Path(__file__).parents[2]
PROJECT = "daybreak-test"
STAND_INS = {
    "AIRFLOW_IMAGE": "airflow",
    "POSTGRES_IMAGE": "postgres",
    "MAILPIT_IMAGE": "mailpit",
    "DOCKER_PROXY_IMAGE": "docker-proxy",
    "REDIS_IMAGE": "redis",
}
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
        (folder / "dags" / "my_own.py").write_text(OWN_DAG)
        self.env = os.environ | {
            "COMPOSE_PROJECT_NAME": PROJECT,
            "COMPOSE_ENV_FILES": str(folder / ".env"),
            "ENV_FILE": str(folder / ".env"),
            "DAGS_FOLDER": str(folder / "dags"),
            "BUILD_NETWORK": "host",
            "AIRFLOW_PORT": str(free_port()),
            "MAILPIT_PORT": str(free_port()),
        }
        for variable, target in STAND_INS.items():
            self.env[variable] = f"daybreak-test-{target}"
            bash(
                f"docker build --quiet --network host --build-arg AIRFLOW_VERSION={AIRFLOW} --target {target} "
                f"--tag {self.env[variable]} --file stand_ins/Dockerfile .",
                cwd=ROOT / "tests",
            )
        self.run(documented("make env"))
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
        names = self.run(
            "docker compose exec --no-TTY mailpit sh -c 'ls /tmp/mail/new 2>/dev/null || true'"
        ).split()
        read = "docker compose exec --no-TTY mailpit cat /tmp/mail/new/"
        return [message_from_string(self.run(read + name), policy=default) for name in names]

    def kill(self, service):
        """Kill a service's processes as a machine does that runs out of memory: Docker starts it again."""
        container = self.run(f"docker compose ps --quiet {service}").split()[0]
        os.kill(int(bash(f"docker inspect --format '{{{{.State.Pid}}}}' {container}")), signal.SIGKILL)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("compose"))
    everything = {"COMPOSE_PROFILES": "mail,celery"}
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
    assert sorted(dags) == sorted([*DAGS, "my_own"])


def test_the_documented_command_says_that_all_answers(stack):
    command = documented("docker compose exec airflow-scheduler airflow daybreak check")
    printed = stack.run(command.strip().replace("exec", "exec --no-TTY") + " --output json")
    states = {row["part"]: row["state"] for row in json.loads(printed[printed.index("[\n") :])}

    assert states["archive"] == states["releases"] == states["mail server"] == states["Docker engine"] == "ok"


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
    ]
    shown = stack.run("docker inspect $(docker compose ps --all --quiet)")

    assert len(secrets) == 6
    assert [secret for secret in secrets if secret in shown] == []


@pytest.fixture(scope="module")
def run(api):
    """Return the id of a run of the daily report for 20 November 2026, which has ended well."""
    api.wait_for_dag("daily_report")
    run = api.trigger("daily_report", conf={"report_date": "2026-11-20"})
    assert api.wait_for_run("daily_report", run) == "success"
    return run


def test_the_daily_report_is_mailed_with_the_pdf_of_a_container(stack, api, run):
    assert set(api.tasks("daily_report", run).values()) == {"success"}  # the container step was not skipped
    [mail] = stack.mails()
    types = [part.get_content_type() for part in mail.walk() if not part.is_multipart()]
    assert types == ["text/plain", "text/html", "image/png", "application/pdf"]
    assert "20 November 2026" in mail.get_body(("plain",)).get_content()


@pytest.mark.usefixtures("run")
def test_the_report_is_shown_to_who_logged_in_alone(stack, api):
    page = "/daybreak/reports/daily_report/2026-11-20/1/"

    assert httpx.get(stack.url + page).status_code == 401
    shown = api.client.get(page)
    assert shown.status_code == 200
    assert "20 November 2026" in shown.text


def test_a_run_goes_on_after_its_scheduler_was_killed(stack, api):
    api.wait_for_dag("my_own")
    run = api.trigger("my_own", conf={})
    until(lambda: api.tasks("my_own", run).get("work") == "running")

    stack.kill("airflow-scheduler")

    assert api.wait_for_run("my_own", run) == "success"


def test_a_backup_is_restored_with_workers_and_mails_nothing_twice(stack, run, tmp_path):
    stack.run(f"bash compose/backup.sh {tmp_path / 'backup'}")
    stack.run("docker compose down --volumes")

    stack.run(f"bash compose/restore.sh {tmp_path / 'backup'}")
    stack.env |= {"COMPOSE_PROFILES": "mail,celery", "AIRFLOW_EXECUTOR": "CeleryExecutor"}
    stack.run("docker compose up --detach --wait")
    api = stack.api()
    again = {"dry_run": False, "dag_run_id": run, "only_failed": False, "reset_dag_runs": True}
    api.api("POST", "/dags/daily_report/clearTaskInstances", json=again)
    assert api.wait_for_run("daily_report", run) == "success"
    other = api.trigger("daily_report", conf={"report_date": "2026-11-21"})
    assert api.wait_for_run("daily_report", other) == "success"

    assert ["21 November 2026" in mail.get_body(("plain",)).get_content() for mail in stack.mails()] == [True]
