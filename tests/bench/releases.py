"""
Deploying, beside the operators that a Dag would use without Daybreak.

The packages are those of many a report: dotenv, requests, pandas, jinja2, matplotlib and what they need; uv's and
pip's caches are warm.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Figure, in_turn, own_cpu_seconds, seconds

os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="daybreak-bench-"))
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from airflow_provider_daybreak.releases import uv
from airflow_provider_daybreak.releases.deploy import Plan, deploy, roll_back
from airflow_provider_daybreak.releases.environments import environment as environments
from airflow_provider_daybreak.releases.environments.environment import Environment
from airflow_provider_daybreak.releases.environments.interpreter import find_interpreter
from airflow_provider_daybreak.releases.environments.lock import Lock
from airflow_provider_daybreak.releases.files import remove_tree
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.release import get_release
from airflow_provider_daybreak.releases.sharing import ensure
from airflow_provider_daybreak.releases.store import Store
from airflow_provider_daybreak.storage import local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Measure = Callable[[Callable[[], object]], float]

PACKAGES = ("jinja2", "matplotlib", "pandas", "python-dotenv", "requests")
IMPORTS = "import dotenv, jinja2, matplotlib, pandas, requests"
SCRIPT = f"{IMPORTS}\nprint('done')\n"
WARM = 30  # of what takes milliseconds


class Bench:
    """
    A source whose requirements are locked, and a folder for everything.

    :param packages: what the source requires.
    :param script: what it consists of.
    """

    def __init__(self, folder: Path, packages: Sequence[str] = PACKAGES, script: str = SCRIPT) -> None:
        self.folder = folder
        self.script = script
        self.layout = Layout(folder / "releases", "daily")
        self.source = folder / "source"
        self.source.mkdir()
        self.numbers = count()
        (self.source / "requirements.txt").write_text("\n".join(packages))
        self.change_code()
        release = deploy(self.layout, Plan(self.source)).release
        self.lock = (release.path / "requirements.lock").read_text()
        (self.source / "requirements.txt").write_text(self.lock)
        self.interpreter = find_interpreter(None, cache=self.layout.state / "interpreters.json")
        self.deploy()

    def change_code(self) -> None:
        (self.source / "report.py").write_text(f"{self.script}# {next(self.numbers)}\n")

    def deploy(self) -> None:
        deploy(self.layout, Plan(self.source))

    def new_environment(self) -> float:
        """Deploy where nothing is there yet but uv's cache."""
        remove_tree(self.layout.home)
        return seconds(self.deploy)

    def new_environment_before_bytecode(self) -> float:
        """Build, verify and protect, without the imports that write bytecode."""
        remove_tree(self.layout.home)
        self.layout.make()
        environment = Environment(Lock(self.lock), self.interpreter)
        check, environments.check_imports = environments.check_imports, lambda _: ({}, [])
        try:
            return seconds(lambda: environments.build(environment, environment.id, self.layout))
        finally:
            environments.check_imports = check

    def sync_alone(self) -> float:
        """Let uv install the same into an empty environment, and no more."""
        target = self.empty("sync")
        subprocess.run([uv.binary(), "venv", "--quiet", "--python", self.interpreter.path, target], check=True)
        python = str(target / "bin" / "python")
        command = [uv.binary(), "pip", "sync", "--quiet", "--require-hashes", "--python", python]
        return seconds(lambda: subprocess.run([*command, self.source / "requirements.txt"], check=True))

    def stock(self, method: str, *, bytecode: bool) -> float:
        """Make the environment as PythonVirtualenvOperator does, and, to have bytecode too, import from it once."""
        from airflow.providers.standard.utils.python_virtualenv import prepare_virtualenv

        os.environ["AIRFLOW__STANDARD__VENV_INSTALL_METHOD"] = method
        os.environ["PATH"] = f"{Path(uv.binary()).parent}:{os.environ['PATH']}"  # it calls what PATH has
        target = self.empty("stock")

        def make() -> None:
            python = prepare_virtualenv(
                str(target),
                self.interpreter.path,
                system_site_packages=False,
                requirements_file_path=str(self.source / "requirements.txt"),
            )
            if bytecode:
                subprocess.run(
                    [python, "-c", IMPORTS], check=True, env={"MPLBACKEND": "agg", "HOME": str(self.folder)}
                )

        return seconds(make)

    def compile_alone(self) -> float:
        """Compile what is installed, on both processors, and no more."""
        self.sync_alone()
        target = self.folder / "sync"
        command = [target / "bin" / "python", "-m", "compileall", "-q", "-j", "2", target / "lib"]
        return seconds(
            lambda: subprocess.run(command, check=False)
        )  # some packages bring files of other Pythons

    def empty(self, name: str) -> Path:
        target = self.folder / name
        shutil.rmtree(target, ignore_errors=True)
        return target


def figures() -> Iterator[Figure]:
    folder = Path(tempfile.mkdtemp(prefix="daybreak-bench-releases-"))
    try:
        bench = Bench(folder)
        yield from _milliseconds(bench)
        yield _disk(bench)
        yield from _environments(bench)
        yield from _packed(bench)
        yield _task(folder)
    finally:
        remove_tree(folder)


