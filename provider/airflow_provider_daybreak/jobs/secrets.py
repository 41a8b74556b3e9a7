"""Taking passwords, tokens and keys out of a job's line: they go into the .env alone, and nowhere else is one shown."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_daybreak.jobs.job import Fate
from airflow_provider_daybreak.redact import MASK, Redactor, is_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_daybreak.jobs.task import Task

_VALUE = r"(?P<quote>['\"]?)(?P<value>[^\s'\"]+)(?P=quote)"
_FORMS = (
    re.compile(r"(?P<before>[A-Za-z][\w+.-]*://[^:/?#@\s'\"]*:)(?P<value>[^/?#\s'\"@]+)(?=@)"),  # of a URL
    re.compile(rf"(?P<before>(?P<name>[A-Za-z_][\w-]*)=){_VALUE}"),  # NAME=value, --name=value
    re.compile(rf"(?P<before>-(?P<name>-?[A-Za-z][\w-]*)\s+){_VALUE}"),  # --name value
    re.compile(r"(?P<before>\s(?:-u|--user)\s+['\"]?[\w.@-]+:)(?P<value>[^\s'\"]+)"),  # curl -u name:value
    re.compile(r"(?P<before>\b(?:mysql|mariadb)\w*\b[^|;&]*?\s-p)(?P<value>[^\s'\"]+)"),  # mysql -pvalue
    re.compile(r"(?P<before>(?i:\b(?:bearer|basic)\s+))(?P<value>[\w.~+/=-]{8,})"),  # of a header of HTTP
)


def without_secrets(task: Task) -> tuple[Task, dict[str, str]]:
    """
    Return a task that names its secrets, and them by their names.

    One that stands in a variable is left out of the variables; one that is an argument is a shell's ``"$NAME"``.
    """
    secrets = _secret(task.environment)
    task = replace(
        task, environment={name: value for name, value in task.environment.items() if name not in secrets}
    )
    for name in secrets:
        why = "a secret: it stands in the .env alone, which only the script is given"
        task = task.noted(Fate.ADAPTED, f"{name}={MASK}", why)
    text, found = _named(task.shell or shlex.join(task.as_program()), secrets)
    if found:
        task = replace(task, command=(), shell=text)  # nothing is run  # nosec B604
    if task.container is not None:
        held = _secret(task.container.environment)
        kept = {name: value for name, value in task.container.environment.items() if name not in held}
        task = replace(task, container=replace(task.container, environment=kept))
        found |= held
    for name in found:
        why = "a secret of the line: it stands in the .env alone, under that name"
        task = task.noted(Fate.ADAPTED, f"${name}", why)
    return task, {**secrets, **found}


def _secret(variables: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value for name, value in variables.items() if is_secret(name, value) or _FORMS[0].search(value)
    }


def _is_one(match: re.Match[str]) -> bool:
    """Say whether a value of a line is a secret: by its name, or by the form that it stands in."""
    if match["value"].startswith(("$", "<", MASK)):
        return False
    name = match.groupdict().get("name")
    return name is None or is_secret(name.lstrip("-"), match["value"])


def _named(text: str, known: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return a shell's text with the secrets in it by name, and them."""
    found: dict[str, str] = {}

    def replaced(match: re.Match[str]) -> str:
        if not _is_one(match):
            return match[0]
        said = match.groupdict().get("name") or "PASSWORD"
        name = next((each for each, value in found.items() if value == match["value"]), "") or _free(
            said, [*known, *found]
        )
        found[name] = match["value"]
        quote = _quote_at(text, match.start("value")) if not match.groupdict().get("quote") else ""
        variable = {"'": f"'\"${{{name}}}\"'", '"': f"${{{name}}}"}.get(quote, f'"${name}"')
        return f"{match['before']}{variable}"

    for form in _FORMS:
        text = form.sub(replaced, text)
    return text, found


def _quote_at(text: str, position: int) -> str:
    """Return the quote that a position in a shell's text lies in; nothing outside of any."""
    quote = ""
    index = 0
    while index < position:
        letter = text[index]
        if letter == "\\" and quote != "'":
            index += 1
        elif letter in "'\"" and quote in ("", letter):
            quote = "" if quote else letter
        index += 1
    return quote


def _free(name: str, taken: list[str]) -> str:
    base = re.sub(r"\W+", "_", name).upper().strip("_")
    return next(
        each for each in (base, *(f"{base}_{number}" for number in range(2, 1000))) if each not in taken
    )


def hidden(text: str, secrets: Mapping[str, str]) -> str:
    """Return a text to be shown, with each secret, and what looks like one, masked."""
    text = Redactor({}, secrets.values()).for_log(text)
    for value in sorted(filter(None, secrets.values()), key=len, reverse=True):
        text = text.replace(value, MASK)  # however short: a line is looked at by more people than its log
    for form in _FORMS:
        text = form.sub(lambda match: f"{match['before']}{MASK}" if _is_one(match) else match[0], text)
    return text
