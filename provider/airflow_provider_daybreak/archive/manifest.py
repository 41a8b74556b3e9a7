"""What a revision is made of: the draft that goes in, and the manifest that says what is there."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.archive.layout import check_file_name, check_report
from airflow_provider_daybreak.exceptions import InvalidValueError, ManifestUnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SCHEMA = 1
_TEXTS = [
    "report",
    "report_date",
    "title",
    "created",
    "digest",
    "provider_version",
    "template_sha256",
    "outcome",
]
_SHAPE: dict[str, type] = {
    **dict.fromkeys(_TEXTS, str),
    **dict.fromkeys(("period", "rows", "run", "queries"), dict),
    **dict.fromkeys(("files", "checks"), list),
    "revision": int,
    "draft": bool,
}
"""By a manifest's fact, what it is in JSON."""


@dataclass(frozen=True)
class DraftFile:
    """
    A file to archive, under a relative name such as ``charts/daylight.png``.

    :param content: its bytes, or a local file that has them, which is read when they are needed.
    :param snapshot: whether it is kept for the next report to compare with, and not for a reader.
    """

    name: str
    media_type: str
    content: bytes | Path = field(repr=False)
    snapshot: bool = False

    def read(self) -> bytes:
        """Return its bytes."""
        return self.content.read_bytes() if isinstance(self.content, Path) else self.content

    def archived(self) -> ArchivedFile:
        """Return what a manifest says of it."""
        data = self.read()
        return ArchivedFile(
            self.name, self.media_type, len(data), hashlib.sha256(data).hexdigest(), self.snapshot
        )


@dataclass(frozen=True)
class ArchivedFile:
    """A file of a revision, as its manifest lists it. A snapshot is as in :class:`DraftFile`."""

    name: str
    media_type: str
    bytes: int
    sha256: str
    snapshot: bool = False


@dataclass(frozen=True)
class Draft:
    """
    One rendering of a report, before it has a revision's number.

    :param report: slug of the report.
    :param report_date: the date on it.
    :param period: ``{name, start, end, timezone}`` of the time it covers; start and end are ISO instants
        (or datetimes) in that zone.
    :param title: its title, as a mail's subject would have it.
    :param files: what it consists of.
    :param rows: number of rows by source.
    :param run: ``{dag_id, run_id, task_id, map_index, try_number}`` of the task that made it, and the ``releases`` that it ran, ids by name.
    :param template_sha256: digest of the template.
    :param queries: digest of each query by source.
    :param checks: each check with its outcome, as plain JSON.
    :param outcome: how rendering went, such as ``ok``, ``empty`` or ``failed_checks``.
    :param provider_version: version of this package.
    :param draft: whether it is kept only to be looked at, since its checks failed.
    :raises InvalidValueError: the slug, a bound of the period or a file's name can't be used, or two files have one name.
    """

    report: str
    report_date: date
    period: Mapping[str, str | datetime]
    title: str
    files: Sequence[DraftFile]
    rows: Mapping[str, int]
    run: Mapping[str, Any]
    template_sha256: str = ""
    queries: Mapping[str, str] = field(default_factory=dict)
    checks: Sequence[Mapping[str, Any]] = ()
    outcome: str = "ok"
    provider_version: str = ""
    draft: bool = False

    def __post_init__(self) -> None:
        check_report(self.report)
        _check_bounds(self.plain_period)
        seen: set[str] = set()
        for file in self.files:
            if check_file_name(file.name) in seen:
                raise InvalidValueError("name of an archived file", file.name, "each name once")
            seen.add(file.name)

    @cached_property
    def archived_files(self) -> tuple[ArchivedFile, ...]:
        """The files as the manifest lists them, sorted by name."""
        files = sorted(self.files, key=lambda file: file.name)
        return tuple(file.archived() for file in files)

    @cached_property
    def plain_period(self) -> dict[str, str]:
        """The period in plain JSON."""
        return {
            key: value.isoformat() if isinstance(value, datetime) else value
            for key, value in self.period.items()
        }

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the content: files but for snapshots, title and period, but not who made it when."""
        return self.digest_for(self.plain_period)

    @property
    def period_key(self) -> str:
        """What tells the period from any other, as :class:`Manifest` has it."""
        return _period_key(self.plain_period)

    def digest_for(self, period: Mapping[str, str]) -> str:
        """Return what the digest is where the period is called so."""
        return content_digest(self.archived_files, title=self.title, period=period)


@dataclass(frozen=True)
class Manifest:
    """What a revision is made of, and how it came about. Fields as in :class:`Draft`."""

    report: str
    report_date: date
    period: Mapping[str, str]
    revision: int
    title: str
    created: str
    files: tuple[ArchivedFile, ...]
    digest: str
    rows: Mapping[str, int]
    run: Mapping[str, Any]
    provider_version: str
    template_sha256: str
    queries: Mapping[str, str]
    checks: tuple[Mapping[str, Any], ...]
    outcome: str
    draft: bool = False

    @classmethod
    def of(cls, draft: Draft, *, revision: int, created: datetime) -> Manifest:
        """Return the manifest that the draft has as that revision, created at that instant."""
        return cls(
            report=draft.report,
            report_date=draft.report_date,
            period=draft.plain_period,
            revision=revision,
            title=draft.title,
            created=created.isoformat(timespec="seconds"),
            files=draft.archived_files,
            digest=draft.digest,
            rows=dict(draft.rows),
            run=dict(draft.run),
            provider_version=draft.provider_version,
            template_sha256=draft.template_sha256,
            queries=dict(draft.queries),
            checks=tuple(draft.checks),
            outcome=draft.outcome,
            draft=draft.draft,
        )

    @property
    def releases(self) -> dict[str, str]:
        """The releases that the run ran, ids by name."""
        said = self.run.get("releases")
        return {str(name): str(release) for name, release in said.items()} if isinstance(said, dict) else {}

    @property
    def period_key(self) -> str:
        """What tells the period from any other, such as ``day:2026-03-29:Europe/Berlin``."""
        return _period_key(self.period)

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest as plain JSON."""
        facts = asdict(self)
        facts.update(
            report_date=self.report_date.isoformat(), files=list(facts["files"]), checks=list(facts["checks"])
        )
        return {"schema": SCHEMA, **facts}

    def to_json(self) -> bytes:
        """Return the manifest as the archive holds it."""
        return (json.dumps(self.to_dict(), ensure_ascii=False, indent=2) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, *, uri: str) -> Manifest:
        """
        Return the manifest that these bytes hold.

        :param uri: where they came from, for the error.
        :raises ManifestUnreadableError: they hold none of a schema that this version knows.
        """
        try:
            facts = json.loads(data)
            if facts.pop("schema") != SCHEMA:
                raise ManifestUnreadableError(uri, f"its schema is not {SCHEMA}; upgrade Daybreak")
            _check_shape(facts)
            json.dumps(facts, ensure_ascii=False).encode()  # half of a letter is no text
            facts["report_date"] = date.fromisoformat(facts["report_date"])
            facts["files"] = tuple(ArchivedFile(**file) for file in facts["files"])
            facts["checks"] = tuple(facts["checks"])
            return cls(**facts)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, InvalidValueError) as error:
            detail = "" if isinstance(error, json.JSONDecodeError) else f" ({error})"
            raise ManifestUnreadableError(
                uri, f"it is no manifest{detail}; restore it from a backup"
            ) from error


