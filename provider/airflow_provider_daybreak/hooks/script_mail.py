"""The mail that a script sends by itself: kept while it runs, archived, and delivered once it has ended well."""

from __future__ import annotations

import json
import logging
import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import __version__
from airflow_provider_daybreak.archive import Draft, DraftFile
from airflow_provider_daybreak.archive.layout import check_report
from airflow_provider_daybreak.context.archive import archive_at, archive_of
from airflow_provider_daybreak.context.dag_file import check_only_file
from airflow_provider_daybreak.context.mailing_script import Ended, Mailed, Script
from airflow_provider_daybreak.context.metrics import count
from airflow_provider_daybreak.context.run import lateness_of, made_with
from airflow_provider_daybreak.delivery.approval import Question
from airflow_provider_daybreak.delivery.captured import captured_files, captured_mails
from airflow_provider_daybreak.delivery.intake import Limits
from airflow_provider_daybreak.delivery.recipients import check_domains, parse_address
from airflow_provider_daybreak.delivery.relay import HOST, Relay
from airflow_provider_daybreak.delivery.request import MailRequest
from airflow_provider_daybreak.delivery.rules import Rules
from airflow_provider_daybreak.delivery.sender import Summary
from airflow_provider_daybreak.exceptions import (
    ContainerError,
    InvalidValueError,
    ReleaseError,
    ScriptConditionError,
)
from airflow_provider_daybreak.hooks.delivery import DeliveryHook
from airflow_provider_daybreak.hooks.releases import ReleaseHook
from airflow_provider_daybreak.releases.running.booting import RELAY
from airflow_provider_daybreak.releases.running.command import split_command
from airflow_provider_daybreak.releases.running.privileges import find_user
from airflow_provider_daybreak.releases.running.run import dotenv_of
from airflow_provider_daybreak.storage.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_daybreak.archive import Archive, Revision
    from airflow_provider_daybreak.context.run import Run
    from airflow_provider_daybreak.delivery.contained_mail import ContainedMail, HostMail
    from airflow_provider_daybreak.delivery.intake import RelayedMessage
    from airflow_provider_daybreak.delivery.mailer import Delivery
    from airflow_provider_daybreak.delivery.script_mail import ScriptMail
    from airflow_provider_daybreak.reports.period import Period
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo

log = logging.getLogger(__name__)


ENDED = "ended.json"
"""File of a revision that says how the script ended that made it: what it returned, and what it was."""


def script_of(
    release: Mapping[str, Any] | str,
    command: Sequence[str] | str,
    run_script: Callable[..., Any],
    *,
    run: Run,
    period: Period,
    context: Mapping[str, Any],
    env: Mapping[str, Any] | None,
    run_as: str | None,
) -> Script:
    """
    Return the script that :meth:`ReleaseHook.run` would run.

    :param run_script: runs it, given its release, variables and context.
    """
    found = ReleaseHook().release(release)
    user = find_user(run_as) if run_as else None
    own = {key: str(value) for key, value in (env or {}).items()}
    given = {**dotenv_of(found, user, own), **own}

    def execute(variables: Mapping[str, str], boot: Mapping[str, str]) -> tuple[Any, dict[str, Any]]:
        pushes = Pushes(context["ti"])
        value = run_script(
            {"name": found.layout.name, "release": found.id},
            {**(env or {}), **variables},
            context={**context, "ti": pushes},
            boot=boot,
        )
        return value, pushes.pushed

    return Script(
        release=found.id,
        name=found.layout.name,
        command=split_command("command", command),
        run=run,
        period=period,
        execute=execute,
        given=given,
        users=[user.uid] if user else [],
    )


class Pushes:
    """A task instance that remembers which XComs were pushed."""

    def __init__(self, ti: Any) -> None:
        self._ti = ti
        self.pushed: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ti, name)

    def xcom_push(self, key: str, value: Any) -> None:
        """Push one, and remember it."""
        self.pushed[key] = value
        self._ti.xcom_push(key=key, value=value)


