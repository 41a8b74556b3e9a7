"""
Scripts of PowerShell that register tasks of Windows: ``Register-ScheduledTask``, and the actions and triggers that it is given.

Nothing is run. A statement is a command with parameters, whose values are words, variables set above, or commands in parentheses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidScheduleError
from airflow_provider_daybreak.jobs.cron import checked
from airflow_provider_daybreak.jobs.job import Fate, Job, LineError, Place, Refusal, Rule, When
from airflow_provider_daybreak.jobs.windows import DAYS, ran, split_arguments

if TYPE_CHECKING:
    from collections.abc import Iterator

_REGISTER = re.compile(r"^\s*(?:\$\w+\s*=\s*)?Register-ScheduledTask\b", re.IGNORECASE | re.MULTILINE)
_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"`]|`.|"")*"|'(?:[^']|'')*')|(?P<comment>#[^\n]*)|(?P<open>[@$]?[({])|(?P<close>[)}])"""
    r"""|(?P<joined>`\r?\n)|(?P<end>[\n;|])|(?P<comma>,)|(?P<equals>=)|(?P<space>[^\S\n]+)|(?P<word>[^\s"'(){},;|=`]+|`.)""",
    re.DOTALL,
)
_TIME = re.compile(
    r"(?:.*[T ])?(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::\d{2})?)?\s*(?P<half>[ap]\.?m\.?)?(?:Z|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)
_NOON = 12


@dataclass
class _Call:
    """A command with its parameters, each with its values; one without a name has those before any parameter."""

    name: str
    given: dict[str, list[str | _Call]] = field(default_factory=dict)

    def texts(self, *names: str) -> list[str]:
        """Return the words of a parameter."""
        return [each for each in self._of(names) if isinstance(each, str)]

    def text(self, *names: str) -> str:
        """Return a parameter as one word; empty where it is not given."""
        return " ".join(self.texts(*names))

    def calls(self, *names: str) -> list[_Call]:
        """Return the commands whose results a parameter has."""
        return [each for each in self._of(names) if isinstance(each, _Call)]

    def has(self, name: str) -> bool:
        """Return whether a switch is given, and not as ``$false``."""
        return name in self.given and self.text(name).lower() != "$false"

    def _of(self, names: tuple[str, ...]) -> list[str | _Call]:
        return next((self.given[name] for name in names if name in self.given), [])


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    line: int


def is_script(text: str) -> bool:
    """Say whether a text registers a task."""
    return _REGISTER.search(text) is not None


def read_script(text: str, path: str) -> Iterator[Job | Refusal]:
    """Yield the job of each task that a script registers."""
    variables: dict[str, list[str | _Call]] = {}
    for tokens in _statements(text):
        words = [each.text for each in tokens]
        place = Place(path, tokens[0].line, " ".join(words))
        try:
            if len(tokens) > 2 and words[0].startswith("$") and tokens[1].kind == "equals":  # noqa: PLR2004 - a name, =, a value
                said, _ = _values(tokens, 2, variables)
                variables[words[0][1:].lower()] = said
            else:
                said = [_command(tokens, 0, variables)[0]]
            for call in said:
                if isinstance(call, _Call) and call.name == "register-scheduledtask":
                    yield _registered(place, call)
        except LineError as error:
            if any("scheduledtask" in word.lower() for word in words):
                yield Refusal(place, str(error))


def _statements(text: str) -> Iterator[list[_Token]]:
    """Yield the words of each statement, which ends with its line unless something in it is still open."""
    found: list[_Token] = []
    depth, line, position = 0, 1, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        kind, said = (match.lastgroup or "word", match[0]) if match else ("word", text[position])
        position += len(said)
        depth += (kind == "open") - (kind == "close")
        if kind == "end" and depth <= 0:
            if found:
                yield found
            found, depth = [], 0
        elif kind not in ("space", "comment", "joined"):
            found.append(_Token(kind, said, line))
        line += said.count("\n")
    if found:
        yield found


def _command(tokens: list[_Token], position: int, variables: dict[str, list[str | _Call]]) -> tuple[_Call, int]:
    """Return the command that begins at a position, and where it ends."""
    call = _Call(tokens[position].text.lower() if position < len(tokens) else "")
    position += 1
    name = ""
    while position < len(tokens) and tokens[position].kind not in ("close", "end"):
        token = tokens[position]
        if token.kind == "word" and re.match(r"-[A-Za-z]", token.text):
            name, colon, rest = token.text[1:].lower().partition(":")
            call.given[name] = [rest] if colon and rest else []
            position += 1
        elif token.kind == "comma":
            position += 1
        elif token.text.startswith("@") and token.kind == "word":  # splatted: the parameters of a table
            for table in variables.get(token.text[1:].lower(), []):
                if isinstance(table, _Call):
                    call.given |= table.given
            position += 1
        else:
            said, position = _value(tokens, position, variables)
            call.given.setdefault(name, []).extend(said)
    return call, position


def _values(
    tokens: list[_Token], position: int, variables: dict[str, list[str | _Call]]
) -> tuple[list[str | _Call], int]:
    """Return what is set: words with commas between them, or what a command gives."""
    if tokens[position].kind == "word" and re.match(r"[A-Za-z]+-[A-Za-z]+", tokens[position].text):
        call, position = _command(tokens, position, variables)
        return [call], position
    found: list[str | _Call] = []
    while position < len(tokens) and tokens[position].kind not in ("close", "end"):
        if tokens[position].kind == "comma":
            position += 1
            continue
        said, position = _value(tokens, position, variables)
        found += said
    return found, position


def _value(
    tokens: list[_Token], position: int, variables: dict[str, list[str | _Call]]
) -> tuple[list[str | _Call], int]:
    """
    Return one value, and where it ends.

    :raises LineError: nobody can tell what it is without running the script.
    """
    token = tokens[position]
    if token.kind == "open":
        if token.text == "@{":
            return _table(tokens, position + 1, variables)
        found: list[str | _Call] = []
        position += 1
        while position < len(tokens) and tokens[position].kind != "close":
            if tokens[position].kind == "end":
                position += 1
                continue
            said, position = _values(tokens, position, variables)
            found += said
        return found, position + 1
    if token.kind == "string":
        return [_unquoted(token.text, variables)], position + 1
    if token.text.startswith("$") and token.text.lower() not in ("$true", "$false"):
        name = token.text[1:].lower()
        if name not in variables:
            raise LineError(f"Nothing above says what {token.text} is: write its value there.")
        return list(variables[name]), position + 1
    return [token.text], position + 1


def _table(
    tokens: list[_Token], position: int, variables: dict[str, list[str | _Call]]
) -> tuple[list[str | _Call], int]:
    """Return a table of names and values as a command without a name."""
    table = _Call("")
    while position < len(tokens) and tokens[position].kind != "close":
        if tokens[position].kind == "end":
            position += 1
            continue
        if position + 2 >= len(tokens) or tokens[position + 1].kind != "equals":
            raise LineError("A table in it is not NAME = value: write it so.")
        name = tokens[position].text.strip("\"'").lower()
        table.given[name], position = _values(tokens, position + 2, variables)
    return [table], position + 1


def _unquoted(said: str, variables: dict[str, list[str | _Call]]) -> str:
    """Return what a string says, with the variables that one in double quotes names."""
    if said.startswith("'"):
        return said[1:-1].replace("''", "'")

    def known(match: re.Match[str]) -> str:
        values = variables.get(match[1].lower(), [])
        if len(values) != 1 or not isinstance(values[0], str):
            raise LineError(f"Nothing above says what {match[0]} is: write its value there.")
        return values[0]

    text = re.sub(r"(?<!`)\$\{?(\w+)\}?", known, said[1:-1].replace('""', '`"'))
    return re.sub(r"`(.)", r"\1", text, flags=re.DOTALL)


def _registered(place: Place, call: _Call) -> Job | Refusal:
    """Return the job of a task, or why it is none."""
    for task in call.calls("inputobject", ""):
        call.given = {**task.given, **call.given}
    if "xml" in call.given:
        return Refusal(place, "It is made of XML: import that file.")
    settings = next(iter(call.calls("settings")), _Call(""))
    actions = call.calls("action")
    if len(actions) != 1:
        return Refusal(place, f"It has {len(actions)} programs: write a task for each.")
    times: list[str] = []
    reasons: list[str] = []
    for trigger in call.calls("trigger"):
        try:
            times.append(checked(_expression(trigger), Rule.ROBFIG))
        except (LineError, InvalidScheduleError) as error:  # noqa: PERF203 - each may be wrong
            reasons.append(str(error))
    if not times:
        return Refusal(place, (reasons or ["Nothing starts it at a time: give it a time of day."])[0])
    retries = settings.text("restartcount")
    job = Job(
        place,
        When(tuple(times), None, Rule.SYSTEMD),
        name=call.text("taskname", "").rpartition("\\")[2],
        timeout=_span(settings),
        catches_up=settings.has("startwhenavailable"),
        overlaps=settings.text("multipleinstances").lower() == "parallel",
        retries=int(retries) if retries.isdigit() else None,
        comments=tuple(filter(None, [call.text("description")])),
    )
    for reason in reasons:
        job = job.noted(Fate.REFUSED, "a trigger", reason)
    words = [actions[0].text("execute", ""), *split_arguments(actions[0].text("argument"))]
    return ran(job, words, actions[0].text("workingdirectory"))


def _expression(trigger: _Call) -> str:
    """
    Return the times of a trigger as cron's fields.

    :raises LineError: they can't say them.
    """
    if "repetitioninterval" in trigger.given:
        raise LineError("It repeats within the day: give it its times of day, or leave it where it is.")
    for name in ("daysinterval", "weeksinterval"):
        if trigger.text(name) not in ("", "1"):
            raise LineError(f"Every {trigger.text(name)} of them is no date of a calendar: give it days.")
    if not (trigger.has("daily") or trigger.has("weekly")):
        kind = next((each for each in ("once", "atlogon", "atstartup") if trigger.has(each)), "")
        raise LineError(
            f"-{kind or '…'} has no time of day that comes again: expected -Daily or -Weekly, and -At."
        )
    time = _TIME.fullmatch(trigger.text("at").strip())
    hour = int(time["hour"]) if time else 24
    half = (time["half"] or "").lower() if time else ""
    if half:
        hour = hour % _NOON + _NOON * half.startswith("p")
    if time is None or hour > 23:  # noqa: PLR2004 - hours of a day
        raise LineError(f"{trigger.text('at')!r} is no time of day: expected -At 9am, or -At 09:00.")
    days = [each.lower() for each in trigger.texts("daysofweek")]
    known = [day.lower() for day in DAYS]
    if wrong := [day for day in days if day not in known]:
        raise LineError(f"{wrong[0]!r} is no day that -DaysOfWeek takes: expected {', '.join(DAYS)}.")
    if trigger.has("weekly") and not days:
        raise LineError("It names no day of the week: add -DaysOfWeek Monday.")
    week = ",".join(str(known.index(day)) for day in days) if trigger.has("weekly") else "*"
    return f"{int(time['minute'] or 0)} {hour} * * {week}"


def _span(settings: _Call) -> timedelta | None:
    """Return after how long a task is ended."""
    for span in settings.calls("executiontimelimit"):
        said = {name: span.text(name) for name in ("days", "hours", "minutes", "seconds")}
        return timedelta(**{name: int(value) for name, value in said.items() if value.isdigit()}) or None
    return None
