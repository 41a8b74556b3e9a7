"""Errors of delivery: recipients, mails, servers and the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions.base import DaybreakError, shown

if TYPE_CHECKING:
    from collections.abc import Sequence


class DeliveryError(DaybreakError):
    """A mail that was not, or not surely, sent."""


class NoRecipientsError(DeliveryError, permanent=True):
    """A mail to nobody."""

    def __str__(self) -> str:
        return (
            "No recipients: 'to', 'cc' and 'bcc' are empty, and the connection has no default_recipients in its "
            "extra. Name at least one address in either (EMAIL_RECEIVER of a .env file sets the default)."
        )


class EmptyRecipientsError(NoRecipientsError):
    """A mail to a list of recipients that was given, and has nobody in it."""

    def __str__(self) -> str:
        return (
            "Nobody to mail: the list of recipients that was given is empty, and the connection has no "
            "default_recipients in its extra. Look at what makes the list if it should name somebody."
        )


class RecipientNotAllowedError(DeliveryError, permanent=True):
    """Recipients outside of the allowed domains. Nothing was sent to anybody."""

    addresses: tuple[str, ...]
    allowed: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"Not allowed to mail {_some(self.addresses)}: allowed_domains are {', '.join(self.allowed)}. "
            f"Nothing was sent. Remove the recipients, or allow their domains."
        )


class ShadowError(DeliveryError, permanent=True):
    """A Dag that runs beside the job which it is to replace, and what can't be done about that."""


class CutoverError(ShadowError):
    """A switch from an old job to its Dag that can't be made. The old place is as it was."""

    dag_id: str
    problem: str
    next_step: str

    def __str__(self) -> str:
        return f"Cannot cut over to the Dag {self.dag_id!r}: {self.problem}. {self.next_step}."


class MailboxError(ShadowError):
    """A folder of mails on an IMAP server that can't be read. It is as it was."""

    host: str
    port: int
    problem: str
    next_step: str

    def __str__(self) -> str:
        return f"Cannot read mails at {self.host}:{self.port}: {self.problem}. {self.next_step}."


class DagInShadowError(ShadowError):
    """Something that would mail for a Dag which mails nobody yet. Nothing was sent."""

    dag_id: str
    what: str

    def __str__(self) -> str:
        return (
            f"Cannot {self.what}: the Dag {self.dag_id!r} is in shadow, and mails nobody. End that by "
            f"'airflow daybreak cutover {self.dag_id}' once the old job no longer runs."
        )


class ShadowUnreadableError(ShadowError):
    """The file that says which days a Dag mails, which is damaged. Nothing was sent."""

    uri: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot tell which days are the Dag's to mail: {self.uri} can't be read ({self.problem}). Restore it from a backup, "
            "or remove it and call 'airflow daybreak shadow start' again before the next run; without it the Dag mails."
        )


class NobodyAllowedError(RecipientNotAllowedError):
    """Recipients all of whom are outside of the allowed domains, as where mail is kept within a house."""


class AttachmentChangedError(DeliveryError, permanent=True):
    """An attachment that is gone, or has other bytes than those that were recorded. Nothing was sent."""

    name: str
    uri: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot attach {self.name!r}: {self.problem} at {self.uri}. Nothing was sent. "
            f"Make the file again by clearing the task that made it."
        )


class AttachmentNotEncryptableError(DeliveryError, permanent=True):
    """An attachment that can't be encrypted, though that was asked for. Nothing was sent."""

    name: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot encrypt the attachment {self.name!r}: {self.problem}. Nothing was sent. "
            f"Attach it as a PDF or a workbook (.xlsx), or mail it by a task without encrypt."
        )


class EncryptionPasswordError(DeliveryError, permanent=True):
    """A connection whose password is none to encrypt with. Holds no password. Nothing was sent."""

    connection: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot encrypt attachments with the connection {self.connection!r}: {self.problem}. Nothing was sent. Set "
            f"a password of 12 or more letters, digits and signs that the recipients were told by another way."
        )


class MailTooLargeError(DeliveryError, permanent=True):
    """A mail that is too large even without its attachments."""

    size: int
    limit: int

    def __str__(self) -> str:
        return (
            f"The mail has {self.size:,} bytes without its attachments, and at most {self.limit:,} may be sent. "
            f"Shorten the report, or raise max_bytes as far as the server allows."
        )


class ApprovalError(DeliveryError, permanent=True):
    """A mail that waited for a person in vain."""

    problem: str

    def __str__(self) -> str:
        return f"The mail waited for an approval in vain: {self.problem}. Nothing was sent. Clear the task to ask again."


class ContentChangedError(DeliveryError, permanent=True):
    """A mail that would not be what somebody approved. It was not sent."""

    report: str
    what: str
    approved: object
    found: object

    def __str__(self) -> str:
        return (
            f"The mail of {self.report!r} would not be what was approved: {self.what}: {shown(self.approved)} then, "
            f"and {shown(self.found)} now. It was not sent. Clear the task to ask again."
        )


class NothingToResendError(DeliveryError, permanent=True):
    """A report that nobody waits for."""

    report: str
    report_date: str

    def __str__(self) -> str:
        return (
            f"Nobody to send {self.report!r} of {self.report_date} to again: everybody that the ledger names got it. "
            f"Name who should get it with --to."
        )