class ScriptMailHook:
    """
    Runs scripts with their mail kept, and delivers it.

    :param options: what becomes of it.
    :param must_mail: whether a script that mails nothing has failed.
    """

    def __init__(self, options: ScriptMail, *, must_mail: bool = False) -> None:
        self.options = options
        self._must_mail = must_mail
        self._delivery = DeliveryHook(options.smtp_conn_id, archive=options.archive)

    @property
    def archive(self) -> Archive:
        """Where the mail is kept."""
        return archive_at(self.options.archive) if self.options.archive else archive_of()

    def run(self, script: Script, context: Mapping[str, Any]) -> Mailed:
        """
        Run the script to its end, and see to its mail.

        When an earlier try of the same task got so far that the mails only had to be delivered, that alone is
        done: the script has done its work, and might not do it twice.

        :raises ReleaseError: the script did not end well. Nothing was sent.
        :raises ContainerError: its container did not. Nothing was sent.
        :raises DeliveryError: somebody did not get a mail, or maybe did not.
        """
        # What can't be used shows before the script runs.
        check_report(self._report(script))
        check_only_file(context)
        self._rules(context)
        domains = self.options.allowed_domains
        if self.options.mode != "capture":
            settings = self._delivery.settings()
            domains = _common(domains, settings.allowed_domains)
            if trial := self.options.redirect_all_to or settings.redirect_all_to:
                parse_address(trial)
            if (waiting := self._waiting(script, context)) is not None:
                log.warning(
                    "An earlier try ran the script to its end, and its mails wait in %s: they are delivered now, "
                    "and the script is not run again",
                    waiting.uri,
                )
                return self._deliver(waiting, _ended(waiting), context, again=True)
        with temporary_folder("daybreak-mail-") as folder:
            inbox, outbox = Path(folder, "in"), Path(folder, "out")
            inbox.mkdir(mode=0o700)
            outbox.mkdir(mode=0o700)
            limits = Limits(
                self.options.max_bytes, allowed_domains=domains, users={os.geteuid(), *script.users}
            )
            relay = script.relay(inbox, limits)
            try:
                with relay:
                    value, xcoms = script.execute(*self._variables(relay, script))
            except (ReleaseError, ContainerError):
                self._keep_draft(script, relay.messages, outbox)
                raise
            ended = Ended(
                release=script.release,
                command=list(script.command),
                value=value,
                xcoms=xcoms,
                refused=relay.refused,
            )
            if not relay.messages:
                return self._nothing(script, ended)
            draft = self._draft(script, relay.messages, outbox, ended=ended)
            revision = self._published(draft)
        log.info("%d messages of the script are archived: %s", len(relay.messages), revision.uri)
        return self._deliver(revision, ended, context)

    def answered(
        self,
        manifest: str,
        ended: Ended,
        context: Mapping[str, Any],
        *,
        approved: bool,
        by: str,
        proposal: ArtifactInfo,
    ) -> Mailed:
        """Deliver what somebody approved, as it was shown, or say in the ledger that it was rejected."""
        if approved:
            found = self._delivery.send_approved(
                proposal, by=by, context=context, on_refused=self.options.on_refused
            )
        else:
            found = self._delivery.reject(proposal, by=by, context=context)
        return self._mailed(self.archive.open(manifest), ended, found.summary, nothing=found.nothing)

    def _deliver(
        self, revision: Revision, ended: Ended, context: Mapping[str, Any], *, again: bool = False
    ) -> Mailed:
        """Deliver what a script mailed, as far as nobody did, or ask for an approval where that is wanted."""
        request = self._request(revision, ended)
        when: dict[str, Any] = {"rules": self._rules(context), "context": context}
        found: Delivery | Question
        if self.options.mode == "send":
            found = self._delivery.send(request, on_refused=self.options.on_refused, **when)
        elif self.options.mode == "hold":
            found = self._delivery.question(request, **when)
        elif self.options.mode == "dry_run":
            found = self._delivery.dry_run(request, **when)
        else:
            captured = Summary(refused=ended["refused"])
            return self._mailed(revision, ended, captured, again=again)
        if isinstance(found, Question):
            return replace(self._mailed(revision, ended, Summary(), again=again), question=found)
        return self._mailed(revision, ended, found.summary, nothing=found.nothing, again=again)

    def _mailed(
        self, revision: Revision, ended: Ended, summary: Summary, *, nothing: str = "", again: bool = False
    ) -> Mailed:
        manifest = revision.manifest
        return Mailed(
            manifest.report, manifest.report_date, ended, revision, summary, nothing=nothing, again=again
        )

    def _nothing(self, script: Script, ended: Ended) -> Mailed:
        """Return what became of a script that mailed nothing, or had all of it refused."""
        summary = Summary(refused=ended["refused"])
        summary.check(self._report(script), on_refused=self.options.on_refused)
        if self._must_mail:
            raise ScriptConditionError(shlex.join(script.command), "it mailed nothing")
        reasons = [f"{address}: {reason}" for address, reason in summary.refused.items()]
        nothing = "; ".join(reasons) or "the script sent nothing by SMTP"
        return Mailed(self._report(script), script.run.report_date, ended, None, summary, nothing=nothing)

    def _report(self, script: Script) -> str:
        return self.options.report or script.name

    def _variables(
        self, relay: Relay | ContainedMail | HostMail, script: Script
    ) -> tuple[dict[str, str], dict[str, str]]:
        """Return the variables that say where the relay is: to the script, and to its Pythons."""
        variables = self.options.variables_for(HOST, relay.port, relay.tls_port, given=script.given)
        return variables, {RELAY: f"{HOST}:{relay.port}:{relay.tls_port}"}

    def _request(self, revision: Revision, ended: Ended) -> MailRequest:
        return MailRequest(
            {"manifest": revision.uri},
            allowed_domains=self.options.allowed_domains,
            redirect_all_to=self.options.redirect_all_to,
            refused=ended["refused"],
        )

    def _rules(self, context: Mapping[str, Any]) -> Rules:
        return Rules(
            max_lateness=lateness_of(context, self.options.max_lateness),
            on_correction=self.options.on_correction,
            on_unknown=self.options.on_unknown,
        )

    def _waiting(self, script: Script, context: Mapping[str, Any]) -> Revision | None:
        """Return what an earlier try of this task archived, when some of it still is to be delivered."""
        revision = self.archive.latest(self._report(script), script.run.report_date, script.period.key)
        if revision is None or not captured_mails(revision):
            return None
        now = dict(script.run.ref)
        earlier = {name: revision.manifest.run.get(name) for name in now}
        if earlier.pop("try_number") == now.pop("try_number") or earlier != now:
            return None
        ended = _ended(revision)
        if (ended["release"], ended["command"]) != (script.release, list(script.command)):
            return None
        request = self._request(revision, ended)
        return (
            revision if self._delivery.pending(request, rules=self._rules(context), context=context) else None
        )

    def _keep_draft(self, script: Script, taken: Sequence[RelayedMessage], folder: Path) -> None:
        """Archive what a script had mailed before it failed, for whoever looks into it."""
        if taken:
            draft = self._draft(script, taken, folder, ended=None)
            log.warning(
                "The script failed after it had mailed %d messages: none is sent. They are kept as a draft: %s",
                len(taken),
                self._published(draft).uri,
            )

    def _published(self, draft: Draft) -> Revision:
        revision = self.archive.publish(draft, take_over=self.options.take_over)
        count("daybreak.report.archived", 0 if revision.existing else 1, report=draft.report)
        return revision

    def _draft(
        self, script: Script, taken: Sequence[RelayedMessage], folder: Path, *, ended: Ended | None
    ) -> Draft:
        title, files = captured_files(taken, folder)
        if ended is not None:
            data = json.dumps(ended, ensure_ascii=False).encode()
            files.append(DraftFile(ENDED, "application/json", data, snapshot=True))
        period = script.period
        return Draft(
            report=self._report(script),
            report_date=script.run.report_date,
            period={
                "name": period.name,
                "start": period.start.isoformat(),
                "end": period.end.isoformat(),
                "timezone": period.timezone,
            },
            title=title,
            files=files,
            rows={"mails": len(taken)},
            run=made_with(script.run.ref, script.releases),
            outcome="failed_script" if ended is None else "ok",
            provider_version=__version__,
            draft=ended is None,
        )


def _ended(revision: Revision) -> Ended:
    ended: Ended = json.loads(revision.read(ENDED, snapshot=True))
    return ended


def _common(some: Sequence[str], others: Sequence[str]) -> Sequence[str]:
    """
    Return the domains that both allow; any when empty.

    :raises InvalidValueError: they have none in common.
    """
    for each in (some, others):
        check_domains((), each)  # a text is no list
    if not some or not others:
        return some or others
    both = {each.lower().lstrip("@") for each in some} & {each.lower().lstrip("@") for each in others}
    if not both:
        raise InvalidValueError("allowed_domains", list(some), f"some of the connection's: {list(others)}")
    return sorted(both)
