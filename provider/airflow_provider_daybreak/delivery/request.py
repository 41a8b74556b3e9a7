"""What somebody wants mailed, and the messages that it makes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
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
    sender = parse_sender(request.from_email, name="from_email") if request.from_email else settings.sender
    messages = [
        Message(
            sender,
            request.subject or revision.manifest.title,
            revision,
            attachments=_renamed(attached_files(attachments, revision), request.attachment_names, revision),
            recipients=group,
            reply_to=[sending_mailbox(each, name="reply_to") for each in parse_recipients(request.reply_to)],
            unsubscribe=_urls(request.unsubscribe),
            further=_mapping("headers", request.headers, "a mapping of names to values"),
            own_sender=bool(request.from_email),
        )
        for revision, group in by_report(recipients, revisions)
    ]
    for message in messages:
        message.common_head()  # what can't be in a header shows before anything is sent
        for recipient in message.recipients:
            message.own_head(recipient)
    return messages


def script_message(
    request: MailRequest, settings: MailSettings, revision: Revision, ledger: Ledger, *, occasion: str
) -> CapturedMessage | None:
    """Return the message of what a script mailed, or None where the revision is something else."""
    mails = captured_mails(revision)
    if not mails:
        return None
    for name in (
        "to",
        "cc",
        "bcc",
        "from_email",
        "subject",
        "attachments",
        "attachment_names",
        "reply_to",
        "headers",
        "unsubscribe",
    ):
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


def _renamed(attachments: Sequence[Attachment], given: object, revision: Revision) -> list[Attachment]:
    """
    Return the attachments with the names that they are to have in the mail.

    :param given: a name for each name that they have; or one text for all.
    """
    wanted = (
        given if isinstance(given, str) else _mapping("attachment_names", given, "text, or a mapping of names")
    )
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