class NothingInDoubtError(DeliveryError, permanent=True):
    """Mails that were to be counted as sent, of which none is in doubt."""

    ledger: str

    def __str__(self) -> str:
        return (
            f"Nothing was counted as sent: none of these mails is in doubt in {self.ledger}. "
            "See: airflow daybreak deliveries"
        )


class LedgerUnsafeError(DeliveryError, permanent=True):
    """A place for the ledger that lets two processes both create the same file. Nothing was sent."""

    folder: str

    def __str__(self) -> str:
        return (
            f"The archive's storage can't keep a ledger: a file in {self.folder} was created twice, so two tasks "
            f"could both send. Nothing was sent. Use a local file system or S3 with conditional writes."
        )


class ArchiveNotSharedError(DeliveryError, permanent=True):
    """An archive on a disk of one host, where tasks run on several. Nothing was sent."""

    archive: str
    executors: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"The archive {self.archive} is a folder of this host, and tasks run on several ({', '.join(self.executors)}): "
            f"each host would keep a ledger of its own, and mail everybody again. Nothing was sent. Put [daybreak] "
            f"archive on object storage, or, if the folder is one mount that all workers share, say so: "
            f"[daybreak] archive_is_shared = True."
        )


class RelayUnavailableError(DeliveryError):
    """A relay for a script's own mail that can't listen on this machine."""

    host: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot listen on {self.host} for the script's mail: {self.problem}. Free ports are taken as they come; "
            "look at net.ipv4.ip_local_port_range and at what holds so many of them."
        )


class SmtpError(DeliveryError):
    """A mail server that can't be used."""

    host: str
    port: int
    problem: str


class SmtpUnavailableError(SmtpError):
    """A mail server that can't be used now. Later it may."""

    def __str__(self) -> str:
        return (
            f"The mail server {self.host}:{self.port} is not available: {self.problem}. "
            f"It is tried again with the task's next try; check host, port and network if that stays so."
        )


class SmtpTlsError(SmtpError, permanent=True):
    """A connection that can't be secured as it must be. No credential was sent."""

    next_step: str = "Correct the connection"

    def __str__(self) -> str:
        return (
            f"No secure connection to the mail server {self.host}:{self.port}: {self.problem}. "
            f"No credential was sent. {self.next_step}."
        )


class SmtpHelloError(SmtpError, permanent=True):
    """A name of this host that the server refuses."""

    name: str

    def __str__(self) -> str:
        return (
            f"The mail server {self.host}:{self.port} refuses to talk to {self.name!r}: {self.problem}. Set local_hostname "
            f"in the connection's extra to the name by which this host is known to it."
        )


class SmtpLoginError(SmtpError, permanent=True):
    """Credentials that the server refuses. Holds no password."""

    login: str

    def __str__(self) -> str:
        return (
            f"Cannot log in to the mail server {self.host}:{self.port} as {self.login!r}: {self.problem}. "
            f"Correct login and password of the connection."
        )


class SenderRefusedError(SmtpError, permanent=True):
    """A sender, or a mail, that the server refuses whoever it is for."""

    def __str__(self) -> str:
        return (
            f"The mail server {self.host}:{self.port} refuses the mail: {self.problem}. "
            f"Correct from_email in the connection's extra, or ask the server's owner."
        )


class DeliveryIncompleteError(DeliveryError, permanent=True):
    """Recipients who did not get a mail for good, or maybe did not, by address with the reason."""

    report: str
    sent: int
    refused: dict[str, str]
    unknown: dict[str, str]

    def __str__(self) -> str:
        parts = [f"{self.report!r} was mailed to {self.sent}, and not to everybody."]
        if self.refused:
            parts.append(f"Refused: {_some(_reasons(self.refused))}. Correct these addresses.")
        if self.unknown:
            parts.append(
                f"Maybe sent: {_some(_reasons(self.unknown))}. Ask one of them, then run "
                f"'airflow daybreak resend' for those who got nothing, or set on_unknown."
            )
        return " ".join(parts)


class DeliveryPendingError(DeliveryError):
    """Recipients who did not get a mail yet, by address with the reason. The task's next try goes on."""

    report: str
    sent: int
    deferred: dict[str, str]
    refused: dict[str, str]
    unknown: dict[str, str]

    def __str__(self) -> str:
        rest = {**self.refused, **self.unknown}
        also = f" Refused or in doubt: {_some(_reasons(rest))}." if rest else ""
        return (
            f"{self.report!r} was mailed to {self.sent}, and not yet to {_some(_reasons(self.deferred))}."
            f"{also} The task's next try sends to these alone; give it retries."
        )


class DeliveryInFlightError(DeliveryPendingError):
    """
    Recipients whose mail another task is sending, or was when it ended.

    :param until: ISO instant from which on these mails are in doubt, unless that task goes on.
    """

    until: str

    def __str__(self) -> str:
        rest = {**self.refused, **self.unknown}
        also = f" Refused or in doubt: {_some(_reasons(rest))}." if rest else ""
        return (
            f"{self.report!r} was mailed to {self.sent}, and not surely to {_some(_reasons(self.deferred))}.{also} Wait until "
            f"{self.until}: if that task has ended, these mails are in doubt from then on, and on_unknown, or 'airflow "
            f"daybreak resend', decides about them. A task looks again by itself then."
        )


def _reasons(reasons: dict[str, str]) -> list[str]:
    return [f"{address} ({reason})" for address, reason in reasons.items()]


def _some(values: Sequence[str], most: int = 20) -> str:
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(values[:most]) + more
