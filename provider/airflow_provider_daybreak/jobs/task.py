"""What a job's command line comes to."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow_provider_daybreak.jobs.job import Fate, Note

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from airflow_provider_daybreak.jobs.job import Container


@dataclass(frozen=True)
class Task:
    """
    What a job's command comes to.

    :param command: the program and its arguments: a script of the folder first, or a program; empty for a container or a shell.
    :param shell: lines of a shell that do it, where no list of words can.
    :param folder: the folder that it starts in, which holds its script; empty where nothing says.
    :param script: path of the script as the line has it, from the folder where it is no absolute one; empty where none is seen.
    :param alone: whether the folder is only where the script lies: nothing goes there to work.
    :param python: the interpreter that it names: a path, a version, or ``conda:`` and a name.
    :param venv: folder of the virtual environment that it runs in.
    :param env_files: files of variables that it reads first.
    :param run_as: who it runs as, where the line says so.
    :param ping: address that is called after it.
    :param mails: whether the line itself mails.
    """

    command: tuple[str, ...] = ()
    shell: str = ""
    folder: str = ""
    script: str = ""
    alone: bool = False
    python: str = ""
    venv: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    env_files: tuple[str, ...] = ()
    run_as: str = ""
    timeout: timedelta | None = None
    overlaps: bool = True
    ping: str = ""
    mails: bool = False
    container: Container | None = None
    logged: bool = False
    notes: tuple[Note, ...] = ()

    def noted(self, fate: Fate, what: str, why: str) -> Task:
        """Return it with one more note."""
        return replace(self, notes=(*self.notes, Note(fate, what, why)))

    def as_program(self) -> tuple[str, ...]:
        """Return the command as a shell would need it: a script after the program that runs it."""
        first = self.command[0] if self.command else ""
        if first == "-m" or first.endswith(".py"):
            return ("python", *self.command)
        return ("sh", *self.command) if first.endswith(".sh") else self.command

    def in_venv(self, venv: str, what: str) -> Task:
        """
        Return it with a virtual environment that it runs in.

        :param what: how the line says so.
        """
        return replace(self, venv=posixpath.normpath(venv)).noted(
            Fate.ADAPTED, what, "the deploy makes an environment of the same packages, and of its own"
        )
