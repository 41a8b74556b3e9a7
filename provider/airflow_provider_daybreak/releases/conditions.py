"""How a script's end is read: when it failed although it ended well, when it asks to be skipped, when to try again."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    ScriptConditionError,
    ScriptFailedError,
    ScriptGaveUpError,
    ScriptSkippedError,
)
from airflow_provider_daybreak.exceptions.base import missing_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_daybreak.releases.running.finished import Finished

__all__ = ["Condition", "NoFile", "NoMail", "NoOutput"]

_USAGE = 2  # the exit code of argparse, getopt, the shell's builtins and most programs for what they can't take


@dataclass(frozen=True)
class NoOutput:
    """The script wrote nothing to stdout, or nothing but blanks."""


@dataclass(frozen=True)
class NoFile:
    """
    The script left no file like the pattern in its output directory or its working directory.

    :param pattern: as for ``artifacts``: ``*.csv``, ``out/**/*.pdf``.
    """

    pattern: str


@dataclass(frozen=True)
class NoMail:
    """The script, whose mail is kept (``mail="once"`` or ``"capture"``), mailed nothing."""


Condition = str | NoOutput | NoFile | NoMail
"""When a script that ended with exit code 0 has failed. Text is a regular expression that a line of its output matches."""


@dataclass(frozen=True)
class Ending:
    """
    How a script's end is read.

    :param retry_exit_codes: after which another try may do better; when None any but 2, unless the last that it said is that a
        module is missing. Whatever ends by a signal was ended by something else, and may do better too.
    :param skip_on_exit_code: with which it says that there is nothing to do.
    :param fail_on: when it has failed although it ended with exit code 0.
    """

    retry_exit_codes: Collection[int] | None = None
    skip_on_exit_code: Collection[int] = ()
    fail_on: tuple[Condition, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        retry_exit_codes: object = None,
        skip_on_exit_code: object = None,
        fail_on: object = None,
        without: Mapping[type, str] | None = None,
    ) -> Ending:
        """
        Return what the arguments of those names say.

        :param skip_on_exit_code: an exit code, or several.
        :param fail_on: a condition, or several.
        :param without: conditions that can't be asked for here, with the reasons.
        :raises InvalidValueError: one of them can't be used.
        """
        skip = [skip_on_exit_code] if type(skip_on_exit_code) is int else skip_on_exit_code
        conditions = [fail_on] if isinstance(fail_on, (str, NoOutput, NoFile, NoMail)) else fail_on
        if conditions is not None and not isinstance(conditions, (list, tuple)):
            raise InvalidValueError("fail_on", fail_on, _CONDITIONS)
        for condition in conditions or ():
            _check_condition(condition, without or {})
        _check_codes("retry_exit_codes", retry_exit_codes, "exit codes from 1 to 255, such as [75], or None")
        _check_codes("skip_on_exit_code", skip, "an exit code from 1 to 255, such as 99, or a list of them")
        return cls(
            cast("Collection[int] | None", retry_exit_codes),
            tuple(cast("Iterable[int]", skip or ())),
            tuple(conditions or ()),
        )

    @property
    def patterns(self) -> tuple[str, ...]:
        """The regular expressions to look for in the script's lines."""
        return tuple(each for each in self.fail_on if isinstance(each, str))

    def check(self, finished: Finished, left: Callable[[str], Collection[object]]) -> None:
        """
        Raise unless the script ended well.

        :param left: returns the files it left that are like a pattern.
        :raises ScriptSkippedError: it asks to be skipped.
        :raises ScriptFailedError: it ended with another exit code than 0, or by a signal; a :class:`ScriptGaveUpError`
            where another try would too.
        :raises ScriptConditionError: a condition of ``fail_on`` holds.
        """
        code = finished.code
        if code in self.skip_on_exit_code:
            raise ScriptSkippedError(finished.command, code)
        if code:
            lacking = missing_module(finished.said.rstrip().rpartition("\n")[2])  # as its last word
            again = (
                code != _USAGE and not lacking
                if self.retry_exit_codes is None
                else code in self.retry_exit_codes
            )
            error = ScriptFailedError if again or code < 0 else ScriptGaveUpError
            raise error(finished.command, finished.ending, finished.said, finished.by_hand)
        for found in self._holding(finished, left):
            raise ScriptConditionError(finished.command, found, finished.said, finished.by_hand)

    def _holding(self, finished: Finished, left: Callable[[str], Collection[object]]) -> Iterator[str]:
        """Yield what was found of the conditions that hold, but for the mail, of which a script's run knows nothing."""
        for condition in self.fail_on:
            if isinstance(condition, str) and condition in finished.matches:
                yield f"a line of its output matches {condition!r}: {finished.matches[condition]!r}"
            elif isinstance(condition, NoOutput) and not finished.data.strip():
                yield "it wrote nothing to stdout"
            elif isinstance(condition, NoFile) and not left(condition.pattern):
                yield f"it left no file like {condition.pattern!r}"


_CONDITIONS = (
    "a regular expression such as r'Traceback|ERROR', NoOutput(), NoFile('*.csv'), NoMail(), or a list of them"
)


def _check_condition(condition: object, without: Mapping[type, str]) -> None:
    if not isinstance(condition, (str, NoOutput, NoFile, NoMail)):
        raise InvalidValueError("fail_on", condition, _CONDITIONS)
    if reason := without.get(type(condition)):
        raise InvalidValueError("fail_on", condition, reason)
    if isinstance(condition, str):
        try:
            re.compile(condition)
        except re.error as error:
            raise InvalidValueError("fail_on", condition, f"a regular expression: {error}") from error


def _check_codes(name: str, codes: object, expected: str) -> None:
    if codes is None:
        return
    numbers: list[Any] = [None]
    if isinstance(codes, Collection) and not isinstance(codes, (str, bytes, Mapping)):
        numbers = list(codes)
    if not all(type(code) is int and 0 < code < 256 for code in numbers):  # noqa: PLR2004 - what a process can end with
        raise InvalidValueError(name, codes, expected)
