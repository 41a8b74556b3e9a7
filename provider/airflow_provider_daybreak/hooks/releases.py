"""Releases on this worker, as Airflow's settings, connections and runs have them."""

from __future__ import annotations

import logging
import shlex
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from airflow_provider_daybreak.context.hosts import remote_executors
from airflow_provider_daybreak.context.left_files import store_left
from airflow_provider_daybreak.context.masking import mask
from airflow_provider_daybreak.context.metrics import environments_counted
from airflow_provider_daybreak.context.package_index import index_of
from airflow_provider_daybreak.context.run import run_of
from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    ReleaseDamagedError,
    ReleaseError,
)
from airflow_provider_daybreak.releases.changing import changing
from airflow_provider_daybreak.releases.conditions import Ending
from airflow_provider_daybreak.releases.deploy import Deployed, deploy, roll_back
from airflow_provider_daybreak.releases.environments.environment import COMPLETE, is_complete
from airflow_provider_daybreak.releases.environments.verify import check_consistency, check_record
from airflow_provider_daybreak.releases.info import ReleaseInfo, info_of
from airflow_provider_daybreak.releases.layout import Layout, names
from airflow_provider_daybreak.releases.making import frozen_lock, projects_of, rebuild
from airflow_provider_daybreak.releases.manifest_check import check_source
from airflow_provider_daybreak.releases.projects.installed import check_installed
from airflow_provider_daybreak.releases.prune import PINNED, check_keep, prune
from airflow_provider_daybreak.releases.release import get_release, previous_id
from airflow_provider_daybreak.releases.running.command import split_command
from airflow_provider_daybreak.releases.running.left import all_like
from airflow_provider_daybreak.releases.running.privileges import Privileges, find_user, read_limits
from airflow_provider_daybreak.releases.running.run import Job, check_encoding, dotenv_of, redactor_of, run
from airflow_provider_daybreak.releases.running.state import State, state_paths
from airflow_provider_daybreak.releases.running.workspace import files_like, workspace
from airflow_provider_daybreak.releases.scan import warn_of
from airflow_provider_daybreak.releases.sharing import catch_up, ensure, shared_previous
from airflow_provider_daybreak.releases.states import ReleaseState, states_of
from airflow_provider_daybreak.releases.store import Store
from airflow_provider_daybreak.releases.switch import read_history
from airflow_provider_daybreak.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_daybreak.context.run import Run
    from airflow_provider_daybreak.redact import Redactor
    from airflow_provider_daybreak.releases.deploy import Plan
    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.running.finished import Finished
    from airflow_provider_daybreak.releases.running.privileges import Limits
    from airflow_provider_daybreak.releases.running.process import Running

log = logging.getLogger(__name__)

Output = Literal["last_line", "json", "none"]
Clock = Literal["report_date"]


