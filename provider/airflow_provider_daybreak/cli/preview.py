"""``airflow daybreak preview``: what a report looks like in all its formats and as a mail, without running its Dag."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.cli.command import command, print_result
from airflow_provider_daybreak.cli.local_run import LocalRun, deploying_in, find_task
from airflow_provider_daybreak.exceptions import (
    DaybreakError,
    InvalidValueError,
    MissingExtraError,
    MissingLibraryError,
    OwnedByAnotherDagError,
)
from airflow_provider_daybreak.hooks.report import ReportHook
from airflow_provider_daybreak.hooks.sources import Reader
from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.reports.formats.body import period_line
from airflow_provider_daybreak.reports.period import parse_date
from airflow_provider_daybreak.reports.rendering import check_formats
from airflow_provider_daybreak.reports.sources import ScriptSource, SqlSource
from airflow_provider_daybreak.settings import Settings
from airflow_provider_daybreak.storage.temporary import temporary_folder

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping

    from airflow_provider_daybreak.context.run import Run
    from airflow_provider_daybreak.reports.report import Rendered, ReportSpec

_KEPT_FOR = 30 * 86_400  # seconds
_LOOK_EVERY = 0.4  # seconds between looks at the files, with --watch
_ALL = ("html", "text", "csv", "page", "xlsx", "pdf")


@command
def preview(args: Namespace) -> None:
    """Render a report task's report into a folder, and say where."""
    dag_file = Path(args.dag_file).resolve()
    day = parse_date(args.date, name="--date")
    given = _json(args.data, "--data"), _json(args.params, "--params")
    if args.out and Path(args.out).exists() and not Path(args.out).is_dir():
        raise InvalidValueError("--out", args.out, "a folder, or a path where there is nothing yet")
    preview_ = _Preview(dag_file, args.task_id, args.dag, args.out, *given, output=args.output)
    _remove_old()
    with nullcontext() if args.verbose else _quiet():
        if args.watch:
            _watch(preview_, day)
        else:
            preview_.load(day)
            preview_.render()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what a task would log of its progress: it is not what one looks for here."""
    loggers = [logging.getLogger(name) for name in ("airflow_provider_daybreak", "weasyprint", "airflow.task")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@dataclass(frozen=True)
class _Found:
    """What the Dag file says: the report, and the run that it is of."""

    spec: ReportSpec
    run: Run
    archive: str | None
    take_over: str | None


class _Preview:
    """
    A report task's preview, time and again.

    :param given: data by name, in the place of what the task has.
    :param params: values that replace the Dag's own.
    :param out: folder to write to; ``preview/<dag>/<task>`` when None.
    :param output: how to say what was written: ``json`` or ``yaml`` for other programs.
    """

    def __init__(
        self,
        dag_file: Path,
        task_id: str,
        dag_id: str | None,
        out: str | None,
        given: dict[str, Any],
        params: dict[str, Any],
        *,
        output: str = "table",
    ) -> None:
        self.dag_file, self.task_id, self.dag_id = dag_file, task_id, dag_id
        self.given, self.params, self.output = given, params, output
        self._out = out
        self.found: _Found | None = None
        self.data: dict[str, Any] | None = None  # None until it has been read, and after reading failed

    @property
    def out(self) -> Path:
        """The folder to write to. Reports of which one is a copy don't meet there."""
        run = self.found.run if self.found else None
        return Path(self._out or Path("preview", run.ref["dag_id"] if run else "", self.task_id)).resolve()

    def load(self, day: date) -> None:
        """Load the Dag file, run what the report's data comes from, and read it."""
        # What the Dag's own code prints must not stand before what another program reads.
        with redirect_stdout(sys.stderr) if self.output in ("json", "yaml") else nullcontext():
            self._load(day)

    def _load(self, day: date) -> None:
        self.data = None
        task = find_task(self.dag_file, self.task_id, self.dag_id)
        if not isinstance(task, ReportOperator):
            reports = [one.task_id for one in task.dag.tasks if isinstance(one, ReportOperator)]
            expected = f"that of a ReportOperator: {', '.join(reports) or 'the Dag has none'}"
            raise InvalidValueError("task", self.task_id, expected)
        check_formats(task.formats)
        data = task.data or {}
        for name in self.given.keys() - data.keys():
            expected = f"a name of the report's data: {', '.join(data) or 'it has none'}"
            raise InvalidValueError("name in --data", name, expected)
        if self.given:
            task.data = {**data, **self.given}
        home = _home(task.dag.dag_id)
        home.mkdir(parents=True, exist_ok=True)
        os.utime(home)
        operator, context = LocalRun(task.dag, day, home, self.params).rendered(task)
        run = operator.run_in(context)
        spec = operator.spec(operator.dag)
        self.found = _Found(spec, run, operator.archive, operator.take_over)
        reader = Reader(run, run.period(spec.period, spec.offset), spec.folder, spec.offset)
        with deploying_in(home, archive=False) if _runs_what_was_deployed(spec) else nullcontext():
            self.data = reader.read(spec.data)

    def render(self) -> None:
        """Render the data in all formats that can be rendered here, and the mail."""
        if self.found is None or self.data is None:
            return
        spec = replace(self.found.spec, data=self.data, formats=_formats())
        hook = ReportHook(self.found.archive)
        rendered = hook.render(spec, self.found.run)
        files = {file.name: file.content for file in rendered.files}
        files["mail.eml"] = _mail(rendered, self.found.run)
        _write(self.out, files, record=_home(self.found.run.ref["dag_id"]) / f"{self.task_id}.json")
        remarks = []
        if rendered.data.outcome == "empty" and spec.when_empty != "send":
            remarks.append(f"No source has a row: the run would {spec.when_empty}.")
        dag_id = self.found.run.ref["dag_id"]
        if (owner := hook.archive.owner(spec.report)) not in (None, dag_id, self.found.take_over):
            refused = OwnedByAnotherDagError("report", spec.report, str(owner), dag_id)
            remarks.append(f"The run would be refused: {refused}")
        remarks += [f"Check failed: {failed}" for failed in rendered.failed]
        self._say(rendered, sorted(files), remarks)

    def _say(self, rendered: Rendered, names: list[str], remarks: list[str]) -> None:
        """Say what was written, and what a run would do about it."""
        title, period = rendered.document.title, rendered.document.language.period(rendered.document.period)
        if self.output in ("json", "yaml"):
            facts = {
                "title": title,
                "period": period,
                "folder": str(self.out),
                "files": names,
                "remarks": remarks,
            }
            print_result(self.output, facts, "")
            return
        for remark in remarks:
            print(remark, file=sys.stderr)
        print(f"{title}: {period_line(rendered.document)}")
        for name in names:
            print(f"  {self.out / name}")

    def saved(self) -> dict[Path, int]:
        """Return when each file that a save of should render again was saved last."""
        times = {}
        for path in (*self.read_from(), *self._written_by()):
            with suppress(FileNotFoundError):  # an editor may put a new file into its place
                times[path] = path.stat().st_mtime_ns
        return times

    def read_from(self) -> Iterator[Path]:
        """Return the files that say what data there is: the Dag file, and queries."""
        yield self.dag_file
        if self.found is not None:
            for source in self.found.spec.data.values():
                if isinstance(source, SqlSource) and source.sql.strip().endswith(".sql"):
                    yield self.found.spec.folder / source.sql.strip()

    def _written_by(self) -> Iterator[Path]:
        """Return the files that say how data is written: templates, macros and themes."""
        if self.found is not None:
            folder = self.found.spec.template.parent
            for place in (folder, folder.parent):
                yield from (path for path in place.glob("*") if path.suffix in (".j2", ".toml"))


