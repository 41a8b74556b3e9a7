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
