"""Workers as processes of their own, each with a folder of its own, and a store that they share."""

from __future__ import annotations

import json
import logging
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from airflow_provider_daybreak.context.archive import storage_path
from airflow_provider_daybreak.exceptions import (
    InterpreterElsewhereError,
    ReleaseNotFoundError,
    StoredReleaseError,
)
from airflow_provider_daybreak.hooks.releases import ReleaseHook
from airflow_provider_daybreak.releases.deploy import Plan
from airflow_provider_daybreak.releases.environments.interpreter import find_interpreter
from airflow_provider_daybreak.releases.environments.lock import Lock
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.making import interpreter_here
from airflow_provider_daybreak.releases.store import Store
from airflow_provider_daybreak.releases.uv import run_uv
from airflow_provider_daybreak.settings import Settings
from tests.integration.releases.package_index import PackageIndex

# A worker: reads calls of the hook from stdin, a JSON line each, and answers with what they return.
WORKER = """
import json, logging, os, sys
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace as Is
from airflow_provider_daybreak.exceptions import DaybreakError
from airflow_provider_daybreak.hooks.releases import ReleaseHook
from airflow_provider_daybreak.releases.deploy import Plan

logging.basicConfig(stream=sys.stderr, level=logging.INFO)
at = datetime(2026, 3, 29, 7, tzinfo=timezone.utc)
context = {
    "dag": Is(timezone=Is(name="UTC")), "dag_run": Is(logical_date=at),
    "ti": Is(dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=1),
}
for line in sys.stdin:
    call, args, options = json.loads(line)
    if call == "run":
        options["context"] = context
    elif call == "deploy":
        args[1] = Plan(Path(args[1]), **options)
        options = {}
    try:
        answer = getattr(ReleaseHook(), call)(*args, **options)
    except DaybreakError as error:
        answer = f"{type(error).__name__}: {error}"
    print(json.dumps(answer), flush=True, file=answers)
"""


class Worker:
    def __init__(self, folder, variables):
        self.root = folder / "releases"
        self.log = folder / "log"
        folder.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log.open("w"),
            text=True,
            env={**os.environ, **variables, "AIRFLOW__DAYBREAK__RELEASES": str(self.root)},
        )

    def begin(self, call, *args, **options):
        self.process.stdin.write(json.dumps([call, args, options]) + "\n")
        self.process.stdin.flush()

    def end(self):
        line = self.process.stdout.readline()
        assert line, self.log.read_text()
        return json.loads(line)

    def __call__(self, call, *args, **options):
        self.begin(call, *args, **options)
        return self.end()


@pytest.fixture(scope="module")
def s3():
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture(params=["folder", "s3"])
def shared(request, tmp_path, monkeypatch, index):
    """Set what all workers of a test have in common, and return it."""
    if request.param == "folder":
        store = (tmp_path / "store").as_uri()
    else:
        endpoint = request.getfixturevalue("s3")
        connection = {
            "conn_type": "aws",
            "login": "test",
            "password": "test",
            "extra": {"region_name": "us-east-1", "endpoint_url": endpoint},
        }
        monkeypatch.setenv("AIRFLOW_CONN_WORKERS_STORE", json.dumps(connection))
        bucket = f"releases-{secrets.token_hex(4)}"
        ObjectStoragePath(f"s3://workers_store@{bucket}").fs.mkdir(bucket)
        store = f"s3://workers_store@{bucket}/shared"
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASE_STORE", store)
    monkeypatch.setenv("AIRFLOW_CONN_PACKAGES", json.dumps({"conn_type": "package_index", "host": index.url}))
    return store


@pytest.fixture
def worker(shared, public):
    """Return a function that starts a worker of that name, in a folder that a script's first line has room for."""
    started = []

    def start(name):
        new = Worker(public / name, {"AIRFLOW__DAYBREAK__RELEASE_STORE": shared})
        started.append(new)
        return new

    yield start
    for one in started:
        one.process.stdin.close()
        one.process.wait(timeout=60)
        one.process.stdout.close()


