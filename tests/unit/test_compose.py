"""What ``make env`` writes for the Compose file, and what it leaves alone."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())


def make_env(path, *profiles):
    script = ROOT / "compose" / "env.sh"
    return subprocess.run(
        ["bash", script, *profiles],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "ENV_FILE": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


def values(path):
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


def test_every_secret_of_the_stack_is_made_for_its_owner_alone(tmp_path):
    path = tmp_path / ".env"

    done = make_env(path)

    assert done.returncode == 0
    assert values(path).keys() == {secret["environment"] for secret in COMPOSE["secrets"].values()}
    assert len(base64.urlsafe_b64decode(values(path)["AIRFLOW_FERNET_KEY"])) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert "Mail is not configured: set AIRFLOW_CONN_SMTP_DEFAULT" in done.stdout


def test_what_stands_there_stays(tmp_path):
    path = tmp_path / ".env"
    path.write_text("AIRFLOW_FERNET_KEY=old\nexport POSTGRES_PASSWORD=mine")  # and no end of the line

    done = make_env(path, "mail", "celery")
    first = path.read_text()
    make_env(path, "mail", "celery")

    assert first.startswith("AIRFLOW_FERNET_KEY=old\nexport POSTGRES_PASSWORD=mine\n")
    assert first.count("POSTGRES_PASSWORD=") == first.count("AIRFLOW_FERNET_KEY=") == 1
    assert path.read_text() == first
    assert "kept   AIRFLOW_FERNET_KEY" in done.stdout


def test_profiles_bring_their_settings(tmp_path):
    path = tmp_path / ".env"

    make_env(path, "mail", "celery")

    written = values(path)
    assert written["COMPOSE_PROFILES"] == "mail,celery"
    assert written["AIRFLOW_EXECUTOR"] == "CeleryExecutor"
    assert json.loads(written["AIRFLOW_CONN_SMTP_DEFAULT"].strip("'"))["host"] == "mailpit"


def test_reports_and_releases_of_the_profile_s3_are_in_an_object_store_with_the_key_of_its_own(tmp_path):
    path = tmp_path / ".env"
    path.write_text("export OBJECT_STORE_KEY=a-key-that-stood-there\n")

    make_env(path, "s3")

    written = values(path)
    store = json.loads(written["AIRFLOW_CONN_STORE"].strip("'"))
    assert store["password"] == "a-key-that-stood-there"
    assert store["extra"]["endpoint_url"] == "http://object-store:9000"
    assert written["DAYBREAK_ARCHIVE"].startswith("s3://store@")
    assert written["DAYBREAK_RELEASE_STORE"].startswith("s3://store@")


def test_a_profile_that_is_none_is_refused_before_anything_is_written(tmp_path):
    done = make_env(tmp_path / ".env", "s4")

    assert done.returncode == 2
    assert done.stderr == "There is no profile 's4'. Expected mail, celery or s3.\n"
    assert not (tmp_path / ".env").exists()


@pytest.mark.parametrize("secret", ["AIRFLOW_CONN_SMTP_DEFAULT", "AIRFLOW_CONN_STORE"])
def test_what_holds_a_password_is_in_no_environment(secret):
    assert f"${{{secret}" not in json.dumps({**COMPOSE, "configs": {}})
    assert secret in COMPOSE["configs"]["connections"]["content"]


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_every_service_has_a_health_check_and_a_limit_of_memory(service):
    said = COMPOSE["services"][service]

    assert "mem_limit" in said
    assert "healthcheck" in said or service == "airflow-init"  # which ends
