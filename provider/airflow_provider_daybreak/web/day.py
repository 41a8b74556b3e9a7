"""A report on a day: what it is, what became of it, and how to mend it. FastAPI reads the annotations."""

import logging
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import Depends, Request, Response  # noqa: TID253 - only the API server imports this module
from starlette.exceptions import HTTPException

from airflow_provider_daybreak.archive import Archive, Revision
from airflow_provider_daybreak.context.mail_tasks import mail_connection
from airflow_provider_daybreak.context.questions import answer, open_questions
from airflow_provider_daybreak.delivery.approval import APPROVE, REJECT
from airflow_provider_daybreak.delivery.audit import Record, listed
from airflow_provider_daybreak.delivery.mailing import ledger_of
from airflow_provider_daybreak.delivery.resending import Resending
from airflow_provider_daybreak.delivery.settling import count_as_sent
from airflow_provider_daybreak.exceptions import (
    ArchiveAwayError,
    ArchivedFileChangedError,
    ArchivedFileNotFoundError,
    ArchiveError,
    ManifestUnreadableError,
    QuestionChangedError,
    RevisionNotFoundError,
)
from airflow_provider_daybreak.hooks.delivery import DeliveryHook
from airflow_provider_daybreak.hooks.filling import fillable
from airflow_provider_daybreak.hooks.row import Row
from airflow_provider_daybreak.overview.facts import WORST
from airflow_provider_daybreak.web.access import may_answer, may_change, may_read
from airflow_provider_daybreak.web.calendar import Reading, User, read_report
from airflow_provider_daybreak.web.difference import Line, difference
from airflow_provider_daybreak.web.guard import Form, log_action, sent_form, token_for
from airflow_provider_daybreak.web.keeper import KEEPER
from airflow_provider_daybreak.web.patience import patiently
from airflow_provider_daybreak.web.rendering import page, see

log = logging.getLogger(__name__)

_AROUND = timedelta(days=45)  # within which the day before and the day after are looked for
_MOST_SHOWN = 300  # recipients on a page; those who did not get it come first
_MOST_FILES = 200
_LONGEST = 2_000_000  # bytes of a text that is compared
_ANSWERS = ("approve", "reject")


@dataclass(frozen=True)
class Day:
    """
    What somebody looks at, who may.

    :param row: how the report stands for the date; None where it was not due and nothing was made.
    :param revisions: those that there are, the newest last; none where the archive can't be read.
    :param damaged: by number, what is wrong with those that can't be read.
    :param records: what became of each mail about this date, those first that somebody has to see to; what the index
        knows of them where the archive can't be read.
    :param away: why it can't be, or nothing.
    """

    found: Reading
    day: date
    row: Row | None
    revisions: list[Revision]
    damaged: Mapping[int, str]
    records: list[Record]
    away: str = ""

    @property
    def dag_id(self) -> str:
        """The Dag whose it is, or nothing."""
        return self.found.dag_id

    @property
    def standing(self) -> Revision | None:
        """The revision that stands for the date: the newest that is no draft, or else the newest."""
        return _standing(self.revisions)

    def answerable(self, user: User) -> list[Mapping[str, Any]]:
        """Return the mail tasks that hold mails of this date, and that the user may answer: each by its own Dag."""
        waiting = (each.facts.get("run") for each in self.records if each.standing == "waiting")
        return [run for run in waiting if isinstance(run, dict) and may_answer(user, run.get("dag_id"))]

    def neighbour(self, step: int) -> date | None:
        """Return the last date before this one that has something to show, or with a step of 1 the next."""
        shown = [
            row.report_date
            for row in self.found.rows
            if row.archived
            or row.run
            or (row.due and row.due <= self.found.now and row.standing.state != "not_due")
        ]
        there = [day for day in shown if (day > self.day if step > 0 else day < self.day)]
        return (min(there) if step > 0 else max(there)) if there else None


def _standing(revisions: list[Revision]) -> Revision | None:
    whole = [each for each in revisions if not each.manifest.draft]
    found = whole or revisions
    return found[-1] if found else None


def _rank(standing: str) -> int:
    return WORST.index(standing) if standing in WORST else len(WORST)


