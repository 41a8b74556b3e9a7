"""
Deploy a Python script as a release, run it, and roll it back.

One module, since a Dag that deploys a script runs it too, and most of it documents their parameters.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseOperator

from airflow_provider_daybreak.delivery.script_mail import ScriptMail
from airflow_provider_daybreak.operators.permanent import fail_at_once

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from airflow.sdk import Context, XComArg

    from airflow_provider_daybreak.context.mailing_script import Ended, Mailed, Script
    from airflow_provider_daybreak.hooks.releases import Clock, Output
    from airflow_provider_daybreak.hooks.remote import KeptThere, RemoteReleases
    from airflow_provider_daybreak.releases.conditions import Condition, Ending
    from airflow_provider_daybreak.releases.info import ReleaseInfo
    from airflow_provider_daybreak.releases.running.privileges import Limits
    from airflow_provider_daybreak.releases.running.process import Running
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo

__all__ = ["ScriptMail", "VenvDeployOperator", "VenvRollbackOperator", "VenvRunOperator"]


class VenvDeployOperator(BaseOperator):
    """
    Make a release of a script and the packages it needs, and switch to it in one step.

    Nothing is resolved, installed or copied that is there already. Until the last step the release that was
    current before still is. A run of an older version of its Dag than the one that deployed last uses its own
    release, and leaves current what is.

    :param name: name to deploy under: lower-case letters, digits, ``-`` and ``_``. (templated)
    :param source: absolute path of the script's folder, or of a single ``.py`` file. (templated)
    :param requirements: file in the source that says what to install, maybe with extras and groups, as in
        ``pyproject.toml[pdf]``. ``auto`` finds it: see :func:`~.releases.requirements.declared.read_requirements`.
        (templated)
    :param python: absolute path or version of the interpreter, or ``conda:`` and the name or path of an environment whose
        packages are taken; when None that of the source's ``.python-version``, or else the worker's own. (templated)
    :param env_file: absolute path of the ``.env`` that the script reads; the one in the source when
        None. (templated)
    :param verify: a command that must succeed in the new release before it becomes current. (templated)
    :param keep: how many releases stay on disk.
    :param require_hashes: refuse requirements that don't come with hashes of their own.
    :param only_binary: install wheels only: building a package runs its code. ``{"thing": False}`` lets that one be built.
    :param index_conn_id: package-index connection to install from, or several: one whose address is that of an index which
        the source names is for that one.
    :param index_strategy: which versions of a package count where several indexes have it: ``first-index`` (those of the first
        that has it, in the order in which uv asks them), ``unsafe-first-match`` or ``unsafe-best-match``; what the source
        says, or else the first, when None.
    :param upgrade: resolve open versions again, though the requirements are the same.
    :param lock_timeout: seconds to wait for another deploy of the same name.
    :param take_over: id of the Dag whose the name was: it belongs to the Dag that deployed under it first, and any
        other is refused unless it names that one, as after a Dag was renamed.
    :param store_secrets: put files that look like secrets into the release store too.
    :param ssh_conn_id: SSH connection of the host to deploy on, which needs no Airflow: see docs/ssh.md. This worker when None.
    :return: the release now current, as :class:`ReleaseInfo`.
    """

    template_fields: Sequence[str] = ("name", "source", "requirements", "python", "env_file", "verify")

    def __init__(
        self,
        *,
        name: str,
        source: str | Path,
        requirements: str = "auto",
        python: str | None = None,
        env_file: str | Path | None = None,
        verify: Sequence[str] | str | None = None,
        keep: int = 5,
        require_hashes: bool = False,
        only_binary: bool | Mapping[str, bool] = True,
        index_conn_id: str | Sequence[str] | None = None,
        index_strategy: str | None = None,
        upgrade: bool = False,
        lock_timeout: float = 600,
        take_over: str | None = None,
        store_secrets: bool = False,
        ssh_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.source = source
        self.requirements = requirements
        self.python = python
        self.env_file = env_file
        self.verify = verify
        self.keep = keep
        self.require_hashes = require_hashes
        self.only_binary = only_binary
        self.index_conn_id = index_conn_id
        self.index_strategy = index_strategy
        self.upgrade = upgrade
        self.lock_timeout = lock_timeout
        self.take_over = take_over
        self.store_secrets = store_secrets
        self.ssh_conn_id = ssh_conn_id
        self._remote: RemoteReleases | None = None

    def execute(self, context: Context) -> ReleaseInfo:
        """Deploy, and return the release."""
        from airflow_provider_daybreak.context.dag_file import check_only_file
        from airflow_provider_daybreak.context.run import dag_version_of
        from airflow_provider_daybreak.hooks.releases import ReleaseHook
        from airflow_provider_daybreak.releases.deploy import Plan

        with fail_at_once():
            check_only_file(context)
            plan = Plan(
                source=Path(self.source).expanduser(),
                requirements=self.requirements,
                python=self.python,
                env_file=Path(self.env_file).expanduser() if self.env_file else None,
                commands=tuple(_commands_of(self)),
                verify=self.verify,
                keep=self.keep,
                require_hashes=self.require_hashes,
                only_binary=self.only_binary,
                index_conn_id=self.index_conn_id,
                index_strategy=self.index_strategy or "",
                upgrade=self.upgrade,
                lock_timeout=self.lock_timeout,
                version=dag_version_of(context),
                dag_id=context["ti"].dag_id,
                take_over=self.take_over,
                store_secrets=self.store_secrets,
            )
            if self.ssh_conn_id:
                from airflow_provider_daybreak.hooks.remote import RemoteReleases

                self._remote = RemoteReleases(self.ssh_conn_id, context)
                return self._remote.deploy(self.name, plan)
            return ReleaseHook().deploy(self.name, plan)

    def on_kill(self) -> None:
        """End the deploy on its host."""
        if self._remote is not None:
            self._remote.kill()


def _commands_of(deploy: VenvDeployOperator) -> Iterator[Sequence[str] | str]:
    """Yield the commands that tasks of the Dag run in the release of a deploy, as they stand in its file."""
    for task in deploy.dag.tasks if deploy.has_dag() else ():  # type: ignore[no-untyped-call]  # Airflow's own
        said = getattr(task, "partial_kwargs", None) or vars(task)
        sources = said.get("data")
        runs = [said, *(map(vars, filter(_is_run, sources.values())) if isinstance(sources, dict) else ())]
        for run in runs:
            release, command = run.get("release"), run.get("command")
            made_by = getattr(release, "operator", None)  # Airflow runs a copy of what stands in the Dag
            ours = getattr(made_by, "task_id", "") == deploy.task_id or release == deploy.name
            if ours and isinstance(command, (str, list, tuple)) and command:
                yield command


def _is_run(source: object) -> bool:
    return hasattr(source, "release") and hasattr(source, "command")


class VenvRunOperator(BaseOperator):
    """
    Run a command of a release for the run's report date.

    The script sees ``DAYBREAK_REPORT_DATE`` (an ISO date), ``DAYBREAK_PERIOD_START`` and
    ``DAYBREAK_PERIOD_END`` (ISO times with offset), ``DAYBREAK_OUTPUT_DIR``, and what its ``.env`` sets;
    nothing of the worker's own secrets.

    :param release: what a :class:`VenvDeployOperator` returned, or a name, whose current release is
        taken. (templated)
    :param command: program and arguments; a first item that ends in ``.py`` is a script of the
        release. (templated)
    :param env: further variables for the script; no place for secrets. (templated)
    :param output: what of stdout to return: ``last_line``, ``json`` or ``none``.
    :param artifacts: patterns of files, such as ``*.csv``, that the script leaves in ``DAYBREAK_OUTPUT_DIR`` or
        its working directory. They are stored with the archive, and are this task's XCom ``artifacts``:
        ``{name: {uri, sha256, bytes}}``. (templated)
    :param run_as: user to run it as, where the worker is root; see Airflow's own ``run_as_user`` for the whole
        task.
    :param limits: what it may use at most: ``memory`` (bytes, or as ``512M``), ``cpu_seconds``, ``open_files``,
        ``processes``.
    :param clock: ``report_date`` starts the script's clock at the run's scheduled instant, on its report date and in the
        Dag's zone: ``date.today()``, ``datetime.now()`` and ``time.time()`` begin there, and tick on. The script has
        the true time when None.
    :param fail_on: when a script that ends with exit code 0 has failed all the same, since many swallow their errors: a
        regular expression that a line of its output matches, such as ``r"Traceback|ERROR"``, ``NoOutput()``,
        ``NoFile("*.csv")`` or ``NoMail()`` of :mod:`airflow_provider_daybreak.releases.conditions`, or a list of them.
    :param skip_on_exit_code: exit code, or several, with which the script says that there is nothing to do: its task is
        skipped, and what comes after it.
    :param state_dir: what a script that remembers where it was finds again at its next run: paths of files and folders of
        its working directory, such as ``["last_id.txt"]``, or True for the folder ``state``, which
        ``DAYBREAK_STATE_DIR`` names. It is kept when a run has ended well, as a whole; one run at a time has it.
    :param encoding: of what the script prints. What is none is an error, and never an unreadable character in a report.
    :param retry_exit_codes: exit codes after which another try may do better, and for which the task's retries are. A script
        that ends with any other fails at once. When None any but 2, which programs end with where what they are given is
        wrong, unless the last that the script said is that a module is missing. What ends by a signal is always tried again.
    :param report_date: ISO date; the run's own when empty. (templated)
    :param timezone: the dates' zone; the Dag's when None.
    :param period: length of the period that the script is told: day, week, month, quarter or year.
    :param offset: how many periods later, or, negative, earlier.
    :param week_start: the day that weeks begin on, ``monday`` to ``sunday``.
    :param fiscal_year_start: the month, 1 to 12, that years begin with and quarters are counted from.
    :param mail: what becomes of the mail that the script sends by itself. ``direct`` leaves it alone: a second run
        mails twice. With ``once`` a relay stands where its mail server stood; what it mails is archived as a
        revision and goes out over ``smtp_default`` once for each message, recipient and period, after the
        script has ended well. ``capture`` archives it alone. A :class:`ScriptMail` says more. What became of it is
        this task's XCom ``mail``: :class:`ScriptMailInfo`. A run that mailed nothing ends as skipped.
    :param ssh_conn_id: SSH connection of the host to run it on, which needs no Airflow: see docs/ssh.md. This worker when None.
    :return: the output.
    """

    template_fields: Sequence[str] = ("release", "command", "env", "artifacts", "report_date")

    def __init__(
        self,
        *,
        release: Mapping[str, Any] | str | XComArg,
        command: Sequence[str | XComArg] | str,
        env: Mapping[str, str] | None = None,
        output: Output = "last_line",
        artifacts: Sequence[str] | None = None,
        run_as: str | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
        fail_on: Condition | Sequence[Condition] | None = None,
        skip_on_exit_code: int | Collection[int] | None = None,
        state_dir: bool | Sequence[str] | None = None,
        encoding: str = "utf-8",
        retry_exit_codes: Collection[int] | None = None,
        report_date: str = "",
        timezone: str | None = None,
        period: str = "day",
        offset: int = 0,
        week_start: str = "monday",
        fiscal_year_start: int = 1,
        mail: Literal["direct", "once", "capture"] | ScriptMail = "direct",
        ssh_conn_id: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.release: Any = release  # an XComArg until it is rendered
        self.command: Any = command
        self.env = env
        self._output = output  # output is what Airflow calls the XComArg of the task
        self.artifacts = artifacts
        self.run_as = run_as
        self.limits = limits
        self.clock = clock
        self.fail_on = fail_on
        self.skip_on_exit_code = skip_on_exit_code
        self.state_dir = state_dir
        self.encoding = encoding
        self.retry_exit_codes = retry_exit_codes
        self.report_date = report_date
        self.timezone = timezone
        self.period = period
        self.offset = offset
        self.week_start = week_start
        self.fiscal_year_start = fiscal_year_start
        self.mail = mail
        self.ssh_conn_id = ssh_conn_id
        self._running: Running | RemoteReleases | None = None

    def execute(self, context: Context) -> Any:
        """Run the command to its end, and return its output."""
        from airflow_provider_daybreak.operators.script_mail import kept

        with fail_at_once():
            options = kept(self.mail, context)
            ending = self._ending(mail=options is not None)
            if options is None:
                return self._run(self.release, self.env or {}, context, ending)
            from airflow_provider_daybreak.hooks.script_mail import ScriptMailHook
            from airflow_provider_daybreak.releases.conditions import NoMail

            script = self._script(options, partial(self._run, ending=ending), context)
            mailed = ScriptMailHook(options, must_mail=NoMail() in ending.fail_on).run(script, context)
        return self._result(mailed, context)

    def _script(self, options: ScriptMail, run_script: Callable[..., Any], context: Context) -> Script:
        """Return the script, whose mail is kept."""
        from airflow_provider_daybreak.context.run import run_of

        run = run_of(
            context,
            report_date=self.report_date,
            timezone=self.timezone,
            week_start=self.week_start,
            fiscal_year_start=self.fiscal_year_start,
        )
        given: dict[str, Any] = {
            "run": run,
            "period": run.period(self.period, self.offset),
            "context": context,
            "env": self.env,
        }
        if self.ssh_conn_id:
            from airflow_provider_daybreak.hooks import remote_mail

            return remote_mail.script_of(
                self.ssh_conn_id, self.release, self.command, run_script, options, **given
            )
        from airflow_provider_daybreak.hooks.script_mail import script_of

        return script_of(self.release, self.command, run_script, run_as=self.run_as, **given)

    def execute_answered(
        self, context: Context, event: dict[str, Any], manifest: str, ended: Ended, proposal: ArtifactInfo
    ) -> Any:
        """Send what somebody approved, and return the script's output."""
        from airflow_provider_daybreak.hooks.script_mail import ScriptMailHook
        from airflow_provider_daybreak.operators.approval import answer_of

        with fail_at_once():
            answer = answer_of(event)
            options = ScriptMail.of(self.mail) or ScriptMail()
            mailed = ScriptMailHook(options).answered(
                manifest, ended, context, approved=answer.approved, by=answer.by, proposal=proposal
            )
        return self._result(mailed, context)

    def _result(self, mailed: Mailed, context: Context) -> Any:
        """Say what became of the mail, and return the script's output."""
        from airflow_provider_daybreak.operators.script_mail import tell

        return tell(self, mailed, context, then=self.execute_answered.__name__)

    def _ending(self, *, mail: bool) -> Ending:
        from airflow_provider_daybreak.releases.conditions import Ending, NoMail

        return Ending.of(
            retry_exit_codes=self.retry_exit_codes,
            skip_on_exit_code=self.skip_on_exit_code,
            fail_on=self.fail_on,
            without={} if mail else {NoMail: "mail='once' or mail='capture' beside it, which keep its mail"},
        )

    def _run(
        self,
        release: Any,
        env: Mapping[str, str],
        context: Mapping[str, Any],
        ending: Ending,
        boot: Mapping[str, str] | None = None,
        mail: KeptThere | None = None,
    ) -> Any:
        from airflow_provider_daybreak.hooks.releases import ReleaseHook
        from airflow_provider_daybreak.releases.running.process import Running

        asked: dict[str, Any] = {
            "env": env,
            "output": self._output,
            "artifacts": self.artifacts,
            "run_as": self.run_as,
            "limits": self.limits,
            "clock": self.clock,
            "ending": ending,
            "state_dir": self.state_dir,
            "encoding": self.encoding,
            "report_date": self.report_date,
            "timezone": self.timezone,
            "period": self.period,
            "offset": self.offset,
            "week_start": self.week_start,
            "fiscal_year_start": self.fiscal_year_start,
        }
        if self.ssh_conn_id:
            from airflow_provider_daybreak.hooks.remote import RemoteReleases

            self._running = remote = RemoteReleases(self.ssh_conn_id, context)
            return remote.run(release, self.command, **asked, mail=mail)
        self._running = running = Running()
        return ReleaseHook().run(release, self.command, **asked, context=context, boot=boot, running=running)

    def on_kill(self) -> None:
        """End the script and everything it started."""
        if self._running is not None:
            self._running.kill()


class VenvRollbackOperator(BaseOperator):
    """
    Point ``current`` back at an earlier release.

    :param name: name the release was deployed under. (templated)
    :param to: id of the release to return to; the one before the current when None. (templated)
    :param ssh_conn_id: SSH connection of the host to roll back on, which needs no Airflow: see docs/ssh.md. This worker when None.
    :return: the release now current, as :class:`ReleaseInfo`.
    """

    template_fields: Sequence[str] = ("name", "to")

    def __init__(
        self, *, name: str, to: str | None = None, ssh_conn_id: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.to = to
        self.ssh_conn_id = ssh_conn_id

    def execute(self, context: Context) -> ReleaseInfo:
        """Switch, and return the release now current."""
        from airflow_provider_daybreak.hooks.releases import ReleaseHook

        with fail_at_once():
            if self.ssh_conn_id:
                from airflow_provider_daybreak.hooks.remote import RemoteReleases

                return RemoteReleases(self.ssh_conn_id, context).roll_back(self.name, to=self.to)
            return ReleaseHook().roll_back(self.name, to=self.to)