def _milliseconds(bench: Bench) -> Iterator[Figure]:
    def changed() -> float:
        bench.change_code()
        return seconds(bench.deploy)

    def back_and_forth() -> Iterator[float]:
        one, other = roll_back(bench.layout), get_release(bench.layout)
        for wanted in [one.previous, other.id] * (WARM // 2):
            yield seconds(lambda wanted=wanted: roll_back(bench.layout, wanted))

    noop = statistics.median(seconds(bench.deploy) for _ in range(WARM))
    yield Figure("releases.noop_deploy", noop * 1e3, None, 2.0, "ms")
    yield Figure(
        "releases.code_only_deploy", statistics.median(changed() for _ in range(WARM)) * 1e3, None, 20.0, "ms"
    )
    bench.change_code()
    bench.deploy()
    back = statistics.median(back_and_forth())
    yield Figure("releases.rollback", back * 1e3, None, 10.0, "ms")


def _disk(bench: Bench) -> Figure:
    """Compare ten releases that share an environment with one environment and ten times the code."""
    bench.new_environment()
    for _ in range(9):
        bench.change_code()
        deploy(bench.layout, Plan(bench.source, keep=10))
    release = get_release(bench.layout)
    alone = _used(release.environment) + 10 * _used(release.path)
    return Figure(
        "releases.disk_of_ten",
        _used(bench.layout.home) / 1e6,
        alone / 1e6,
        1.02,
        "MB",
        "an environment and the code",
    )


def _used(folder: Path) -> int:
    return int(
        subprocess.run(["du", "-s", "-B1", folder], check=True, capture_output=True, text=True).stdout.split()[
            0
        ]
    )


def _environments(bench: Bench) -> Iterator[Figure]:
    ours, peer = in_turn(bench.new_environment_before_bytecode, bench.sync_alone, rounds=5)
    yield Figure("releases.new_environment", ours, peer, 1.5, "s", "uv pip sync alone")
    ours, peer = in_turn(bench.new_environment, lambda: bench.stock("uv", bytecode=True), rounds=3)
    yield Figure(
        "releases.new_environment_with_bytecode",
        ours,
        peer,
        0.7,
        "s",
        "PythonVirtualenvOperator, uv",
        floor=bench.compile_alone(),
        floor_name="compileall of all alone",
    )
    bench.stock("pip", bytecode=False)  # warms pip's cache
    ours, peer = in_turn(bench.new_environment, lambda: bench.stock("pip", bytecode=False), rounds=1)
    yield Figure("releases.new_environment_pip", ours, peer, 0.25, "s", "PythonVirtualenvOperator, pip")


def _packed(bench: Bench) -> Iterator[Figure]:
    """Compare a worker with an empty disk that takes a packed environment with tar alone, and with one that fetches packages."""
    store = Store(bench.folder / "store" / "daily", ("k" * 32,), packs=True)
    release = deploy(bench.layout, Plan(bench.source), store=store).release
    [archive] = store.folder.glob("environments/*/*.tar.gz")

    def cold(taken: Store, measured: Measure = seconds) -> float:
        layout = Layout(bench.folder / "cold", "daily")
        if layout.root.exists():
            remove_tree(layout.root)
        return measured(lambda: ensure(layout, release.id, store=taken, index_of=uv.Index))

    def tar(measured: Measure = seconds) -> float:
        """Unpack the archive and write it out, as what is unpacked is before it counts."""
        target = bench.empty("tar")
        target.mkdir()
        made = measured(lambda: subprocess.run(["tar", "xzf", archive, "-C", target], check=True))
        made += measured(lambda: local.synchronise_file_system(target))
        remove_tree(target)
        return made

    ours, peer = in_turn(lambda: cold(store), tar, rounds=5)
    yield Figure("releases.cold_worker_beyond_tar", ours - peer, None, 1.0, "s")
    ours, peer = in_turn(lambda: cold(store, own_cpu_seconds), lambda: tar(own_cpu_seconds), rounds=5)
    yield Figure("releases.cold_worker_beyond_tar_cpu", ours - peer, None, 1.0, "s")

    def fetched() -> float:
        os.environ["UV_CACHE_DIR"] = str(bench.empty("cache"))
        try:
            return cold(Store(store.folder))
        finally:
            del os.environ["UV_CACHE_DIR"]

    ours, peer = in_turn(lambda: cold(store), fetched, rounds=3)
    yield Figure("releases.cold_worker", ours, peer, 0.5, "s", "fetched and installed")


TASKS = """
import sys
from airflow.sdk import DAG, task
from airflow_provider_daybreak.operators.venv import VenvDeployOperator

with DAG("ours", schedule=None):
    VenvDeployOperator(task_id="deploy", name="daily", source={source!r})

with DAG("peer", schedule=None) as peer:
    @task
    def nothing():
        pass
    nothing()
"""


def _task(folder: Path) -> Figure:
    """Compare a whole task that has nothing to deploy with an empty one, each in a process of its own."""
    dags = folder / "dags"
    dags.mkdir()
    script = folder / "empty" / "report.py"
    script.parent.mkdir()
    script.touch()
    (dags / "tasks.py").write_text(TASKS.format(source=str(script)))
    os.environ["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
    airflow = [sys.executable, "-m", "airflow"]

    def run(dag: str, task: str) -> float:
        command = [*airflow, "tasks", "test", dag, task]
        return seconds(lambda: subprocess.run(command, check=True, capture_output=True))

    subprocess.run([*airflow, "db", "migrate"], check=True, capture_output=True)
    subprocess.run([*airflow, "dags", "reserialize"], check=True, capture_output=True)
    run("ours", "deploy")
    ours, peer = in_turn(lambda: run("ours", "deploy"), lambda: run("peer", "nothing"), rounds=5)
    return Figure("releases.task_overhead", ours, peer, 1.15, "s", "an empty @task")
