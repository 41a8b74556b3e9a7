"""Errors of ``.env`` files, and of the secrets backend over them."""

from __future__ import annotations

from airflow_provider_daybreak.exceptions.base import DaybreakError


class SecretsBackendError(DaybreakError):
    """A secrets backend that failed when it was asked for a connection."""

    conn_id: str
    backend: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot read the connection {self.conn_id!r}: the secrets backend {self.backend} failed with "
            f"{self.problem}. Mend the value that it holds, or what [secrets] says of the backend."
        )


class DotenvError(DaybreakError, permanent=True):
    """A ``.env`` file that can't be used."""


class DotenvUnreadableError(DotenvError):
    """A ``.env`` file that is missing or can't be read."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot read {self.path!r}: {self.problem}."


class DotenvSyntaxError(DotenvError):
    """A line of a ``.env`` file that can't be understood. Holds no value of the file."""

    path: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"Cannot read {self.path!r} line {self.line}: {self.problem}"


class DotenvMissingKeyError(DotenvError):
    """A key that the others of a ``.env`` file need."""

    path: str
    key: str

    def __str__(self) -> str:
        return f"{self.path!r} sets no {self.key}. Add a line {self.key}=…"


class DotenvValueError(DotenvError):
    """A key whose value can't be used. Holds no value. Without a line, the environment sets the key."""

    path: str
    line: int | None
    key: str
    problem: str

    def __str__(self) -> str:
        where = "the environment" if self.line is None else f"{self.path!r} line {self.line}"
        return f"Cannot use {self.key} of {where}: {self.problem}"
