"""Tasks of Windows' Task Scheduler: as XML that it exports, and as lines of ``schtasks``."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidScheduleError, JobsUnreadableError, MissingExtraError
from airflow_provider_daybreak.jobs.cron import checked
from airflow_provider_daybreak.jobs.job import Fate, Job, Place, Refusal, Rule, When

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from xml.etree.ElementTree import Element

_NAMESPACE = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DURATION = re.compile(
    r"P(?:(?P<days>\d+)D)?(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?"
)
_COMMAND = re.compile(r"^\s*(?:schtasks(?:\.exe)?)\s+/create\b", re.IGNORECASE | re.MULTILINE)
_PYTHON = re.compile(r"(?:.*[\\/])?(?:python[\d.]*w?|pyw?)(?:\.exe)?", re.IGNORECASE)


@dataclass(frozen=True)
class _Trigger:
    """A time at which a task starts: cron's fields, or the reason why there are none."""

    expression: str = ""
    reason: str = ""


def is_command(text: str) -> bool:
    """Say whether a text is lines of ``schtasks /create``."""
    return _COMMAND.search(text) is not None


def read_task(text: str, path: str) -> Iterator[Job | Refusal]:
    """
    Yield the job of each task in an export of the Task Scheduler.

    :raises MissingExtraError: defusedxml is not installed.
    :raises JobsUnreadableError: it is no XML, or holds what only an attack does.
    """
    root = _parsed(text, path)
    tasks = [root] if root.tag == f"{_NAMESPACE}Task" else list(root.iter(f"{_NAMESPACE}Task"))
    if not tasks:
        raise JobsUnreadableError(path, 0, "no task stands in it", "Export one: schtasks /query /tn NAME /xml")
    for task in tasks:
        yield _task(task, path)


def _parsed(text: str, path: str) -> Element:
    try:
        from defusedxml import DefusedXmlException
        from defusedxml.ElementTree import ParseError, fromstring
    except ImportError as error:
        raise MissingExtraError("Reading tasks of Windows", "import") from error
    try:
        # What it says of its encoding was true of the bytes.
        root: Element = fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text), forbid_dtd=True)
    except DefusedXmlException as error:
        raise JobsUnreadableError(
            path, 0, f"it has {_FORBIDDEN[type(error).__name__]}, as no export has", "Export it again"
        ) from error
    except ParseError as error:
        line = error.position[0] if getattr(error, "position", None) else 0
        raise JobsUnreadableError(
            path, line, f"it is no XML ({error})", "Export it: schtasks /query /tn NAME /xml"
        ) from error
    return root


def _find(element: Element, path: str) -> str:
    found = element.find("/".join(f"{_NAMESPACE}{part}" for part in path.split("/")))
    return (found.text or "").strip() if found is not None else ""


def _all(element: Element, path: str) -> list[Element]:
    return element.findall("/".join(f"{_NAMESPACE}{part}" for part in path.split("/")))


_FORBIDDEN = {
    "DTDForbidden": "a document type",
    "EntitiesForbidden": "entities of its own",
    "ExternalReferenceForbidden": "what is to be read from elsewhere",
}


def _task(task: Element, path: str) -> Job | Refusal:
    name = _find(task, "RegistrationInfo/URI").strip("\\").rpartition("\\")[2]
    triggers = [_trigger(each) for group in _all(task, "Triggers") for each in group]
    place = Place(path, 0, f"Task {name!r}")
    reasons = [each.reason for each in triggers if each.reason]
    times = [each.expression for each in triggers if each.expression]
    if not times:
        return Refusal(place, reasons[0] if reasons else "Nothing starts it at a time: give it a time of day.")
    actions = _all(task, "Actions/Exec")
    if len(actions) != 1:
        return Refusal(place, f"It has {len(actions)} programs: write a task for each.")
    try:
        when = When(tuple(checked(each, Rule.ROBFIG) for each in times), None, Rule.SYSTEMD)
    except InvalidScheduleError as error:
        return Refusal(place, str(error))
    limit = _duration(_find(task, "Settings/ExecutionTimeLimit"))
    words = [_find(actions[0], "Command"), *split_arguments(_find(actions[0], "Arguments"))]
    restarts = _find(task, "Settings/RestartOnFailure/Count")
    job = Job(
        place,
        when,
        name=name,
        timeout=limit,
        catches_up=_find(task, "Settings/StartWhenAvailable") == "true",
        overlaps=_find(task, "Settings/MultipleInstancesPolicy") == "Parallel",
        retries=int(restarts) if restarts.isdigit() else None,
        comments=tuple(filter(None, [_find(task, "RegistrationInfo/Description")])),
    )
    for reason in reasons:
        job = job.noted(Fate.REFUSED, "a trigger", reason)
    if _find(task, "Settings/Enabled") == "false":
        job = job.noted(Fate.KEPT, "Enabled: false", "every imported Dag is paused until somebody lets it run")
    for trigger in (each for group in _all(task, "Triggers") for each in group):
        if end := _find(trigger, "EndBoundary"):
            job = job.noted(
                Fate.REFUSED, f"EndBoundary {end}", "is not kept: give the Dag an end_date, or leave it"
            )
        if delay := _find(trigger, "RandomDelay"):
            job = job.noted(Fate.ADAPTED, f"RandomDelay {delay}", "left out: Airflow begins a run at its time")
    return ran(job, words, _find(actions[0], "WorkingDirectory"))