class ReleaseHook:
    """
    Deploys, runs and rolls back on this worker, and shares releases with the others where there is a store.

    :param settings: the ``[daybreak]`` section when None.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings.load()

    def deploy(self, name: str, plan: Plan) -> ReleaseInfo:
        """
        Make the plan's source a release, current unless it is older, installed from the index of its ``index_conn_id``.

        :raises DaybreakError: see :func:`deploy`.
        """
        if plan.index_conn_id:
            conn_ids = [plan.index_conn_id] if isinstance(plan.index_conn_id, str) else plan.index_conn_id
            first, *others = map(index_of, conn_ids)
            plan = replace(plan, index=first, more_indexes=tuple(others))
        layout = self.layout(name)
        if self.settings.release_store is None and (executors := remote_executors()):
            log.warning(
                "With %s another worker may run the script, and it will not find the release: it stays on this one. "
                "Set [daybreak] release_store to a folder that all workers reach.",
                " and ".join(executors),
            )
        store = self.store(name)
        if store:
            catch_up(layout, store, index_of=index_of)
        with environments_counted(layout, reused=True):
            deployed = deploy(layout, plan, store=store)
        if deployed.changed and deployed.findings is not None:
            warn_of(deployed.findings, name)
        return info_of(deployed)

    def roll_back(self, name: str, *, to: str | None = None) -> ReleaseInfo:
        """
        Make an earlier release current.

        :raises DaybreakError: see :func:`roll_back`.
        """
        layout, store = self.layout(name), self.store(name)
        wanted = to or None
        if store and (wanted := wanted or shared_previous(store)):
            ensure(layout, wanted, store=store, index_of=index_of)
        return info_of(roll_back(layout, wanted, store=store))

    def release(self, release: Mapping[str, Any] | str) -> Release:
        """
        Return a release on this worker, made from the store where there is one and this worker lacks it.

        :param release: what a deploy returned, or a name, whose current release is taken.
        :raises ReleaseNotFoundError: it is not here.
        """
        if isinstance(release, str):
            name, wanted = release, None
        else:
            try:
                name, wanted = str(release["name"]), str(release["release"])
            except (KeyError, TypeError) as error:
                expected = "what VenvDeployOperator returned, or the name of a release"
                raise InvalidValueError("release", release, expected) from error
        layout, store = self.layout(name), self.store(name)
        if store is None:
            return get_release(layout, wanted)
        with environments_counted(layout):
            return ensure(layout, wanted, store=store, index_of=index_of, other_python=True)

    def run(
        self,
        release: Mapping[str, Any] | str,
        command: Sequence[str] | str,
        *,
        context: Mapping[str, Any],
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
        boot: Mapping[str, str] | None = None,
        state_dir: bool | Sequence[str] | None = None,
        running: Running | None = None,
    ) -> Any:
        """
        Run a command of the release for the run's report date, and return its output.

        :param artifacts: patterns of files that the script leaves in its output or working directory. They are
            stored with the archive, and pushed as the task's XCom ``artifacts``: ``{name: {uri, sha256, bytes}}``.
        :param run_as: name of the user to run it as; the worker's own when None.
        :param clock: ``report_date`` starts the script's clock at the run's instant; it has the true time when None.
        :param ending: how its end is read.
        :param encoding: of the text that it writes.
        :param boot: variables that tell its Pythons what else to begin: see :class:`Job`.
        :param state_dir: paths of the working directory that its next run finds again; the folder ``state`` when True.
        :param running: gets what ends its processes.
        :raises ReleaseError: it did not end well: see :meth:`Ending.check`. Artifacts that it left are stored then too.
        :raises ScriptOutputError: its output is not JSON, where that is asked for, or an artifact is missing.
        """
        if output not in ("last_line", "json", "none"):
            raise InvalidValueError("output", output, "last_line, json or none")
        ending = ending or Ending()
        run_ = run_of(
            context,
            report_date=report_date,
            timezone=timezone,
            week_start=week_start,
            fiscal_year_start=fiscal_year_start,
        )
        dates = dates_of(run_, period, offset)
        privileges = Privileges(
            user=find_user(run_as) if run_as else None, limits=read_limits(cast("dict[str, Any]", limits or {}))
        )
        command = split_command("command", command)
        found = self.release(release)
        job = Job(
            command,
            {**dates, **strings(env or {})},
            privileges,
            {**_boot(found, run_, clock), **(boot or {})},
            check_encoding(encoding),
            ending.patterns,
            State(found.layout, paths, self.store(found.layout.name))
            if (paths := state_paths(state_dir))
            else None,
        )
        redactor = _mask(found, job)
        with job.state.held() if job.state else nullcontext(), workspace(found.layout) as space:
            command_ = redactor.for_log(shlex.join(job.command))
            log.info("Running %s in release %s of %s", command_, found.id, found.layout.name)
            on_line = log_data if output == "json" else log_line
            finished = run(found, job, on_line=on_line, running=running, space=space)
            log.info("It ended with %s after %.1f s", finished.ending, finished.seconds)
            files = partial(files_like, space, found, user=privileges.user)
            try:
                ending.check(finished, files)
            except ReleaseError:
                if artifacts:  # its log above all
                    stored = store_left(
                        space, {one.name: one for each in artifacts for one in files(each)}, privileges.user
                    )
                    context["ti"].xcom_push(key="artifacts", value=stored)
                raise
            value = finished.result(output)
            if job.state:
                job.state.keep(space, found, privileges.user)
            if artifacts:
                stored = store_left(space, all_like(finished.command, artifacts, files), privileges.user)
                context["ti"].xcom_push(key="artifacts", value=stored)
        return value

    def capture(
        self,
        release: Mapping[str, Any] | str,
        command: Sequence[str] | str,
        run_: Run,
        *,
        period: str = "day",
        offset: int = 0,
        env: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        ending: Ending | None = None,
        encoding: str = "utf-8",
        running: Running | None = None,
    ) -> Finished:
        """
        Run a command of a release for a run's report date, and return how it ended. What it prints is data.

        :param ending: how its end is read.
        :param encoding: of the text that it writes.
        :param running: gets what ends its processes.
        :raises ReleaseNotFoundError: it is not here.
        :raises ReleaseError: it did not end well: see :meth:`Ending.check`.
        """
        ending = ending or Ending()
        command = split_command("command", command)
        found = self.release(release)
        variables = {**dates_of(run_, period, offset), **strings(env or {})}
        job = Job(
            command,
            variables,
            boot=_boot(found, run_, clock),
            encoding=check_encoding(encoding),
            patterns=ending.patterns,
        )
        _mask(found, job)
        with workspace(found.layout) as space:
            finished = run(found, job, on_line=log_data, running=running, space=space)
            ending.check(finished, partial(files_like, space, found))
        log.info("It printed %d bytes of data", finished.written)
        return finished

    def states(self, name: str | None = None) -> list[ReleaseState]:
        """Return the releases on this worker, of one name or of all, the newest first."""
        found = [name] if name else names(self.settings.releases)
        return [state for one in found for state in states_of(self.layout(one))]

    def get(self, name: str, release: str | None = None) -> Release:
        """
        Return a release on this worker, or the current one.

        :raises ReleaseNotFoundError: it is not here.
        """
        return get_release(self.layout(name), release)

    def owner(self, name: str) -> str | None:
        """Return the id of the Dag whose a name is, or None while only people deployed under it."""
        return read_history(self.layout(name)).owner

    def verify(self, name: str, release: str | None = None) -> dict[str, int]:
        """
        Compare a release and its environment with what they were when they were made.

        :return: how many files were compared in either.
        :raises VerificationError: a file is missing or was changed, or packages don't fit each other.
        :raises ReleaseDamagedError: its environment was never completed, or is of another format.
        """
        found = self.get(name, release)
        frozen_lock(found)
        if not is_complete(found.environment):
            raise ReleaseDamagedError(str(found.environment / COMPLETE), "the environment is not complete")
        remedy = f"Make it anew: airflow daybreak releases rebuild {name} {found.id}"
        compared = {"source": check_source(found), "environment": check_record(found.environment, remedy)}
        check_consistency(found.environment)
        check_installed(found.path, projects_of(found.path, found.manifest))
        return compared

    def rebuild(self, name: str, release: str | None = None) -> ReleaseInfo:
        """
        Make the environment of a release on this worker anew, of the same packages, fetched again.

        :raises DaybreakError: see :func:`rebuild`.
        """
        layout = self.layout(name)
        found = rebuild(layout, release or None, index_of=index_of)
        return info_of(Deployed(found, previous_id(layout), changed=False))

    def prune(self, name: str, *, keep: int = 5) -> list[str]:
        """Remove all but the newest releases of a name on this worker, and return their ids."""
        check_keep(keep)
        layout = self.layout(name)
        get_release(layout)  # before anything is made under a name that was misspelt
        with changing(layout, lock_timeout=600):
            return prune(layout, keep=keep)

    def pin(self, name: str, release: str, *, pinned: bool = True) -> None:
        """
        Keep a release on this worker, however old it gets, or no longer.

        :raises ReleaseNotFoundError: it is not here.
        """
        pin = self.get(name, release).path / PINNED
        if pinned:
            pin.touch()
        else:
            pin.unlink(missing_ok=True)

    def lock(self, name: str, release: str | None = None) -> str:
        """
        Return the frozen lock of a release: hashed requirements, for any platform.

        :raises VerificationError: it is not what it was.
        """
        return frozen_lock(self.get(name, release)).text

    def layout(self, name: str) -> Layout:
        """Return the folder of a name on this worker."""
        return Layout(self.settings.releases, name)

    def store(self, name: str) -> Store | None:
        """Return what the workers share of a name, or None where they share nothing."""
        if self.settings.release_store is None:
            return None
        from airflow_provider_daybreak.context.archive import storage_path

        folder = storage_path(self.settings.release_store, name="[daybreak] release_store") / name
        return Store(folder, self.settings.release_keys, self.settings.pack_environments)


def _mask(release: Release, job: Job) -> Redactor:
    """Mask the script's values in whatever Airflow logs of this task, and return who knows their other forms."""
    redactor = redactor_of(job, dotenv_of(release, job.privileges.user, {**job.boot, **job.env}))
    mask(redactor)
    return redactor


