"""Mails archived reports over an ``smtp`` connection."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from airflow.sdk import BaseHook

from airflow_provider_daybreak.delivery.attachments import Attachment, media_type_of
from airflow_provider_daybreak.delivery.mailing import Mailing, Rules, ledger_of
from airflow_provider_daybreak.delivery.message import Letter
from airflow_provider_daybreak.delivery.recipients import check_domains, choose_recipients, parse_address
from airflow_provider_daybreak.delivery.transport import (
    IMPLICIT_TLS_PORT,
    SUBMISSION_PORT,
    Server,
    Session,
    Timeouts,
)
from airflow_provider_daybreak.exceptions import InvalidValueError, RevisionNotFoundError
from airflow_provider_daybreak.hooks.archive import archive_at, archive_of, storage_path
from airflow_provider_daybreak.hooks.run import run_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from email.headerregistry import Address

    from airflow_provider_daybreak.archive import Archive, Manifest, Revision
    from airflow_provider_daybreak.delivery.courier import OnRefused, Summary
    from airflow_provider_daybreak.delivery.transport import Security

log = logging.getLogger(__name__)

Mode = Literal["send", "hold", "dry_run"]


@dataclass(frozen=True)
class MailSettings:
    """
    What an ``smtp`` connection says, read strictly.

    :param server: how to reach the server.
    :param sender: whom mails are from.
    :param default_recipients: who gets mails that name nobody.
    :param allowed_domains: the only domains that may be mailed; any when empty.
    :param redirect_all_to: the one address that gets all mails instead, for trials.
    """

    server: Server
    sender: Address
    default_recipients: object = ()
    allowed_domains: Sequence[str] = ()
    redirect_all_to: str | None = None


class DeliveryHook(BaseHook):
    """
    Mails archived reports.

    :param smtp_conn_id: the ``smtp`` connection. Beside what Airflow's SMTP provider knows (``from_email``,
        ``disable_ssl``, ``disable_tls``, ``timeout``, ``ssl_context``, ``auth_type`` with its OAuth2 fields) its
        extra may have ``ca_file``, ``default_recipients``, ``allowed_domains``, ``redirect_all_to`` and
        ``allow_insecure``.
    :param archive: URI of the archive; the one of the ``[daybreak]`` section by default.
    """

    conn_name_attr = "smtp_conn_id"
    default_conn_name = "smtp_default"
    conn_type = "smtp"
    hook_name = "SMTP"

    def __init__(self, smtp_conn_id: str = default_conn_name, *, archive: str | None = None) -> None:
        super().__init__()
        self.smtp_conn_id = smtp_conn_id
        self._archive_uri = archive

    @property
    def archive(self) -> Archive:
        """Where the reports are."""
        return archive_at(self._archive_uri) if self._archive_uri else archive_of()

    def settings(self) -> MailSettings:
        """
        Return what the connection says. Its secrets are masked in logs from then on.

        :raises InvalidValueError: a field can't be used.
        """
        return mail_settings(self.get_connection(self.smtp_conn_id), name=self.smtp_conn_id)

    def send(
        self,
        report: object,
        to: object,
        *,
        cc: object = (),
        bcc: object = (),
        subject: str | None = None,
        attachments: object = None,
        allowed_domains: Sequence[str] = (),
        on_refused: OnRefused = "fail",
        rules: Rules,
        context: Mapping[str, Any],
    ) -> Delivery:
        """
        Mail a report to those who did not get it.

        :param report: the result of a report task, or a slug: then its latest revision of the run's date.
        :param to: addresses, each for itself or as text; the connection's default when all lists are empty.
        :param cc: likewise.
        :param bcc: likewise, and shown to nobody.
        :param subject: the report's title when None.
        :param attachments: results of container tasks, artifacts, and names of files of the revision.
        :param allowed_domains: the only domains that may be mailed; any when empty.
        :param on_refused: whether a recipient that the server refuses is an error.
        :param rules: when to send.
        :param context: the context that Airflow gives to ``execute``.
        :return: what became of each mail.
        :raises DeliveryPendingError: another try may reach some.
        :raises DeliveryIncompleteError: somebody did not get it, or maybe did not.
        """
        settings = self.settings()
        archive = self.archive
        run = run_of(context)
        revision = find_revision(archive, report, report_date=run.report_date)
        recipients = choose_recipients(
            to, cc, bcc, default=settings.default_recipients, allowed_domains=allowed_domains
        )
        check_domains(recipients, settings.allowed_domains)
        letter = Letter(
            settings.sender,
            subject or revision.manifest.title,
            revision,
            attachments=find_attachments(attachments, revision),
            recipients=recipients,
        )
        mailing = Mailing(
            letter,
            ledger_of(archive, revision.manifest),
            rules=rules,
            run=run.ref,
            now=datetime.now(timezone.utc),
        )
        summary = mailing.send(lambda: Session.open(settings.server))
        summary.check(revision.manifest.report, on_refused=on_refused)
        return Delivery(revision.manifest, summary)


@dataclass(frozen=True)
class Delivery:
    """What became of a report's mails."""

    manifest: Manifest
    summary: Summary