def _trigger(trigger: Element) -> _Trigger:
    kind = trigger.tag.removeprefix(_NAMESPACE)
    if _find(trigger, "Enabled") == "false":
        return _Trigger(reason="It is switched off: left out.")
    if kind not in ("CalendarTrigger", "TimeTrigger"):
        return _Trigger(reason=f"A {kind} has no time of day, which a report has: give it one.")
    try:
        start = datetime.fromisoformat(_find(trigger, "StartBoundary").replace("Z", "+00:00"))
    except ValueError:
        return _Trigger(reason="Its StartBoundary is no time: expected one such as 2026-03-29T09:00:00.")
    if _find(trigger, "Repetition/Interval"):
        return _Trigger(reason="It repeats within the day: give it its times of day, or leave it where it is.")
    if kind == "TimeTrigger":
        return _Trigger(reason="It runs once, and no more: nothing to schedule.")
    return _calendar(trigger, f"{start.minute} {start.hour}")


def _calendar(trigger: Element, time: str) -> _Trigger:
    for by in trigger:
        read = _CALENDARS.get(by.tag.removeprefix(_NAMESPACE))
        if read is not None:
            return read(by, time)
    return _Trigger(reason="It has no calendar: give it days.")


def _daily(by: Element, time: str) -> _Trigger:
    if _find(by, "DaysInterval") not in ("", "1"):
        return _Trigger(
            reason=f"Every {_find(by, 'DaysInterval')} days is no date of a calendar: give it days."
        )
    return _Trigger(f"{time} * * *")


def _weekly(by: Element, time: str) -> _Trigger:
    if _find(by, "WeeksInterval") not in ("", "1"):
        return _Trigger(
            reason=f"Every {_find(by, 'WeeksInterval')} weeks is no date of a calendar: give it days."
        )
    days = [str(number) for number, day in enumerate(DAYS) if _all(by, f"DaysOfWeek/{day}")]
    return _Trigger(f"{time} * * {','.join(days)}") if days else _Trigger(reason="It names no day of the week.")


def _months(by: Element) -> str:
    months = [str(number) for number, month in enumerate(_MONTHS, 1) if _all(by, f"Months/{month}")]
    return ",".join(months) if months and len(months) < len(_MONTHS) else "*"


def _monthly(by: Element, time: str) -> _Trigger:
    days = [(each.text or "").strip() for each in _all(by, "DaysOfMonth/Day")]
    if not days:
        return _Trigger(reason="It names no day of the month.")
    return _Trigger(f"{time} {','.join('L' if day == 'Last' else day for day in days)} {_months(by)} *")


def _nth(by: Element, time: str) -> _Trigger:
    weeks = [(each.text or "").strip() for each in _all(by, "Weeks/Week")]
    days = [str(number) for number, day in enumerate(DAYS) if _all(by, f"DaysOfWeek/{day}")]
    if "Last" in weeks:
        return _Trigger(
            reason="The last such day of a month is none that cron's fields can say: give it a day."
        )
    which = [f"{day}#{week}" for day in days for week in weeks]
    return (
        _Trigger(f"{time} * {_months(by)} {','.join(which)}") if which else _Trigger(reason="It names no day.")
    )


_CALENDARS: dict[str, Callable[[Element, str], _Trigger]] = {
    "ScheduleByDay": _daily,
    "ScheduleByWeek": _weekly,
    "ScheduleByMonth": _monthly,
    "ScheduleByMonthDayOfWeek": _nth,
}


def _duration(said: str) -> timedelta | None:
    match = _DURATION.fullmatch(said)
    if match is None:
        return None
    return timedelta(**{name: int(value) for name, value in match.groupdict().items() if value}) or None


