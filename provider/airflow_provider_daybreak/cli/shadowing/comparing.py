"""``daybreak shadow compare``: what a Dag in shadow captured, beside what the old job sent or logged, day by day."""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.cli.command import command, print_result
from airflow_provider_daybreak.cli.dates import dates_of
from airflow_provider_daybreak.cli.shadowing.imap import Mailbox, access_of, is_address, letters_of
from airflow_provider_daybreak.cli.shadowing.letters import (
    Letter,
    captured_letters,
    captured_revisions,
    each_once,
    is_mail,
    read_letters,
)
from airflow_provider_daybreak.cli.shadowing.pages import page_of
from airflow_provider_daybreak.cli.shadowing.pairing import GOOD, Pair, blocks, kind_of, pairs
from airflow_provider_daybreak.cli.shadowing.tokens import Tolerance
from airflow_provider_daybreak.context.archive import archive_of, storage_path
from airflow_provider_daybreak.context.known_dag import known_dag
from airflow_provider_daybreak.context.shadow import shadows_of
from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable, Mapping

    from airflow_provider_daybreak.context.known_dag import KnownDag

    Wanted = Callable[[Letter], bool]

_EARLY = timedelta(minutes=1)
"""How long before its time a mail may be dated: clocks of two machines are apart."""
_BACK = timedelta(days=40)
_AHEAD = timedelta(days=400)
_APART = timedelta(days=2)
"""How far a mail's own date may be from the report's in another zone, and then some."""


@command
def compare(args: Namespace) -> None:
    """Print a verdict on each mail or run; end with 1 where one differs or is missing."""
    dag, shadow = known_dag(args.dag), shadows_of().of(args.dag)
    if shadow is None:
        raise InvalidValueError(
            "DAG", args.dag, "a Dag that is in shadow, or was: 'airflow daybreak shadow start' begins it"
        )
    mailbox = Mailbox.of(args.beside) if is_address(args.beside) else None
    path = Path(args.beside)
    if mailbox is None and not path.exists():
        expected = (
            "a folder of .eml files, a Maildir, an mbox, imaps://USER@HOST/FOLDER, or a log of the old job"
        )
        raise InvalidValueError("--with", args.beside, expected)
    tolerance = Tolerance.of(args.numbers, args.minutes)
    zone = dag.schedule.zone if dag.schedule else timezone.utc
    since, until = dates_of(args)
    began = datetime.fromisoformat(shadow.since).astimezone(zone).date() if shadow.since else date.min
    first, last = since or began, until or datetime.now(zone).date()
    if mailbox is not None:
        access, days = access_of(mailbox, args.imap_conn_id), _sent(dag, first, last)
        found, others = _by_mail(
            args, dag, lambda wanted: letters_of(access, *days, wanted), first, last, tolerance
        )
    elif is_mail(path):
        found, others = _by_mail(args, dag, lambda _: read_letters(path), first, last, tolerance)
    else:
        found, others = _by_log(args.dag, path, first, last, zone, tolerance), 0
    if not found:
        expected = (
            f"what the old job sent or logged from {first} to {last}, in which the Dag has captured something"
        )
        raise InvalidValueError("--with", args.beside, expected)
    _tell(args, found, others, first, last)
    bad = [pair for pair in found if pair.outcome not in GOOD or (args.strict and pair.outcome != "same")]
    if bad:
        raise SystemExit(1)


def _tell(args: Namespace, found: list[Pair], others: int, first: date, last: date) -> None:
    counts = Counter(pair.outcome for pair in found)
    facts: dict[str, Any] = {
        "dag": args.dag,
        "since": str(first),
        "until": str(last),
        "counts": dict(counts),
        "other_mails": others,
        "compared": [pair.facts() for pair in found],
    }
    if args.page:
        try:
            Path(args.page).write_text(page_of(facts), encoding="utf-8")
        except OSError as error:
            raise InvalidValueError(
                "--page", args.page, f"a file that can be written ({error.strerror})"
            ) from error
    print_result(args.output, facts if args.output in ("json", "yaml") else facts["compared"], "")
    said = ", ".join(f"{count} {outcome}" for outcome, count in counts.items())
    more = f" {others} other mails were left out; --subject takes them in." if others else ""
    print(f"{args.dag}, {first} to {last}: {said}.{more}", file=sys.stderr)


