"""What is exported runs as the task does, with nothing of Daybreak or Airflow."""

from __future__ import annotations

import json
import shutil
import subprocess
from contextlib import suppress

import pytest
import yaml
from airflow.cli import cli_parser

from tests.kubernetes import check_fields

DAG = """
from datetime import timedelta
from airflow.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable
from airflow_provider_daybreak.operators.docker import ScriptDockerOperator
from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator

with DAG("sales", schedule=CronTriggerTimetable("30 6 * * 1-5", timezone="Asia/Tokyo")):
    deploy = VenvDeployOperator(task_id="deploy", name="sales", source=SOURCE)
    usual = {"release": deploy.output, "command": ["report.py", "two words"]}
    run = VenvRunOperator(
        task_id="run", **usual, env={"REGION": "$HOME 100%"}, limits={"open_files": 77}, retries=2,
        execution_timeout=timedelta(minutes=5), artifacts=["*.csv"],
    )
    VenvRunOperator(task_id="templated", release=deploy.output, command=["report.py", "{{ ds }}"])
    VenvRunOperator(task_id="as_another", **usual, run_as="nobody")
    ScriptDockerOperator(
        task_id="container", image="registry.example/report:3", command=["report", "$(HOME) $x"], environment={"A": "$b"},
        private_environment={"TOKEN": "correct-horse"}, mem_limit="512m", cpus=0.5,
    )
    ScriptDockerOperator(task_id="files", image="report:3", command="report", outputs={"a": "/out/a"})
"""
SCRIPT = """
import json, os, pathlib, resource, sys
pathlib.Path("beside.txt").write_text(pathlib.Path("data.txt").read_text())
pathlib.Path(os.environ["DAYBREAK_OUTPUT_DIR"], "said.json").write_text(json.dumps({
    "arguments": sys.argv[1:], "region": os.environ["REGION"], "password": os.environ["PASSWORD"], "zone": os.environ["TZ"],
    "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0], "start": os.environ["DAYBREAK_PERIOD_START"],
    "inherited": os.environ.get("INHERITED"),
}))
sys.exit(3)
"""


@pytest.fixture(scope="module")
def dag_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dags")
    source = folder / "script"
    source.mkdir()
    (source / "report.py").write_text(SCRIPT)
    (source / "data.txt").write_text("data")
    (source / ".env").write_text("PASSWORD='correct-horse'\n")
    (source / ".env").chmod(0o600)
    (folder / "sales.py").write_text(DAG.replace("SOURCE", repr(str(source))))
    return folder / "sales.py"


@pytest.fixture
def export(dag_file, tmp_path, capsys):
    """Return a function that exports a task, and returns the folder and what was printed."""

    def run(task_id, to, *words):
        out = tmp_path / to
        said = ["daybreak", "export", str(dag_file), task_id, "--to", to, "--out", str(out), *words]
        args = cli_parser.get_parser().parse_args(said)
        capsys.readouterr()
        with suppress(SystemExit):
            args.func(args)
        printed = capsys.readouterr()
        return out, printed.out + printed.err

    return run


def run_in(folder, *command, **variables):
    return subprocess.run(
        command,
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", **variables},
    )


def test_a_crontab_runs_the_script_with_its_day_variables_limits_and_exit_code(export):
    folder, said = export("run", "crontab")
    assert "left out: artifacts=['*.csv']" in said
    assert (
        (folder / "crontab")
        .read_text()
        .endswith(
            "CRON_TZ=Asia/Tokyo\n30 6 * * 1-5 cd FOLDER && flock -n .lock timeout -k 10 300 .venv/bin/python run.py >> run.log 2>&1\n"
        )
    )
    refused = run_in(folder, "python3", "run.py")
    assert "secrets.env does not set PASSWORD" in refused.stderr
    (folder / "secrets.env").write_text('PASSWORD=it\'s "as it stands" $HOME\n')
    ended = run_in(folder, "python3", "run.py", DAYBREAK_REPORT_DATE="2026-03-29", INHERITED="no")

    assert ended.returncode == 3, ended.stderr
    assert json.loads((folder / "out" / "said.json").read_text()) == {
        "arguments": ["two words"], "region": "$HOME 100%", "password": 'it\'s "as it stands" $HOME', "zone": "Asia/Tokyo",
        "files": 77, "start": "2026-03-29T00:00:00+09:00", "inherited": None,
    }  # fmt: skip
    assert not (folder / "source" / "beside.txt").exists()


