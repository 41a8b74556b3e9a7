"""Errors of a deployed script's run: how it starts, what it writes and leaves, and how it ends."""

from __future__ import annotations

from airflow_provider_daybreak.exceptions.base import missing_module
from airflow_provider_daybreak.exceptions.releases import ReleaseError


class RunAsError(ReleaseError, permanent=True):
    """A user that a script can't be run as."""

    user: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot run a script as {self.user!r}: {self.problem}"


class ClockError(ReleaseError):
    """A Python whose clock can't be started at a run's instant."""

    python: str
    problem: str
    explanation: str = ""

    def __str__(self) -> str:
        return (
            f"Cannot start the clock of {self.python} at the run's instant: {self.problem} Or leave out clock=: the "
            f"script then has the true time, on backfilled days too.\n{self.explanation}"
        ).rstrip()


class NotExportableError(ReleaseError, permanent=True):
    """A task that can't be run without Airflow as it is."""

    task: str
    name: str
    value: str
    expected: str

    def __str__(self) -> str:
        return (
            f"The task {self.task!r} can't be exported with {self.name} = {self.value}: expected {self.expected}. "
            "Change it in the Dag, or leave the task with Airflow."
        )


class ScriptFailedError(ReleaseError):
    """
    A script that ended with an exit code other than 0, or by a signal.

    :param said: its last lines on stderr, or on stdout where stderr is empty.
    """

    command: str
    ending: str
    said: str
    by_hand: str

    def __str__(self) -> str:
        said = f"Its last lines:\n{self.said}\n" if self.said else "It wrote nothing.\n"
        step = _add_module(self.said)
        return f"{self.command!r} ended with {self.ending}. {said}{step}To run it by hand: {self.by_hand}"


class ScriptGaveUpError(ScriptFailedError, permanent=True):
    """A script whose end says that another try would end so too: exit code 2, for wrong usage, or a module that is missing."""


class StateError(ReleaseError, permanent=True):
    """What a script remembers, that can't be kept or read."""

    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot use {self.path!r}, which keeps what the script remembers: {self.problem}. Where it is to begin anew, "
            "remove that file."
        )


class ScriptConditionError(ReleaseError):
    """A script that ended with exit code 0 and failed all the same, by a condition of ``fail_on``."""

    command: str
    found: str
    said: str = ""
    by_hand: str = ""

    def __str__(self) -> str:
        said = f" Its last lines:\n{self.said}\n" if self.said else ""
        by_hand = f" To run it by hand: {self.by_hand}" if self.by_hand else ""
        return (
            f"{self.command!r} ended with exit code 0, and by fail_on it failed: {self.found}.{said}{by_hand}"
        )


class ScriptSkippedError(ReleaseError):
    """A script that says by its exit code that there is nothing to do: its task is skipped."""

    command: str
    code: int

    def __str__(self) -> str:
        return f"{self.command!r} ended with exit code {self.code}, which skip_on_exit_code takes for nothing to do."


class ScriptNotStartedError(ReleaseError, permanent=True):
    """A command that could not be started."""

    command: str
    problem: str
    next_step: str

    def __str__(self) -> str:
        return f"Cannot start {self.command!r}: {self.problem}. {self.next_step}"


class ShellSyntaxError(ReleaseError, permanent=True):
    """Something in a command that only a shell would act on. What else is in the command may be a secret."""

    name: str
    found: str
    next_step: str

    def __str__(self) -> str:
        return f"Cannot run the {self.name}: {self.found!r} in it is for a shell, and none reads it. {self.next_step}"


class ScriptOutputError(ReleaseError, permanent=True):
    """A script whose output is not what was asked of it."""

    command: str
    problem: str

    def __str__(self) -> str:
        return f"{self.command!r} did its work, but {self.problem}"


class ArtifactUnreadableError(ReleaseError, permanent=True):
    """A file or folder that a script left, and that can't be read."""

    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot read {self.path!r}, which the script left: {self.problem}. Expected files that it wrote, and that "
            "nothing it leaves running removes or replaces."
        )


def _add_module(said: str) -> str:
    """Return the next step where a script lacks a module."""
    module = missing_module(said)
    if not module:
        return ""
    return (
        f"Its environment has no module {module!r}. Name the package that brings it where the source says what it needs "
        "(requirements.txt, pyproject.toml, or the script's own '# /// script' lines), and deploy again.\n"
    )
