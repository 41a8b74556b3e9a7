"""Which files there are: those that Airflow looks at, those that are read besides, and those that git tracks."""

from __future__ import annotations

import os
import re
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.cli.dag_checks.finding import Finding
from airflow_provider_daybreak.releases.secret_files import DOTENV_OF, looks_like_secret

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".mypy_cache"}
)
_DOTENV = re.compile(rf"\.env|{DOTENV_OF}")
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "safe.directory=*")
"""Reads a repository of another user's, as a container of a CI has it, and runs nothing that it names."""


def dag_files(folder: Path) -> tuple[list[Path], list[Finding]]:
    """
    Return the files that Airflow would parse, by ``.airflowignore`` and its heuristic, and what keeps it from looking.

    :param folder: a folder of Dags, or one Dag file.
    """
    from airflow.utils.file import list_py_file_paths

    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of what Airflow itself uses, which it would print where findings go
            found = list_py_file_paths(folder, safe_mode=True)
    except RuntimeError as error:
        files = [path for path in python_files(folder) if _may_hold_dag(path)]
        loop = next(iter(_loops(folder)), folder)
        message = f"This link leads back above itself: {str(error).rstrip('.')}."
        step = "Remove the link, or list it in .airflowignore; Airflow finds no Dag of this folder until then"
        return files, [Finding("symlink-loop", loop, 0, message, step)]
    return sorted({Path(path) for path in found if path.endswith(".py")}), []


def _may_hold_dag(path: Path) -> bool:
    from airflow.utils.file import might_contain_dag

    return might_contain_dag(str(path), safe_mode=True)


def python_files(folder: Path) -> list[Path]:
    """Return all Python files of the folder, also those in folders that Airflow passes over."""
    if folder.is_file():
        return [folder]
    return sorted(path for path in _files(folder) if path.suffix == ".py" and path.is_file())


def _files(folder: Path) -> Iterator[Path]:
    for top, folders, names in os.walk(
        folder
    ):  # links to folders are not followed: what they lead to is elsewhere
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        yield from (Path(top, name) for name in names)


def _loops(folder: Path) -> Iterator[Path]:
    for top, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(top, name)
            if path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve()):
                yield path


@dataclass(frozen=True)
class Repository:
    """
    What git tracks.

    :param top: its folder; None where the Dags are in no repository, or there is no git.
    :param files: the files that it tracks and that are there, or were to be.
    """

    top: Path | None = None
    files: tuple[Path, ...] = ()


def repository_of(folder: Path) -> Repository:
    """Return the repository that holds the Dags, as git sees it."""
    inside = folder if folder.is_dir() else folder.parent
    try:
        top = _git(inside, "rev-parse", "--show-toplevel").rstrip("\n")
        listed = _git(Path(top), "ls-files", "-z")
    except (OSError, subprocess.CalledProcessError):
        return Repository()
    return Repository(Path(top), tuple(Path(top, name) for name in listed.split("\0") if name))


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [*_GIT, "-C", str(folder), *words], capture_output=True, check=True, stdin=subprocess.DEVNULL
    )
    return os.fsdecode(done.stdout)


def tracked_secrets(repository: Repository) -> Iterator[Finding]:
    """Yield the files of secrets that git tracks, anywhere in the repository."""
    for path in repository.files:
        if path.is_symlink() or not path.is_file():
            continue
        dotenv = _DOTENV.fullmatch(path.name)
        if dotenv or looks_like_secret(path, path.stat().st_size):
            what = "It sets variables of an environment" if dotenv else "It looks like a key or credentials"
            yield Finding(
                "tracked-secret",
                path,
                0,
                f"{what}, and git tracks it: everybody who can read the repository, now or ever, has it.",
                f"Run git rm --cached {path.name}, list it in .gitignore, and change every secret in it: it stays in the history",
            )
