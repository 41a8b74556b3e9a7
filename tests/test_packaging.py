"""What is installed: the wheel, over several versions of Airflow, and the image show the same, once."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import date, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from zipfile import ZipFile

import pytest
from uv import find_uv_bin

from demo.setting import prepare

ROOT = Path(__file__).parent.parent
AIRFLOW = "3.3.2"
RELEASED = {"3.1.8": "2026-03-11", "3.2.2": "2026-05-29", "3.3.0": "2026-07-06"}
"""Days on which versions of Airflow came out: they are installed with what there was by then, as people have them."""
VERSIONS = [*RELEASED, AIRFLOW]
BEFORE = ["3.1.8", "3.2.2"]
"""Those that differ most from the one of all other tests, under which reports run and pages are asked for here."""
BUNDLE = {
    "name": "daybreak",
    "classpath": "airflow_provider_daybreak.bundles.package.PackageDagBundle",
    "kwargs": {},
}
IN_ONE = """
import contextlib, io, json, os, sys
from airflow.__main__ import main

printed = []
for command, env in json.loads(sys.argv[1]):
    sys.argv = ["airflow", *command]
    os.environ.update(env)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        main()
    printed.append(said.getvalue())
print(chr(0) + json.dumps(printed))
"""
"""Program that runs several commands of Airflow's: to start it takes longer than what they do."""
DAGS = ["container_example", "daily_report", "flights_day", "flights_week", "script_as_it_is"]


