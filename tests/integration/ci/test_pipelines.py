"""
The pipelines of docs/ci do what docs/ci.md says: their own steps are run, in a repository of Dags.

git, the check and the previews are real. pip, docker and ssh are stand-ins: they write down what they are told, and ssh runs it here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from xml.etree import ElementTree as ET

import pytest
import yaml

CI = Path(__file__).parents[3] / "docs" / "ci"
BIN = Path(sys.executable).parent
GITHUB = yaml.safe_load((CI / "github.yml").read_text())
GITLAB = yaml.safe_load((CI / "gitlab.yml").read_text())
JENKINS = (CI / "Jenkinsfile").read_text()
SECRETS = {"REGISTRY_PASSWORD": "registry-secret", "SSH_KEY": "key-secret", "GIT_PASSWORD": "git-secret"}
SETTINGS = {
    "IMAGE": "registry.example.org/airflow",
    "REGISTRY_USER": "ci",
    "DEPLOY_HOST": "airflow@host.example.org",
    "SSH_KNOWN_HOSTS": "host.example.org ssh-ed25519 AAAA",
}
WAYS = ("bundle", "image", "ssh")
DAG = """
from airflow.sdk import DAG
from airflow_provider_daybreak.operators.report import ReportOperator

with DAG("sales", schedule=None):
    ReportOperator(task_id="render_report", report="sales", template="sales.md.j2", data={"sold": [{"n": NUMBER}]})
"""
STAND_INS = {
    "python3": f'#!/bin/sh\ncase "$1 $2" in "-m pip") echo "pip $*" >>"$LOG";; "-m venv") mkdir -p .venv/bin; : >.venv/bin/activate;; '
    f'*) exec "{sys.executable}" "$@";; esac\n',
    "docker": '#!/bin/sh\necho "docker $*" >>"$LOG"\ncase "$1" in login) cat >>"$LOG.stdin";; esac\n',
    "ssh": '#!/bin/bash\necho "ssh ${@:1:$#-1}" >>"$LOG"\nwhile [ "$1" != -i ]; do shift; done\nstat -c "key %a" "$2" >>"$LOG"\n'
    'sh -c "${@: -1}"\n',
}


def steps_of_github(job, deploy=""):
    """Return the shell steps of a job that run where that is the way to deploy, each with its variables' values."""
    for step in GITHUB["jobs"][job]["steps"]:
        wanted = step.get("if", "")
        if "run" in step and (not wanted or wanted == f"vars.DEPLOY == '{deploy}'"):
            named = {
                name: re.fullmatch(r"\$\{\{ (?:vars|secrets)\.(\w+) \}\}", value)[1]
                for name, value in step.get("env", {}).items()
            }
            assert all(name == variable for name, variable in named.items())
            yield step["run"], set(named)


def steps_of_jenkins(stage):
    text = re.search(rf"stage\('{stage}'\) \{{(.*?)^    \}}", JENKINS, re.DOTALL | re.MULTILINE)[1]
    return re.findall(r"^ *sh '(.+)'$", text, re.MULTILINE)


@pytest.fixture
def repository(tmp_path):
    """Return a repository of Dags with two commits and a remote, as docs/ci.md says it is laid out."""
    folder, origin = tmp_path / "repository", tmp_path / "origin.git"
    (folder / "dags").mkdir(parents=True)
    shutil.copytree(CI, folder / "ci")
    (folder / "requirements.txt").write_text("airflow-provider-daybreak\n")
    (folder / "dags" / "sales.md.j2").write_text("# Sales\n\n{{ table(sold) }}\n")
    git(tmp_path, "init", "-q", "--bare", origin)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "remote", "add", "origin", origin)
    for number in (1, 2):
        (folder / "dags" / "sales.py").write_text(DAG.replace("NUMBER", str(number)))
        git(folder, "add", ".")
        git(folder, "commit", "-qm", f"Sell {number}")
    return folder


