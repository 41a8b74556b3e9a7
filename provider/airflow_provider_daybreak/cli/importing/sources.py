"""What a job's script is made of, where it is on this machine: its files, its variables, the packages of its environment."""

from __future__ import annotations

import ast
import os
import re
import stat
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.dotenv import dotenv_of
from airflow_provider_daybreak.exceptions import DaybreakError
from airflow_provider_daybreak.jobs.job import Fate, Note

if TYPE_CHECKING:
    from airflow_provider_daybreak.jobs.task import Task

_LEFT_OUT = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        "__pycache__",
        ".venv",
        "venv",
        "env",
        "node_modules",
        ".mypy_cache",
        ".pytest_cache",
        ".tox",
    }
)
_LEFT_OUT_ENDINGS = (".pyc", ".log", ".pid", ".lock~", ".swp")
PROJECT = (
    "requirements.txt",
    "requirements.in",
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "uv.lock",
    "pylock.toml",
    "Pipfile",
    "environment.yml",
)
_SHARED = re.compile(r"/|/(bin|etc|home|mnt|opt|root|srv|tmp|usr|var)|/usr/bin|/usr/local(/s?bin)?")
_ALONE = "is copied with what it imports, and nothing else of its folder: copy what it reads beside it"
_MOST_FILES, _MOST_BYTES = 2_000, 50_000_000


def source_of(task: Task) -> tuple[Path | None, list[str], list[Note]]:
    """Return the folder of a task's script where it is here, the files of it to be copied, and notes."""
    if task.container is not None or not task.folder.startswith("/"):
        return None, [], []
    folder = Path(task.folder)
    try:
        files = _copied(task, folder)
    except OSError as error:
        why = f"can't be read ({error.strerror}): copy its files yourself"
        return None, [], [Note(Fate.ADAPTED, str(folder), why)]
    if files is None:
        return None, [], []
    alone = [Note(Fate.ADAPTED, str(folder / task.script), _ALONE)] if _is_alone(task, folder) else []
    return folder, files, alone


def _is_alone(task: Task, folder: Path) -> bool:
    """Say whether a script's folder holds what is no part of it: nothing goes there to work, or it is for all sorts of things."""
    if task.command[:1] == ("-m",) or not task.script:
        return False
    shared = _SHARED.fullmatch(str(folder)) is not None or folder == Path("~").expanduser()
    return shared or (task.alone and not any((folder / each).is_file() for each in PROJECT))


def _copied(task: Task, folder: Path) -> list[str] | None:
    """
    Return the files that are to be copied; None where there is nothing, and an empty list where it is too much.

    :raises OSError: the folder can't be read.
    """
    named = bool(task.script) and task.command[:1] != ("-m",)
    if not folder.is_dir() or (named and not (folder / task.script).is_file()):
        return None
    if _is_alone(task, folder):
        return reached(folder, task.script)
    return None if _SHARED.fullmatch(str(folder)) or folder == Path("~").expanduser() else _files(folder)


def reached(folder: Path, script: str) -> list[str]:
    """
    Return a script and the files of its folder that it imports, and those import, in order.

    :param script: path of the script, relative to the folder; what is no Python imports nothing.
    """
    found, pending = {script}, [script]
    while pending:
        for name in _imports(folder / pending.pop()):
            package = folder / name
            more = {f"{name}.py"} if (folder / f"{name}.py").is_file() else set()
            more |= (
                {f"{name}/{each}" for each in _files(package)} if (package / "__init__.py").is_file() else set()
            )
            pending += [each for each in more - found if each.endswith(".py")]
            found |= more
    return sorted(found)


def _imports(path: Path) -> set[str]:
    """Return the top-level names that a file of Python imports; none of what is no Python."""
    try:
        tree = ast.parse(path.read_bytes()) if path.suffix == ".py" else ast.Module([], [])
    except (SyntaxError, ValueError, RecursionError, OSError):
        return set()  # Python itself says so when it runs
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in names}


def _files(folder: Path) -> list[str]:
    """Return the paths of a folder's files, in order; none where they are too many, or too large."""
    found: list[str] = []
    size = 0
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(
            each
            for each in folders
            if each not in _LEFT_OUT and not (Path(root) / each / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            path = Path(root) / name
            if name.endswith(_LEFT_OUT_ENDINGS) or name == ".env" or path.is_symlink() or not path.is_file():
                continue
            size += path.stat().st_size
            found.append(str(path.relative_to(folder)))
            if len(found) > _MOST_FILES or size > _MOST_BYTES:
                return []
    return found


def variables_of(
    task: Task, secrets: dict[str, str], source: Path | None
) -> tuple[dict[str, bytes], list[Note]]:
    """Return the .env of a Dag's folder: what the line's own files of variables say, then its secrets."""
    paths = [*task.env_files, *(task.container.env_files if task.container else ())]
    if source is not None and (source / ".env").is_file() and str(source / ".env") not in paths:
        paths.insert(0, str(source / ".env"))
    lines: list[str] = []
    notes: list[Note] = []
    for path in paths:
        said = _text_of(Path(path))
        if isinstance(said, str):
            lines += [f"# {path}", said]
            copied = "its variables are in the .env of the Dag's folder"
            open_to_all = Path(path).stat().st_mode & stat.S_IRWXO != 0
            why = (
                f"{copied}, which only its owner may read: this one every user of the machine may"
                if open_to_all
                else copied
            )
            notes.append(Note(Fate.ADAPTED, path, why))
        else:
            problem = said.strerror if isinstance(said, OSError) else str(said).rstrip(".")
            notes.append(Note(Fate.REFUSED, path, f"is not in the .env ({problem}): write its variables there"))
    lines += [f"{name}={_dotenv(value)}" for name, value in secrets.items()]
    return ({".env": ("\n".join(lines) + "\n").encode()} if lines else {}), notes


def _text_of(path: Path) -> str | Exception:
    """Return the text of a file of variables that a .env may have, or why it has none."""
    try:
        text = path.read_text(encoding="utf-8").rstrip()
        dotenv_of(text, path, {})
    except UnicodeDecodeError:  # its text has bytes of the file
        return ValueError("it is not UTF-8: save it as that")
    except (DaybreakError, OSError) as error:
        return error
    return text


def _dotenv(value: str) -> str:
    """Return a value as a .env has it: quoted where that is needed."""
    if re.fullmatch(r"[\w@%+=:,./-]+", value):
        return value
    return (
        f"'{value}'"
        if "'" not in value and "\n" not in value
        else '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'
    )


def frozen(venv: Path) -> bytes:
    """Return the packages of a virtual environment as requirements; nothing where it is not here, or has none."""
    paths = [str(each) for each in sorted(venv.glob("lib/python3*/site-packages"))]
    pins: set[str] = set()
    for each in distributions(path=paths) if paths else ():
        name = each.metadata["Name"]
        if (
            name
            and name.lower() not in ("pip", "setuptools", "wheel")
            and each.read_text("direct_url.json") is None
        ):
            pins.add(f"{name.lower()}=={each.version}")
    if not pins:
        return b""
    return ("\n".join([f"# The packages of {venv}, as they were.", *sorted(pins)]) + "\n").encode()