def _watch(preview_: _Preview, day: date) -> None:
    """Render at each save until Ctrl-C. Data is read again only when the Dag file or a query has changed."""
    seen = {preview_.dag_file: 0}
    print("Rendering at each save. Ctrl-C ends it.", file=sys.stderr)
    try:
        while True:
            now = preview_.saved()
            changed = {path for path, _ in now.items() ^ seen.items()}
            seen = now
            if changed and (preview_.data is None or not changed.isdisjoint(preview_.read_from())):
                with _errors_shown(preview_.dag_file.parent):
                    preview_.load(day)
                seen = {**preview_.saved(), **now}  # what was saved while it was read is seen at the next look
            if changed:
                with _errors_shown(preview_.dag_file.parent):
                    preview_.render()
                sys.stdout.flush()
            time.sleep(_LOOK_EVERY)
    except KeyboardInterrupt:
        return


@contextmanager
def _errors_shown(folder: Path) -> Iterator[None]:
    """
    Show what goes wrong, and go on: it is mended, and saved.

    :param folder: what lies in it is the author's own code, from which on the way to an error is shown.
    """
    try:
        yield
    except DaybreakError as error:
        print(f"airflow daybreak: {error}", file=sys.stderr)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the author's code runs here, and may raise anything
        frames = traceback.extract_tb(error.__traceback__)
        own = [at for at, frame in enumerate(frames) if Path(frame.filename).is_relative_to(folder)]
        shown = [
            *traceback.format_list(frames[own[0] if own else -3 :]),
            *traceback.format_exception_only(error),
        ]
        print(f"airflow daybreak: an error in the code of the Dag:\n{''.join(shown)}", end="", file=sys.stderr)


