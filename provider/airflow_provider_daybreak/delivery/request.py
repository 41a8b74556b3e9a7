"""What somebody wants mailed, and the messages that it makes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.delivery.attachments import Attachment
from airflow_provider_daybreak.delivery.captured import CapturedMessage, captured_mails, recipients_of
from airflow_provider_daybreak.delivery.message import Message
from airflow_provider_daybreak.delivery.recipients import (
    check_domains,
    choose_recipients,
    parse_recipients,
    sending_mailbox,
)
from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from email.headerregistry import Address

    from airflow_provider_daybreak.archive import Revision
    from airflow_provider_daybreak.delivery.ledger import Ledger
    from airflow_provider_daybreak.delivery.recipients import Recipient
    from airflow_provider_daybreak.delivery.server import Server


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

    :param unsubscribe: URLs of List-Unsubscribe.
    :param refused: who was refused before, with the reasons.
    """

    report: object
    to: object = ()
    cc: object = ()
    bcc: object = ()
    subject: str | None = None
    attachments: object = None
    reply_to: object = ()
    headers: object = None
    unsubscribe: object = ()
    allowed_domains: Sequence[str] = ()
    redirect_all_to: str | None = None
    refused: Mapping[str, str] = field(default_factory=dict)

    def pinned(self, revisions: Iterable[Revision]) -> dict[str, Any]:
        """Return it with these revisions in place of results and slugs, which may mean others later."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "report": [{"manifest": revision.uri} for revision in revisions]}


def report_messages(
    request: MailRequest,
    settings: MailSettings,
    revisions: Mapping[str, Revision],
    attachments: Sequence[str | Attachment],
) -> list[Message]:
    """
    Return the message of each report, with those who get it.

    :param attachments: what the request's are, see :func:`attached_files`.
    """
    recipients = choose_recipients(
        request.to,
        request.cc,
        request.bcc,
        default=settings.default_recipients,
        allowed_domains=request.allowed_domains,
    )
    check_domains(recipients, settings.allowed_domains)
    messages = [
        Message(
            settings.sender,
            request.subject or revision.manifest.title,
            revision,
            attachments=attached_files(attachments, revision),
            recipients=group,
            reply_to=[sending_mailbox(each, name="reply_to") for each in parse_recipients(request.reply_to)],
            unsubscribe=_urls(request.unsubscribe),
            further=_further(request.headers),
        )
        for revision, group in by_report(recipients, revisions)
    ]
    for message in messages:
        message.common_head()  # what can't be in a header shows before anything is sent
    return messages


def script_message(
    request: MailRequest, settings: MailSettings, revision: Revision, ledger: Ledger, *, occasion: str
) -> CapturedMessage | None:
    """Return the message of what a script mailed, or None where the revision is something else."""
    mails = captured_mails(revision)
    if not mails:
        return None
    for name in ("to", "cc", "bcc", "subject", "attachments", "reply_to", "headers", "unsubscribe"):
        if getattr(request, name):
            expected = "nothing: what a script mailed goes out as it wrote it, to whom it wrote"
            raise InvalidValueError(name, getattr(request, name), expected)
    manifest = revision.manifest
    recipients = recipients_of(mails.values(), manifest, ledger, occasion=occasion)
    check_domains(recipients, request.allowed_domains)
    check_domains(recipients, settings.allowed_domains)
    return CapturedMessage(settings.sender, manifest.title, revision, recipients=recipients, mails=mails)


def by_report(
    recipients: Sequence[Recipient], revisions: Mapping[str, Revision]
) -> list[tuple[Revision, list[Recipient]]]:
    """
    Return each revision with those who get it.

    :raises InvalidValueError: a recipient names none of several reports, or one that isn't there.
    """
    groups: dict[str, list[Recipient]] = {report: [] for report in revisions}
    only = next(iter(revisions)) if len(revisions) == 1 else None
    for recipient in recipients:
        report = recipient.report or only
        if report not in groups:
            raise InvalidValueError(
                f"report of the recipient {recipient.address}", report, "one of " + ", ".join(revisions)
            )
        groups[report].append(recipient)
    return [(revisions[report], group) for report, group in groups.items() if group]


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


def _further(given: object) -> Mapping[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidValueError("headers", given, "a mapping of names to values")
    return given


def _urls(given: object) -> list[str]:
    """Return the URLs of List-Unsubscribe: https or mailto, and no character that would end one."""
    urls = [given] if isinstance(given, str) and given else list(given) if isinstance(given, Iterable) else []
    for url in urls:
        if not isinstance(url, str) or not re.fullmatch(r"(https://|mailto:)[^\s<>,\"]+", url):
            raise InvalidValueError("list_unsubscribe", url, "https://… or mailto:… URLs")
    return urls
