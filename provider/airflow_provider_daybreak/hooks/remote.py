"""Releases on a host that is reached over SSH: what is asked of it, once, however often the connection is lost."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from airflow_provider_daybreak.context.package_index import index_of
from airflow_provider_daybreak.context.run import run_of
from airflow_provider_daybreak.exceptions import (
    HostUnreachableError,
    InvalidValueError,
    RemoteProgramError,
    RemoteRunLostError,
    RemoteRunStoppedError,
)
from airflow_provider_daybreak.hooks.releases import dates_of, log_data, log_line, strings
from airflow_provider_daybreak.hooks.ssh import Host
from airflow_provider_daybreak.hooks.ssh_following import Followed
from airflow_provider_daybreak.hooks.ssh_session import CutError, session
from airflow_provider_daybreak.releases.clock import check_clock
from airflow_provider_daybreak.releases.conditions import Ending
from airflow_provider_daybreak.releases.dotenv_file import read_env_file
from airflow_provider_daybreak.releases.layout import SLUG
from airflow_provider_daybreak.releases.remote.messages import error_of, said_of_ending, said_of_plan
from airflow_provider_daybreak.releases.running.command import split_command
from airflow_provider_daybreak.releases.running.privileges import read_limits
from airflow_provider_daybreak.releases.running.run import check_encoding
from airflow_provider_daybreak.releases.running.state import state_paths
from airflow_provider_daybreak.releases.source import read_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_daybreak.delivery.contained_mail import HostMail
    from airflow_provider_daybreak.hooks.releases import Clock, Output
    from airflow_provider_daybreak.releases.deploy import Plan
    from airflow_provider_daybreak.releases.info import ReleaseInfo
    from airflow_provider_daybreak.releases.running.privileges import Limits
    from airflow_provider_daybreak.releases.source import Source
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo

log = logging.getLogger(__name__)

_T = TypeVar("_T")

_PATIENCE = 300.0  # seconds for a host that does not answer any more
_FIRST_TRIES = 3  # to log in, before anything was asked of it
_KILL_SECONDS = 4.0  # of the five that Airflow gives


@dataclass(frozen=True)
class KeptThere:
    """
    Where a script's mail is kept on the host, and comes to when the script has ended.

    :param asked: what the host's relay is told: see :func:`~.releases.remote.beside.beside`.
    """

    relay: HostMail
    asked: Mapping[str, Any]


class RemoteReleases:
    """
    Deploys, runs and rolls back on a host.

    What is asked for is done there by a process that outlives the connection, and is known by the task's run: a lost connection
    is made again and goes on where it was, and a later try of the task takes up what still runs or has ended well.

    :param conn_id: an SSH connection.
    :param context: the task's, whose try it is.
    """

    def __init__(self, conn_id: str, context: Mapping[str, Any]) -> None:
        ti = context["ti"]
        self._host = Host.of(conn_id)
        self._context = context
        parts = [ti.dag_id, ti.run_id, ti.task_id, getattr(ti, "map_index", -1)]
        self._of = {
            "key": hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32],
            "attempt": hashlib.sha256(f"{getattr(ti, 'id', '')} {ti.try_number}".encode()).hexdigest()[:16],
            "round": str(getattr(ti, "max_tries", 0)),  # which a retry has again, and a clear adds to
        }

    def deploy(self, name: str, plan: Plan) -> ReleaseInfo:
        """
        Make the plan's source a release of the host.

        :raises DaybreakError: see :func:`~.releases.deploy.deploy`, and :class:`RemoteError`.
        """
        _check_name(name)
        if plan.index_conn_id:
            conn_ids = [plan.index_conn_id] if isinstance(plan.index_conn_id, str) else plan.index_conn_id
            first, *others = map(index_of, conn_ids)
            plan = replace(plan, index=first, more_indexes=tuple(others))
        source = read_source(plan.source)
        if not plan.source.is_dir() and plan.requirements not in ("auto", "none"):
            expected = "auto or none where the source is a single script, or a folder as source"
            raise InvalidValueError("requirements with ssh_conn_id", plan.requirements, expected)
        dotenv = None
        if plan.env_file or source.dotenv:
            dotenv = read_env_file(plan.env_file or source.folder / ".env", follow=plan.env_file is not None)
        request = {
            "what": "deploy",
            "name": name,
            "plan": said_of_plan(plan),
            "files": list(source.files),
            "script": "" if plan.source.is_dir() else plan.source.name,
            "source": str(source.folder),
            "dotenv": None if dotenv is None else dotenv.decode("utf-8", "surrogateescape"),
        }
        return cast("ReleaseInfo", self._done(request, log_line, source=source)[0])

    def roll_back(self, name: str, *, to: str | None = None) -> ReleaseInfo:
        """
        Make an earlier release of the host current.

        :raises DaybreakError: see :func:`~.releases.deploy.roll_back`, and :class:`RemoteError`.
        """
        _check_name(name)
        return cast(
            "ReleaseInfo", self._done({"what": "rollback", "name": name, "to": to or None}, log_line)[0]
        )

    def run(
        self,
        release: Mapping[str, Any] | str,
        command: Sequence[str] | str,
        *,
        env: Mapping[str, str] | None = None,
        output: Output = "last_line",
        artifacts: Sequence[str] | None = None,
        run_as: str | None = None,
        limits: Limits | None = None,
        report_date: str = "",
        timezone: str | None = None,
        period: str = "day",
        offset: int = 0,
        week_start: str = "monday",
        fiscal_year_start: int = 1,
        clock: Clock | None = None,
        ending: Ending | None = None,
        encoding: str = "utf-8",
        state_dir: bool | Sequence[str] | None = None,
        mail: KeptThere | None = None,
    ) -> Any:
        """
        Run a command of a release of the host, and return its output. What it leaves for ``artifacts`` is stored with the archive.

        :param mail: where what it mails comes to; it mails by itself when None.
        :raises DaybreakError: see :meth:`ReleaseHook.run`, and :class:`RemoteError`.
        """
        if output not in ("last_line", "json", "none"):
            raise InvalidValueError("output", output, "last_line, json or none")
        name, wanted = _said_of(release)
        run_ = run_of(
            self._context,
            report_date=report_date,
            timezone=timezone,
            week_start=week_start,
            fiscal_year_start=fiscal_year_start,
        )
        read_limits(cast("dict[str, Any]", limits or {}))
        indexes: dict[str, Any] = {}
        if clock is not None:
            check_clock(clock)
            indexes = {one: asdict(index_of(one)) for one in self._release(name, wanted)["index_conn_ids"]}
        own = strings(env or {})
        request = {
            "what": "run",
            "name": name,
            "release": wanted,
            "command": list(split_command("command", command)),
            "env": {**dates_of(run_, period, offset), **own},
            "own": own,
            "clock": {"at": run_.instant.isoformat(), "zone": str(run_.instant.tzinfo)} if clock else None,
            "indexes": indexes,
            "mail": mail.asked if mail else None,
            "output": output,
            "artifacts": list(artifacts or ()),
            "run_as": run_as,
            "limits": limits or {},
            "ending": said_of_ending(ending or Ending()),
            "encoding": check_encoding(encoding),
            "state": list(state_paths(state_dir)),
        }
        value, stored = self._done(
            request, log_data if output == "json" else log_line, keep=mail.relay.keep if mail else None
        )
        if artifacts:
            self._context["ti"].xcom_push(key="artifacts", value=stored)
        return value

    def release(self, release: Mapping[str, Any] | str) -> tuple[str, str]:
        """
        Return the name and id of a release of the host.

        :raises ReleaseNotFoundError: it is not there.
        """
        name, wanted = _said_of(release)
        return name, str(self._release(name, wanted)["id"])

    def _release(self, name: str, wanted: str | None) -> dict[str, Any]:
        """Return what the host says of a release: its id, and which connections its indexes are of."""

        def ask() -> dict[str, Any]:
            with session(self._host) as host:
                host.say(do="release", name=name, release=wanted)
                return host.hear()

        return self._patiently(ask, lambda: 0)

    def kill(self) -> None:
        """End what the task's try runs on the host, over a connection of its own: the other one may be in use this moment."""
        thread = threading.Thread(target=self._kill, daemon=True)
        thread.start()
        thread.join(_KILL_SECONDS + 0.5)
        if thread.is_alive():
            log.error(
                "It could not be ended on %s in time. If it still runs, the next try takes it up", self._host
            )

    def _kill(self) -> None:
        try:
            with session(self._host) as host:
                host.say(do="stop", seconds=_KILL_SECONDS, **self._of)
                host.hear()
        except (CutError, HostUnreachableError) as error:
            log.error(  # noqa: TRY400 - the error says all
                "It could not be ended on %s: %s. If it still runs, the next try takes it up", self._host, error
            )

    def _patiently(
        self, do: Callable[[], _T], at: Callable[[], int], was_asked: Callable[[], bool] = lambda: False
    ) -> _T:
        """
        Do something over a connection, again whenever that is lost.

        :param at: how far it has come: as long as it comes further, nobody loses patience.
        :param was_asked: whether something goes on there, which is worth more patience.
        """
        since, tries = None, 0
        while True:
            before = at()
            try:
                return do()
            except (CutError, HostUnreachableError) as error:
                tries += 1
                if isinstance(error, HostUnreachableError) and not was_asked() and tries > _FIRST_TRIES:
                    raise
                now = time.monotonic()
                since = now if since is None or at() != before else since
                if now - since > _PATIENCE:
                    raise HostUnreachableError(str(self._host), str(error)) from error
                log.warning("The connection to %s was lost (%s). Connecting again", self._host, error)
                time.sleep(min(0.2 + (now - since) / 2, 10))

    def _done(
        self,
        request: Mapping[str, Any],
        on_line: Callable[[str, str], None],
        source: Source | None = None,
        keep: Callable[[str, BinaryIO], object] | None = None,
    ) -> tuple[Any, dict[str, ArtifactInfo]]:
        """Have it done, and return its value and what it left, however often the connection is lost."""
        what = Followed(self._host, self._of, request, on_line, source, keep)
        outcome, stored = self._patiently(what.follow, lambda: what.at, lambda: what.was_asked)
        if outcome["ok"]:
            return outcome["value"], stored
        if "error" in outcome:
            if stored:
                self._context["ti"].xcom_push(key="artifacts", value=stored)
            raise error_of(outcome["error"])
        if "stopped" in outcome:
            raise RemoteRunStoppedError(str(self._host))
        if "lost" in outcome:
            raise RemoteRunLostError(str(self._host), outcome["lost"])
        raise RemoteProgramError(str(self._host), outcome["crash"])


def _said_of(release: Mapping[str, Any] | str) -> tuple[str, str | None]:
    """
    Return the name and id that are meant; None for the current one.

    :raises InvalidValueError: it is no release.
    """
    try:
        name, wanted = (
            (release, None) if isinstance(release, str) else (str(release["name"]), str(release["release"]))
        )
    except (KeyError, TypeError) as error:
        expected = "what VenvDeployOperator returned, or the name of a release"
        raise InvalidValueError("release", release, expected) from error
    _check_name(name)
    return name, wanted


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not SLUG.fullmatch(name):
        expected = "lower-case letters, digits, - and _, at most 64, such as daily_report"
        raise InvalidValueError("name of a release", name, expected)