def split_arguments(arguments: str) -> list[str]:
    """Return arguments as Windows' C runtime splits them: by spaces outside of double quotes, a backslash before one kept off."""
    words: list[str] = []
    word, quoted, started = "", False, False
    position = 0
    while position < len(arguments):
        letter = arguments[position]
        slashes = len(arguments) - position - len(arguments[position:].lstrip("\\"))
        if letter == "\\" and arguments[position + slashes : position + slashes + 1] == '"':
            word += "\\" * (slashes // 2)
            position += slashes
            if slashes % 2:
                word += '"'
                position += 1
            started = True
            continue
        if letter == '"':
            quoted, started = not quoted, True
        elif letter in " \t" and not quoted:
            if started:
                words.append(word)
            word, started = "", False
        else:
            word, started = word + letter, True
        position += 1
    return [*words, word] if started else words


def ran(job: Job, words: list[str], folder: str) -> Job | Refusal:
    """Return a job with a command that Linux has: the same script, given to Python."""
    if words[0].lower().endswith((".bat", ".cmd", ".ps1", "cmd.exe", "powershell.exe", "pwsh.exe")) or words[
        0
    ].lower() in ("cmd", "powershell"):
        return Refusal(
            job.place,
            f"{words[0]!r} is for Windows' shells, which no worker has: import what it runs, as one script.",
        )
    old = " ".join(words)
    rest = words
    if _PYTHON.fullmatch(words[0].strip('"')):
        rest = [word for word in words[1:] if not re.fullmatch(r"-\d(\.\d+)?(-\d+)?", word)]  # py -3.11
    elif not words[0].lower().endswith(".py"):
        return Refusal(
            job.place,
            f"{words[0]!r} is a program of Windows, which no worker has: name one of Linux, or a script.",
        )
    script = next((word for word in rest if word.lower().endswith(".py")), "")
    base = script.replace("\\", "/").rpartition("/")[2]
    said = ["python", *(base if word == script else word for word in rest)] if script else ["python", *rest]
    moved = replace(job, command=shlex.join(said))
    where = folder or script.rpartition("\\")[0]
    return moved.noted(
        Fate.ADAPTED,
        old,
        f"copy the script, and what it reads, from {where or 'its folder'} into the Dag's folder: paths of Windows mean nothing here",
    )


def read_commands(text: str, path: str) -> Iterator[Job | Refusal]:
    """Yield the job of each line of ``schtasks /create``."""
    for number, line in enumerate(text.splitlines(), 1):
        if _COMMAND.match(line):
            yield _created(Place(path, number, line.strip()))
        elif line.strip() and not line.strip().lower().startswith(("rem", "::", "#", "@echo", "schtasks")):
            yield Refusal(Place(path, number, line.strip()), "It is no line of schtasks /create.")


def _created(place: Place) -> Job | Refusal:
    options: dict[str, str] = {}
    words = iter(split_arguments(place.text)[2:])
    option = ""
    for word in words:
        if word.startswith("/"):
            option = word[1:].lower()
            options[option] = ""
        elif option:
            options[option] = word
    time = re.fullmatch(r"(\d{1,2}):(\d{2})(?::\d{2})?", options.get("st", ""))
    if time is None:
        return Refusal(place, "It has no time of day: expected /st 09:00.")
    if options.get("mo", "1") != "1":
        return Refusal(place, f"Every {options['mo']} is no date of a calendar: give it days.")
    expression = _expression(options, f"{int(time[2])} {int(time[1])}")
    if not expression.expression:
        return Refusal(place, expression.reason)
    try:
        when = When((checked(expression.expression, Rule.ROBFIG),), None, Rule.SYSTEMD)
    except InvalidScheduleError as error:
        return Refusal(place, str(error))
    job = Job(place, when, name=options.get("tn", "").rpartition("\\")[2], overlaps=False)
    return ran(job, split_arguments(options.get("tr", "")) or [""], "")


def _expression(options: dict[str, str], time: str) -> _Trigger:
    kind, days = options.get("sc", "").lower(), options.get("d", "").lower()
    if kind == "daily":
        return _Trigger(f"{time} * * *")
    if kind == "weekly":
        return _on_days(days, time)
    if kind == "monthly":
        if days and not days.isdigit():
            return _Trigger(reason=f"{days!r} is no day of the month.")
        return _Trigger(f"{time} {days or 1} * *")
    return _Trigger(
        reason=f"/sc {kind or '…'} has no time of day that comes again: expected daily, weekly or monthly."
    )


def _on_days(days: str, time: str) -> _Trigger:
    known = [day[:3].lower() for day in DAYS]
    said = days.split(",") if days else []
    if wrong := [day for day in said if day not in known and day != "*"]:
        return _Trigger(
            reason=f"{wrong[0]!r} is no day that schtasks takes: expected MON,TUE,WED,THU,FRI,SAT,SUN."
        )
    if not said:
        return _Trigger(
            reason="It names no day of the week, and means the one on which it was made: add /d MON."
        )
    return _Trigger(f"{time} * * {'*' if '*' in said else ','.join(str(known.index(day)) for day in said)}")
