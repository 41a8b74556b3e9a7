"""``daybreak shadow start``, ``status`` and ``stop``."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from getpass import getuser
from typing import TYPE_CHECKING

from airflow_provider_daybreak.cli.command import command, print_result, program
from airflow_provider_daybreak.context.archive import archive_of
from airflow_provider_daybreak.context.hosts import check_shared
from airflow_provider_daybreak.context.known_dag import known_dag, switch
from airflow_provider_daybreak.context.shadow import shadows_of
from airflow_provider_daybreak.delivery.shadow import Shadow, event
from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from airflow_provider_daybreak.archive import Archive


@command
def start(args: Namespace) -> None:
    """Begin the shadow of a Dag, and only then switch the Dag on."""
    dag = known_dag(args.dag)
    check_shared(archive_of())
    shadows, now = shadows_of(), _now()
    shadow = shadows.of(args.dag)
    begun = event("started", now, getuser())
    if shadow is None:
        shadows.keep(Shadow(args.dag).begun(begun))
    elif not shadow.on:  # it mails: what has come due is its own
        shadows.keep(shadow.taken_back(dag.first_due_after(now), begun))
    elif shadow.last == "stopped":
        shadows.keep(shadow.begun(begun))
    switch(args.dag, on=True)
    if dag.others:
        _say(f"What these tasks mail or do by themselves is not held back: {', '.join(dag.others)}.")
    print_result(args.output, list(_rows(args.dag)), "")


@command
def stop(args: Namespace) -> None:
    """Pause a Dag that is in shadow."""
    known_dag(args.dag)
    shadow = shadows_of().of(args.dag)
    if shadow is None or not shadow.on:
        raise InvalidValueError("DAG", args.dag, "a Dag in shadow; 'airflow dags pause' pauses any other")
    switch(args.dag, on=False)
    if shadow.last != "stopped":
        shadows_of().keep(shadow.begun(event("stopped", _now(), getuser())))
    _say(
        f"{args.dag} is paused, and mails nobody until '{program()} cutover {args.dag}'. What it captured is kept."
    )


@command
def status(args: Namespace) -> None:
    """Print which Dags are in shadow, or were."""
    rows = list(_rows(args.dag))
    print_result(
        args.output, rows, "No Dag is in shadow." if args.dag is None else f"{args.dag} never was in shadow."
    )


def _rows(dag_id: str | None) -> Iterator[dict[str, str]]:
    """Yield what a table shows of each Dag."""
    archive = archive_of()
    for shadow in shadows_of().all():
        if dag_id is not None and shadow.dag_id != dag_id:
            continue
        days = captured_days(archive, shadow) if shadow.on else []
        yield {
            "dag": shadow.dag_id,
            "state": shadow.last if shadow.last == "stopped" else "shadow" if shadow.on else "live",
            "since": shadow.events[-1].at if shadow.events else "",
            "by": shadow.events[-1].by if shadow.events else "",
            "mails_from": str(shadow.live_from or ""),
            "captured": str(len(days)) if shadow.on else "",
            "last": days[-1] if days else "",
        }


def captured_days(archive: Archive, shadow: Shadow) -> list[str]:
    """Return the report dates, in order, that the archive has of a Dag's reports and that the Dag did not mail."""
    found = {
        day
        for report in archive.reports()
        if archive.owner(report) == shadow.dag_id
        for day in archive.days(report)
        if not shadow.is_live(day)
    }
    return [str(day) for day in sorted(found)]


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
