"""The mail that a script sends by itself on a host that is reached over SSH: a relay beside it there, and what it kept, here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.context.mailing_script import Script
from airflow_provider_daybreak.delivery.contained import INDEX
from airflow_provider_daybreak.delivery.contained_mail import BESIDE, HostMail
from airflow_provider_daybreak.hooks.remote import KeptThere, RemoteReleases
from airflow_provider_daybreak.hooks.script_mail import Pushes
from airflow_provider_daybreak.releases.running.command import split_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from airflow_provider_daybreak.context.run import Run
    from airflow_provider_daybreak.delivery.intake import Limits
    from airflow_provider_daybreak.delivery.script_mail import ScriptMail
    from airflow_provider_daybreak.reports.period import Period


def script_of(
    ssh_conn_id: str,
    release: Mapping[str, Any] | str,
    command: Sequence[str] | str,
    run_script: Callable[..., Any],
    options: ScriptMail,
    *,
    run: Run,
    period: Period,
    context: Mapping[str, Any],
    env: Mapping[str, Any] | None,
) -> Script:
    """
    Return the script that :meth:`RemoteReleases.run` would run, as one whose mail is kept.

    :param run_script: runs it, given its release, variables, context and where its mail is kept.
    :param options: what becomes of its mail.
    """
    name, found = RemoteReleases(ssh_conn_id, context).release(release)
    relays: list[HostMail] = []

    def relay(folder: Path, limits: Limits) -> HostMail:
        relays.append(HostMail(folder, limits, host=ssh_conn_id))
        return relays[-1]

    def execute(
        _variables: Mapping[str, str], _boot: Mapping[str, str]
    ) -> tuple[Any, dict[str, Any]]:  # both are made there, of the relay's ports and the host's .env
        pushes = Pushes(context["ti"])
        asked = {"code": BESIDE, "index": INDEX, "told": relays[-1].asked(options.variables)}
        value = run_script(
            {"name": name, "release": found},
            env or {},
            context={**context, "ti": pushes},
            mail=KeptThere(relays[-1], asked),
        )
        return value, pushes.pushed

    return Script(
        release=found,
        name=name,
        command=split_command("command", command),
        run=run,
        period=period,
        execute=execute,
        relay=relay,
    )
