"""Errors of the archive, and of the storage below it."""

from __future__ import annotations

from airflow_provider_daybreak.exceptions.base import DaybreakError


class ArchiveError(DaybreakError, permanent=True):
    """Something in the archive that is not as it should be."""


class StorageUnsupportedError(ArchiveError):
    """A place that can't hold an archive, since it has no way to create a file unless it is there."""

    uri: str

    def __str__(self) -> str:
        return (
            f"Cannot keep reports at {self.uri!r}: expected a local folder (file:///…) or storage that speaks "
            "S3 (s3://connection@bucket/prefix). Set [daybreak] archive to one of these."
        )


class StorageNotAtomicError(ArchiveError):
    """Storage that creates a file a second time although it is there."""

    uri: str

    def __str__(self) -> str:
        return (
            f"The store at {self.uri!r} ignores 'If-None-Match: *': two tasks could publish one revision, or "
            "mail one report twice, without noticing. Use a store with conditional writes, or a local folder."
        )


class RevisionNotFoundError(ArchiveError):
    """A revision that the archive does not hold."""

    uri: str

    def __str__(self) -> str:
        return (
            f"No revision at {self.uri!r}. `airflow daybreak reports list` shows those that are there; "
            "run the report's task again to make it."
        )


class ReportNotFoundError(ArchiveError):
    """A report that the archive has never held."""

    report: str
    archive: str
    nearest: list[str]

    def __str__(self) -> str:
        meant = f" Is it {' or '.join(map(repr, self.nearest))}?" if self.nearest else ""
        return (
            f"No report {self.report!r} in the archive {self.archive}.{meant} "
            "`airflow daybreak reports list` shows those that are there."
        )


class OutsideArchiveError(ArchiveError):
    """The URI of a manifest that lies in no place where this archive keeps one."""

    uri: str
    archive: str

    def __str__(self) -> str:
        return (
            f"{self.uri!r} is no manifest in the archive {self.archive!r}: expected "
            f"{self.archive}/<report>/<YYYY>/<MM>/<DD>/r<number>/manifest.json. "
            "Is [daybreak] archive the same on every machine?"
        )


class ManifestUnreadableError(ArchiveError):
    """A manifest that is damaged, or of a later version."""

    uri: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot read the manifest {self.uri!r}: {self.problem}."


class ArchivedFileNotFoundError(ArchiveError):
    """A file that a revision does not have."""

    uri: str
    name: str
    names: list[str]

    def __str__(self) -> str:
        return f"No file {self.name!r} in the revision {self.uri!r}: it has {', '.join(self.names)}."


class ArchivedFileChangedError(ArchiveError):
    """An archived file that is no longer what was published."""

    uri: str
    name: str
    problem: str

    def __str__(self) -> str:
        return (
            f"The file {self.name!r} of the revision {self.uri!r} was changed: {self.problem}. "
            "Restore it from a backup, or run the report's task again for a new revision."
        )