@pytest.fixture
def folder(source, index):
    index.add("thing")
    path = source({"requirements.txt": "thing\n", "lib/names.txt": "Ada"})
    (path / "link.txt").symlink_to("lib/names.txt")
    (path / "logs").mkdir()
    (path / ".env").write_text("PLACE=Berlin, home\n")
    (path / ".env").chmod(0o600)
    return path


DEPLOY = {"index_conn_id": "packages"}


def test_what_one_worker_deploys_every_worker_runs(worker, folder, tmp_path):
    one, two = worker("one"), worker("two")
    info = one("deploy", "daily", str(folder), **DEPLOY)

    assert one("run", info, ["report.py"]) == "1.0"
    assert two("run", info, ["report.py"]) == "1.0"
    assert two("run", info, ["ls", "-d", "logs"]) == "logs"
    assert two(
        "run", "daily", ["python", "-c", "import os; print(os.environ['PLACE'], open('link.txt').read())"]
    ) == ("Berlin, home Ada")

    made = [sorted(str(path.relative_to(w.root)) for path in w.root.rglob("*.json")) for w in (one, two)]
    assert f"daily/releases/{info['release']}/MANIFEST.json" in made[1]
    manifests = [
        (w.root / "daily" / "releases" / info["release"] / "MANIFEST.json").read_bytes() for w in (one, two)
    ]
    assert manifests[0] == manifests[1]
    if (tmp_path / "store").exists():
        assert not [
            path
            for path in (tmp_path / "store").rglob("*")
            if path.is_file() and b"Berlin" in path.read_bytes()
        ]


def test_a_project_and_its_private_index_are_the_same_on_every_worker(worker, source, index, monkeypatch):
    index.add("other", "9.0")
    index.add("thing", "9.0")
    with PackageIndex("robot:canary") as company:
        company.add("thing", "2.0")
        value = {"conn_type": "package_index", "host": company.url, "login": "robot", "password": "canary"}
        monkeypatch.setenv("AIRFLOW_CONN_COMPANY", json.dumps(value))
        project = (
            "[project]\nname = 'orders'\nversion = '3'\ndependencies = ['thing', 'other', 'lib']\n"
            "[project.scripts]\norders = 'orders:main'\n[build-system]\nrequires = []\nbuild-backend = 'uv_build'\n"
            "[tool.uv.sources]\nthing = { index = 'company' }\nlib = { path = 'libs/lib' }\n"
            f"[[tool.uv.index]]\nname = 'company'\nurl = '{company.url}'\nexplicit = true\n"
        )
        main = "import lib, thing, other\ndef main():\n    print(thing.__version__, other.__version__, lib.__name__)\n"
        library = "[project]\nname = 'lib'\nversion = '1'\n[build-system]\nrequires = []\nbuild-backend = 'uv_build'\n"
        folder = source(
            {
                "pyproject.toml": project,
                "src/orders/__init__.py": main,
                "libs/lib/pyproject.toml": library,
                "libs/lib/src/lib/__init__.py": "",
            }
        )
        one, two = worker("one"), worker("two")
        info = one("deploy", "daily", str(folder), index_conn_id=["packages", "company"])

        assert one("run", info, ["orders"]) == "2.0 9.0 lib"
        assert two("run", info, ["orders"]) == "2.0 9.0 lib"
    made = [
        [
            path.read_bytes()
            for path in sorted((w.root / "daily/releases" / info["release"] / "installed").rglob("*"))
            if path.is_file()
        ]
        for w in (one, two)
    ]
    assert made[0] == made[1] != []


