"""
A shell's line as its commands and their words, without expanding or running anything.

Only what a crontab's line is made of is told apart: simple commands, joined by ``&&``, ``||``, ``;``, ``|`` and ``&``, with
redirections. What else a shell can do makes a word, or the line, one that only a shell understands.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from airflow_provider_daybreak.jobs.job import LineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_OPERATORS = ("&&", "||", "|&", ";", "|", "&", "\n")
_REDIRECTION = re.compile(r"(\d*|&)(>>|>\||>&|<<<|<<-|<<|<&|<>|>|<)")
_KEYWORDS = frozenset(
    {
        "if",
        "for",
        "while",
        "until",
        "case",
        "function",
        "{",
        "!",
        "[[",
        "select",
        "then",
        "do",
        "else",
        "fi",
        "done",
    }
)
_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_DATE = re.compile(
    r"\$\(\s*(?:/bin/|/usr/bin/)?date(?P<words>(?:\s+[^()`$]*)?)\)|`\s*(?:/bin/|/usr/bin/)?date(?P<quoted>(?:\s+[^()`$]*)?)`"
)
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*")|'[^']*'|\\.""", re.DOTALL)
"""What is quoted in a word; the first group is one in double quotes, in which single ones mean nothing."""
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Word:
    """
    A word of a command.

    :param raw: as it stands in the line.
    :param value: what it says; None where only a shell could tell.
    """

    raw: str
    value: str | None


@dataclass(frozen=True)
class Redirection:
    """
    Where a stream goes to or comes from.

    :param operator: with the stream's number, such as ``2>>``.
    """

    operator: str
    target: Word

    @property
    def raw(self) -> str:
        """As it would stand in the line."""
        return f"{self.operator}{'' if '&' in self.operator else ' '}{self.target.raw}"


@dataclass(frozen=True)
class Command:
    """
    A simple command.

    :param before: the operator that joins it to the one before; empty for the first.
    """

    before: str
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...] = ()

    @property
    def raw(self) -> str:
        """The command as it would stand in the line."""
        return " ".join([*(word.raw for word in self.words), *(each.raw for each in self.redirections)])

    @property
    def values(self) -> tuple[str, ...]:
        """What its words say; one that only a shell could tell as it stands there."""
        return tuple(word.raw if word.value is None else word.value for word in self.words)

    @property
    def plain(self) -> bool:
        """Whether all its words say what they say without a shell."""
        return all(word.value is not None for word in self.words)


@dataclass(frozen=True)
class Line:
    """
    What a line says.

    :param commands: its commands; none where only a shell understands the line.
    """

    text: str
    commands: tuple[Command, ...]


def read_line(text: str, variables: Mapping[str, str] | None = None) -> Line:
    """
    Return the commands of a line.

    :param variables: what ``$NAME`` stands for, where that is known.
    :raises LineError: a quote is never closed.
    """
    commands: list[Command] = []
    words: list[Word] = []
    redirections: list[Redirection] = []
    before, pending = "", ""
    for kind, raw in _tokens(text):
        if kind == "word" and pending:
            redirections.append(Redirection(pending, _word(raw, variables or {})))
            pending = ""
        elif (
            kind == "group"
            or pending
            or (kind == "redirection" and "<<" in raw)
            or (not words and raw in _KEYWORDS)
        ):
            return Line(text, ())
        elif kind == "word":
            words.append(_word(raw, variables or {}))
        elif kind == "redirection":
            pending = raw
        elif words or redirections:
            commands.append(Command(before, tuple(words), tuple(redirections)))
            words, redirections, before = [], [], ";" if raw == "\n" else raw
        elif raw != "\n" and not (raw in (";", "&") and commands):
            return Line(text, ())
    if words or redirections:
        commands.append(Command(before, tuple(words), tuple(redirections)))
    return Line(text, () if pending else tuple(commands))


def assignment(word: Word) -> tuple[str, str | None] | None:
    """Return the name and the value that a word sets, where it does; the value is None where only a shell could tell."""
    match = _ASSIGNMENT.fullmatch(word.raw)
    if match is None:
        return None
    return match[1], None if word.value is None else word.value[len(match[1]) + 1 :]