def _write(folder: Path, files: Mapping[str, bytes], *, record: Path) -> None:
    """
    Write the files of a preview, and remove those of the one before that it doesn't have.

    :param record: the file that says what the one before has written.
    """
    before: dict[str, list[str]] = {}
    with suppress(OSError, ValueError):
        before = json.loads(record.read_text(encoding="utf-8"))
    for name in set(before.get(str(folder), ())) - files.keys():
        (folder / name).unlink(missing_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            (folder / name).write_bytes(content)
        except OSError as error:  # of a file that is open already, it names none
            raise OSError(error.errno, error.strerror, str(folder / name)) from error
    record.write_text(json.dumps({**before, str(folder): sorted(files)}), encoding="utf-8")


def _home(dag_id: str) -> Path:
    """Return the folder of what previews of a Dag deploy, in Airflow's. Dags of which one is a copy don't meet there."""
    return _homes() / dag_id


def _homes() -> Path:
    return Settings.load().releases.parent / "preview"


def _remove_old() -> None:
    """Remove what previews of Dags have deployed that nobody has looked at for a month."""
    from airflow_provider_daybreak.releases.files import remove_tree

    with suppress(FileNotFoundError, NotADirectoryError):
        for home in _homes().iterdir():
            if time.time() - home.stat().st_mtime > _KEPT_FOR:
                remove_tree(home)


def _runs_what_was_deployed(spec: ReportSpec) -> bool:
    """Return whether data comes from a release that a task has deployed, for this preview alone."""
    return any(
        isinstance(source, ScriptSource) and not isinstance(source.release, str)
        for source in spec.data.values()
    )


def _formats() -> tuple[str, ...]:
    """Return the formats that can be written here; of the others, what brings them is said."""
    from importlib.util import find_spec

    from airflow_provider_daybreak.reports.formats import pdf

    formats = list(_ALL)
    if not find_spec("xlsxwriter"):
        formats.remove("xlsx")
        print(f"No xlsx. {MissingExtraError('It', 'xlsx')}", file=sys.stderr)
    try:
        pdf.check_installed()
    except (MissingExtraError, MissingLibraryError) as error:
        formats.remove("pdf")
        print(f"No pdf. {error}", file=sys.stderr)
    return tuple(formats)


def _mail(rendered: Rendered, run: Run) -> bytes:
    """Return the mail that a ReportEmailOperator would send of it, to nobody in particular."""
    from email.headerregistry import Address

    from airflow_provider_daybreak.archive import Archive
    from airflow_provider_daybreak.context.draft import draft_of
    from airflow_provider_daybreak.delivery.head import head_for
    from airflow_provider_daybreak.delivery.message import Message, build_body
    from airflow_provider_daybreak.delivery.recipients import parse_recipients

    recipients = parse_recipients(["reader@example.org"])
    with temporary_folder("daybreak-preview-") as folder:
        letter = Message(
            sender=Address("Daybreak preview", "preview", "example.org"),
            subject=rendered.document.title,
            revision=Archive(Path(folder)).publish(draft_of(rendered, run)),
            recipients=recipients,
        )
        body = b"".join(build_body(letter).chunks())
    head = head_for(
        recipients[0],
        common=letter.common_head(),
        visible=letter.visible_head(),
        message_id="<preview@example.org>",
        date=datetime.combine(run.report_date, datetime.min.time(), timezone.utc),
    )
    return head + body


def _json(text: str | None, name: str) -> dict[str, Any]:
    """Return the object that JSON, or a file of it, holds."""
    if not text:
        return {}
    try:
        value = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InvalidValueError(name, text, f"a JSON object or a file of one ({error})") from error
    if not isinstance(value, dict):
        raise InvalidValueError(name, text, 'a JSON object, such as {"sales": [{"n": 1}]}')
    return value