def test_a_packed_environment_goes_through_any_store(worker, folder, index, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__PACK_ENVIRONMENTS", "True")
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASE_KEY", secrets.token_hex(32))
    info = worker("one")("deploy", "daily", str(folder), **DEPLOY)
    index.requests.clear()
    two = worker("two")

    assert two("run", info, ["report.py"]) == "1.0"
    assert "Unpacked environment" in two.log.read_text()
    assert index.requests == []


def test_twenty_tasks_at_once_on_a_cold_worker_build_once(worker, folder, tmp_path):
    info = worker("one")("deploy", "daily", str(folder), **DEPLOY)
    cold = tmp_path / "cold"
    cold.mkdir()
    program = (
        "import logging, os, sys; answers = os.fdopen(os.dup(1), 'w'); os.dup2(2, 1)\n"
        "logging.basicConfig(stream=sys.stderr, level=logging.INFO)\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from airflow_provider_daybreak.hooks.releases import ReleaseHook\n"
        "from airflow_provider_daybreak.releases.running.run import Job, run\n"
        f"info = {info!r}\n"
        "def task(_):\n"
        "    return run(ReleaseHook().release(info), Job(('report.py',)), on_line=lambda *_: None).last_line\n"
        "with ThreadPoolExecutor(5) as pool:\n"
        "    print(*pool.map(task, range(5)), file=answers)\n"
    )
    environment = {**os.environ, "AIRFLOW__DAYBREAK__RELEASES": str(cold / "releases")}
    tasks = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    outcomes = [task.communicate(timeout=300) for task in tasks]

    assert [out.split() for out, _ in outcomes] == [["1.0"] * 5] * 4, outcomes
    assert sum(err.count("Building environment") for _, err in outcomes) == 1


@pytest.mark.parametrize("shared", ["folder"], indirect=True)
def test_a_deploy_on_another_worker_goes_on_from_the_shared_history(worker, folder, source):
    one, two = worker("one"), worker("two")
    first = one("deploy", "daily", str(folder), **DEPLOY)

    same = two("deploy", "daily", str(folder), **DEPLOY)
    assert (same["release"], same["changed"]) == (first["release"], False)
    source(script="import thing; print('second')\n")
    second = two("deploy", "daily", str(folder), **DEPLOY)

    assert second["previous"] == first["release"]
    assert one("run", "daily", ["report.py"]) == "second"
    assert one("roll_back", "daily")["release"] == first["release"]
    assert two("run", "daily", ["report.py"]) == "1.0"
    again = two("deploy", "daily", str(folder), **DEPLOY)
    assert (again["release"], again["changed"]) == (first["release"], False)  # it was rolled back, everywhere


@pytest.mark.parametrize("shared", ["folder"], indirect=True)
def test_a_release_that_was_shared_is_checked_before_it_is_made(worker, folder, tmp_path, monkeypatch):
    info = worker("one")("deploy", "daily", str(folder), **DEPLOY)
    stored = tmp_path / "store" / "daily" / "releases" / info["release"]
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "three"))
    hook = ReleaseHook(Settings.load())
    lock = (stored / "requirements.lock").read_bytes()

    (stored / "requirements.lock").chmod(0o644)
    (stored / "requirements.lock").write_bytes(lock + b"evil==1\n")
    with pytest.raises(StoredReleaseError, match="its content is not what its manifest says"):
        hook.release(info)

    manifest = json.loads((stored / "MANIFEST.json").read_text())
    manifest["files"][0]["path"] = "../../../../outside"
    (stored / "MANIFEST.json").chmod(0o644)
    (stored / "MANIFEST.json").write_text(json.dumps(manifest))
    with pytest.raises(StoredReleaseError, match="it is not that of release"):
        hook.release(info)

    (stored / "MANIFEST.json").write_text(json.dumps({**manifest, "schema": 99}))
    with pytest.raises(StoredReleaseError, match="MANIFEST.json.* it is of format 99, .* reads format 1"):
        hook.release(info)
    with pytest.raises(ReleaseNotFoundError):
        hook.release({"name": "daily", "release": "0" * 16})


