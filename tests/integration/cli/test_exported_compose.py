"""What is exported for Compose, built and run by an engine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest
from airflow.cli import cli_parser

pytestmark = pytest.mark.engine

DAG = """
from airflow.sdk import DAG
from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator

with DAG("exported", schedule="0 9 * * *"):
    deploy = VenvDeployOperator(task_id="deploy", name="exported", source=SOURCE)
    VenvRunOperator(task_id="run", release=deploy.output, command=["report.py"])
"""
SCRIPT = """
import os, pathlib
pathlib.Path(os.environ["DAYBREAK_OUTPUT_DIR"], "said.txt").write_text(f"{os.environ['PASSWORD']} {os.getuid() != 0}")
try:
    pathlib.Path("/opt/script/run.py").write_text("")
except OSError:
    print("ran on", os.environ["DAYBREAK_REPORT_DATE"])
"""


def docker(*words, folder=None, check=True):
    return subprocess.run(
        ["docker", *words], cwd=folder, check=check, capture_output=True, text=True, timeout=300
    )


@pytest.fixture
def _engine():
    if shutil.which("docker") is None or docker("compose", "version", check=False).returncode:
        pytest.skip("needs a Docker engine with Compose")
    if docker("image", "inspect", "python:3.12-slim", check=False).returncode:
        pytest.skip("needs the image python:3.12-slim")


@pytest.mark.usefixtures("_engine")
def test_what_is_exported_for_compose_runs_closed_with_its_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    source, out = tmp_path / "script", tmp_path / "out"
    source.mkdir()
    (source / "report.py").write_text(SCRIPT)
    (source / ".env").write_text("PASSWORD=a\n")
    (source / ".env").chmod(0o600)
    (tmp_path / "exported.py").write_text(DAG.replace("SOURCE", repr(str(source))))
    words = ["daybreak", "export", str(tmp_path / "exported.py"), "run", "--to", "compose", "--out", str(out)]
    args = cli_parser.get_parser().parse_args([*words, "--image", "daybreak-test-exported:latest"])
    args.func(args)
    with (out / "secrets.env").open("w") as file:
        file.write("PASSWORD=it's $HOME\n")
    dockerfile = out / "Dockerfile"  # of the worker's Python, and tests have an image of one alone
    dockerfile.write_text(re.sub(r"FROM python:3\.\d+-slim", "FROM python:3.12-slim", dockerfile.read_text()))
    closed = {"services": {"exported-run": {"network_mode": "none"}}}  # an engine of tests has no bridge
    (out / "closed.json").write_text(json.dumps(closed))
    files = ("--file", "compose.yaml", "--file", "closed.json")
    docker("build", "--network", "host", "--tag", "daybreak-test-exported:latest", ".", folder=out)
    try:
        said = docker("compose", *files, "run", "--rm", "--no-TTY", "exported-run", folder=out, check=False)
    finally:
        docker("compose", *files, "down", folder=out, check=False)
        docker("image", "rm", "--force", "daybreak-test-exported:latest", check=False)

    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("ran on 20")
    assert (out / "out" / "said.txt").read_text() == "it's $HOME True"