def git(folder, *words):
    who = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    return subprocess.run(
        ["git", *who, "-C", folder, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def run(repository, tmp_path):
    """Return a function that runs a step in the repository, with variables: what it prints. ``run.log`` is what stand-ins were told."""
    stand_ins, log = tmp_path / "bin", tmp_path / "log"
    stand_ins.mkdir()
    log.touch()
    for name, text in STAND_INS.items():
        (stand_ins / name).write_text(text)
        (stand_ins / name).chmod(0o755)

    def run(step, variables=(), **more):
        known = {**SETTINGS, **SECRETS, "DEPLOY_FOLDER": str(tmp_path / "host")}
        env = {"PATH": f"{stand_ins}:{BIN}:{os.environ['PATH']}", "HOME": str(tmp_path), "LOG": str(log)}
        env |= {
            "AIRFLOW_HOME": str(tmp_path / "airflow"),
            **GITHUB["env"],
            **{name: known[name] for name in variables},
            **more,
        }
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", step], cwd=repository, env=env, capture_output=True, text=True, check=False
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        said = done.stdout + done.stderr
        assert not any(secret in said + log.read_text() for secret in SECRETS.values())
        return said

    (tmp_path / "host").mkdir()
    run.log, run.host = log, tmp_path / "host"
    return run


def test_all_pipelines_install_check_and_show_by_the_same_commands():
    github = [step for step, _ in steps_of_github("check")]
    gitlab = GITLAB["check"]["script"]
    jenkins = [step.rpartition(" && ")[2] for step in steps_of_jenkins("Check")[1:]]

    assert github == ["bash ci/ci.sh install", "bash ci/ci.sh check github", "bash ci/ci.sh previews"]
    assert [*gitlab[:1], *gitlab[2:]] == [*jenkins[:1], *jenkins[2:]] == [*github[:1], *github[2:]]
    assert gitlab[1] == "bash ci/ci.sh check gitlab code-quality.json"
    assert jenkins[1] == "bash ci/ci.sh check junit check.xml"


def test_a_pull_request_is_checked_with_its_lines_and_shown(run, repository):
    with (repository / "dags" / "sales.py").open("a") as file:
        file.write("\nPLACE = DAG('place', schedule='@daily')\n")

    install, check, previews = [run(step) for step, _ in steps_of_github("check")]

    assert (
        "pip -m pip install --quiet --constraint https://raw.githubusercontent.com/apache/airflow/constraints-3.3.2/"
        in run.log.read_text()
    )
    assert (
        "::warning file=dags/sales.py,line=8,title=schedule-zone::'@daily' is by UTC's clock"
        in check.splitlines()[0]
    )
    shown = repository / "previews" / "sales" / "render_report"
    assert (shown / "report.html").exists()
    assert (shown / "mail.eml").exists()
    assert "render_report" in previews
    assert install == ""


@pytest.mark.parametrize("system", ["gitlab", "jenkins"])
def test_what_was_found_is_a_file_that_the_other_systems_read(run, repository, system):
    (repository / "dags" / "sales.py").write_text("# airflow dag\nPASSWORD = 'correct-horse-7'\n")
    if system == "gitlab":
        step, path = GITLAB["check"]["script"][1], GITLAB["check"]["artifacts"]["reports"]["codequality"]
    else:
        step, path = steps_of_jenkins("Check")[2], re.search(r"junit testResults: '(.+?)'", JENKINS)[1]
        run("python3 -m venv .venv")

    said = run(f"({step}) || echo ended with $?")

    assert "ended with 1" in said
    assert "dags/sales.py:2: error: " in said
    text = (repository / path).read_text()
    if system == "gitlab":
        [found] = json.loads(text)
        assert found["location"] == {"path": "dags/sales.py", "lines": {"begin": 2}}
        assert (found["check_name"], found["severity"]) == ("secret-in-code", "major")
    else:
        [case] = ET.fromstring(text).iter("testcase")
        assert case.get("name") == "dags/sales.py"
        assert case.find("failure").get("type") == "secret-in-code"


def deploy_steps(system, way):
    """Return the steps of a system that deploy one way, each with the variables that it has."""
    if system == "github":
        return list(steps_of_github("deploy", way))
    if system == "gitlab":
        return [(step, {*SETTINGS, *SECRETS, "DEPLOY_FOLDER"}) for step in GITLAB[f"deploy-{way}"]["script"]]
    stage = {"bundle": "Deploy by bundle", "image": "Deploy by image", "ssh": "Deploy by SSH"}[way]
    return [(step, {*SETTINGS, *SECRETS, "DEPLOY_FOLDER"}) for step in steps_of_jenkins(stage)]


@pytest.mark.parametrize("system", ["github", "gitlab", "jenkins"])
@pytest.mark.parametrize("way", WAYS)
def test_a_commit_is_deployed_and_an_earlier_one_is_the_way_back(run, repository, system, way):
    steps = deploy_steps(system, way)
    new, old = git(repository, "rev-parse", "HEAD"), git(repository, "rev-parse", "HEAD~1")
    origin = git(repository, "remote", "get-url", "origin")

    for commit in (new, old, new):
        git(repository, "checkout", "-q", "--detach", commit)
        for step, variables in steps:
            run(step, variables, CI_PROJECT_URL=origin.removesuffix(".git"))
        if way == "bundle":
            assert git(Path(origin), "rev-parse", "production") == commit
        elif way == "image":
            told = run.log.read_text().splitlines()[-3:]
            assert told[0] == f"docker pull registry.example.org/airflow:{commit}"
            assert told[1] == f"docker tag registry.example.org/airflow:{commit} daybreak-airflow:3.3.2"
            assert told[2] == "docker compose up --detach --no-build --wait"
        else:
            sold = (run.host / "current" / "dags" / "sales.py").read_text()
            assert f'"n": {1 if commit == old else 2}' in sold
    log = run.log.read_text()
    if way == "image":
        assert f"docker build --pull --tag registry.example.org/airflow:{new} ." in log
        assert "docker login --username ci --password-stdin registry.example.org" in log
        assert log.index("docker login") < log.index("docker push")
    if way != "bundle":
        assert "StrictHostKeyChecking=yes" in log
        assert {line for line in log.splitlines() if line.startswith("key ")} == {"key 600"}
    if way == "ssh":
        assert sorted(path.name for path in (run.host / "versions").iterdir()) == sorted([old, new])


def test_a_deploy_whose_files_do_not_arrive_leaves_the_current_one(run, repository, tmp_path):
    [(step, variables)] = steps_of_github("deploy", "ssh")
    run(step, variables)
    before = (run.host / "current").resolve()
    git(repository, "commit", "--allow-empty", "-qm", "Again")
    (tmp_path / "bin" / "tar").write_text(
        "#!/bin/sh\nhead -c 100 >dags\nexit 2\n"
    )  # as where the connection is cut
    (tmp_path / "bin" / "tar").chmod(0o755)

    said = run(f"({step}) || echo ended with $?", variables)

    assert "ended with 2" in said
    assert (run.host / "current").resolve() == before


class AsksForLogin(BaseHTTPRequestHandler):
    """Answers as a server of git that lets nobody in, and keeps who asked."""

    def do_GET(self):
        self.server.seen.append(self.headers.get("Authorization"))
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


def test_the_password_of_a_git_server_reaches_it_and_no_argument_list(run):
    with HTTPServer(("127.0.0.1", 0), AsksForLogin) as server:
        server.seen = []
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            remote = f"http://127.0.0.1:{server.server_port}/dags.git"
            run("bash ci/ci.sh deploy bundle || true", {"GIT_PASSWORD"}, GIT_REMOTE=remote, GIT_TRACE="1")
        finally:
            server.shutdown()
            thread.join()

    assert f"Basic {b64encode(b'ci:git-secret').decode()}" in server.seen


def test_no_step_of_github_has_an_expression_in_its_shell_and_every_action_has_a_whole_version():
    steps = [step for job in GITHUB["jobs"].values() for step in job["steps"]]

    assert not any("${{" in step["run"] for step in steps if "run" in step)
    assert all(
        re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", step["uses"]) for step in steps if "uses" in step
    )
    assert GITHUB["permissions"] == {"contents": "read"}
    assert GITHUB["jobs"]["check"].get("permissions") is None
    assert [step["with"]["persist-credentials"] for step in GITHUB["jobs"]["check"]["steps"][:1]] == [False]


def test_images_of_gitlab_have_versions():
    images = [job["image"] for job in GITLAB.values() if isinstance(job, dict) and "image" in job]

    assert images
    assert all(re.search(r":\d+\.\d+", image) for image in images)


def test_no_pipeline_shows_what_it_runs():
    for path in CI.iterdir():
        text = path.read_text().replace('echo "password=$GIT_PASSWORD"', "")  # to git, by a pipe
        assert not re.search(
            r"set -\w*x|xtrace|(echo|printf) [^|>\n]*\$\{?(\w*PASSWORD|SSH_KEY)\b[^|>\n]*$", text, re.MULTILINE
        ), path
