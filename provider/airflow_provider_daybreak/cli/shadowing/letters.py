"""Mails as they are compared: what a Dag captured, and what the old job sent, from a folder or a mailbox."""

from __future__ import annotations

import mailbox
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from email import message_from_bytes
from email.utils import getaddresses, parsedate_to_datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from airflow_provider_daybreak.delivery.audit import records_of
from airflow_provider_daybreak.delivery.captured import captured_mails
from airflow_provider_daybreak.delivery.ledger import Ledger
from airflow_provider_daybreak.delivery.mailing import ledger_day
from airflow_provider_daybreak.delivery.raw_message import parts_of, subject_of
from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import date
    from pathlib import Path

    from airflow_provider_daybreak.archive import Archive, Revision

_HEAD = 64 * 1024  # bytes
_MOST = 200_000  # mails of a folder
_FIELDS = re.compile(rb"\A(?:[!-9;-~]+:[^\n]*\r?\n(?:[ \t][^\n]*\r?\n)*){2,}\r?\n")
_ESCAPED = re.compile(rb"^>(>*From )", re.MULTILINE)
"""How an mbox writes a line that would begin another mail."""


@dataclass(frozen=True)
class Letter:
    """
    What a reader sees of a mail.

    :param when: its Date; None where it has none.
    :param to: addresses of To and Cc, in lower case.
    :param html: the text that its HTML shows.
    :param source: where it lies.
    """

    subject: str
    when: datetime | None
    to: frozenset[str]
    text: str
    html: str
    files: Mapping[str, bytes] = field(repr=False)
    source: str = field(default="", compare=False)

    @property
    def content(self) -> tuple[object, ...]:
        """What tells it from others, but for who gets it."""
        return (self.subject, self.text, self.html, tuple(sorted(self.files.items())))


def letter_of(data: bytes, source: str) -> Letter:
    """Return a mail, as far as it can be read."""
    message = message_from_bytes(data.partition(b"\n\n")[0][:_HEAD] + b"\n\n")
    people = getaddresses([str(each) for name in ("To", "Cc") for each in message.get_all(name, [])])
    parts = parts_of(data, "")
    return Letter(
        subject_of(data),
        _date(str(message.get("Date", ""))),
        frozenset(address.lower() for _, address in people if address),
        parts.text or "",
        shown(parts.html or ""),
        dict(parts.files),
        source,
    )


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def each_once(letters: Iterable[Letter]) -> list[Letter]:
    """Return letters without copies of the same for others, each to all who got one."""
    found: dict[tuple[object, ...], Letter] = {}
    for letter in letters:
        known = found.get(letter.content)
        found[letter.content] = replace(known, to=known.to | letter.to) if known else letter
    return list(found.values())


def is_mail(path: Path) -> bool:
    """Return whether a path is of mails: a folder, a mailbox file or a single mail. Else it is a log."""
    if path.is_dir():
        return True
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return head.startswith(b"From ") or path.suffix == ".eml" or _FIELDS.match(head) is not None


def read_letters(path: Path) -> Iterator[Letter]:
    """
    Yield the mails of a folder of ``.eml`` files, a Maildir, an mbox or a single file.

    :raises InvalidValueError: it has more than can be looked at.
    """
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file() and _may_be_mail(each, path))
        if len(files) > _MOST:
            raise InvalidValueError("--with", str(path), f"a folder of at most {_MOST:,} mails")
        for file in files:
            yield letter_of(unix_lines(file.read_bytes()), str(file))
        return
    with path.open("rb") as stream:
        boxed = stream.read(5) == b"From "
    if not boxed:
        yield letter_of(unix_lines(path.read_bytes()), str(path))
        return
    box = mailbox.mbox(path, create=False)
    try:
        for number, key in enumerate(box.keys(), 1):
            data = _ESCAPED.sub(rb"\1", box.get_bytes(key))
            yield letter_of(unix_lines(data), f"{path} number {number}")
    finally:
        box.close()


def _may_be_mail(file: Path, top: Path) -> bool:
    """Return whether a file of a folder is a mail: an ``.eml``, or in ``new`` or ``cur`` of a Maildir, whose names say nothing."""
    inside = file.relative_to(top).parts
    return file.suffix in (".eml", ".msg", ".txt") or file.parent.name in ("new", "cur") or len(inside) == 1


def unix_lines(data: bytes) -> bytes:
    """Return a mail with its lines ended as files have them, as ``letter_of`` takes it."""
    return data.replace(b"\r\n", b"\n")


def captured_letters(archive: Archive, revision: Revision, read: Callable[[str], bytes]) -> Iterator[Letter]:
    """
    Yield the mails that a Dag in shadow would have sent of a revision.

    :param read: returns what lies at a URI of the archive.
    """
    mails = captured_mails(revision)
    for mail in mails.values():
        letter = letter_of(unix_lines(revision.read(mail.message)), f"{revision.uri} {mail.message}")
        yield letter if letter.to else replace(letter, to=frozenset(each.lower() for each in mail.recipients))
    if mails:
        return
    manifest = revision.manifest
    ledger = Ledger(archive.deliveries(manifest.report, ledger_day(manifest)))
    for record in records_of(ledger):
        same = (record.report_date, record.facts.get("revision")) == (
            str(manifest.report_date),
            manifest.revision,
        )
        if same and (uri := record.facts.get("eml")):
            yield letter_of(unix_lines(read(str(uri))), str(uri))


def captured_revisions(
    archive: Archive, dag_id: str, since: date | None, until: date | None
) -> Iterator[Revision]:
    """Yield the newest revision for each report date of each report of a Dag."""
    for report in archive.reports():
        if archive.owner(report) == dag_id:
            newest: dict[tuple[date, str], Revision] = {}
            for revision in archive.revisions(report, since=since, until=until):
                if not revision.manifest.draft:
                    newest[revision.manifest.report_date, revision.manifest.period_key] = revision
            yield from newest.values()


class _Shown(HTMLParser):
    """Collects the text that HTML shows."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("style", "script", "head")
        alt = dict(attrs).get("alt") if tag == "img" else None
        self.found.append(f" {alt or ''} " if tag not in ("b", "i", "em", "strong", "span", "a") else "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "script", "head") and self._hidden > 0
        self.found.append("" if tag in ("b", "i", "em", "strong", "span", "a") else " ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)


def shown(html: str) -> str:
    """Return the text that HTML shows, in one line."""
    parser = _Shown()
    parser.feed(html)
    parser.close()
    return " ".join("".join(parser.found).split())