def test_no_file_holds_a_secret(export):
    for task_id in ("run", "container"):
        for to in ("compose", "cronjob"):
            folder, _ = export(task_id, to)
            assert not [
                path for path in folder.rglob("*") if path.is_file() and "correct-horse" in path.read_text()
            ]
            assert (folder / "secrets.env").stat().st_mode & 0o777 == 0o600
            shutil.rmtree(folder)


@pytest.mark.parametrize("to", ["cronjob", "job"])
@pytest.mark.parametrize("task_id", ["run", "container"])
def test_a_clusters_file_has_the_fields_of_the_api(export, task_id, to):
    pytest.importorskip("kubernetes")
    folder, _ = export(task_id, to)
    document = yaml.safe_load((folder / f"{to}.yaml").read_text())
    check_fields(document, "V1CronJob" if to == "cronjob" else "V1Job")
    spec = document["spec"] if to == "job" else document["spec"]["jobTemplate"]["spec"]
    container = spec["template"]["spec"]["containers"][0]

    assert document["apiVersion"] == "batch/v1"
    if to == "cronjob":
        assert (document["spec"]["schedule"], document["spec"]["timeZone"]) == ("30 6 * * 1-5", "Asia/Tokyo")
    if task_id == "container":
        assert container["args"] == ["report", "$$(HOME) $x"]
        assert container["resources"]["limits"] == {"memory": str(512 << 20), "cpu": "0.5"}
    else:
        assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (2, 900)


def test_compose_takes_its_file(export):
    folder, _ = export("run", "compose")
    (folder / "secrets.env").write_text("PASSWORD=a\n")
    if shutil.which("docker") is None or run_in(folder, "docker", "compose", "version").returncode:
        pytest.skip("needs docker compose")
    said = run_in(folder, "docker", "compose", "config", "--format", "json", HOME=str(folder))
    assert said.returncode == 0, said.stderr
    service = json.loads(said.stdout)["services"]["sales-run"]

    assert service["read_only"]
    assert "timeout" in (folder / "Dockerfile").read_text()


def test_compose_keeps_the_dollars_of_a_container(export):
    folder, _ = export("container", "compose")
    service = yaml.safe_load((folder / "compose.yaml").read_text())["services"]["sales-container"]

    assert service["command"] == ["report", "$$(HOME) $$x"]
    assert (service["environment"], service["network_mode"]) == ({"A": "$$b"}, "none")


def test_a_timer_is_one_that_systemd_takes(export):
    folder, _ = export("run", "systemd")
    for path in folder.glob("sales-run.*"):
        path.write_text(
            path.read_text()
            .replace("FOLDER/.venv/bin/python", shutil.which("true"))
            .replace("FOLDER", str(folder))
        )
    assert (
        "OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 6:30:00 Asia/Tokyo\n" in (folder / "sales-run.timer").read_text()
    )
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd")
    said = run_in(
        folder,
        "systemd-analyze",
        "verify",
        "--user",
        "./sales-run.service",
        "./sales-run.timer",
        XDG_RUNTIME_DIR=str(folder),
    )

    assert not [line for line in said.stderr.splitlines() if "sales-run" in line], said.stderr


@pytest.mark.parametrize(
    ("task_id", "to", "said"),
    [
        ("templated", "crontab", "values without templates"),
        ("as_another", "crontab", "run_as = 'nobody'"),
        ("files", "compose", "outputs"),
        ("deploy", "compose", "a task that runs a script"),
        ("container", "systemd", "compose, cronjob or job"),
    ],
)
def test_what_has_no_meaning_without_airflow_is_refused(export, task_id, to, said):
    folder, printed = export(task_id, to)

    assert said in printed
    assert not folder.exists()


def test_a_folder_with_files_is_left_alone(export, tmp_path):
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "mine").touch()

    assert "a folder that is empty" in export("run", "job")[1]
