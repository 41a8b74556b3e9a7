"""What docs/installing.md says of each way in, by its files and commands."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from airflow_provider_daybreak.bundles.package import PackageDagBundle
from airflow_provider_daybreak.cli.dag_checks.check import check_dags
from airflow_provider_daybreak.cli.dag_checks.parsing import Limits
from airflow_provider_daybreak.exceptions import InvalidValueError
from demo.catcher import Catcher, make_certificate

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "installing.md").read_text()
FILES = ROOT / "docs" / "installing"
NOBODY = 65534


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_dockerfile_on_the_page_is_the_one_to_copy():
    [shown] = blocks("dockerfile")

    assert (FILES / "Dockerfile").read_text().endswith(shown)


def test_the_image_keeps_its_airflow_and_fails_where_packages_do_not_go_together(tmp_path):
    lines = (FILES / "Dockerfile").read_text().replace("\\\n", "").splitlines()
    [command] = [line.removeprefix("RUN ") for line in lines if line.startswith("RUN ")]
    log = tmp_path / "log"
    (tmp_path / "pip").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$*" >>{shlex.quote(str(log))}\n[ "$1" != check ]\n'
    )
    (tmp_path / "pip").chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "AIRFLOW_VERSION": "3.3.2"}

    done = subprocess.run(["sh", "-c", command], env=env, check=False)

    assert done.returncode == 1
    assert log.read_text().splitlines() == [
        "install --no-cache-dir apache-airflow==3.3.2 --requirement /requirements.txt",
        "check",
    ]


def test_the_astro_project_asks_for_what_its_settings_need():
    dockerfile = (FILES / "astro" / "Dockerfile").read_text()

    assert (FILES / "astro" / "requirements.txt").read_text() == "airflow-provider-daybreak[s3]\n"
    assert re.search(r"^FROM \S+/runtime:\d+\.\d+-\d+$", dockerfile, re.MULTILINE)
    assert set(re.findall(r"AIRFLOW__DAYBREAK__(\w+)=s3://", dockerfile)) == {"ARCHIVE", "RELEASE_STORE"}


@pytest.mark.parametrize("number", [0, 1])
def test_bundles_on_the_page_are_settings_that_airflow_reads(number, monkeypatch):
    from airflow.configuration import conf

    settings = configparser.ConfigParser()
    settings.read_string(blocks("ini")[number])
    monkeypatch.setenv(
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", settings["dag_processor"]["dag_bundle_config_list"]
    )

    [bundle] = conf.getjson("dag_processor", "dag_bundle_config_list")

    assert bundle["name"] == "reports"
    assert bundle["classpath"].endswith(("GitDagBundle", "PackageDagBundle"))


def test_a_package_of_dags_is_served_as_it_is_installed(tmp_path, monkeypatch):
    folder = tmp_path / "acme_reports" / "dags"
    folder.mkdir(parents=True)
    for path in (folder.parent, folder):
        (path / "__init__.py").touch()
    (folder / "sales.py").write_text("from airflow.sdk import DAG\n\ndag = DAG('sales', schedule=None)\n")
    monkeypatch.syspath_prepend(tmp_path)

    bundle = PackageDagBundle(name="reports", package="acme_reports.dags")

    assert bundle.path == folder
    assert bundle.get_current_version() is None
    assert not bundle.supports_versioning


@pytest.mark.parametrize("package", ["no_such_package", "no_such.dags", "json.decoder", "..", ""])
def test_a_package_that_holds_no_dags_is_refused_by_name(package):
    with pytest.raises(InvalidValueError, match="expected an installed package that holds Dags"):
        PackageDagBundle(name="reports", package=package)


def test_dags_that_are_copied_as_the_page_says_are_right(tmp_path):
    [command] = [block for block in blocks("bash") if block.startswith("cp -r")]
    (tmp_path / "dags").mkdir()
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    subprocess.run(["bash", "-c", command], cwd=tmp_path, env=env, check=True)

    result = check_dags(tmp_path / "dags", Limits(seconds=60))
    assert (result.dags, result.findings) == (1, ())


@pytest.fixture
def catcher(tmp_path):
    make_certificate(tmp_path / "server.pem")
    catcher = Catcher(
        tmp_path / "mail", tmp_path / "server.pem", login="reports@example.org", password="a password"
    )
    catcher.start()
    yield catcher
    catcher.stop()


SEALED = """
mount --make-rprivate / && mount --bind "$1" "$1" || exit 90
for place in / /tmp /var /var/tmp /opt /home /root; do
    ! mountpoint -q "$place" || mount -o remount,bind,ro "$place" || exit 90
done
for place in "$HOME" /tmp /var/tmp /opt; do ! touch "$place/written" 2>/dev/null || exit 91; done
touch "$1/written" || exit 92
shift && exec "$@"
"""
"""Runs a program where nothing but one folder may be written, as in a pod whose root is read-only."""


def test_the_chain_runs_without_root_without_an_engine_and_where_one_folder_alone_is_written(tmp_path, catcher):
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    dotenv = work / ".env"
    dotenv.write_text(
        f"EMAIL_SENDER=reports@example.org\nEMAIL_PASSWORD='a password'\nSMTP_SERVER=localhost\nSMTP_PORT={catcher.port}\n"
        f"SMTP_CA_FILE={tmp_path / 'server.crt'}\nEMAIL_RECEIVER=you@example.org\n"
    )
    dotenv.chmod(0o600)
    home.chmod(0o555)
    sealed, as_nobody = [], []
    (work / "tmp").mkdir()
    if os.geteuid() == 0:  # who may still read what root's own Python lies in, and write nothing
        sealed = ["unshare", "--mount", "sh", "-c", SEALED, "sh", str(work)]
        for path in (work, dotenv, work / "tmp"):
            os.chown(path, NOBODY, NOBODY)
        for path in tmp_path.parents:
            if path.stat().st_mode & 0o005 != 0o005 and path.is_relative_to("/tmp"):
                path.chmod(path.stat().st_mode | 0o055)
        as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
        as_nobody += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    env = {name: value for name, value in os.environ.items() if name not in ("UV_CACHE_DIR", "XDG_CACHE_HOME")}
    [container] = yaml.safe_load((ROOT / "docs" / "helm" / "pod-template.yaml").read_text())["spec"][
        "containers"
    ]
    env |= {each["name"]: each["value"].replace("/work", str(work)) for each in container["env"]}
    env |= {
        "HOME": str(home),
        "TMPDIR": str(work / "tmp"),  # the pod's /tmp
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"path": str(dotenv)}),
        "DOCKER_HOST": "tcp://127.0.0.1:1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    done = subprocess.run(
        [*sealed, *as_nobody, sys.executable, Path(__file__).with_name("chain.py"), ROOT / "dags" / "daily_report.py", work / "out"],
        cwd=work, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["uid"] != 0
    assert not said["home"]
    assert said["skipped"].startswith("No container engine answers.")
    assert list(said["sent"]) == ["you@example.org"]
    assert len(catcher.messages()) == 1
    assert list(home.iterdir()) == []
