"""What somebody is asked to approve: written down when it is shown, and sent as it was written down."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.exceptions import ApprovalError, ContentChangedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_daybreak.archive import Archive, Manifest
    from airflow_provider_daybreak.delivery.ledger import Entry
    from airflow_provider_daybreak.delivery.mailing import Mailing
    from airflow_provider_daybreak.delivery.sender import Mail
    from airflow_provider_daybreak.storage import StoragePath
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo

APPROVE, REJECT = "Approve", "Reject"
"""What somebody may answer."""

_NAME = "approval.json"
_SHOWN = 50  # reports in a question, and recipients of each


@dataclass(frozen=True)
class Question:
    """
    What somebody has to approve before it is mailed.

    :param subject: one line.
    :param body: Markdown.
    :param manifests: of the reports that the body tells of one by one.
    :param proposal: what an approval sends.
    """

    subject: str
    body: str
    manifests: list[Manifest]
    proposal: ArtifactInfo


class Outline:
    """What a question tells of: the first reports one by one, and how many more there are, so that it can be read."""

    def __init__(self) -> None:
        self._subject = ""
        self._told: list[str] = []
        self._manifests: list[Manifest] = []
        self._reports = 0
        self._mails = 0

    def add(self, mailing: Mailing, mails: Sequence[Mail]) -> None:
        """Add a report, and those of its mails that are to be sent."""
        self._reports += 1
        self._mails += len(mails)
        if self._reports > _SHOWN:
            return
        self._subject = self._subject or mailing.message.subject
        self._told.append(description(mailing, mails))
        self._manifests.append(mailing.manifest)

    def question(self, proposal: ArtifactInfo) -> Question:
        """
        Return the question.

        :param proposal: what an approval sends.
        """
        more = self._reports - len(self._told)
        rest = f"And {more} more reports: all {self._mails} mails stand in `{proposal['uri']}`."
        return Question(
            subject=f"Send {self._subject!r}?" if self._reports == 1 else f"Send {self._reports} reports?",
            body="\n\n".join([*self._told, rest] if more else self._told),
            manifests=self._manifests,
            proposal=proposal,
        )


@dataclass(frozen=True)
class Proposal:
    """
    What was shown, as plain JSON.

    :param request: what to mail to whom, with its templates rendered and its reports pinned to their revisions.
    :param rules: those of the mailing that decide what is sent.
    :param connection: where it goes out.
    :param messages: what each mail says and where it goes, see :meth:`Mailing.shown`.
    :param keys: of the mails to send, in the ledger.
    :param doubtful: of these, those that may have been sent already, and were shown as such.
    """

    request: Mapping[str, Any]
    rules: Mapping[str, Any]
    connection: Mapping[str, Any]
    messages: Sequence[Mapping[str, Any]]
    keys: Sequence[str]
    doubtful: Sequence[str] = ()

    @property
    def approved(self) -> dict[str, bool]:
        """The keys of the mails that may be sent, each with whether it may be sent again."""
        return {key: key in self.doubtful for key in self.keys}

    def store(self, archive: Archive) -> ArtifactInfo:
        """Keep it in the archive, and return what tells it from any other."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        data = json.dumps(values, ensure_ascii=False, default=_plain).encode()
        return archive.store_artifact(_NAME, BytesIO(data)).info()

    @classmethod
    def load(cls, artifact: ArtifactInfo, path: StoragePath) -> Proposal:
        """
        Return what was kept.

        :param path: where the artifact's URI leads.
        :raises ApprovalError: it is gone, or something else lies there.
        """
        try:
            data = storage.read(path)
        except FileNotFoundError as error:
            raise ApprovalError(f"what was shown is gone from {artifact['uri']}") from error
        if sha256(data).hexdigest() != artifact["sha256"]:
            raise ApprovalError(f"what lies at {artifact['uri']} is not what was shown")
        return cls(**json.loads(data))

    def check(self, connection: Mapping[str, Any], messages: Iterable[Mapping[str, Any]]) -> None:
        """
        Refuse to send anything else than was shown.

        :param messages: what would be sent now; others than those of the reports that were shown don't matter.
        :raises ContentChangedError: something would be different.
        """
        approved = {message["report"]: message for message in self.messages}
        here = {key: connection.get(key) for key in self.connection}  # an older version wrote down less
        for message in messages:
            if expected := approved.pop(message["report"], None):
                self._compare(expected, {"connection": here, **json.loads(json.dumps(message))})
        for expected in approved.values():
            self._compare(expected, {"connection": here})

    def _compare(self, approved: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Refuse a message that is not as it was shown."""
        for what, value in {"connection": self.connection, **approved}.items():
            if value != now.get(what):
                raise ContentChangedError(approved["report"], what, *_without_common(value, now.get(what)))


def description(mailing: Mailing, mails: Sequence[Mail]) -> str:
    """Return Markdown of what these mails say and where they go."""
    message, manifest = mailing.message, mailing.manifest
    left_out = [each.name for each in mailing.left_out]
    attached = ", ".join(f"`{each.name}`" for each in message.attachments if each.name not in left_out)
    if left_out:
        attached = f"{attached or 'no attachment'} (too large: {', '.join(f'`{name}`' for name in left_out)})"
    if message.encryption:
        attached += f", which opens with the password of the connection `{message.encryption.connection}`"
    answers = f", answers to {', '.join(map(str, message.reply_to))}" if message.reply_to else ""
    entries = mailing.ledger.entries(mail.key for mail in mails[:_SHOWN])
    people = [f"- {_person(mail, entries[mail.key])}" for mail in mails[:_SHOWN]]
    if len(mails) > _SHOWN:
        people.append(f"- and {len(mails) - _SHOWN} more")
    return "\n\n".join(
        (
            f"**{message.subject}**",
            (
                f"Revision {manifest.revision} of `{manifest.report}` for {manifest.report_date}, digest "
                f"`{manifest.digest[:12]}`, from {message.sender}{answers}, with {attached or 'no attachment'}. "
                f"It goes to {len(mails)}:"
            ),
            "\n".join(people),
        )
    )


def _person(mail: Mail, entry: Entry) -> str:
    """Return whom a mail is for, and what sets it apart from the others."""
    kind = mail.recipient.kind
    correction = "as a correction" if "answers" in mail.facts else ""
    doubt = "may have got it already" if entry.standing == "in_doubt" else ""
    remarks = ", ".join(filter(None, (kind if kind != "to" else "", correction, doubt)))
    subject = mail.facts["subject"] if mail.recipient.message else ""
    return (
        f"{mail.recipient.mailbox}" + (f": {subject}" if subject else "") + (f" ({remarks})" if remarks else "")
    )


def _without_common(before: Any, now: Any) -> tuple[Any, Any]:
    """Return two values, of lists only what the other has not."""
    if not isinstance(before, list) or not isinstance(now, list):
        return before, now
    gone, come = [each for each in before if each not in now], [each for each in now if each not in before]
    return (gone, come) if gone or come else (before, now)


def _plain(value: object) -> object:
    """Return a value that JSON doesn't know: what a mapped task gives is a list that is read when it is asked for."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Iterable) else str(value)
