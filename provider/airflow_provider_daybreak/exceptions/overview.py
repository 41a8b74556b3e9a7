"""Errors of the overview of reports, and of the index that it is made from."""

from __future__ import annotations

from airflow_provider_daybreak.exceptions.base import DaybreakError


class OverviewError(DaybreakError):
    """Something that the overview of reports needs, and can't have."""


class IndexUnwritableError(OverviewError):
    """The index of reports, which can't be made or written where it is to lie."""

    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot use the index of reports {self.path!r}: {self.problem}. Set [daybreak] index to a folder on a disk of "
            "this machine that may be written, or remove the file: it is made anew from the archive."
        )


class ArchiveAwayError(OverviewError):
    """An archive that can't be read just now. What the index knows of it stays."""

    uri: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot read the archive {self.uri}: {self.problem}. What was known of it is shown until it is back."


class ReportNotScheduledError(OverviewError, permanent=True):
    """A report whose days can't be filled, since no schedule says which there are."""

    report: str
    problem: str

    def __str__(self) -> str:
        return f"The report {self.report!r} can't be filled: {self.problem}. Start its Dag by hand for a report date instead."


class BackfillFailedError(OverviewError):
    """A backfill that Airflow would not make."""

    dag_id: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Airflow made no backfill of the Dag {self.dag_id!r}: {self.problem}. A Dag has one at a time; "
            "`airflow backfill create` takes the same days once that is mended."
        )


class RunChangedError(OverviewError, permanent=True):
    """A run of which nothing can be done again: somebody did, another came after it, or Airflow knows its Dag no more."""

    dag_id: str
    run_id: str

    def __str__(self) -> str:
        return (
            f"Nothing of the run {self.run_id!r} of the Dag {self.dag_id!r} is done again: somebody has asked for that already, "
            "another run came after it, or Airflow knows its Dag no more. Open Reports today again, and look at what it shows."
        )


class QuestionChangedError(OverviewError, permanent=True):
    """An answer to what a mail task no longer asks: it was answered, cleared, or asks about something else."""

    task_id: str
    run_id: str

    def __str__(self) -> str:
        return (
            f"The task {self.task_id!r} of the run {self.run_id!r} no longer waits for this answer: somebody has given one, or "
            "it asks about something else by now. Nothing was done. Open the day's page again, and look at what it shows."
        )
