"""Errors of importing jobs: a schedule or a file of another scheduler that can't be read."""

from __future__ import annotations

from airflow_provider_daybreak.exceptions.base import DaybreakError


class ImportJobsError(DaybreakError):
    """Base of what goes wrong when another scheduler's jobs are read or written as Dags."""


class InvalidScheduleError(ImportJobsError, permanent=True):
    """A time at which a job can't run, or can't be meant to."""

    expression: str
    problem: str
    next_step: str

    def __str__(self) -> str:
        return f"Cannot schedule {self.expression!r}: {self.problem}. {self.next_step}."


class JobsUnreadableError(ImportJobsError, permanent=True):
    """A file of another scheduler that can't be read. The line begins at 1; 0 where unknown."""

    path: str
    line: int
    problem: str
    next_step: str

    def __str__(self) -> str:
        place = f" line {self.line}" if self.line else ""
        return f"Cannot read {self.path!r}{place}: {self.problem}. {self.next_step}."
