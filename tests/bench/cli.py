"""Commands beside ``airflow version``, which loads Airflow and does nothing; by processor time, as they keep one busy."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Figure, cpu_seconds, in_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent
PEER = "airflow version"
TARGET = 1.3
DAG = """
from airflow.sdk import DAG
from airflow_provider_daybreak.operators.report import ReportOperator

with DAG("sales", schedule=None):
    rows = [{"shop": "Rome", "sold": 3}, {"shop": "Oslo", "sold": 5}]
    ReportOperator(task_id="render_report", report="sales", template="sales.md.j2", data={"rows": rows})
"""
TASK = """
import sys
import airflow.sdk.execution_time.task_runner
import airflow.providers.standard.operators.python
from airflow.sdk import DAG

{imports}
with DAG("one", schedule=None):
    {task}
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")))
"""
EMPTY = ("", "airflow.providers.standard.operators.python.PythonOperator(task_id='one', python_callable=print)")
OURS = (
    "from airflow_provider_daybreak.operators.{module} import {operator}",
    "{operator}(task_id='one', {arguments})",
)
OPERATORS = {
    "deploy": ("venv", "VenvDeployOperator", "name='one', source='/none'"),
    "report": ("report", "ReportOperator", "report='one', template='one.md.j2'"),
    "mail": ("delivery", "ReportEmailOperator", "report='one', to='you@example.org'"),
    "container": ("docker", "ScriptDockerOperator", "image='one', command=['one']"),
}
STOCK = (
    "from airflow.providers.docker.operators.docker import DockerOperator",
    "DockerOperator(task_id='one', image='one', command=['one'])",
)
MEBIBYTE = 1024  # KiB


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="daybreak-bench-") as folder:
        yield from commands(Path(folder))
        yield from memory(Path(folder))


def commands(folder: Path, *, rounds: int = 5) -> Iterator[Figure]:
    """Compare ``preview`` and ``check``, each in turn with its peer."""
    dag = folder / "sales.py"
    dag.write_text(DAG)
    (folder / "sales.md.j2").write_text("# Sales\n\n{{ table(rows) }}\n")
    words = {
        "preview": ("preview", dag, "render_report", "--date", "2026-03-29", "--out", folder / "out"),
        "check": ("check",),
    }
    peer, env = [BIN / "airflow", "version"], _at_home(folder)
    for name, arguments in words.items():
        command = [BIN / "daybreak", *arguments]
        cpu_seconds(command, env)  # writes what a home begins with
        ours, theirs = in_turn(
            lambda command=command: cpu_seconds(command, env), lambda: cpu_seconds(peer, env), rounds=rounds
        )
        yield Figure(f"cli.{name}", ours, theirs, TARGET, "s", PEER)


def _at_home(folder: Path) -> dict[str, str]:
    return os.environ | {"AIRFLOW_HOME": str(folder)}


def memory(folder: Path) -> Iterator[Figure]:
    """Measure what a task's process holds with one of our operators, beyond an empty task's."""

    def resident(imports: str, task: str) -> float:
        code = TASK.format(imports=imports, task=task)
        done = subprocess.run(
            [sys.executable, "-c", code], env=_at_home(folder), check=True, capture_output=True, text=True
        )
        return int(done.stdout.split()[-1]) / MEBIBYTE

    empty, stock = resident(*EMPTY), resident(*STOCK)
    for name, (module, operator, arguments) in OPERATORS.items():
        imports, task = (part.format(module=module, operator=operator, arguments=arguments) for part in OURS)
        floor, floor_name = (stock, "DockerOperator") if name == "container" else (empty, "an empty task")
        yield Figure(
            f"cli.memory_of_{name}",
            resident(imports, task) - floor,
            None,
            5,
            "MiB",
            floor=floor,
            floor_name=floor_name,
        )
