"""
Timers of systemd with the services that they start.

``OnCalendar=`` is taken where cron's five fields can say it, as systemd.time(7) writes it: ``Mon..Fri 09:00``, ``*-*-* 09:00:00``,
``daily``. What counts from a start of the machine, or by seconds, has no time of day.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidScheduleError, JobsUnreadableError
from airflow_provider_daybreak.jobs.cron import checked
from airflow_provider_daybreak.jobs.job import Fate, Job, Place, Refusal, Rule, When

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHORT = {
    "hourly": "0 * * * *",
    "daily": "0 0 * * *",
    "weekly": "0 0 * * 1",
    "monthly": "0 0 1 * *",
    "yearly": "0 0 1 1 *",
    "annually": "0 0 1 1 *",
    "quarterly": "0 0 1 1,4,7,10 *",
    "semiannually": "0 0 1 1,7 *",
}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CALENDAR = re.compile(
    r"(?:(?P<days>[A-Za-z][A-Za-z.,]*)\s*)?"
    r"(?:(?P<year>[\d*]+)-)?(?:(?P<month>[\d*,./]+)-(?P<day>[\d*,./]+))?\s*"
    r"(?:(?P<hour>[\d*,./]+):(?P<minute>[\d*,./]+)(?::(?P<second>[\d*,./]+))?)?"
    r"(?:\s+(?P<zone>UTC|[A-Z][A-Za-z_]+/[\w/+-]+))?"
)
_SPAN = re.compile(
    r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>us|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|hr|h|days?|d|weeks?|w)?"
)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_RELATIVE = ("OnBootSec", "OnStartupSec", "OnActiveSec", "OnUnitActiveSec", "OnUnitInactiveSec")


@dataclass
class _Unit:
    """The settings of a unit, each with its line; those that may stand several times have all their values."""

    path: str
    values: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def all(self, name: str) -> list[str]:
        """Return a setting's values since the last empty one, which takes back those before it."""
        values: list[str] = []
        for _, value in self.values.get(name, []):
            values = [*values, value] if value else []
        return values

    def one(self, name: str, default: str = "") -> str:
        """Return the last value of a setting."""
        return (self.all(name) or [default])[-1]

    def line(self, name: str) -> int:
        """Return where a setting stands last; 0 where it does not."""
        return self.values.get(name, [(0, "")])[-1][0]


def is_unit(text: str) -> bool:
    """Say whether a text is a timer of systemd."""
    return re.search(r"^\s*\[Timer\]", text, re.MULTILINE) is not None


def read_timer(text: str, path: str) -> Iterator[Job | Refusal]:
    """
    Yield the job of a timer, whose service stands beside it, or after it in the same text.

    :raises JobsUnreadableError: no service is found, or what stands in either is no setting.
    """
    unit = _read(text, path)
    name = Path(path).stem if Path(path).suffix == ".timer" else ""
    place = Place(path, unit.line("OnCalendar"), f"OnCalendar={unit.one('OnCalendar')}")
    relative = next((each for each in _RELATIVE if each in unit.values), None)
    if "OnCalendar" not in unit.values:
        said = f"{relative}=" if relative else "It"
        yield Refusal(
            place,
            f"{said} has no time of day, which a report has: give it an OnCalendar=, or leave it where it is.",
        )
        return
    try:
        when = _when(unit)
    except InvalidScheduleError as error:
        yield Refusal(place, str(error))
        return
    service = unit if "ExecStart" in unit.values else _service(unit, path)
    yield from _job(place, when, unit, service, name)


def _when(unit: _Unit) -> When:
    """
    Return the times of a timer.

    :raises InvalidScheduleError: cron's fields can't say them.
    """
    found = [_expression(each) for each in unit.all("OnCalendar")]
    zones = {zone for _, zone in found}
    if len(zones) > 1:
        raise InvalidScheduleError(
            unit.one("OnCalendar"), "its times are in several zones", "Write a timer for each"
        )
    return When(tuple(checked(each, Rule.SYSTEMD) for each, _ in found), zones.pop(), Rule.SYSTEMD)


def _job(place: Place, when: When, timer: _Unit, service: _Unit, name: str) -> Iterator[Job | Refusal]:
    commands = service.all("ExecStart")
    if not commands:
        yield Refusal(place, "Its service has no ExecStart=: name the command there.")
        return
    command = " && ".join(_command(each) for each in [*service.all("ExecStartPre"), *commands])
    job = Job(
        place,
        when,
        name=name,
        command=command,
        folder=service.one("WorkingDirectory").removeprefix("-"),
        environment=_environment(service.all("Environment")),
        env_files=tuple(each.removeprefix("-") for each in service.all("EnvironmentFile")),
        user=service.one("User"),
        timeout=_span(service.one("RuntimeMaxSec")) or _span(service.one("TimeoutStartSec")),
        catches_up=timer.one("Persistent").lower() in ("true", "yes", "1", "on"),
        overlaps=False,
        comments=tuple(filter(None, [timer.one("Description") or service.one("Description")])),
    )
    if ignored := [each for each in commands if each.startswith(("-", "@-", ":-"))]:
        job = job.noted(
            Fate.ADAPTED,
            f"ExecStart={ignored[0]}",
            "a script that fails is a task that fails, and is tried again",
        )
    for setting in ("RandomizedDelaySec", "AccuracySec"):
        if timer.one(setting):
            job = job.noted(
                Fate.ADAPTED, f"{setting}={timer.one(setting)}", "left out: Airflow begins a run at its time"
            )
    for setting, why in (
        ("OnFailure", "who is told of a failure stands in the Dag, as on_failure_callback"),
        ("MemoryMax", "limits= of the task bounds its memory"),
        ("Nice", "limits= of the task bounds what it uses"),
        ("DynamicUser", "run_as= of the task names who it runs as"),
    ):
        if service.one(setting):
            job = job.noted(Fate.ADAPTED, f"{setting}={service.one(setting)}", f"left out: {why}")
    if relative := next((each for each in _RELATIVE if each in timer.values), None):
        job = job.noted(
            Fate.ADAPTED,
            f"{relative}={timer.one(relative)}",
            "left out: only the times of OnCalendar= are kept",
        )
    if job.catches_up:
        job = job.noted(
            Fate.ADAPTED, "Persistent=true", "catchup=True: each time that was missed has a run, of its own day"
        )
    yield job


