"""What somebody wants mailed, and the messages that it makes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.delivery.attachments import Attachment
from airflow_provider_daybreak.delivery.captured import CapturedMessage, captured_mails, recipients_of
from airflow_provider_daybreak.delivery.message import Message
from airflow_provider_daybreak.delivery.placeholders import filled
from airflow_provider_daybreak.delivery.recipients import (
    check_domains,
    choose_recipients,
    parse_recipients,
    parse_sender,
    sending_mailbox,
)
from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from email.headerregistry import Address

    from airflow_provider_daybreak.archive import Manifest, Revision
    from airflow_provider_daybreak.delivery.encryption import Encryption
    from airflow_provider_daybreak.delivery.ledger import Ledger
    from airflow_provider_daybreak.delivery.recipients import Recipient
    from airflow_provider_daybreak.delivery.server import Server

_NAMED = 10  # reports that an error names


@dataclass(frozen=True)
class MailSettings:
    """
    What a connection says of the mails that go out over it.

    :param connection: its id.
    :param server: how to reach the server.
    :param sender: whom mails are from.
    :param default_recipients: who gets mails that name nobody.
    :param allowed_domains: the only domains that may be mailed; any when empty.
    :param redirect_all_to: the one address that gets all mails instead, for trials.
    """

    connection: str
    server: Server
    sender: Address
    default_recipients: object = ()
    allowed_domains: Sequence[str] = ()
    redirect_all_to: str | None = None

    def place(self) -> dict[str, Any]:
        """Return where mails go out, as plain JSON."""
        server = self.server
        return {
            "id": self.connection,
            "server": f"{server.host}:{server.port}",
            "login": server.login,
            "security": server.security if server.verify else f"{server.security}, not verified",
        }


@dataclass(frozen=True)
class MailRequest:
    """
    What to mail to whom, as an operator was told. Nothing of it is checked yet.

    What isn't told here is as :class:`ReportEmailOperator` has it.

    :param from_email: whom it is from, when not from the connection's sender.
    :param unsubscribe: URLs of List-Unsubscribe.
    :param refused: who was refused before, with the reasons.
    """

    report: object
    to: object = ()
    cc: object = ()
    bcc: object = ()
    from_email: str | None = None
    subject: str | None = None
    attachments: object = None
    attachment_names: object = None
    encrypt: object = None
    reply_to: object = ()
    headers: object = None
    unsubscribe: object = ()
    allowed_domains: Sequence[str] = ()
    redirect_all_to: str | None = None
    refused: Mapping[str, str] = field(default_factory=dict)

    def pinned(self, revisions: Iterable[str]) -> dict[str, Any]:
        """
        Return it with revisions in place of results and slugs, which may mean others later.

        :param revisions: their URIs.
        """
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "report": [{"manifest": uri} for uri in revisions]}


class ReportMessages(Mapping[str, Message]):
    """
    The message of each report, with those who get it. It is made whenever it is asked for, and kept by nobody here.

    :param revisions: by report.
    :param attachments: what the request's are, see :func:`attached_files`.
    :param encryption: what they open with.
    :raises InvalidValueError: there is none to encrypt, though that was asked for; or a recipient has no report.
    :raises RecipientNotAllowedError: somebody may not be mailed.
    """

    def __init__(
        self,
        request: MailRequest,
        settings: MailSettings,
        revisions: Mapping[str, Revision],
        attachments: Sequence[str | Attachment],
        *,
        encryption: Encryption | None = None,
    ) -> None:
        if encryption and not request.attachments:
            expected = "at least one PDF or workbook, since encrypt= leaves the mail's own text in clear"
            raise InvalidValueError("attachments", request.attachments, expected)
        recipients = choose_recipients(
            request.to,
            request.cc,
            request.bcc,
            default=settings.default_recipients,
            allowed_domains=request.allowed_domains,
        )
        check_domains(recipients, settings.allowed_domains)
        self._groups = by_report(recipients, revisions)
        self._request = request
        self._revisions = revisions
        self._attachments = attachments
        self._encryption = encryption
        self._sender = (
            parse_sender(request.from_email, name="from_email") if request.from_email else settings.sender
        )
        self._reply_to = [sending_mailbox(each, name="reply_to") for each in parse_recipients(request.reply_to)]
        self._unsubscribe = _urls(request.unsubscribe)
        self._further = _mapping("headers", request.headers, "a mapping of names to values")

    def __getitem__(self, report: str) -> Message:
        request, revision = self._request, self._revisions[report]
        return Message(
            self._sender,
            request.subject or revision.manifest.title,
            revision,
            attachments=_renamed(
                attached_files(self._attachments, revision),
                request.attachment_names,
                revision,
                complete=not _lacks_some(request.attachments),
            ),
            recipients=self._groups[report],
            reply_to=self._reply_to,
            unsubscribe=self._unsubscribe,
            further=self._further,
            own_sender=bool(request.from_email),
            encryption=self._encryption,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)

    def check(self) -> None:
        """
        Make sure of all that shows before anything is sent: what can't be in a header, or can't be encrypted.

        :raises InvalidValueError: something can't be in a header.
        :raises ArchivedFileNotFoundError: a revision has no file of an attachment's name.
        :raises AttachmentNotEncryptableError: one of the files can't be.
        """
        for message in self.values():
            message.common_head()
            for recipient in message.recipients:
                message.own_head(recipient)
            for attachment in message.attachments:
                if self._encryption:
                    self._encryption.check(attachment)


def script_messages(
    request: MailRequest,
    settings: MailSettings,
    revisions: Iterable[Revision],
    ledger_of: Callable[[Manifest], Ledger],
    *,
    occasion: str,
) -> dict[str, Message]:
    """
    Return the message of each revision of what a script mailed. Who gets which of them is settled by the ledger, once.

    :param ledger_of: returns the ledger of a report's period.
    """
    return {
        revision.manifest.report: _script_message(
            request, settings, revision, ledger_of(revision.manifest), occasion=occasion
        )
        for revision in revisions
    }


def _script_message(
    request: MailRequest, settings: MailSettings, revision: Revision, ledger: Ledger, *, occasion: str
) -> CapturedMessage:
    mails = captured_mails(revision)
    for name in (
        "to",
        "cc",
        "bcc",
        "from_email",
        "subject",
        "attachments",
        "attachment_names",
        "encrypt",
        "reply_to",
        "headers",
        "unsubscribe",
    ):
        given = getattr(request, name)
        if given or (name == "encrypt" and given is not None):  # an id that came out empty asks for it too
            expected = "nothing: what a script mailed goes out as it wrote it, to whom it wrote"
            raise InvalidValueError(name, given, expected)
    manifest = revision.manifest
    recipients = recipients_of(mails.values(), manifest, ledger, occasion=occasion)
    check_domains(recipients, request.allowed_domains)
    check_domains(recipients, settings.allowed_domains)
    return CapturedMessage(settings.sender, manifest.title, revision, recipients=recipients, mails=mails)


def by_report(recipients: Sequence[Recipient], reports: Collection[str]) -> dict[str, list[Recipient]]:
    """
    Return each report that somebody gets, with those who do, in the order of the reports.

    :raises InvalidValueError: a recipient names none of several reports, or one that isn't there.
    """
    groups: dict[str, list[Recipient]] = {}
    only = next(iter(reports)) if len(reports) == 1 else None
    for recipient in recipients:
        report = recipient.report or only
        if report is None or report not in reports:
            raise InvalidValueError(f"report of the recipient {recipient.address}", report, _some_of(reports))
        groups.setdefault(report, []).append(recipient)
    return {report: groups[report] for report in reports if report in groups}


def _some_of(reports: Collection[str]) -> str:
    """Return which reports there are, for an error: thousands would hide what it says."""
    few = list(islice(reports, _NAMED))
    return f"one of {', '.join(few)}" + (f" and {len(reports) - _NAMED} more" if len(reports) > _NAMED else "")


def attached_files(given: Iterable[str | Attachment], revision: Revision) -> list[Attachment]:
    """
    Return the files to attach.

    :param given: each as such, or as the name of a file of the revision.
    :raises ArchivedFileNotFoundError: the revision has no file of that name.
    """
    return [one if isinstance(one, Attachment) else _of_revision(one, revision) for one in given]


def _of_revision(name: str, revision: Revision) -> Attachment:
    file = revision.file(name)
    uri = f"{revision.uri.rpartition('/')[0]}/{name}"
    return Attachment(
        name.rpartition("/")[2], file.media_type, uri, revision.path(name), file.sha256, file.bytes
    )


def _lacks_some(given: object) -> bool:
    """Return whether the task of one of the attachments was skipped."""
    return isinstance(given, (list, tuple)) and None in given


def _renamed(
    attachments: Sequence[Attachment], given: object, revision: Revision, *, complete: bool
) -> list[Attachment]:
    """
    Return the attachments with the names that they are to have in the mail.

    :param given: a name for each name that they have; or one text for all.
    :param complete: whether all that were to be attached are there, so that there is no other name.
    :raises InvalidValueError: it names what is not attached, or gives a name that no file can have.
    """
    wanted = (
        given if isinstance(given, str) else _mapping("attachment_names", given, "text, or a mapping of names")
    )
    there = [each.name for each in attachments]
    if isinstance(wanted, Mapping) and complete and there and (unknown := sorted(wanted.keys() - set(there))):
        raise InvalidValueError("name in attachment_names", unknown[0], f"one of {', '.join(there)}")
    manifest = revision.manifest
    found: list[Attachment] = []
    for each in attachments:
        text = wanted if isinstance(wanted, str) else wanted.get(each.name)
        stem, dot, suffix = each.name.rpartition(".")
        values = {
            "name": each.name,
            "stem": stem if dot else each.name,
            "suffix": dot + suffix if dot else "",
            "report": manifest.report,
            "report_date": manifest.report_date,
            "revision": manifest.revision,
        }
        name = filled("attachment_names", text, values) if text else each.name
        if "/" in name or name in [other.name for other in found]:
            raise InvalidValueError("attachment_names", name, "a file name without a folder, each once")
        found.append(replace(each, name=name))
    return found


def _mapping(name: str, given: object, expected: str) -> Mapping[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidValueError(name, given, expected)
    return given


def _urls(given: object) -> list[str]:
    """Return the URLs of List-Unsubscribe: https or mailto, and no character that would end one."""
    urls = [given] if isinstance(given, str) and given else list(given) if isinstance(given, Iterable) else []
    for url in urls:
        if not isinstance(url, str) or not re.fullmatch(r"(https://|mailto:)[^\s<>,\"]+", url):
            raise InvalidValueError("list_unsubscribe", url, "https://… or mailto:… URLs")
    return urls
