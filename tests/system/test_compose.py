"""The Compose file's stack, up as its document says; where no registry is reached, with stand-ins for its images."""

from __future__ import annotations

import json
import os
import subprocess
from email import message_from_string
from email.policy import default
from pathlib import Path

import httpx
import pytest

from demo.airflow import free_port
from demo.api import Api
from tests.test_packaging import AIRFLOW, DAGS

pytestmark = [pytest.mark.scheduler, pytest.mark.engine]

ROOT = Path(__file__).parents[2]
PROJECT = "daybreak-test"
STAND_INS = {
    "AIRFLOW_IMAGE": "airflow",
    "POSTGRES_IMAGE": "postgres",
    "MAILPIT_IMAGE": "mailpit",
    "DOCKER_PROXY_IMAGE": "docker-proxy",
}


def bash(command, **options):
    done = subprocess.run(["bash", "-ec", command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def documented(number):
    """Return a command of the document."""
    return (ROOT / "docs" / "compose.md").read_text().split("```bash\n")[number].split("```")[0]


class Stack:
    """The services, and what is asked of them."""

    def __init__(self, folder):
        self.env = os.environ | {
            "COMPOSE_PROJECT_NAME": PROJECT,
            "COMPOSE_ENV_FILES": str(folder / ".env"),
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
        bash(documented(1), cwd=folder)
        self.password = bash(". ./.env; echo $AIRFLOW_ADMIN_PASSWORD", cwd=folder).strip()
        self.url = f"http://localhost:{self.env['AIRFLOW_PORT']}"

    def run(self, command):
        return bash(command, cwd=ROOT, env=self.env)

    def airflow(self, command):
        return self.run(f"docker compose exec --no-TTY airflow-scheduler airflow {command}")

    def rows(self, command):
        return json.loads(self.airflow(f"{command} --output json").splitlines()[-1])


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    stack = Stack(tmp_path_factory.mktemp("compose"))
    stack.run("docker compose down --volumes")  # what a killed run left has a database of another password
    try:
        stack.run(documented(2))
        yield stack
    finally:
        print(bash("docker compose logs --tail 50", cwd=ROOT, env=stack.env))
        stack.run("docker compose down --volumes")


@pytest.fixture(scope="module")
def api(stack):
    api = Api(stack.url)
    api.log_in(stack.password)
    return api


def test_the_image_shows_provider_plugin_and_dags_once(stack, api):
    api.wait_for_dag("daily_report")  # what it raises for: an import error
    providers = [row["package_name"] for row in stack.rows("providers list")]
    plugins = [row["name"] for row in stack.rows("plugins")]
    dags = [row["dag_id"] for row in stack.rows("dags list")]

    assert providers.count("airflow-provider-daybreak") == 1
    assert plugins.count("daybreak") == 1
    assert sorted(dags) == DAGS


def test_the_documented_command_says_that_all_answers(stack):
    printed = stack.run(documented(3).strip().replace("exec", "exec --no-TTY") + " --output json")
    states = {row["part"]: row["state"] for row in json.loads(printed[printed.index("[\n") :])}

    assert states["archive"] == states["releases"] == states["mail server"] == states["Docker engine"] == "ok"


@pytest.fixture(scope="module")
def run(api):
    """Return the id of a run of the daily report for 20 November 2026, which has ended well."""
    api.wait_for_dag("daily_report")
    run = api.trigger("daily_report", conf={"report_date": "2026-11-20"})
    assert api.wait_for_run("daily_report", run) == "success"
    return run


def test_the_daily_report_is_mailed_with_the_pdf_of_a_container(stack, api, run):
    assert set(api.tasks("daily_report", run).values()) == {"success"}  # the container step was not skipped
    text = stack.run("docker compose exec --no-TTY mailpit sh -c 'cat /tmp/mail/new/*'")
    mail = message_from_string(text, policy=default)
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