def test_an_executor_on_several_machines_without_a_store_is_warned_of(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    (tmp_path / "report.py").touch()
    ReleaseHook().deploy("daily", Plan(tmp_path / "report.py"))
    assert "release_store" not in caplog.text

    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor,celery:CeleryExecutor")
    ReleaseHook().deploy("daily", Plan(tmp_path / "report.py"))

    assert "With CeleryExecutor another worker may run the script" in caplog.text


def test_switches_of_many_workers_at_once_are_all_in_the_history(tmp_path):
    stores = [Store(tmp_path / "daily") for _ in range(8)]
    threads = [
        threading.Thread(target=lambda s=s, n=n: s.append({"action": "deploy", "release": f"{n:016x}"}))
        for n, s in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(entry["release"] for entry in stores[0].entries()) == [f"{n:016x}" for n in range(8)]


def test_an_entry_of_the_shared_history_that_is_damaged_is_an_error_that_names_it(tmp_path):
    store = Store(tmp_path / "daily")
    store.append({"action": "deploy", "release": "a" * 16})
    [entry] = (tmp_path / "daily" / "history").iterdir()
    entry.chmod(0o644)
    entry.write_text('{"action": "dep')

    with pytest.raises(
        StoredReleaseError, match=rf"Cannot use '{entry}' .* it is no entry of a history. Remove it"
    ):
        store.entries()


@pytest.fixture
def pythons():
    """Return two Pythons of this machine that are not the same one, the worker's own first."""
    own = find_interpreter(None, cache=Path(tempfile.gettempdir()) / f"daybreak-pythons-{os.getpid()}.json")
    outcome = run_uv(["python", "list", "--only-installed", "--output-format", "json"], cwd=Path.cwd())
    others = [
        each["path"]
        for each in json.loads(outcome.stdout)
        if each["implementation"] == "cpython"
        and (each["version_parts"]["major"], each["version_parts"]["minor"]) >= (3, 10)
        and each["version"] != own.version
        and not each["path"].startswith(sys.prefix)
    ]
    if not others:
        pytest.skip("needs a second Python, of 3.10 or later")
    return own, others[0]


@pytest.mark.parametrize("shared", ["folder"], indirect=True)
@pytest.mark.parametrize("gone", [False, True], ids=["another at its path", "nothing at its path"])
def test_a_worker_of_another_python_makes_a_release_anew_of_its_lock(worker, folder, tmp_path, pythons, gone):
    own, other = pythons
    at = tmp_path / "image" / "python"  # what is at one path in two images
    at.parent.mkdir()
    at.symlink_to(other)
    first = worker("a")
    deployed = first("deploy", "names", str(folder), python=str(at), **DEPLOY)
    at.unlink()
    if not gone:
        at.symlink_to(own.path)

    second = worker("b")
    ran = second("run", deployed, ["python", "-c", "import thing; print('ran')"])
    again = second("run", deployed, ["python", "-c", "print('again')"])

    assert (ran, again) == ("ran", "again")
    made = sorted(path.name for path in (second.root / "names" / "releases").iterdir())
    assert len(made) == 1
    assert made != [deployed["release"]]
    assert not (second.root / "names" / "current").exists()
    assert "it is made anew of its lock" in second.log.read_text()


@pytest.mark.parametrize("shared", ["folder"], indirect=True)
def test_a_version_of_python_that_a_worker_lacks_is_looked_for_elsewhere(worker, folder, shared, tmp_path):
    deployed = worker("a")("deploy", "names", str(folder), **DEPLOY)
    store = Store(storage_path(shared, name="store") / "names")
    manifest = store.manifest(deployed["release"])
    layout = Layout(tmp_path, "names")
    layout.make()
    lacking = {**manifest, "python": "3.99"}

    with pytest.raises(
        InterpreterElsewhereError, match=r"no Python '3\.99', which release .* A retry may find"
    ) as raised:
        interpreter_here(layout, lacking, Lock(store.lock(manifest)))

    assert not raised.value.permanent