def dates_of(run: Run, period: str, offset: int) -> dict[str, str]:
    """Return the variables that tell a script its dates."""
    covered = run.period(period, offset)
    return {
        "DAYBREAK_REPORT_DATE": run.report_date.isoformat(),
        "DAYBREAK_PERIOD_START": covered.start.isoformat(),
        "DAYBREAK_PERIOD_END": covered.end.isoformat(),
    }


def _boot(release: Release, run_: Run, clock: Clock | None) -> dict[str, str]:
    """
    Return what is to begin in the script's Pythons.

    :raises InvalidValueError: the clock is none that there is.
    """
    if clock is None:
        return {}
    from airflow_provider_daybreak.releases.clock import check_clock, start_at

    check_clock(clock)

    log.info("Its clock starts at %s", run_.instant.isoformat())
    return start_at(run_.instant, release, index_of=index_of)


def log_line(stream: str, line: str) -> None:
    """Log a line of a script."""
    logging.getLogger(f"{__name__}.{stream}").info("%s", line)


def log_data(stream: str, line: str) -> None:
    """Log what it says of its work; what is taken for data is for who looks into it."""
    logging.getLogger(f"{__name__}.{stream}").log(
        logging.DEBUG if stream == "stdout" else logging.INFO, "%s", line
    )


def strings(values: Mapping[str, Any]) -> dict[str, str]:
    """Return variables as an environment holds them."""
    return {str(key): str(value) for key, value in values.items()}