def read_day(report: str, report_date: str, user: User) -> Day:
    """
    Return what there is of a report for a date.

    :raises HTTPException: 404 where there is nothing, or a part of it that the user may not read.
    """
    absent = HTTPException(404, "Not found")
    try:
        day = date.fromisoformat(report_date) if len(report_date) == len("2026-03-29") else None
    except ValueError as error:
        raise absent from error
    if day is None or not date(1990, 1, 1) <= day <= date(2200, 1, 1):
        raise absent
    found = read_report(report, user, day - _AROUND, day + _AROUND)
    row = next((row for row in found.rows if row.report_date == day), None)
    archive, away = found.hook.archive, found.hook.index.freshness().problem
    try:
        revisions, damaged, records = patiently(archive.uri, partial(_read, archive, report, day))
        away = "" if revisions else away  # it answers, though the index may be behind
    except (ArchiveAwayError, ArchiveError) as error:
        log.warning("The revisions of %s for %s can't be read: %s", report, day, error)
        revisions, damaged, records, away = [], {}, [], away or str(error)
    if not all(may_read(user, each.manifest.run.get("dag_id")) for each in revisions) or not (
        row or revisions or damaged
    ):
        raise absent
    if away and not revisions and row and row.archived and row.archived.ledger_day:
        known = found.hook.index.mails(report, row.archived.ledger_day)
        records = [Record(each.standing, vars(each), each.key) for each in known]
    mine = [each for each in records if each.report_date == day.isoformat()]
    mine.sort(key=lambda each: (_rank(each.standing), each.recipient, each.occasion))
    return Day(found, day, row, revisions, damaged, mine, away)


def _read(archive: Archive, report: str, day: date) -> tuple[list[Revision], dict[int, str], list[Record]]:
    """Return what the archive has for a date: revisions, by number what is wrong with others, and the ledger."""
    revisions, damaged = [], {}
    for number in archive.numbers(report, day):
        with suppress(RevisionNotFoundError):  # one that is being published
            try:
                revisions.append(archive.revision(report, day, number))
            except ManifestUnreadableError as error:
                damaged[number] = str(error)
    standing = _standing(revisions)
    return revisions, damaged, list(listed(ledger_of(archive, standing.manifest))) if standing else []


Shown = Annotated[Day, Depends(read_day)]


def show_day(request: Request, shown: Shown, user: User) -> Response:
    """Show a report on a day."""
    revision = _chosen(shown, request.query_params.get("revision", ""))
    against, lines = _compared(shown, revision, request.query_params.get("against", ""))
    records = shown.records
    changes = bool(records) and not shown.away and may_change(user, shown.dag_id)
    questions = open_questions(shown.answerable(user))
    return page(
        request,
        "day",
        shown=shown,
        report=shown.found.report,
        row=shown.row,
        revision=revision,
        before=shown.neighbour(-1),
        after=shown.neighbour(1),
        records=records[:_MOST_SHOWN],
        hidden=max(0, len(records) - _MOST_SHOWN),
        changes=changes,
        most_files=_MOST_FILES,
        waits=next((each.facts.get("run") for each in records if each.standing == "waiting"), None),
        questions=questions,
        token=token_for(user) if questions or changes else "",
        answered=request.query_params.get("answered", ""),
        against=against,
        lines=lines,
        fillable=shown.row is not None and _was_due(shown) and fillable(shown.row),
        done=request.query_params.get("done", "")[:6],
        freshness=shown.found.hook.index.freshness(),
    )


def _was_due(shown: Day) -> bool:
    row = shown.row
    return row is not None and row.due is not None and row.due <= shown.found.now


def show_mailing(request: Request, shown: Shown, user: User) -> Response:
    """Show what mailing again, or counting as sent, would do to those who were chosen: one by one, or by how their mails stand."""
    standings = request.query_params.getlist("standing")
    found = [each.key for each in shown.records if each.standing in standings and not each.occasion]
    return _mailing(request, shown, user, [*request.query_params.getlist("key"), *found])


def _mailing(request: Request, shown: Day, user: BaseUser, keys: list[str]) -> Response:
    chosen = chosen_records(shown, keys)
    return page(
        request,
        "mail",
        shown=shown,
        report=shown.found.report,
        revision=shown.standing,
        records=chosen,
        doubtful=[each for each in chosen if each.standing == "in_doubt"],
        token=token_for(user) if may_change(user, shown.dag_id) else "",
        id=secrets.token_hex(6),
    )


def mail(request: Request, shown: Shown, user: User, form: Annotated[Form, Depends(sent_form)]) -> Response:
    """Mail a report again to those who were chosen, or count their mails as sent, and show the day; first, show what that would do."""
    if not may_change(user, shown.dag_id) or shown.standing is None:
        raise HTTPException(404, "Not found")
    if not form.one("do"):  # chosen on the day's page: hundreds of them are too many for an address
        return _mailing(request, shown, user, form.get("key", []))
    reason, id_ = reason_of(form)
    chosen = chosen_records(shown, form.get("key", []))
    done = act(shown, chosen, user, do=form.one("do"), reason=reason, id_=id_)
    KEEPER.look_again()
    return see(request, f"day/{quote(shown.found.report)}/{shown.day}?done={done}")