def mail_settings(connection: Any, *, name: str) -> MailSettings:
    """
    Return what a connection says.

    :param connection: an Airflow connection of type ``smtp``.
    :param name: its id, for errors.
    :raises InvalidValueError: a field can't be used.
    """
    extra = _Extra(name, connection.extra_dejson)
    host, login = (connection.host or "").strip(), connection.login or ""
    if not host:
        raise InvalidValueError(f"host of the connection {name!r}", host, "the name of a mail server")
    disable_ssl, disable_tls = extra.boolean("disable_ssl"), extra.boolean("disable_tls")
    security: Security
    if disable_ssl and disable_tls:
        security = "none"
    elif disable_tls:
        security = "tls"
    elif disable_ssl:
        security = "starttls"
    else:
        security = "tls" if connection.port == IMPLICIT_TLS_PORT else "starttls"
    port = connection.port or (IMPLICIT_TLS_PORT if security == "tls" else SUBMISSION_PORT)
    if not 0 < port < 2**16:
        raise InvalidValueError(f"port of the connection {name!r}", port, "a number such as 587 or 465")
    if extra.get("ssl_context") not in (None, "", "default", "none"):
        raise InvalidValueError(extra.name("ssl_context"), extra.get("ssl_context"), "default or none")
    return MailSettings(
        server=Server(
            host=host,
            port=port,
            security=security,
            ca_file=extra.text("ca_file") or None,
            verify=extra.get("ssl_context") != "none",
            login=login,
            password=connection.password or "",
            token=_token(connection, extra),
            allow_insecure=extra.boolean("allow_insecure") or False,
            timeouts=_timeouts(extra),
        ),
        sender=_sender(extra, login),
        default_recipients=extra.get("default_recipients") or (),
        allowed_domains=extra.get("allowed_domains") or (),
        redirect_all_to=extra.text("redirect_all_to") or None,
    )


def find_revision(archive: Archive, report: object, *, report_date: date) -> Revision:
    """
    Return the revision to mail.

    :param report: the result of a report task, or a slug.
    :param report_date: of which date the latest revision is taken, for a slug.
    :raises InvalidValueError: it is neither.
    :raises RevisionNotFoundError: there is none.
    """
    if isinstance(report, Mapping) and "manifest" in report:
        return archive.open(str(report["manifest"]))
    if isinstance(report, str) and report:
        revision = archive.latest(report, report_date)
        if revision is None:
            raise RevisionNotFoundError(f"{archive.uri}/{report}/{report_date:%Y/%m/%d}")
        return revision
    raise InvalidValueError("report", report, "the result of a report task, or a report's slug")


