"""``airflow daybreak preview``: what a report looks like in all its formats and as a mail, without running its Dag."""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.cli.command import command
from airflow_provider_daybreak.cli.rehearsal import Rehearsal, elsewhere, find_task
from airflow_provider_daybreak.exceptions import DaybreakError, InvalidValueError
from airflow_provider_daybreak.hooks.report import ReportHook
from airflow_provider_daybreak.hooks.run import run_of
from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.reports.period import parse_date
from airflow_provider_daybreak.reports.sources import ScriptSource

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator

    from airflow_provider_daybreak.hooks.report import Rendered, ReportSpec
    from airflow_provider_daybreak.hooks.run import Run

_LOOK_EVERY = 0.4  # seconds between looks at the files, with --watch
_ALL = ("html", "text", "csv", "page", "xlsx", "pdf")


@command
def preview(args: Namespace) -> None:
    """Render a report task's report into a folder, and say where."""
    dag_file = Path(args.dag_file).resolve()
    out = Path(args.out or Path("preview") / args.task_id).resolve()
    day = parse_date(args.date, name="--date")
    given = _json(args.data, "--data"), _json(args.params, "--params")
    preview_ = _Preview(dag_file, args.task_id, args.dag, out, *given)
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


class _Preview:
    def __init__(
        self,
        dag_file: Path,
        task_id: str,
        dag_id: str | None,
        out: Path,
        data: dict[str, Any],
        params: dict[str, Any],
    ) -> None:
        self.dag_file, self.task_id, self.dag_id = dag_file, task_id, dag_id
        self.out, self.data, self.params = out, data, params
        self.operator: ReportOperator | None = None
        self.run: Run | None = None

    def load(self, day: Any) -> None:
        """Load the Dag file, and run what the report's data comes from."""
        task = find_task(self.dag_file, self.task_id, self.dag_id)
        if not isinstance(task, ReportOperator):
            raise InvalidValueError("task", self.task_id, "that of a ReportOperator")
        if self.data:
            task.data = {**(task.data or {}), **self.data}
        operator, context = Rehearsal(task.dag, day, _home(), self.params).rendered(task)
        self.run = run_of(context, report_date=operator.report_date, timezone=operator.timezone)
        self.operator = operator

    def render(self) -> None:
        """Render all formats that can be rendered here, and the mail."""
        if self.operator is None or self.run is None:
            return
        spec = replace(self.operator.spec(self.operator.dag), formats=_formats())
        with elsewhere(_home(), archive=False) if _runs_what_was_deployed(spec) else nullcontext():
            rendered = ReportHook(self.operator.archive).render(spec, self.run)
        for file in rendered.files:
            path = self.out / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
        (self.out / "mail.eml").write_bytes(_mail(rendered, self.run, self.out))
        for failed in rendered.failed:
            print(f"Check failed: {failed}", file=sys.stderr)
        print(f"{rendered.document.title}: {rendered.document.language.period(rendered.document.period)}")
        for name in sorted([*(file.name for file in rendered.files), "mail.eml"]):
            print(f"  {self.out / name}")

    def sources(self) -> Iterable[Path]:
        """Return the files that a save of should render again: the Dag file, and what lies beside the template."""
        yield self.dag_file
        if self.operator is not None:
            folder = self.operator.spec(self.operator.dag).template.parent
            for place in (folder, folder.parent):
                yield from (path for path in place.glob("*") if path.suffix in (".j2", ".toml", ".sql"))


def _watch(preview_: _Preview, day: Any) -> None:
    """Render at each save until Ctrl-C. Data is read again only when the Dag file has changed."""
    seen: dict[Path, int] = {}
    print("Rendering at each save. Ctrl-C ends it.", file=sys.stderr)
    try:
        while True:
            now = {path: path.stat().st_mtime_ns for path in preview_.sources() if path.exists()}
            if now != seen:
                load = preview_.operator is None or now.get(preview_.dag_file) != seen.get(preview_.dag_file)
                seen = now
                try:
                    if load:
                        preview_.load(day)
                        seen = {path: path.stat().st_mtime_ns for path in preview_.sources() if path.exists()}
                    preview_.render()
                except DaybreakError as error:
                    print(f"airflow daybreak: {error}", file=sys.stderr)
                sys.stdout.flush()
            time.sleep(_LOOK_EVERY)
    except KeyboardInterrupt:
        return


def _home() -> Path:
    """Return the folder of what previews deploy."""
    return Path.home() / ".cache" / "daybreak" / "preview"


def _runs_what_was_deployed(spec: ReportSpec) -> bool:
    """Return whether data comes from a release that a task has deployed, for this preview alone."""
    return any(
        isinstance(source, ScriptSource) and not isinstance(source.release, str)
        for source in spec.data.values()
    )


def _formats() -> tuple[str, ...]:
    """Return the formats whose packages are installed here; the others are named."""
    from importlib.util import find_spec

    missing = {
        one: package
        for one, package in (("xlsx", "xlsxwriter"), ("pdf", "weasyprint"))
        if not find_spec(package)
    }
    for one in missing:
        print(f"No {one}: pip install 'airflow-provider-daybreak[{one}]'", file=sys.stderr)
    return tuple(one for one in _ALL if one not in missing)


def _mail(rendered: Rendered, run: Run, out: Path) -> bytes:
    """Return the mail that a ReportEmailOperator would send of it, to nobody in particular."""
    from email.headerregistry import Address

    from airflow_provider_daybreak.archive import Archive
    from airflow_provider_daybreak.delivery.message import Letter, build_body, head_for
    from airflow_provider_daybreak.delivery.recipients import parse_recipients
    from airflow_provider_daybreak.hooks.report import draft_of

    revision = Archive(out / ".archive").publish(draft_of(rendered, run))
    recipients = parse_recipients(["reader@example.org"])
    letter = Letter(
        sender=Address("Daybreak preview", "preview", "example.org"),
        subject=rendered.document.title,
        revision=revision,
        recipients=recipients,
    )
    head = head_for(
        recipients[0],
        common=letter.common_head(),
        visible=letter.visible_head(),
        message_id="<preview@example.org>",
        date=datetime.combine(run.report_date, datetime.min.time(), timezone.utc),
    )
    return head + b"".join(build_body(letter).chunks())


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