def _by_mail(
    args: Namespace,
    dag: KnownDag,
    read_old: Callable[[Wanted], Iterable[Letter]],
    first: date,
    last: date,
    tolerance: Tolerance,
) -> tuple[list[Pair], int]:
    """
    Return the verdicts on mails, and how many of the old place are of something else.

    :param read_old: returns the mails of the old place, given which of them are wanted.
    """
    archive = archive_of()

    def read(uri: str) -> bytes:
        return storage.read(storage_path(uri, name="uri of a captured mail"))

    new: dict[date, list[Letter]] = defaultdict(list)
    for revision in captured_revisions(archive, args.dag, first, last):
        new[revision.manifest.report_date] += captured_letters(archive, revision, read)
    kinds = {kind_of(letter.subject) for letters in new.values() for letter in letters}
    wanted = _wanted(args.subject, kinds)
    day_of = _days(dag, first, last)
    old: dict[date, list[Letter]] = defaultdict(list)
    others = 0
    for letter in read_old(wanted):
        day = day_of(letter.when) if letter.when else None
        if day is None or not wanted(letter):
            others += 1
        elif first <= day <= last:
            old[day].append(letter)
    return _each_day(old, new, tolerance), others


def _wanted(subject: str | None, kinds: set[str]) -> Wanted:
    """
    Return what tells a mail of the old job from others of a mailbox: its subject.

    :raises InvalidValueError: it is no regular expression.
    """
    if subject is None:
        return lambda letter: kind_of(letter.subject) in kinds
    try:
        pattern = re.compile(subject)
    except re.error as error:
        raise InvalidValueError("--subject", subject, f"a regular expression ({error})") from error
    return lambda letter: pattern.search(letter.subject) is not None


def _each_day(
    old: Mapping[date, Iterable[Letter]], new: Mapping[date, Iterable[Letter]], tolerance: Tolerance
) -> list[Pair]:
    return [
        pair
        for day in sorted(old.keys() | new.keys())
        for pair in pairs(day, each_once(old.get(day, ())), each_once(new.get(day, ())), tolerance)
    ]


def _days(dag: KnownDag, first: date, last: date) -> Callable[[datetime], date | None]:
    """Return what says which report date a mail is of: that whose time came last before it."""
    schedule = dag.schedule
    slots = schedule.slots(first - _BACK, last + timedelta(days=1)) if schedule else []
    if not schedule or not slots:
        return lambda when: when.astimezone(timezone.utc).date()
    dues = [slot.due for slot in slots]

    def day_of(when: datetime) -> date | None:
        place = bisect_right(dues, when + _EARLY)
        return slots[place - 1].report_date if place else None

    return day_of


def _sent(dag: KnownDag, first: date, last: date) -> tuple[date, date]:
    """Return the first day on which the mails of some report dates may have been sent, and the day after the last."""
    slots = dag.schedule.slots(first, last + _AHEAD) if dag.schedule else []
    dues = [slot.due.date() for slot in slots if slot.report_date <= last]
    later = [slot.due.date() for slot in slots if slot.report_date > last]
    return min([first, *dues]) - _APART, max([last, *dues, *later[:1]]) + _APART


def _by_log(dag_id: str, path: Path, first: date, last: date, zone: Any, tolerance: Tolerance) -> list[Pair]:
    """Return the verdicts on what runs printed."""
    from airflow_provider_daybreak.context.task_log import printed

    runs = {day: lines for day, lines in printed(dag_id, zone).items() if first <= day <= last}
    text = path.read_bytes().decode("utf-8", "replace")
    return list(blocks(runs, text.splitlines(), tolerance)) if runs else []