def find_attachments(given: object, revision: Revision) -> list[Attachment]:
    """
    Return the files that an argument names.

    :param given: None, or a list of results of container tasks (all of whose outputs are meant), artifacts
        ``{"uri", "sha256", "bytes"}``, names of files of the revision, and None for a task that was skipped.
    :raises InvalidValueError: an item is none of these.
    :raises ArchivedFileNotFoundError: the revision has no file of that name.
    """
    if given is None:
        return []
    if isinstance(given, (str, Mapping)):
        given = [given]
    if not isinstance(given, Iterable):
        raise InvalidValueError("attachments", given, "a list")
    found: list[Attachment] = []
    for item in given:
        if item is None:
            log.info("an attachment is None: the task that makes it was skipped, or makes none")
        elif isinstance(item, str):
            file = revision.file(item)
            uri = f"{revision.uri.rpartition('/')[0]}/{item}"
            found.append(
                Attachment(
                    item.rpartition("/")[2], file.media_type, uri, revision.path(item), file.sha256, file.bytes
                )
            )
        else:
            found += [_artifact(each) for each in _artifacts(item)]
    return found


def _artifacts(item: object) -> list[object]:
    """Return the artifacts in a task's result."""
    if isinstance(item, Mapping):
        for name in ("outputs", "artifacts"):
            if isinstance(item.get(name), Mapping):
                return list(item[name].values())
    if isinstance(item, (list, tuple)):
        return list(item)
    return [item]


def _artifact(item: object) -> Attachment:
    if not isinstance(item, Mapping) or not {"uri", "sha256", "bytes"} <= item.keys():
        raise InvalidValueError(
            "attachment",
            item,
            "the result of a container task, an artifact {uri, sha256, bytes}, or the name of a file of the revision",
        )
    uri = str(item["uri"])
    name = unquote(urlsplit(uri).path).rpartition("/")[2]
    if not name:
        raise InvalidValueError("uri of an attachment", uri, "the URI of a file")
    path = storage_path(uri, name="uri of an attachment")
    return Attachment(name, media_type_of(name), uri, path, str(item["sha256"]), int(item["bytes"]))


def _sender(extra: _Extra, login: str) -> Address:
    given = extra.text("from_email") or (login if "@" in login else "")
    if not given:
        raise InvalidValueError(extra.name("from_email"), given, "the address that mails are from")
    return parse_address(given).mailbox


def _token(connection: Any, extra: _Extra) -> str:
    """Return the OAuth2 access token, as Airflow's SMTP hook gets it, or nothing where that isn't asked for."""
    if (extra.text("auth_type") or "basic") != "oauth2":
        return ""
    from airflow.providers.smtp.hooks.smtp import SmtpHook
    from airflow.sdk.log import mask_secret

    hook = SmtpHook(connection.conn_id, auth_type="oauth2")
    hook.smtp_connection = connection
    token = str(hook.access_token or hook._get_oauth2_token())  # noqa: SLF001 - it offers no other way
    mask_secret(token)
    return token


def _timeouts(extra: _Extra) -> Timeouts:
    """Return the timeouts: the RFC's, or the connection's for all but the end of a mail."""
    given = extra.get("timeout")
    if given in (None, ""):
        return Timeouts()
    try:
        seconds = float(given)
    except (TypeError, ValueError):
        seconds = 0
    if not 0 < seconds < 86_400:  # noqa: PLR2004 - a day
        raise InvalidValueError(extra.name("timeout"), given, "seconds, such as 60")
    return Timeouts(seconds, seconds, seconds, seconds, seconds)


class _Extra:
    """The extra of a connection, whose values are of the kind they should be or an error."""

    def __init__(self, connection: str, values: Mapping[str, object]) -> None:
        self._connection = connection
        self._values = values

    def name(self, key: str) -> str:
        return f"{key} in the extra of the connection {self._connection!r}"

    def get(self, key: str) -> Any:
        return self._values.get(key)

    def text(self, key: str) -> str:
        value = self._values.get(key)
        if value is not None and not isinstance(value, str):
            raise InvalidValueError(self.name(key), value, "text")
        return (value or "").strip()

    def boolean(self, key: str) -> bool | None:
        """Return true, false, or None where unset. The text "false", as URIs have it, is false, not true."""
        value = self._values.get(key)
        if isinstance(value, str) and value.strip().lower() in ("true", "false", ""):
            value = {"true": True, "false": False}.get(value.strip().lower())
        if value is None or isinstance(value, bool):
            return value
        raise InvalidValueError(self.name(key), value, "true or false")