def _check_shape(facts: Mapping[str, Any]) -> None:
    """
    Make sure that each fact is what those who read it take it for; which facts there are is the class's matter.

    :raises TypeError: one is not.
    :raises ValueError: one is not.
    """
    for name, kind in _SHAPE.items():
        if name in facts and type(facts[name]) is not kind:
            raise TypeError(f"its {name} is {type(facts[name]).__name__}, expected {kind.__name__}")
    check_report(facts["report"])
    if facts["revision"] < 1:
        raise ValueError("its revision is below 1")
    _each(str, "period", (facts["period"][name] for name in ("name", "start", "end", "timezone")))
    date.fromisoformat(facts["created"][:10])
    _check_bounds(facts["period"])
    _each(int, "rows", facts["rows"].values())
    _each(str, "queries", facts["queries"].values())
    _each(dict, "checks", facts["checks"])
    _each(dict, "files", facts["files"])
    for file in facts["files"]:
        check_file_name(file["name"])
        _each(str, "files", (file["media_type"], file["sha256"]))
        _each(int, "files", (file["bytes"],))
        _each(bool, "files", (file.get("snapshot", False),))


def _check_bounds(period: Mapping[str, str]) -> None:
    """
    Make sure that a period begins and ends at an instant.

    :raises InvalidValueError: a bound is none.
    """
    for bound in ("start", "end"):
        try:
            known = datetime.fromisoformat(period[bound]).tzinfo is not None
        except ValueError:
            known = False
        if not known:
            raise InvalidValueError(f"{bound} of a period", period[bound], "an ISO instant with its offset")


def _each(kind: type, name: str, values: Iterable[object]) -> None:
    wrong = next((type(value) for value in values if type(value) is not kind), None)
    if wrong is not None:
        raise TypeError(f"its {name} hold {wrong.__name__}, expected {kind.__name__}")


def _period_key(period: Mapping[str, str]) -> str:
    return f"{period['name']}:{period['start'][:10]}:{period['timezone']}"


def content_digest(files: Sequence[ArchivedFile], *, title: str, period: Mapping[str, str]) -> str:
    """Return the SHA-256 of what a reader gets to see: no snapshots. Files are in order of their names."""
    content = {
        "files": [[file.name, file.media_type, file.sha256] for file in files if not file.snapshot],
        "title": title,
        "period": dict(period),
    }
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def claim_of(content: Draft | Manifest) -> bytes:
    """
    Return what a publisher puts into the folder of a number that it takes for this content.

    Whoever puts the same there joins it, so it stands for every byte, those of snapshots too.
    """
    files = content.archived_files if isinstance(content, Draft) else content.files
    snapshots = {file.name: file.sha256 for file in files if file.snapshot}
    return json.dumps({"digest": content.digest, "snapshots": snapshots, "draft": content.draft}).encode()
