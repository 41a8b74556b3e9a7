"""Every deliberate error of Daybreak. Each gives the value, what was expected, and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

_Error = TypeVar("_Error", bound="DaybreakError")


def _restore(cls: type[_Error], facts: dict[str, Any]) -> _Error:
    error = cls.__new__(cls)
    error.__dict__.update(facts)
    return error


class DaybreakError(Exception):
    """
    Base of every deliberate error.

    Its facts are fields and its sentence is ``str(error)``. It survives pickling, so it reaches the
    scheduler from any executor.
    """

    permanent: ClassVar[bool] = False
    """Whether trying again, with nothing changed, must fail again: operators then skip Airflow's retries."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.__dict__)


@dataclass(eq=False)
class MissingExtraError(DaybreakError):
    """A feature whose packages are not installed."""

    feature: str
    extra: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return (
            f"{self.feature} needs packages that are not installed. "
            f"Install them with: pip install 'airflow-provider-daybreak[{self.extra}]'"
        )


@dataclass(eq=False)
class InvalidValueError(DaybreakError):
    """An argument, parameter or setting that can't be used as it is."""

    name: str
    value: object
    expected: str
    permanent: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"Invalid {self.name} {self.value!r}: expected {self.expected}."


# .env files


class DotenvError(DaybreakError):
    """A ``.env`` file that can't be used."""

    permanent: ClassVar[bool] = True


@dataclass(eq=False)
class DotenvUnreadableError(DotenvError):
    """A ``.env`` file that is missing or can't be read."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot read {self.path!r}: {self.problem}."


@dataclass(eq=False)
class DotenvSyntaxError(DotenvError):
    """A line of a ``.env`` file that can't be understood. Holds no value of the file."""

    path: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"Cannot read {self.path!r} line {self.line}: {self.problem}"


@dataclass(eq=False)
class DotenvMissingKeyError(DotenvError):
    """A key that the others of a ``.env`` file need."""

    path: str
    key: str

    def __str__(self) -> str:
        return f"{self.path!r} sets no {self.key}. Add a line {self.key}=…"


@dataclass(eq=False)
class DotenvValueError(DotenvError):
    """A key whose value can't be used. Holds no value. Without a line, the environment sets the key."""

    path: str
    line: int | None
    key: str
    problem: str

    def __str__(self) -> str:
        where = "the environment" if self.line is None else f"{self.path!r} line {self.line}"
        return f"Cannot use {self.key} of {where}: {self.problem}"


# The archive


class ArchiveError(DaybreakError):
    """Something in the archive that is not as it should be."""

    permanent: ClassVar[bool] = True


@dataclass(eq=False)
class RevisionNotFoundError(ArchiveError):
    """A revision that the archive does not hold."""

    uri: str

    def __str__(self) -> str:
        return (
            f"No revision at {self.uri!r}. `airflow daybreak reports list` shows those that are there; "
            "run the report's task again to make it."
        )


@dataclass(eq=False)
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


@dataclass(eq=False)
class ManifestUnreadableError(ArchiveError):
    """A manifest that is damaged, or of a later version."""

    uri: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot read the manifest {self.uri!r}: {self.problem}."


@dataclass(eq=False)
class ArchivedFileNotFoundError(ArchiveError):
    """A file that a revision does not have."""

    uri: str
    name: str
    names: list[str]

    def __str__(self) -> str:
        return f"No file {self.name!r} in the revision {self.uri!r}: it has {', '.join(self.names)}."


@dataclass(eq=False)
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
