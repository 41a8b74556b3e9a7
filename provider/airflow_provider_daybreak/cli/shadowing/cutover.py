"""
``daybreak cutover``: the old job ends, and its Dag mails from its next time on.

The old place is changed first, and says itself when. Whatever ends this program, the next call finds that instant there, and
the day from which the Dag mails follows from it: a time that came before was the old job's, and one that came after is the
Dag's. So no day is mailed by both; what a Dag captured in between is told, to be mailed by whoever wants it.
"""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from getpass import getuser
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

from airflow_provider_daybreak.cli.command import command, print_result, program
from airflow_provider_daybreak.cli.shadowing.old_place import Imported, imported, old_place
from airflow_provider_daybreak.context.known_dag import known_dag, switch
from airflow_provider_daybreak.context.shadow import shadows_of
from airflow_provider_daybreak.delivery.shadow import Shadow, event
from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import date

    from airflow_provider_daybreak.cli.shadowing.old_place import OldPlace
    from airflow_provider_daybreak.context.known_dag import KnownDag
    from airflow_provider_daybreak.delivery.shadow import Shadows

_FIRST, _LAST = 5, 40
"""Seconds of a minute between which a crontab is changed: at the beginning of each cron looks at it, and runs what is due."""


@command
def cutover(args: Namespace) -> None:
    """Switch to the Dag, or back; without --crontab and --old-is-off say what would be switched."""
    if args.crontab and args.old_is_off:
        raise InvalidValueError("--old-is-off", True, "either it or --crontab, which ends the old job itself")
    dag, shadows = known_dag(args.dag), shadows_of()
    shadow = shadows.of(args.dag) or Shadow(args.dag)
    from_where = None if args.old_is_off else imported(args.dag, dag.file)
    place = old_place(args.dag, Path(args.crontab), from_where) if args.crontab and from_where else None
    if args.undo:
        _undo(args, dag, shadows, shadow, place, from_where)
    elif place is None and not args.old_is_off:
        _show(args, from_where)
    else:
        _switch(args, dag, shadows, shadow, place)


def _show(args: Namespace, from_where: Imported | None) -> None:
    """Say which lines are to be commented out, and how to go on."""
    lines = list(from_where.lines) if from_where else []
    if args.output in ("json", "yaml"):
        print_result(
            args.output, {"dag": args.dag, "from": from_where.origin if from_where else "", "lines": lines}, ""
        )
    else:
        print("\n".join(lines))
    where = f" in {from_where.origin}" if from_where else ""
    _say(
        f"Nothing is switched yet. Comment this out{where}, then call '{program()} cutover {args.dag} --old-is-off'; or name the "
        "crontab that cron reads by --crontab, and it is done for you."
    )


def _switch(args: Namespace, dag: KnownDag, shadows: Shadows, shadow: Shadow, place: OldPlace | None) -> None:
    copy = ""
    if place is not None and not place.active:
        at = max(place.ended)  # an earlier call, which may not have come to its end
    else:
        at = _within_a_minute()
        if place is not None:
            copy = str(place.comment_out(at))
            at = _unless_cron_looked(at, dag)
    first = dag.first_due_after(at)
    if shadow.on:
        shadow = shadow.cut_over(first, event("cut over", at, getuser()))
        shadows.keep(shadow)
    switch(args.dag, on=True)
    now = _now()
    _told(args, shadow.live_from or first, copy)
    if held := [
        str(slot.report_date) for slot in dag.due_between(shadow.live_from or first, now) if slot.due > at
    ]:
        _say(
            f"Since the old job ended it came due for {', '.join(held)}. What the Dag captured of that was not mailed: clear its "
            f"mail task; '{program()} audit --from {held[0]} --to {held[-1]}' shows what is not there at all."
        )


def _undo(
    args: Namespace,
    dag: KnownDag,
    shadows: Shadows,
    shadow: Shadow,
    place: OldPlace | None,
    from_where: Imported | None,
) -> None:
    """Hold the Dag's mail first, and only then let the old job run."""
    at = _within_a_minute()
    if not shadow.on:
        shadows.keep(shadow.taken_back(dag.first_due_after(at), event("taken back", at, getuser())))
    copy = str(place.put_back(at)) if place is not None and place.ended else ""
    _told(args, None, copy)
    if place is None and from_where is not None:
        print("\n".join(from_where.lines))
        _say(f"Put this back into {from_where.origin}.")


def _told(args: Namespace, first: date | None, copy: str) -> None:
    row = {
        "dag": args.dag,
        "state": "live" if first else "shadow",
        "mails_from": str(first or ""),
        "copy": copy,
    }
    print_result(args.output, row if args.output in ("json", "yaml") else [row], "")


def _within_a_minute() -> datetime:
    """Return the present instant once cron is surely between two looks at its files."""
    while not _FIRST <= (now := _now()).second < _LAST:
        sleep(0.5)
    return now


def _unless_cron_looked(began: datetime, dag: KnownDag) -> datetime:
    """Return the instant from which on the old job has ended for sure: the present one, if a minute passed before its file was changed."""
    now = _now()
    if now.replace(second=0, microsecond=0) == began.replace(second=0, microsecond=0):
        return began
    if slots := dag.due_between(dag.first_due_after(began), now):
        days = ", ".join(str(slot.report_date) for slot in slots)
        _say(
            f"It came due for {days} while its crontab was changed, which took unusually long. That is the old job's, whose mail was "
            "not seen from here. If none arrived, clear the Dag's mail task."
        )
    return now


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _say(text: str) -> None:
    print(text, file=sys.stderr)
