"""Mails of a day in pairs, what the old job sent beside what the Dag captured, with a verdict on each."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Literal

from airflow_provider_daybreak.cli.shadowing.tokens import RANK, Difference, compare, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from airflow_provider_daybreak.cli.shadowing.letters import Letter
    from airflow_provider_daybreak.cli.shadowing.tokens import Tolerance

Outcome = Literal["same", "close", "different", "only the old job", "only the Dag", "no log"]
GOOD = frozenset({"same", "close"})

_CRONS = re.compile(r"Cron(?: <[^>]*> .*|: .*)", re.DOTALL)
_TEXTS = (".csv", ".txt", ".json", ".html", ".xml", ".md", ".tsv")
_PDF_TIMES = re.compile(rb"/(?:CreationDate|ModDate) ?\([^)]*\)|/ID ?\[[^\]]*\]|<xmp:\w+Date>[^<]*")


@dataclass(frozen=True)
class Pair:
    """
    What became of a comparison.

    :param what: the part that differs most; nothing where none does.
    :param before: what the old job has there, and ``after`` what the Dag has.
    """

    day: date | None
    subject: str
    outcome: Outcome
    what: str = ""
    before: str = ""
    after: str = ""

    def facts(self) -> dict[str, str]:
        """Return it as plain JSON, and as a row of a table."""
        return {
            "date": str(self.day or ""),
            "subject": self.subject,
            "outcome": self.outcome,
            "what": self.what,
            "old": self.before,
            "dag": self.after,
        }


def kind_of(subject: str) -> str:
    """Return what mails of one kind have alike in their subjects: the words, and of all that cron mails the same."""
    return "cron" if _CRONS.fullmatch(subject) else plain(subject)


def pairs(
    day: date | None, old: Sequence[Letter], new: Sequence[Letter], tolerance: Tolerance
) -> Iterator[Pair]:
    """
    Yield a verdict on each mail of a day.

    :param old: what the old job sent.
    :param new: what the Dag captured.
    """
    waiting: dict[object, list[Letter]] = {}
    for each in new:
        waiting.setdefault(_sameness(each), []).append(each)
    rest: list[Letter] = []
    for one in old:  # first those that leave nothing to be said: a day may have thousands
        if matches := waiting.get(_sameness(one)):
            yield Pair(day, matches.pop().subject, "same")
        else:
            rest.append(one)
    left = [each for matches in waiting.values() for each in matches]
    for one in rest:
        alike = [each for each in left if kind_of(each.subject) == kind_of(one.subject)]
        alike = [each for each in alike if each.to == one.to] or alike
        best = min(alike, key=lambda each: _far(day, one, each, tolerance), default=None)
        if best is None and len(rest) == len(left) == 1:
            best = left[0]
        if best is None:
            yield Pair(day, one.subject, "only the old job")
        else:
            left.remove(best)
            yield _judged(day, one, best, tolerance)
    for each in left:
        yield Pair(day, each.subject, "only the Dag")


def _sameness(letter: Letter) -> object:
    """Return what two mails have alike between which nothing differs."""
    subject = "cron" if kind_of(letter.subject) == "cron" else " ".join(letter.subject.split())
    files = frozenset((name, sha256(data).digest()) for name, data in letter.files.items())
    return subject, letter.to, " ".join(letter.text.split()), letter.html, files


def _far(day: date | None, one: Letter, other: Letter, tolerance: Tolerance) -> tuple[int, int]:
    return RANK[_judged(day, one, other, tolerance).outcome], -len(one.to & other.to)


def _judged(day: date | None, old: Letter, new: Letter, tolerance: Tolerance) -> Pair:
    """Return the verdict on two mails: that of their worst part."""
    worst = max(_parts(old, new, tolerance), key=lambda part: RANK[part[1].verdict])
    what, difference = worst
    if difference.verdict == "same":
        return Pair(day, new.subject, "same")
    return Pair(day, new.subject, difference.verdict, what, difference.before, difference.after)


def _parts(old: Letter, new: Letter, tolerance: Tolerance) -> Iterator[tuple[str, Difference]]:
    cron = kind_of(old.subject) == kind_of(new.subject) == "cron"
    yield "subject", Difference("same") if cron else compare(old.subject, new.subject, tolerance)
    if old.to != new.to:
        yield "recipients", Difference("different", ", ".join(sorted(old.to)), ", ".join(sorted(new.to)))
    for what, before, after in (("text", old.text, new.text), ("HTML", old.html, new.html)):
        if what == "text" and not (before.strip() and after.strip()) and old.html and new.html:
            continue  # one of both has none beside its HTML
        yield what, compare(before, after, tolerance)
    names, others = sorted(old.files), sorted(new.files)
    listed = compare(" ; ".join(names), " ; ".join(others), tolerance)
    yield "names of attachments", listed
    if listed.verdict != "different":
        for name, other in zip(names, others, strict=True):
            yield f"attachment {other}", _files(name, old.files[name], new.files[other], tolerance)


def _files(name: str, before: bytes, after: bytes, tolerance: Tolerance) -> Difference:
    """Return how two files stand to each other."""
    if before == after:
        return Difference("same")
    if name.lower().endswith(_TEXTS):
        return compare(before.decode("utf-8", "replace"), after.decode("utf-8", "replace"), tolerance)
    if before.startswith(b"%PDF") and after.startswith(b"%PDF"):
        before, after = (_PDF_TIMES.sub(b"", each) for each in (before, after))
    elif zipfile.is_zipfile(BytesIO(before)) and zipfile.is_zipfile(BytesIO(after)):
        return _archives(before, after, tolerance)
    if before == after:
        return Difference("same")
    return Difference("different", f"{len(before):,} bytes", f"{len(after):,} other bytes")


_MOST = 50_000_000  # bytes of what is in a zip


def _archives(before: bytes, after: bytes, tolerance: Tolerance) -> Difference:
    """Return how two zips stand to each other, as workbooks are: by what is in them, but for who made them when."""
    with zipfile.ZipFile(BytesIO(before)) as old, zipfile.ZipFile(BytesIO(after)) as new:
        if sum(each.file_size for box in (old, new) for each in box.infolist()) > _MOST:
            return Difference("different", "too large to be looked into", "too large to be looked into")
        names, others = (sorted(set(box.namelist()) - {"docProps/core.xml"}) for box in (old, new))
        if names != others:
            return Difference("different", ", ".join(names), ", ".join(others))
        found = Difference("same")
        for name in names:
            one, other = old.read(name), new.read(name)
            if one != other:
                part = compare(one.decode("utf-8", "replace"), other.decode("utf-8", "replace"), tolerance)
                found = max(found, part, key=lambda each: RANK[each.verdict])
        return found


def blocks(
    runs: Mapping[date, Sequence[str] | None], log: Sequence[str], tolerance: Tolerance
) -> Iterator[Pair]:
    """
    Yield a verdict on what each run printed: whether the old job's log has the same lines, one after another.

    :param runs: by report date, the lines that a run printed; None where nobody knows.
    :param log: the lines of the old job's log, of all of its runs.
    """
    places: dict[str, list[int]] = {}
    for number, line in enumerate(log):
        places.setdefault(plain(line), []).append(number)
    after = 0
    for day in sorted(runs):
        lines = runs[day]
        if lines is None:
            yield Pair(day, "(its log is not found here)", "no log")
            continue
        if not any(line.strip() for line in lines):
            yield Pair(day, "(it printed nothing)", "same")
            continue
        text = "\n".join(lines)
        found: tuple[int, Difference] | None = None
        for start in (place for place in places.get(plain(lines[0]), ()) if place >= after):
            difference = compare("\n".join(log[start : start + len(lines)]), text, tolerance)
            if found is None or RANK[difference.verdict] < RANK[found[1].verdict]:
                found = (start, difference)
            if difference.verdict == "same":
                break
        subject = f"{len(lines)} lines"
        if found is None:
            yield Pair(day, subject, "only the Dag", "output", "", lines[0])
            continue
        start, difference = found
        if difference.verdict == "different":
            yield Pair(day, subject, "different", "output", difference.before, difference.after)
        else:
            after = start + len(lines)
            yield Pair(
                day,
                subject,
                difference.verdict,
                "output" if difference.before else "",
                difference.before,
                difference.after,
            )
