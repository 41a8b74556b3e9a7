"""``airflow daybreak reports``: what is in the archive, whether it is whole, and what may go."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive.layout import day_name
from airflow_provider_daybreak.archive.prune import prune as prune_archive
from airflow_provider_daybreak.archive.verify import verify as verify_archive
from airflow_provider_daybreak.cli.command import command, print_result
from airflow_provider_daybreak.cli.dates import dates_of, known_report
from airflow_provider_daybreak.cli.progress import watched
from airflow_provider_daybreak.context.archive import archive_of
from airflow_provider_daybreak.exceptions import InvalidValueError, RevisionNotFoundError
from airflow_provider_daybreak.reports.period import parse_date

if TYPE_CHECKING:
    from argparse import Namespace

    from airflow_provider_daybreak.archive import Revision

_MOST_DAYS = 36500  # a century: no report is older, and every date can be reckoned


@command
def list_(args: Namespace) -> None:
    """Print a line a revision, by report and date."""
    since, until = dates_of(args)
    archive = archive_of()
    report = known_report(archive, args.report) if args.report else None
    revisions = archive.revisions(report, since=since, until=until)
    print_result(args.output, [_line(revision) for revision in revisions], "No revisions.")


@command
def show(args: Namespace) -> None:
    """Print the manifest of one revision, without the snapshots, which are for no reader."""
    report_date = parse_date(args.report_date, name="report date")
    archive = archive_of()
    known_report(archive, args.report)
    if args.revision is None:
        found = archive.latest(args.report, report_date, drafts=True)
        if found is None:
            raise RevisionNotFoundError(f"{archive.uri}/{args.report}/{day_name(report_date)}")
    else:
        found = archive.revision(args.report, report_date, args.revision)
    facts = {**found.manifest.to_dict(), "files": list(map(asdict, found.files))}
    if args.output in ("json", "yaml"):
        print_result(args.output, facts, "")
    else:
        facts = {"manifest": found.uri, **facts}
        print_result(args.output, [{"field": name, "value": value} for name, value in _flat(facts)], "")


@command
def verify(args: Namespace) -> None:
    """Compare every file with its manifest; print what differs, and exit with 1 when anything does."""
    since, until = dates_of(args)
    archive = archive_of()
    report = known_report(archive, args.report) if args.report else None
    revisions = damaged = size = 0
    damages = []
    for verified in watched(verify_archive(archive, report, since=since, until=until), "Verifying revisions"):
        revisions += 1
        size += verified.bytes
        damaged += bool(verified.damages)
        damages += [
            {"manifest": verified.uri, "file": damage.name, "problem": damage.problem}
            for damage in verified.damages
        ]
    print_result(args.output, damages, f"{revisions} revisions, {size / 1e6:.1f} MB: all as published.")
    if damaged:
        print(f"{damaged} of {revisions} revisions are not as published.", file=sys.stderr)
        raise SystemExit(1)


@command
def prune(args: Namespace) -> None:
    """Remove what is older than the days to keep; print what went, or would go, also when it ends in an error."""
    if not 1 <= args.keep_days <= _MOST_DAYS:
        raise InvalidValueError("--keep-days", args.keep_days, f"a number of days from 1 to {_MOST_DAYS}")
    archive = archive_of()
    report = known_report(archive, args.report) if args.report else None
    # Of two clocks the archive's: a machine whose own is years ahead must not remove what is of today.
    now = storage.clock(archive.root) or datetime.now(timezone.utc)
    before = now.date() - timedelta(days=args.keep_days)
    done = "would remove" if args.dry_run else "removed"
    lines: list[dict[str, str]] = []
    try:
        found = prune_archive(archive, before=before, report=report, dry_run=args.dry_run)
        for each in watched(found, "Pruning"):
            lines.append({done: each.kind, "uri": each.uri})  # noqa: PERF401 - an error leaves what was removed
    finally:
        if lines:
            print_result(args.output, lines, "")
    if not lines:
        print_result(args.output, lines, "Nothing to remove.")


def _line(revision: Revision) -> dict[str, Any]:
    manifest = revision.manifest
    return {
        "report": manifest.report,
        "date": manifest.report_date.isoformat(),
        "revision": manifest.revision,
        "period": manifest.period["name"],
        "title": manifest.title,
        "rows": sum(manifest.rows.values()),
        "outcome": manifest.outcome,
        "created": manifest.created,
    }


def _flat(facts: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested facts as dotted names with their values; a file goes by its name."""
    flat: list[tuple[str, Any]] = []
    for name, value in facts.items():
        if isinstance(value, dict):
            flat += _flat(value, f"{prefix}{name}.")
        elif name == "files":
            flat += [
                (f"files.{file['name']}", f"{file['media_type']}, {file['bytes']} bytes, {file['sha256']}")
                for file in value
            ]
        else:
            flat.append((f"{prefix}{name}", value))
    return flat
