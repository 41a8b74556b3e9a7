"""
Crontabs: a user's, a system's with its column of users (``/etc/crontab``, ``cron.d``), supercronic's, and an anacrontab.

As Debian's cron, of which crontab(5) tells: settings are ``NAME = value`` and hold for what comes after them, ``%`` ends the
command and begins what it reads, nothing goes on in the next line, and what is printed is mailed to ``MAILTO``.
"""

from __future__ import annotations

import pwd
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidScheduleError
from airflow_provider_daybreak.jobs.cron import ALIASES, checked, looks_like_field
from airflow_provider_daybreak.jobs.job import Fate, Job, LineError, Place, Refusal, Rule, When

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTING = re.compile(
    r"""\s*(?P<quote>["']?)(?P<name>[A-Za-z_]\w*)(?P=quote)\s*=\s*(?P<value>.*?)\s*""", re.DOTALL
)
_USER_HINT = re.compile(r"#.*\bdow\s+user\b", re.IGNORECASE)
_HEADING = re.compile(r"#\s*(m|min|minute)\s+(h|hour)\b.*\bdow\b", re.IGNORECASE)
_SYSTEMS = re.compile(r"(^|/)etc/(crontab|cron\.d/[^/]+)$")
_FIELDS = 5
_ANACRON_DAYS = {"1": "* * *", "7": "* * 1", "30": "1 * *", "31": "1 * *"}
_ANACRON_ALIASES = {"@daily": "1", "@weekly": "7", "@monthly": "30"}
_ANACRON_HOUR = 7  # when Debian starts anacron: at half past seven


@dataclass
class _State:
    """What the settings above a line say."""

    variables: dict[str, str] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    zone: str | None = None


def is_crontab(text: str) -> bool:
    """Say whether a text has a line that only a crontab has."""
    return any(
        line.split(maxsplit=1)[0].lower() in (*ALIASES, "@reboot", "@every")
        or (len(line.split()) > _FIELDS and all(map(looks_like_field, line.split()[:_FIELDS])))
        for line in map(str.strip, text.splitlines())
        if line and not line.startswith("#")
    )