def run(*command, env=None, cwd=None):
    done = subprocess.run(
        list(map(str, command)), env=env, cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def uv(*command):
    return run(find_uv_bin(), *command, env=os.environ | {"UV_PYTHON_DOWNLOADS": "never"})


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    uv("build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
    return next(folder.glob("*.whl"))


def installed(python):
    return {
        row["name"]: row["version"]
        for row in json.loads(uv("pip", "list", "--python", python, "--format", "json"))
    }


def test_the_wheel_holds_every_file_of_the_package(wheel):
    files = run("git", "-C", ROOT, "ls-files", "provider/airflow_provider_daybreak").split()

    with ZipFile(wheel) as archive:
        missing = {file.removeprefix("provider/") for file in files} - set(archive.namelist())

    assert len(files) > 100
    assert not missing


@pytest.fixture(scope="session")
def install(wheel, tmp_path_factory):
    """Return a function that installs the wheel over a version of Airflow: its Python, and what moved."""
    done = {}

    def over(version, extras=""):
        if (version, extras) not in done:
            venv = tmp_path_factory.mktemp(f"airflow-{version}") / "venv"
            uv("venv", "--quiet", "--python", sys.executable, venv)
            python = venv / "bin" / "python"
            by_then = ("--exclude-newer", RELEASED[version]) if version in RELEASED else ()
            add = ("pip", "install", "--quiet", "--python", python, *by_then)
            uv(*add, f"apache-airflow=={version}")
            before = installed(python)
            uv(*add, f"{wheel}{extras}")
            after = installed(python)
            moved = {name: (was, after.get(name)) for name, was in before.items() if after.get(name) != was}
            done[version, extras] = (python, moved)
        return done[version, extras]

    return over


def rows(printed):
    """Return the rows that a command printed as JSON, where log lines may come first."""
    return json.loads(printed[re.search(r"^\[", printed, re.MULTILINE).start() :])


def daily_report(day):
    """Return the command that runs the daily report for a day."""
    return f'dags test daily_report --conf {{"report_date":"{day}"}}'


class Home:
    """An Airflow home for one installed wheel, with its database and all that mails need."""

    def __init__(self, python, folder, **env):
        self.python = python
        self.catcher, mail = prepare(folder, "a password of the tests")
        ours = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW")}
        self.env = {
            **ours,  # how this machine gets to an index, a container engine, …
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "PYTHONWARNINGS": "default",
            **mail,
            **env,
        }
        _, _, self.shown, self.import_errors = self.airflow(
            "db migrate", "dags reserialize", "dags list --output json", "dags list-import-errors"
        )

    def airflow(self, *commands):
        """Return what each of Airflow's commands prints, run one after the other; one may be a pair, with its environment."""
        asked = [(each, {}) if isinstance(each, str) else each for each in commands]
        arguments = json.dumps([(command.split(), env) for command, env in asked])
        return json.loads(run(self.python, "-c", IN_ONE, arguments, env=self.env).partition("\0")[2])

    def dags(self):
        return [row["dag_id"] for row in rows(self.shown)]

    def mails(self):
        """Return what was mailed, by subject."""
        mails = [message_from_bytes(path.read_bytes(), policy=default) for path in self.catcher.messages()]
        return {mail["Subject"]: mail for mail in mails}


@pytest.fixture(scope="session")
def home(install, tmp_path_factory):
    """Return a function that returns the home of a version of Airflow over which the bare wheel is installed."""
    made = {}

    def of(version):
        if version not in made:
            python, _ = install(version)
            bundles = {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([BUNDLE])}
            made[version] = Home(python, tmp_path_factory.mktemp(f"home-{version}"), **bundles)
        return made[version]

    yield of
    for each in made.values():
        each.catcher.stop()


@pytest.mark.parametrize("extras", ["", "[docker,sql,xlsx]"])
@pytest.mark.parametrize("version", VERSIONS)
def test_installed_over_airflow_it_moves_none_of_its_packages(install, version, extras):
    python, moved = install(version, extras)

    assert moved == {}
    uv("pip", "check", "--python", python)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_extra_for_pods_moves_nothing_but_what_its_provider_asked_for_then(install, version):
    python, moved = install(version, "[kubernetes]")

    assert moved.keys() <= ({"cryptography"} if version.startswith("3.1.") else set())
    uv("pip", "check", "--python", python)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_module_imports_without_a_deprecation_warning_of_ours(install, version):
    python, _ = install(version)
    code = """
import pkgutil, sys, warnings
import airflow_provider_daybreak as package
import airflow_provider_daybreak.exceptions
from importlib import import_module
seen = []
warnings.showwarning = lambda message, category, filename, *rest: seen.append((filename, str(message)))
warnings.simplefilter("always")
skip = {"airflow_provider_daybreak.cli"} if sys.argv[1].startswith("3.1") else set()
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if module.name not in skip:
        try:
            import_module(module.name)
        except package.exceptions.MissingExtraError:  # it is its own operator's base that is not installed
            assert module.name.endswith("operators.pod"), module.name
ours = [(file, message) for file, message in seen if "airflow_provider_daybreak" in file]
print(ours)
"""
    assert run(python, "-c", code, version, env=os.environ | {"AIRFLOW_HOME": str(python.parent)}).endswith(
        "[]\n"
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_the_bare_wheel_shows_provider_plugin_and_dags_once(home, version):
    home = home(version)

    providers, plugins = map(rows, home.airflow("providers list --output json", "plugins --output json"))
    assert [row["package_name"] for row in providers].count("airflow-provider-daybreak") == 1
    assert [row["name"] for row in plugins].count("daybreak") == 1
    assert home.dags() == DAGS
    assert "No data found" in home.import_errors
    command = home.python.with_name("daybreak")  # Airflow 3.1 has no "airflow daybreak"
    assert "No mail is in the ledger" in run(command, "deliveries", "--state", "rejected", env=home.env)


WITHOUT_AN_ENGINE, WITH_AN_ENGINE, SHOWN = (
    date.today() - timedelta(days=ago)  # noqa: DTZ011 - any recent days will do, one for each run
    for ago in range(3)
)


@pytest.fixture(scope="session")
def reported(home):
    """Return a function that returns the home of a version of Airflow where the daily report was mailed for three days."""
    done = {}

    def of(version):
        if version not in done:
            done[version] = home(version)
            nowhere = {"DOCKER_HOST": "unix:///nowhere/docker.sock"}
            done[version].airflow(
                daily_report(WITH_AN_ENGINE),
                daily_report(SHOWN),
                # The last: what follows would have its environment too.
                (daily_report(WITHOUT_AN_ENGINE), nowhere),
            )
        return done[version]

    return of


@pytest.mark.parametrize(
    ("day", "types"),
    [
        pytest.param(
            WITH_AN_ENGINE,
            ["image/png", "application/pdf"],
            id="with-an-engine",
            marks=pytest.mark.engine,
        ),
        pytest.param(WITHOUT_AN_ENGINE, ["image/png"], id="without-an-engine"),
    ],
)
@pytest.mark.parametrize("version", BEFORE)
def test_the_daily_report_is_mailed_over_the_providers_of_airflows_own_time(reported, version, day, types):
    mails = reported(version).mails()

    [mail] = [mail for subject, mail in mails.items() if day.strftime("%-d %B %Y") in subject]
    parts = [part.get_content_type() for part in mail.walk() if not part.is_multipart()]
    assert parts == ["text/plain", "text/html", *types]


@pytest.mark.parametrize("version", BEFORE)
def test_every_page_and_action_is_answered_to_whom_it_should_be(reported, version, tmp_path):
    from tests.matrix.pages import look, readers, served

    home = reported(version)

    with served(home, tmp_path) as clients:
        assert readers(clients, SHOWN) == ["viewer", "admin"]
        assert look(home, clients, SHOWN) > 3 * 20


def test_an_example_without_its_connection_is_skipped_and_says_so(home):
    env = home(AIRFLOW).env | {"AIRFLOW_CONN_FLIGHTS": ""}
    said = run("sh", "-c", "airflow dags test flights_day 2>&1", env=env)

    assert "There is no connection 'flights'" in said
    assert "starting task_id=find_database" in said
    assert "starting task_id=deploy" not in said


@pytest.mark.parametrize("version", VERSIONS)
def test_the_dotenv_backend_serves_what_its_fallback_has(install, tmp_path, version):
    python, _ = install(version)
    (tmp_path / ".env").touch(mode=0o600)
    (tmp_path / "connections.json").write_text(json.dumps({"lake": "postgres://of-the-fallback"}))
    code = """
from airflow_provider_daybreak.secrets.dotenv import DotenvBackend
backend = DotenvBackend(
    path=".env",
    fallback_backend="airflow.secrets.local_filesystem.LocalFilesystemBackend",
    fallback_backend_kwargs={"connections_file_path": "connections.json"},
)
print(backend.get_connection("lake").host)
"""
    said = run(python, "-c", code, env=os.environ | {"AIRFLOW_HOME": str(tmp_path)}, cwd=tmp_path)

    assert said.splitlines()[-1] == "of-the-fallback"


def test_the_dag_files_work_when_copied_into_a_dags_folder(install, tmp_path):
    python, _ = install(AIRFLOW)
    code = "import airflow_provider_daybreak.dags as d; print(d.__path__[0])"
    shipped = Path(run(python, "-c", code).strip())
    (tmp_path / "dags").mkdir()
    run("cp", "-r", shipped / "daily_report.py", shipped / "daily_report", tmp_path / "dags")
    run("cp", shipped / ".airflowignore", tmp_path / "dags")
    home = Home(python, tmp_path)
    home.catcher.stop()

    assert home.dags() == ["daily_report"]
    assert "No data found" in home.import_errors


def test_the_wheel_holds_all_that_the_tree_holds(wheel):
    listed = set(run(sys.executable, "-m", "zipfile", "--list", wheel).split())
    tree = {
        *(path.relative_to(ROOT / "provider") for path in (ROOT / "provider").rglob("*.py")),
        *(
            Path("airflow_provider_daybreak") / path.relative_to(ROOT)
            for path in (ROOT / "plugins").rglob("*.py")
        ),
        *(
            Path("airflow_provider_daybreak") / path.relative_to(ROOT)
            for path in (ROOT / "dags").rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        ),
    }

    assert {str(path) for path in tree} - listed == set()


def test_compose_has_no_default_secret():
    done = subprocess.run(
        ["docker", "compose", "--env-file", "/dev/null", "config", "--quiet"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert "is missing a value: see docs/compose.md" in done.stderr


def test_the_documented_command_makes_the_secrets_that_compose_asks_for(tmp_path):
    document = (ROOT / "docs" / "compose.md").read_text()
    command = document.split("```bash\n", 1)[1].split("```", 1)[0]

    run("env", f"ENV_FILE={tmp_path / '.env'}", "bash", "-ec", command, cwd=ROOT)

    assert oct((tmp_path / ".env").stat().st_mode & 0o777) == "0o600"
    run("docker", "compose", "--env-file", tmp_path / ".env", "config", "--quiet", cwd=ROOT)
