"""What is said between a worker and a host: plans, conditions and errors as JSON."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import exceptions
from airflow_provider_daybreak.exceptions import DaybreakError
from airflow_provider_daybreak.releases.conditions import Ending, NoFile, NoMail, NoOutput
from airflow_provider_daybreak.releases.dag_version import DagVersion
from airflow_provider_daybreak.releases.deploy import Plan
from airflow_provider_daybreak.releases.uv import Index

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_CONDITIONS = {kind.__name__: kind for kind in (NoFile, NoMail, NoOutput)}
_MORE = 20_000  # characters of a text in an error


def said_of_plan(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON has it, with the credentials of its indexes, but for where its files are."""
    said = {field.name: getattr(plan, field.name) for field in fields(plan)}
    del said["source"], said["env_file"]
    said["index"] = asdict(plan.index) if plan.index else None
    said["more_indexes"] = [asdict(one) for one in plan.more_indexes]
    said["version"] = asdict(plan.version) if plan.version else None
    said["commands"] = [one if isinstance(one, str) else [str(each) for each in one] for one in plan.commands]
    return said


def plan_of(said: Mapping[str, Any], source: Path, env_file: Path | None) -> Plan:
    """Return the plan that was said, for files that are here."""
    return Plan(
        **{
            **said,
            "source": source,
            "env_file": env_file,
            "index": Index(**said["index"]) if said["index"] else None,
            "more_indexes": tuple(Index(**one) for one in said["more_indexes"]),
            "version": DagVersion(**said["version"]) if said["version"] else None,
            "commands": tuple(said["commands"]),
        }
    )


def said_of_ending(ending: Ending) -> dict[str, Any]:
    """Return how a script's end is read, as JSON has it."""
    return {
        "retry_exit_codes": None if ending.retry_exit_codes is None else list(ending.retry_exit_codes),
        "skip_on_exit_code": list(ending.skip_on_exit_code),
        "fail_on": [one if isinstance(one, str) else [type(one).__name__, vars(one)] for one in ending.fail_on],
    }


def ending_of(said: Mapping[str, Any]) -> Ending:
    """Return how a script's end is read."""
    fail_on = tuple(one if isinstance(one, str) else _CONDITIONS[one[0]](**one[1]) for one in said["fail_on"])
    return Ending(said["retry_exit_codes"], tuple(said["skip_on_exit_code"]), fail_on)


def said_of_error(error: DaybreakError, here: str = "", there: str = "") -> dict[str, Any]:
    """
    Return an error as JSON has it.

    :param here: a folder of this host, which stands for the other one's ``there`` in what the error says.
    """
    facts = {
        name: _said(value, here, there) for name, value in vars(error).items() if not name.startswith("__")
    }
    return {"class": type(error).__name__, "facts": facts}


def error_of(said: Mapping[str, Any]) -> DaybreakError:
    """Return the error that was said, as it would have been raised here."""
    kind = getattr(exceptions, str(said["class"]), None)
    if not (isinstance(kind, type) and issubclass(kind, DaybreakError)):
        raise TypeError(f"the host sent an error of no class of ours: {said['class']!r}")
    error = kind.__new__(kind)
    vars(error).update(said["facts"])
    return error


def _said(value: Any, here: str, there: str) -> Any:
    if isinstance(value, str):
        return (value.replace(here, there) if here else value)[:_MORE]
    if isinstance(value, (list, tuple)):
        return [_said(one, here, there) for one in value]
    return value if isinstance(value, (int, float, bool, type(None))) else str(value)[:_MORE]
