"""How a script ended, and what it wrote."""

from __future__ import annotations

import json
import re
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import ScriptOutputError
from airflow_provider_daybreak.releases.running.output import KEPT_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_daybreak.redact import Redactor

_BLANK = " \t\r\n"  # other separators, such as U+0085 and U+2028, are data


@dataclass(frozen=True)
class Finished:
    """
    How a script ended.

    :param command: what ran, as a shell would read it, without any value of ``.env``.
    :param code: its exit code, or the negative number of the signal that ended it.
    :param data: what it wrote to stdout, with all its secrets: everything, or of more than 4 MiB the last whole lines.
    :param written: how many bytes it wrote to stdout.
    :param stderr: the last lines it wrote to stderr, without any value of ``.env``.
    :param tail: the last lines it wrote to stdout, likewise.
    :param matches: of the patterns that were looked for in its output, the first line that each was found in.
    :param encoding: of its text.
    :param by_hand: a shell command that runs the same.
    :param redactor: knows the values of ``.env``.
    :param release: id of the release that ran, and ``name`` what it was deployed under.
    """

    command: str
    code: int
    data: bytes = field(repr=False)
    written: int
    stderr: str
    tail: str
    by_hand: str
    seconds: float
    redactor: Redactor = field(repr=False)
    matches: Mapping[str, str] = field(default_factory=dict)
    encoding: str = "utf-8"
    name: str = ""
    release: str = ""

    @property
    def ending(self) -> str:
        """Exit code or signal, in words."""
        if self.code >= 0:
            return f"exit code {self.code}"
        try:
            return f"signal {signal.Signals(-self.code).name}"
        except ValueError:  # a real-time signal, of which only the first and the last have names
            return f"signal {-self.code}"

    @property
    def said(self) -> str:
        """The last lines on stderr, or on stdout where that is empty."""
        return self.stderr or self.tail

    @property
    def stdout(self) -> str:
        """
        All it wrote to stdout, without the secrets of ``.env``.

        :raises ScriptOutputError: it is more than 4 MiB.
        """
        return str(self.redactor.for_result(self.whole()))

    @property
    def last_line(self) -> str:
        """
        The last line on stdout that is not empty, without the secrets of ``.env``.

        :raises ScriptOutputError: it is longer than 4 MiB.
        """
        return str(self.redactor.for_result(self._last_line()))

    def json(self) -> Any:
        """
        Return what it printed as JSON, all of it or else its last line, without the secrets of ``.env``.

        :raises ScriptOutputError: neither is JSON, or it is more than 4 MiB.
        """
        last_line = self._last_line()
        # A line of its own is JSON only where all of it isn't: what is left out can't make a difference.
        for text in (self._text(), last_line) if self._is_whole else (last_line,):
            with suppress(ValueError):
                return self.redactor.for_result(json.loads(text))
        self.whole()
        problem = (
            f"neither its stdout nor the last line of it, {self.redactor.for_log(last_line)[:200]!r}, is JSON. "
            "Print the JSON last, or ask for another output."
        )
        raise ScriptOutputError(self.command, problem)

    def result(self, output: str) -> Any:
        """
        Return what is asked for of its stdout: ``last_line``, ``json`` or ``none``.

        :raises ScriptOutputError: it is not there.
        """
        if output == "none":
            return None
        return self.last_line if output == "last_line" else self.json()

    def whole(self) -> str:
        """
        Return all it wrote to stdout, with its secrets, for who takes it apart before they are masked.

        :raises ScriptOutputError: it is more than 4 MiB.
        """
        if not self._is_whole:
            raise self._too_much("its stdout")
        return self._text()

    def _text(self) -> str:
        try:
            return self.data.decode(self.encoding)
        except UnicodeDecodeError as error:
            problem = (
                f"its stdout is no {self.encoding} text: the byte 0x{self.data[error.start]:02x} at offset {error.start} "
                "can't be read. Let it write UTF-8 (PYTHONIOENCODING=utf-8 in env), or say which encoding it writes, "
                "such as encoding='latin-1'."
            )
        raise ScriptOutputError(self.command, problem)

    @property
    def _is_whole(self) -> bool:
        return self.written <= KEPT_BYTES

    def _last_line(self) -> str:
        # Other separators, such as U+2028, are data in JSON.
        last_line = re.split(r"[\r\n]", self._text().rstrip(_BLANK))[-1].strip(_BLANK)
        if not last_line and not self._is_whole:
            raise self._too_much("the last line of its stdout")
        return last_line

    def _too_much(self, what: str) -> ScriptOutputError:
        problem = (
            f"{what} is larger than 4 MiB: it wrote {self.written:,} bytes, and at most {KEPT_BYTES:,} are taken. "
            "Write the data to a file in DAYBREAK_OUTPUT_DIR, name it in artifacts of a VenvRunOperator, and take a "
            "FileSource where a report reads it."
        )
        return ScriptOutputError(self.command, problem)
