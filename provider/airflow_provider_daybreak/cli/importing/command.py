"""``daybreak import``: another scheduler's jobs as Dags, and a word on every line."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from airflow_provider_daybreak.cli.command import command, print_result, program
from airflow_provider_daybreak.cli.importing.folder import (
    REPORT,
    Writer,
    changed_sources,
    digest,
    read_state,
    write_dags,
)
from airflow_provider_daybreak.cli.importing.instants import times_of
from airflow_provider_daybreak.cli.importing.planning import plan
from airflow_provider_daybreak.cli.importing.telling import as_data, as_markdown, as_text
from airflow_provider_daybreak.exceptions import InvalidValueError, JobsUnreadableError
from airflow_provider_daybreak.jobs.job import Place, Refusal
from airflow_provider_daybreak.jobs.kinds import content_of, read

if TYPE_CHECKING:
    from argparse import Namespace

    from airflow_provider_daybreak.cli.importing.folder import State
    from airflow_provider_daybreak.jobs.job import Job


@command
def import_jobs(args: Namespace) -> None:
    """Write a Dag for each job, and say what became of it; end with 1 where something was refused or left alone."""
    out = Path(args.out)
    state = read_state(out)
    if args.check:
        _check(args, state)
        return
    if not args.files:
        raise InvalidValueError("FILE", "", "files of another scheduler, such as what crontab -l prints")
    zone = _zone(args.timezone)
    found = _read(args, state)
    state.since = state.since or str(datetime.now(timezone.utc).date())
    start = datetime.fromisoformat(state.since).replace(tzinfo=timezone.utc)
    planned, refused = plan(found, zone, start.date())
    with_times = [(each, times_of(each.when, start)) for each in planned]
    writer = Writer(out, state, dry=args.dry_run)
    write_dags(writer, planned)
    document = as_markdown(
        with_times, refused, ["stdin" if name == "-" else Path(name).name for name in args.files]
    )
    if planned or refused:
        writer.write(REPORT, document.encode(), ours=True)
    writer.remember()
    if args.output == "json":
        print_result("json", as_data(with_times, refused, writer.result), "")
    else:
        where = f"{out} (nothing is written: --dry-run)" if args.dry_run else str(out)
        print(document if args.output == "md" else as_text(with_times, refused, writer.result, where))
    if refused or writer.result.kept:
        raise SystemExit(1)


def _read(args: Namespace, state: State) -> list[Job | Refusal]:
    """
    Return what stands in all files, each of which is read once, and remember what they were.

    :raises JobsUnreadableError: the only one can't be read; one of several is refused, and all others are imported.
    """
    found: list[Job | Refusal] = []
    for name in args.files:
        path = Path("/dev/stdin" if name == "-" else name)
        try:
            content = content_of(path)
            _, jobs = read(path, content, kind=args.kind or "", user_column=args.user_column)
        except JobsUnreadableError as error:
            if len(args.files) == 1:
                raise
            jobs = [Refusal(Place(name, error.line, ""), f"{error.problem}. {error.next_step}.")]
        else:
            if path.is_file():  # a pipe has nothing to be compared with later
                state.sources[str(path.resolve())] = digest(content)
        found += jobs
    return found


def _zone(given: str | None) -> str:
    """
    Return the zone that times are in: the one given, or the machine's.

    :raises InvalidValueError: there is none of that name.
    """
    if given is None:
        import pendulum

        return str(pendulum.now().timezone_name)
    try:
        return str(ZoneInfo(given))
    except (KeyError, ValueError, OSError) as error:
        raise InvalidValueError("--timezone", given, "a time zone such as Europe/Paris, or UTC") from error


def _check(args: Namespace, state: State) -> None:
    """Say which of the files that were imported has changed since; end with 1 where one has."""
    if not state.sources:
        raise InvalidValueError("--out", args.out, "a folder that something was imported into")
    changed = changed_sources(state)
    rows = [{"file": path, "state": what} for path, what in changed]
    if args.output == "json":
        print_result("json", rows, "")
    for path, what in () if args.output == "json" else changed:
        print(f"{path}: {what}")
    if changed:
        raise SystemExit(1)
    if args.output != "json":
        print(f"As they were when {program()} import read them: {', '.join(state.sources)}")