def with_report_date(text: str) -> tuple[str, list[str]]:
    """
    Return a shell's text with the report date in place of today's, and what was left alone.

    :return: the text, and each ``date`` that asks for a time of day, which no report date has.
    """
    left: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        said = match["words"] if match["words"] is not None else match["quoted"]
        words, fmt, relative = _shlex(said or ""), "", ""
        rest = iter(words)
        for word in rest:
            if word.startswith("+"):
                fmt = word[1:]
            elif word in ("-d", "--date"):
                relative = next(rest, "")
            elif word.startswith("--date="):
                relative = word.partition("=")[2]
            else:
                left.append(match[0])
                return match[0]
        if not fmt or re.search(r"%[-_0^#]?[HIklMSNsTRrpPXcZz]", fmt):
            left.append(match[0])
            return match[0]
        day = " ".join(filter(None, ["$DAYBREAK_REPORT_DATE", _relative(relative)]))
        return f'$(date -d "{day}" {shlex.quote("+" + fmt)})'

    return _DATE.sub(replaced, text), left


def _relative(said: str) -> str:
    """Return what stands behind a date to mean a day relative to it."""
    words = said.lower().split()
    return {"yesterday": "-1 day", "tomorrow": "+1 day", "today": "", "now": ""}.get(
        " ".join(words), " ".join(words)
    )


def _shlex(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise LineError(f"{str(error).capitalize()}: close it.") from error


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Yield words, operators, redirections and what groups commands, each as it stands in the text."""
    position = 0
    while position < len(text):
        letter = text[position]
        if letter in " \t":
            position += 1
        elif letter == "#":
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
        elif match := _REDIRECTION.match(text, position):
            yield "redirection", match[0]
            position = match.end()
        elif text.startswith(";;", position):
            yield "group", ";;"
            position += 2
        elif operator := next((each for each in _OPERATORS if text.startswith(each, position)), ""):
            yield "operator", operator
            position += len(operator)
        elif letter in "()":
            yield "group", letter
            position += 1
        else:
            end = _end_of_word(text, position)
            yield "word", text[position:end]
            position = end


def _end_of_word(text: str, position: int) -> int:
    while position < len(text) and text[position] not in " \t\n;|&<>()":
        position = _end_of_part(text, position)
    return position


def _end_of_part(text: str, position: int) -> int:
    """Return where a letter ends, or what is quoted or substituted there."""
    letter = text[position]
    if letter == "\\":
        return min(position + 2, len(text))
    if letter == "'":
        return _closing(text.find("'", position + 1), "'")
    if letter == '"':
        position += 1
        while position < len(text) and text[position] != '"':
            nested = text[position] in "\\`" or text.startswith("$(", position)
            position = _end_of_part(text, position) if nested else position + 1
        return _closing(position if position < len(text) else -1, '"')
    if letter == "`":
        return _closing(text.find("`", position + 1), "`")
    if text.startswith("$(", position):
        depth, position = 1, position + 2
        while position < len(text) and depth:
            if text[position] in "()":
                depth += 1 if text[position] == "(" else -1
                position += 1
            else:
                position = _end_of_part(text, position)
        if depth:
            raise LineError("$( is never closed: close it.")
        return position
    return position + 1


def _closing(position: int, quote: str) -> int:
    if position < 0:
        raise LineError(f"The quote {quote} is never closed: close it.")
    return position + 1


def _word(raw: str, variables: Mapping[str, str]) -> Word:
    """Return a word with what it says, where that needs no shell."""
    if raw.startswith("~"):
        if "HOME" not in variables or raw[1:2] not in ("", "/"):
            return Word(raw, None)
        return replace(_word(f"{shlex.quote(variables['HOME'])}{raw[1:]}", variables), raw=raw)
    # What single quotes and backslashes leave.
    live = _QUOTED.sub(lambda match: _ESCAPED.sub("", match[1] or ""), raw)
    expanded = raw
    if "$" in live or "`" in live:
        if "'" in raw or "\\" in raw or "`" in live or "$(" in live:
            return Word(raw, None)
        names = {match[1] or match[2] for match in _VARIABLE.finditer(raw)}
        if names - set(variables) or "$" in _VARIABLE.sub("", raw):
            return Word(raw, None)
        expanded = _VARIABLE.sub(lambda match: _quoted(variables[match[1] or match[2]], raw), raw)
    unquoted = re.sub(r'"(?:[^"\\]|\\.)*"', "", live)
    if re.search(r"[*?\[]|\{.*(,|\.\.).*\}", unquoted) and not _ASSIGNMENT.fullmatch(raw):
        return Word(raw, None)
    return Word(raw, "".join(_shlex(expanded)))


def _quoted(value: str, raw: str) -> str:
    """Return a value as it stands in double quotes, or outside."""
    return re.sub(r'(["\\$`])', r"\\\1", value) if raw.startswith('"') or '"' in raw else shlex.quote(value)
