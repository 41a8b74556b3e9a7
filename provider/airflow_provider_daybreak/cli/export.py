"""``airflow daybreak export``: a task's script as files that run it without Airflow."""

from __future__ import annotations

import os
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.cli.command import command, print_result
from airflow_provider_daybreak.cli.exporting.script import Exported, script_of_container, script_of_release
from airflow_provider_daybreak.cli.exporting.targets import files_for
from airflow_provider_daybreak.cli.local_run import LocalRun, deploying_in, find_task
from airflow_provider_daybreak.exceptions import InvalidValueError, NotExportableError
from airflow_provider_daybreak.hooks.releases import ReleaseHook
from airflow_provider_daybreak.operators.docker import ScriptDockerOperator
from airflow_provider_daybreak.operators.venv import VenvRunOperator
from airflow_provider_daybreak.releases.source import copy_files

if TYPE_CHECKING:
    from argparse import Namespace

_MODES = {"secrets.env": 0o600, "install.sh": 0o755}
_A_USER = 1000


@command
def export(args: Namespace) -> None:
    """Write the files, and say what is to be done with them."""
    task = find_task(Path(args.dag_file).resolve(), args.task_id, args.dag)
    out = Path(args.out or f"export/{task.dag.dag_id}/{task.task_id}").resolve()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InvalidValueError(
            "--out", str(out), "a folder that is empty, or a path where there is nothing yet"
        )
    with tempfile.TemporaryDirectory(prefix="daybreak-export-") as home:
        script = _script_of(task, Path(home))
        files, steps = files_for(args.to, script, args.image)
        _write(out, files, script)
    if args.output in ("json", "yaml"):
        facts = {"folder": str(out), "files": sorted(files), "left_out": list(script.left_out), "next": steps}
        print_result(args.output, facts, "")
        return
    print(f"{out}/")
    for each in script.left_out:
        print(f"  left out: {each}")
    for number, step in enumerate(steps, 1):
        print(f"  {number}. {step}")


def _script_of(task: Any, home: Path) -> Exported:
    """
    Return the script of a task.

    :param home: takes what the task deploys: production is left alone.
    :raises NotExportableError: the task runs none, or something of it has no meaning without Airflow.
    """
    if isinstance(task, ScriptDockerOperator):
        return script_of_container(task)
    if not isinstance(task, VenvRunOperator):
        kind = type(task).__name__
        raise NotExportableError(
            task.task_id, "kind", kind, "a task that runs a script: VenvRunOperator or ScriptDockerOperator"
        )
    rendered, _ = LocalRun(task.dag, date.today(), home).rendered(task)  # noqa: DTZ011 - nothing that is exported depends on it
    if isinstance(rendered.release, str):
        return script_of_release(task, rendered, ReleaseHook().release(rendered.release))
    with deploying_in(home):
        return script_of_release(task, rendered, ReleaseHook().release(rendered.release))


def _write(out: Path, files: dict[str, str], script: Exported) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = out / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODES.get(name, 0o644))
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    if script.release is None:
        return
    (out / "out").mkdir()
    source, manifest = script.release.path / "src", script.release.manifest
    kept = [file for file in manifest["files"] if file["path"] not in manifest.get("secrets", ())]
    copy_files(kept, out / "source", lambda path: [(source / path).read_bytes()])
    if os.geteuid() == 0:  # the container's user is not root
        for name in ("out", "secrets.env"):
            if (out / name).exists():
                os.chown(out / name, _A_USER, _A_USER)