def answer_held(
    request: Request, shown: Shown, user: User, form: Annotated[Form, Depends(sent_form)]
) -> Response:
    """
    Approve or reject what a mail task holds, as it was shown, and show the day.

    :raises HTTPException: 400 for an answer that is none, 404 where the user may not give it.
    :raises QuestionChangedError: it is no longer asked. Nothing was done.
    """
    given, mark = form.one("answer"), form.one("mark")
    if given not in _ANSWERS:
        raise HTTPException(400, f"Say what to do with it: {' or '.join(_ANSWERS)}.")
    runs = shown.answerable(user)
    if not runs:
        raise HTTPException(404, "Not found")
    question = next((each for each in open_questions(runs) if each.mark == mark), None)
    if question is None:
        raise QuestionChangedError(str(runs[0].get("task_id")), str(runs[0].get("run_id")))
    approved = given == "approve"
    log_action(
        user,
        "approve" if approved else "reject",
        dag_id=question.dag_id,
        task={"run_id": question.run_id, "task_id": question.task_id},
        report=shown.found.report,
        report_date=shown.day.isoformat(),
        subject=question.subject,
    )
    answer(question, APPROVE if approved else REJECT, user=user)
    KEEPER.look_again()
    return see(request, f"day/{quote(shown.found.report)}/{shown.day}?answered={given}")


def reason_of(form: Form) -> tuple[str, str]:
    """
    Return why somebody wants something, and what tells it from the same that is wanted again.

    :raises HTTPException: 400 where nothing is said.
    """
    reason, id_ = form.one("reason"), form.one("id")
    if not reason or len(reason) > 500 or not (id_.isalnum() and len(id_) <= 40):  # noqa: PLR2004 - a sentence
        raise HTTPException(400, "Say why, in a sentence: it is kept in the ledger.")
    return reason, id_


def act(shown: Day, chosen: list[Record], user: User, *, do: str, reason: str, id_: str) -> int:
    """
    Mail a report again to those who were chosen, or count their mails as sent; return how many of them have it now.

    :param do: ``sent`` to count them; they are mailed again otherwise.
    :raises DeliveryError: somebody did not get it, or maybe did not; or none is in doubt.
    """
    name, day, report = user.get_name(), shown.day, shown.found.report
    people = [each.recipient for each in chosen]
    facts: dict[str, Any] = {"report": report, "report_date": day.isoformat(), "to": people, "reason": reason}
    if do == "sent":
        assert shown.standing is not None  # noqa: S101 - where there are records there is a revision
        ledger = ledger_of(shown.found.hook.archive, shown.standing.manifest)
        done = count_as_sent(ledger, [each.key for each in chosen], reason=reason, by=name)
        log_action(user, "count_as_sent", dag_id=shown.dag_id, **{**facts, "to": done})
        return len(done)
    log_action(user, "resend", dag_id=shown.dag_id, **facts, id=id_)
    hook = DeliveryHook(mail_connection(shown.dag_id))
    summary = hook.resend(Resending(report, day, people, reason, name, id_)).summary
    return len(summary.sent) + len(summary.already_sent)


def chosen_records(shown: Day, keys: list[str]) -> list[Record]:
    """
    Return the mails that were chosen.

    :raises HTTPException: 400 where none is, or one is none of this report's on this day.
    """
    known = {each.key: each for each in shown.records if not each.occasion}
    if not keys or not set(keys) <= known.keys():
        raise HTTPException(400, "Choose one recipient at least, of those that the page shows.")
    return [known[key] for key in dict.fromkeys(keys)]


def _chosen(shown: Day, number: str) -> Revision | None:
    wanted = next((each for each in shown.revisions if str(each.number) == number), None)
    if number and wanted is None:
        raise HTTPException(404, "Not found")
    return wanted or shown.standing


def _compared(shown: Day, revision: Revision | None, against: str) -> tuple[str, list[Line] | None]:
    """Return with what a revision is compared, another of the day or the one before, and what is different."""
    if revision is None or not against:
        return "", None
    archive = shown.found.hook.archive
    if against == "before":
        day = shown.neighbour(-1)
        try:
            other = patiently(archive.uri, partial(archive.latest, shown.found.report, day)) if day else None
        except (ArchiveAwayError, ArchiveError) as error:
            log.info("Nothing to compare with: %s", error)
            other = None
        if other is not None and other.manifest.run.get("dag_id") != revision.manifest.run.get("dag_id"):
            other = None  # whoever reads the one may not be let read the other
    else:
        other = _chosen(shown, against)
    before, after = (
        patiently(archive.uri, partial(_text_of, each)) if each else None for each in (other, revision)
    )
    if before is None or after is None:
        return against, None
    return against, difference(before, after)


def _text_of(revision: Revision) -> str | None:
    try:
        if revision.file("report.txt").bytes > _LONGEST:
            return None
        return revision.read("report.txt").decode("utf-8", "replace")
    except (ArchivedFileNotFoundError, ArchivedFileChangedError) as error:
        log.info("Nothing to compare: %s", error)
        return None