def is_anacrontab(text: str) -> bool:
    """Say whether a text has only lines of an anacrontab, with at least one: a period, a delay, a name and a command."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    jobs = [words for words in lines if "=" not in words[0]]
    return bool(jobs) and all(
        len(words) > 3  # noqa: PLR2004 - period, delay, name, command
        and (words[0].isdigit() or words[0] in _ANACRON_ALIASES)
        and words[1].isdigit()
        and not looks_like_field(words[2])
        for words in jobs
    )


COMMENTED_OUT = "# daybreak cutover "
"""How a line begins that a Dag has taken the place of."""


def read_crontab(
    text: str, path: str, *, user_column: bool | None = None, supercronic: bool = False
) -> Iterator[Job | Refusal]:
    """
    Yield each job of a crontab, and each line that is none.

    :param path: where it is, for the places; a system's has a column of users.
    :param user_column: whether each line names its user; found out when None.
    :param supercronic: whether it is supercronic's, which mails nothing and takes a column of seconds.
    """
    users = _has_users(text, path) if user_column is None else user_column
    state = _State(variables={} if users else {"HOME": str(Path("~").expanduser())})
    continued = False
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        place = Place(path, number, stripped)
        if continued:
            yield Refusal(place, "It goes on from the line above, which no cron takes: write both as one line.")
            continued = stripped.endswith("\\")
            continue
        if not stripped:
            state.comments.clear()
        elif stripped.startswith(COMMENTED_OUT):
            state.comments.clear()  # with the line that it was
        elif _HEADING.match(stripped):
            state.comments.clear()
        elif stripped.startswith("#"):
            state.comments.append(stripped.lstrip("# ").strip())
        elif (match := _SETTING.fullmatch(line)) and not looks_like_field(stripped.split()[0]):
            _set(state, match["name"], _unquoted(match["value"]))
            state.comments.clear()  # they are of the setting, or of the file as a whole
        else:
            continued = stripped.endswith("\\")
            if continued:
                yield Refusal(
                    place,
                    "It ends with a backslash, and no cron joins lines: write it as one line, or as a script.",
                )
            else:
                yield _or_refused(place, state, users=users, supercronic=supercronic)
            state.comments.clear()


def _or_refused(place: Place, state: _State, *, users: bool, supercronic: bool) -> Job | Refusal:
    try:
        return _job(place, state, users=users, supercronic=supercronic)
    except LineError as error:
        return Refusal(place, str(error))


def _has_users(text: str, path: str) -> bool:
    """Say whether each line names its user: by where it is, by its heading, or since all sixth words are users."""
    if _SYSTEMS.search(path) or _USER_HINT.search(text):
        return True
    names = {entry.pw_name for entry in pwd.getpwall()} | {"root"}
    sixth: list[bool] = []
    for line in map(str.split, text.splitlines()):
        if not line or line[0].startswith("#"):
            continue
        start = 1 if line[0].startswith("@") else _FIELDS
        if len(line) > start + 1 and all(map(looks_like_field, line[:start] if start > 1 else [])):
            sixth.append(line[start] in names)
    return bool(sixth) and all(sixth)


def _set(state: _State, name: str, value: str) -> None:
    if name == "CRON_TZ":
        state.zone = value or None
    if name != "CRON_TZ":
        state.variables[name] = value


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _job(place: Place, state: _State, *, users: bool, supercronic: bool) -> Job:
    """
    Return the job of a line.

    :raises LineError: it is none.
    """
    rule = Rule.ROBFIG if supercronic else Rule.DEBIAN
    count = 1 if place.text.startswith("@") else _FIELDS
    parts = place.text.split(maxsplit=count + users)
    expression = _expression(parts[:count], rule)
    if len(parts) < count + users + 1:
        raise LineError(f"Expected {'a user and a command' if users else 'a command'} after {expression!r}.")
    command = parts[-1]
    if looks_like_field(command.split(maxsplit=1)[0]) and not users and count == _FIELDS:
        if supercronic:
            raise LineError("It has a column of seconds, which no report needs: take it away.")
        raise LineError("It has six fields, and cron takes five. Is it supercronic's (--kind supercronic)?")
    command, stdin = (command, "") if supercronic else _split_input(command)
    variables = {
        name: value
        for name, value in state.variables.items()
        if name not in ("MAILTO", "SHELL", "PATH", "HOME", "MAILFROM")
    }
    user = parts[count] if users else ""
    job = Job(
        place,
        When((expression,), state.zone, rule),
        command=command,
        stdin=stdin,
        environment={**variables, **_home(state, user)},
        user=user,
        mail_to=() if supercronic else _mail_to(state.variables),
        comments=tuple(state.comments),
    )
    if state.zone:
        job = job.noted(
            Fate.KEPT,
            f"CRON_TZ={state.zone}",
            "is the zone, as cronie has it; Debian's own cron goes by the machine's",
        )
    elif zone := state.variables.get("TZ"):
        job = job.noted(
            Fate.KEPT,
            f"TZ={zone}",
            f"is given to the script alone, as cron does, which starts it by the machine's clock: --timezone {zone} where the times "
            "were meant in it",
        )
    if path := state.variables.get("PATH"):
        job = job.noted(
            Fate.ADAPTED, f"PATH={path}", "the script has the PATH of its environment, then the worker's"
        )
    if (shell := state.variables.get("SHELL")) and not shell.endswith(("/sh", "/bash", "/dash")):
        job = job.noted(Fate.ADAPTED, f"SHELL={shell}", "no shell runs it, or else sh")
    return job


def _expression(fields: list[str], rule: Rule) -> str:
    """
    Return an expression as Airflow takes it.

    :raises LineError: it is none, or none for a Dag.
    """
    if fields[0].lower() == "@every":
        raise LineError(
            "Every so often is no time of day, which a report has: leave it where it is, or give it one."
        )
    if wrong := [each for each in fields if not looks_like_field(each) and not each.startswith("@")]:
        raise LineError(
            f"{wrong[0]!r} is no field of cron's: expected minute, hour, day, month and weekday, then a command."
        )
    try:
        return checked(" ".join(fields), rule)
    except InvalidScheduleError as error:
        raise LineError(str(error)) from error


def _home(state: _State, user: str) -> dict[str, str]:
    """Return what ``~`` stands for."""
    if home := state.variables.get("HOME"):
        return {"HOME": home}
    try:
        return {"HOME": pwd.getpwnam(user).pw_dir} if user else {}
    except KeyError:
        return {}


def _mail_to(variables: dict[str, str]) -> tuple[str, ...]:
    """Return the addresses that get what is printed; a user of the machine is none that a mail server could reach."""
    return tuple(address for address in re.split(r"[,\s]+", variables.get("MAILTO", "")) if "@" in address)


def _split_input(command: str) -> tuple[str, str]:
    """Return a command, and what it reads: from the first ``%`` that no backslash stands before."""
    parts = re.split(r"(?<!\\)%", command)
    first, *rest = (part.replace("\\%", "%") for part in parts)
    return first.rstrip(), "\n".join(rest)


def read_anacrontab(text: str, path: str) -> Iterator[Job | Refusal]:
    """Yield each job of an anacrontab: they run once a day, week or month, when the machine is on."""
    variables: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        place = Place(path, number, stripped)
        if not stripped or stripped.startswith("#"):
            continue
        if (match := _SETTING.fullmatch(line)) and not stripped[0].isdigit():
            variables[match["name"]] = _unquoted(match["value"])
            continue
        words = stripped.split(maxsplit=3)
        days = _ANACRON_DAYS.get(_ANACRON_ALIASES.get(words[0], words[0]))
        if len(words) < 4 or not words[1].isdigit():  # noqa: PLR2004 - period, delay, name, command
            yield Refusal(place, "Expected a period in days, a delay in minutes, a name and a command.")
            continue
        if days is None:
            yield Refusal(
                place, f"Every {words[0]} days is no date of a calendar: give it days of the week or the month."
            )
            continue
        start = (
            _first_hour(variables) * 60 + (30 if "START_HOURS_RANGE" not in variables else 0) + int(words[1])
        )
        yield Job(
            place,
            When((f"{start % 60} {start // 60 % 24} {days}",)),
            name=words[2],
            command=words[3],
            environment={key: value for key, value in variables.items() if key not in _SETTINGS},
            mail_to=_mail_to(variables),
            catches_up=True,
            overlaps=False,
        ).noted(
            Fate.ADAPTED,
            f"{words[0]} {words[1]}",
            f"has a time of day now, {timedelta(minutes=start % 1440)} as anacron would have begun it; days on which the machine "
            "was off are backfilled",
        )


_SETTINGS = ("MAILTO", "SHELL", "PATH", "HOME", "MAILFROM", "START_HOURS_RANGE", "RANDOM_DELAY", "LOGNAME")


def _first_hour(variables: dict[str, str]) -> int:
    said = variables.get("START_HOURS_RANGE", "").partition("-")[0]
    return int(said) if said.isdigit() else _ANACRON_HOUR
