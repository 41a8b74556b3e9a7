"""``airflow daybreak new``: a Dag of one's own, begun from an example."""

from __future__ import annotations

import re
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from airflow_provider_daybreak.archive.layout import is_report
from airflow_provider_daybreak.cli.command import command, commands_folder, print_result, program
from airflow_provider_daybreak.exceptions import InvalidValueError, NameTakenError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

_EXAMPLES = "airflow_provider_daybreak.dags"
_IGNORE = ".airflowignore"


@dataclass(frozen=True)
class _Example:
    """
    An example that can be copied.

    :param file: its name, without ``.py``, and that of the folder beside it.
    :param change: what its author changes first.
    :param names: how the names of its Dags, releases and reports end, after their file's.
    :param preview: the task that can be previewed, where there is one.
    """

    file: str
    change: str
    names: tuple[str, ...] = ("",)
    preview: str = ""

    def dags(self, name: str) -> list[str]:
        """Return the ids of the Dags that a copy of that name has, which are the names of its releases and reports."""
        return [f"{name.removesuffix('_report')}{end}" if end else name for end in self.names]


EXAMPLES = {
    "daily_report": _Example(
        "daily_report",
        "your script and its requirements.txt in script/, your words in report.md.j2, the time and the params in the Dag",
        preview="render_report",
    ),
    "sql": _Example(
        "flights_report",
        "your queries in *.sql and your words in report.md.j2; in the Dag the schedule; and leave out what makes the "
        "database, which is there already",
        names=("_day", "_week"),
        preview="render_report",
    ),
    "script": _Example(
        "script_as_it_is",
        "your script and its requirements.txt in place of report.py; in the Dag its name and the time",
    ),
    "container": _Example(
        "container_example",
        "your script, its requirements.txt and its Dockerfile; in the Dag the inputs and the outputs",
    ),
}


@command
def new(args: Namespace) -> None:
    """Write an example under another name, and say what is to be changed and how to look at it."""
    example, name = EXAMPLES[args.example], args.name
    dags = _dags_folder(args.folder)
    _check(example, name, dags)
    dag_file = _write(example, name, dags)
    steps = [
        {"step": "change", "what": f"{dags / name}: {example.change}"},
        {"step": "switch on", "what": _airflow_dags("unpause", example.dags(name))},
        {"step": "run it now", "what": _airflow_dags("trigger", example.dags(name)[:1])},
    ]
    if example.preview:
        which = f" --dag {example.dags(name)[0]}" if len(example.names) > 1 else ""
        look = f"{program()} preview {quote(str(dag_file))} {example.preview}{which} --date 2026-03-29"
        steps.insert(1, {"step": "look at it", "what": look})
    if args.output in ("json", "yaml"):
        facts = {
            "dag_file": str(dag_file),
            "folder": str(dags / name),
            "dags": example.dags(name),
            "next": steps,
        }
        print_result(args.output, facts, "")
        return
    print(f"{dag_file}\n{dags / name}/")
    for step in steps:
        print(f"  {step['step'] + ':':<12}{step['what']}")
    print(
        f"Airflow looks for new Dag files every {_refreshed()} seconds: until then it knows of no Dag {example.dags(name)[0]}."
    )


def _airflow_dags(action: str, dags: list[str]) -> str:
    return " && ".join(f"{commands_folder()}airflow dags {action} {dag_id}" for dag_id in dags)


def _refreshed() -> str:
    """Return how many seconds may pass before Airflow sees a file."""
    from airflow.configuration import conf

    return conf.get_mandatory_value("dag_processor", "refresh_interval")


def _dags_folder(given: str | None) -> Path:
    """Return the folder of Dags: the one given, or that of Airflow's settings."""
    from airflow.configuration import conf

    folder = Path(given or conf.get_mandatory_value("core", "dags_folder")).expanduser().resolve()
    if given and not folder.is_dir():
        raise InvalidValueError("--folder", given, "a folder that is there, of Dag files")
    return folder


def _check(example: _Example, name: str, dags: Path) -> None:
    """
    Refuse a name under which the copy would meet something that is there.

    :raises InvalidValueError: it can't be the name of a report.
    :raises NameTakenError: a file, an example, a report or a release has it.
    """
    if not is_report(name):
        raise InvalidValueError("name", name, "1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit")
    for path in (dags / f"{name}.py", dags / name):
        if path.exists() or path.is_symlink():
            raise NameTakenError(name, f"{path} is there")
    served = {dag_id for one in EXAMPLES.values() for dag_id in one.dags(one.file)}  # maybe beside the copy
    for dag_id in example.dags(name):
        if dag_id in served:
            raise NameTakenError(name, f"the example {dag_id!r} is called so")
        for what, owner in _published(dag_id):
            raise NameTakenError(name, f"the {what} {dag_id!r} is there, of the Dag {owner!r}")


def _published(name: str) -> Iterator[tuple[str, str]]:
    """Yield what was published under a name before, with whose it is."""
    from airflow_provider_daybreak.context.archive import archive_of
    from airflow_provider_daybreak.hooks.releases import ReleaseHook

    if owner := archive_of().owner(name):
        yield "report", owner
    if owner := ReleaseHook().owner(name):
        yield "release", owner


def _write(example: _Example, name: str, dags: Path) -> Path:
    """
    Write the copy, its Dag file last and in one step: Airflow never reads half of it.

    :return: the Dag file.
    :raises InvalidValueError: it can't be written. Nothing of it is left.
    """
    source, dag_file, folder = Path(str(files(_EXAMPLES))), dags / f"{name}.py", dags / name
    temporary = None
    try:
        dags.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=dags))
        shutil.copytree(source / example.file, temporary / name, ignore=shutil.ignore_patterns("__pycache__"))
        (temporary / name / _IGNORE).write_text("*\n", encoding="utf-8")  # none of it is a Dag file
        (temporary / dag_file.name).write_text(
            _renamed((source / f"{example.file}.py").read_text(encoding="utf-8"), example, name),
            encoding="utf-8",
        )
        (temporary / name).rename(folder)
        (temporary / dag_file.name).rename(dag_file)
    except OSError as error:
        said = error.strerror
        if isinstance(error, shutil.Error):  # one for each file
            said = str(error.args[0][0][2])
        expected = f"one that this user can write, with room ({said})"
        raise InvalidValueError("folder of Dags", str(dags), expected) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                shutil.rmtree(temporary)
    return dag_file


def _renamed(text: str, example: _Example, name: str) -> str:
    """Return the example's text with its own name, where comments and commands tell it, replaced."""
    for old, new_ in zip(example.dags(example.file), example.dags(name), strict=True):
        text = re.sub(rf"\b{old}\b", new_, text)
    return re.sub(rf"\b{example.file}\b", name, text)
