"""What becomes of the mail that a script sends by itself, and the variables by which the script is told where to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit, urlunsplit

from airflow_provider_daybreak.delivery.rules import (
    MAX_BYTES,
    OnCorrection,
    OnRefused,
    OnUnknown,
    Rules,
    check_choice,
)
from airflow_provider_daybreak.delivery.server import IMPLICIT_TLS_PORT
from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

Kind = Literal["host", "port", "password", "url"]
Mode = Literal["send", "hold", "dry_run", "capture"]

VARIABLES: Mapping[str, Kind] = {
    **dict.fromkeys(
        (
            "SMTP_SERVER",
            "SMTP_HOST",
            "SMTP_HOSTNAME",
            "SMTP_ADDRESS",
            "EMAIL_SERVER",
            "EMAIL_HOST",
            "EMAIL_SMTP_SERVER",
            "EMAIL_SMTP_HOST",
            "MAIL_SERVER",
            "MAIL_HOST",
            "MAILHOST",
        ),
        "host",
    ),
    **dict.fromkeys(("SMTP_PORT", "EMAIL_PORT", "EMAIL_SMTP_PORT", "MAIL_PORT"), "port"),
    **dict.fromkeys(
        (
            "SMTP_PASSWORD",
            "SMTP_PASS",
            "EMAIL_PASSWORD",
            "EMAIL_PASS",
            "EMAIL_HOST_PASSWORD",
            "MAIL_PASSWORD",
            "MAIL_PASS",
        ),
        "password",
    ),
    **dict.fromkeys(("SMTP_URL", "EMAIL_URL", "MAIL_URL"), "url"),
}
"""Variables that scripts read their mail server from. All are set for a script whose mail is kept, but for URLs
that nobody set."""

PLACEHOLDER = "kept-by-daybreak"
"""What stands where a password stood: the relay takes any."""


@dataclass(frozen=True)
class ScriptMail:
    """
    What becomes of the mail that a script sends by itself.

    What isn't told here is as :class:`ReportEmailOperator` has it.

    :param report: slug of the report that the mail is archived as; the release's name when None.
    :param mode: ``send`` it once the script has ended well; ``hold`` it until somebody approves; write ``.eml`` files
        with ``dry_run``; or ``capture``: archive it and send nothing.
    :param smtp_conn_id: the ``smtp`` connection, whose credentials the script never sees.
    :param max_lateness: how long after its period's end it is still mailed; for ever when None.
    :param on_correction: what to do about other content than was mailed for the period: ``archive`` or ``send``.
    :param on_refused: whether mail that the server, or the relay before it, refuses fails the task (``fail``), even
        where the script itself does not mind; or is logged (``warn``).
    :param on_unknown: what to do about mails that the server may or may not have taken.
    :param allowed_domains: the only domains that may be mailed; any when empty. The script is told at once.
    :param redirect_all_to: the one address that gets all mails instead, for trials.
    :param max_bytes: bytes that a message may have.
    :param variables: further variables that the script reads its server from, each with what it is: ``host``,
        ``port``, ``password`` or ``url``.
    :param archive: URI of the archive; the one of the ``[daybreak]`` section by default.
    :param take_over: id of the Dag whose the report was, where this one is to go on with it, as after it was renamed.
    """

    report: str | None = None
    mode: Mode = "send"
    smtp_conn_id: str = "smtp_default"
    max_lateness: timedelta | None = Rules.max_lateness
    on_correction: OnCorrection = Rules.on_correction
    on_refused: OnRefused = "fail"
    on_unknown: OnUnknown = Rules.on_unknown
    allowed_domains: Sequence[str] = ()
    redirect_all_to: str | None = None
    max_bytes: int = MAX_BYTES
    variables: Mapping[str, Kind] = field(default_factory=dict)
    archive: str | None = None
    take_over: str | None = None

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, Mode)
        check_choice("on_refused", self.on_refused, OnRefused)
        for name, kind in self.variables.items():
            check_choice(f"kind of the variable {name}", kind, Kind)

    @classmethod
    def of(cls, mail: str | ScriptMail) -> ScriptMail | None:
        """
        Return what an operator's ``mail`` stands for; None when the script is left alone.

        :raises InvalidValueError: it stands for nothing.
        """
        if isinstance(mail, ScriptMail):
            return mail
        if mail not in ("direct", "once", "capture"):
            raise InvalidValueError("mail", mail, "direct, once, capture or a ScriptMail")
        return {"direct": None, "once": cls(), "capture": cls(mode="capture")}[mail]

    def variables_for(self, host: str, port: int, tls_port: int, *, given: Mapping[str, str]) -> dict[str, str]:
        """
        Return the variables that make a script mail to a relay.

        :param port: where the relay begins in clear.
        :param tls_port: where it speaks TLS from the start, as a script does whose port was 465.
        :param given: what the script would see otherwise.
        """
        return variables_leading_to(host, port, tls_port, {**VARIABLES, **self.variables}, given=given)


def variables_leading_to(
    host: str, port: int, tls_port: int, kinds: Mapping[str, Kind], *, given: Mapping[str, str]
) -> dict[str, str]:
    """
    Return the variables that make a script mail to a relay.

    :param port: where the relay begins in clear.
    :param tls_port: where it speaks TLS from the start, as a script does whose port was 465.
    :param kinds: variables that scripts read their server from, each with what it is.
    :param given: what the script would see otherwise.
    """
    found = {}
    for name, kind in kinds.items():
        before = given.get(name, "")
        if kind == "host":
            found[name] = host
        elif kind == "port":
            found[name] = str(tls_port if before.strip() == str(IMPLICIT_TLS_PORT) else port)
        elif kind == "password":
            found[name] = PLACEHOLDER
        elif before:
            url = urlsplit(before)
            tls = url.scheme in ("smtps", "smtp+ssl") or f":{IMPLICIT_TLS_PORT}" in url.netloc
            user = url.netloc.rpartition("@")[0].partition(":")[0]
            login = f"{user}:{PLACEHOLDER}@" if user else ""
            found[name] = urlunsplit(url._replace(netloc=f"{login}{host}:{tls_port if tls else port}"))
    return found