def _command(said: str) -> str:
    """Return a command without what systemd reads off its front, and with its own variables as a shell's."""
    return said.lstrip("@-:+!").replace("%%", "%")


def _service(timer: _Unit, path: str) -> _Unit:
    """
    Return the service that a timer starts, which stands beside it.

    :raises JobsUnreadableError: it does not.
    """
    name = timer.one("Unit") or f"{Path(path).stem}.service"
    prefix, at, instance = Path(name).stem.partition("@")
    place = Path(path).with_name(Path(name).name)
    if at and not place.is_file():  # an instance of a template, whose name stands for %i
        place = place.with_name(f"{prefix}@.service")
    try:
        text = place.read_text(encoding="utf-8")
        return _read(re.sub(r"(?<!%)%[iI]", lambda _: instance, text) if at else text, str(place))
    except (OSError, UnicodeDecodeError) as error:
        problem = f"its service {name} can't be read beside it ({error})"
        raise JobsUnreadableError(
            path, 0, problem, "Put both into one folder, or one after the other into one file"
        ) from error


def _read(text: str, path: str) -> _Unit:
    """
    Return the settings of a unit.

    :raises JobsUnreadableError: a line is none.
    """
    unit = _Unit(path)
    pending, start = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not pending and (
            not stripped or stripped[0] in "#;" or (stripped[0] == "[" and stripped[-1] == "]")
        ):
            continue
        if pending and stripped[:1] in ("#", ";"):
            continue
        joined, start = f"{pending}{stripped}", start if pending else number
        if joined.endswith("\\"):
            pending = f"{joined[:-1].rstrip()} "
            continue
        pending = ""
        name, found, value = joined.partition("=")
        if not found:
            raise JobsUnreadableError(path, start, f"{joined!r} is no setting", "Expected NAME=value")
        unit.values.setdefault(name.strip(), []).append((start, value.strip()))
    return unit


def _environment(said: list[str]) -> dict[str, str]:
    words = [word for each in said for word in shlex.split(each)]
    return {name: value for name, _, value in (word.partition("=") for word in words)}


def _span(said: str) -> timedelta | None:
    """Return a length of time, as systemd writes it; None where it has no end."""
    total = sum(
        float(match["number"]) * _SECONDS[_unit(match["unit"] or "s")]
        for match in _SPAN.finditer(said)
        if match["number"]
    )
    return timedelta(seconds=total) if total else None


def _unit(said: str) -> str:
    return said if said in ("us", "ms") else said[0]


def _expression(said: str) -> tuple[str, str | None]:
    """
    Return cron's five fields for a time of systemd, and its zone.

    :raises InvalidScheduleError: they can't say it.
    """
    words = said.split()
    if words and words[0].lower() in _SHORT:
        return _SHORT[words[0].lower()], words[1] if len(words) > 1 else None
    match = _CALENDAR.fullmatch(said.strip())
    if match is None or not said.strip():
        raise InvalidScheduleError(
            said, "it is no time as systemd.time(7) has it here", "Write it as Mon..Fri *-*-* 09:00:00"
        )
    if (match["year"] or "*") != "*":
        raise InvalidScheduleError(said, "it names a year: it is over, or comes once", "Leave it where it is")
    if (match["second"] or "00").strip("0"):
        raise InvalidScheduleError(said, "it names seconds", "Give it a minute")
    hour, minute = (_field(match[part] or "0") for part in ("hour", "minute"))
    day, month = (_field(match[part] or "*") for part in ("day", "month"))
    weekday = _weekdays(said, match["days"] or "")
    if weekday != "*" and day != "*":
        raise InvalidScheduleError(
            said,
            "it means days that are both, and cron's fields mean either",
            "Name the day of the month or of the week alone",
        )
    return f"{minute} {hour} {day} {month} {weekday}", match["zone"]


def _field(said: str) -> str:
    """Return a field of cron's for one of systemd's: ``9..17``, ``0/15``, ``08``."""
    if match := re.fullmatch(r"0*(\d+)/(\d+)", said):
        return f"*/{match[2]}" if match[1] == "0" else f"{match[1]}/{match[2]}"
    return re.sub(r"\b0+(?=\d)", "", said).replace("..", "-")


def _weekdays(text: str, said: str) -> str:
    """
    Return cron's days of the week.

    :raises InvalidScheduleError: a word is none.
    """
    if not said:
        return "*"
    parts: list[str] = []
    for part in said.lower().strip(",").split(","):
        ends = [_DAYS.index(each[:3]) + 1 if each[:3] in _DAYS else 0 for each in part.split("..")]
        if 0 in ends or len(ends) > 2:  # noqa: PLR2004 - from and to
            raise InvalidScheduleError(
                text, f"{part!r} is no day of the week", "Write Mon, Tue, Wed, Thu, Fri, Sat or Sun"
            )
        parts.append("-".join(map(str, ends)))
    return ",".join(parts)
