"""A script in a container: isolated, with files in and out, never two at once and none left over."""

from __future__ import annotations

from copy import copy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from airflow.providers.docker.operators.docker import DockerOperator

from airflow_provider_daybreak.containers.image import ImageBuild
from airflow_provider_daybreak.containers.isolation import HOME, TMPFS, Isolation
from airflow_provider_daybreak.containers.job import ContainerJob, File, check_texts
from airflow_provider_daybreak.containers.outputs import CopyLimits
from airflow_provider_daybreak.context.masking import mask
from airflow_provider_daybreak.delivery.script_mail import ScriptMail
from airflow_provider_daybreak.dotenv import read_dotenv
from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.operators.container_result import (
    ContainerResult,
    result_of,
    skipped_without_engine,
)
from airflow_provider_daybreak.operators.permanent import fail_at_once
from airflow_provider_daybreak.redact import Redactor, secrets_among

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.providers.docker.hooks.docker import DockerHook
    from airflow.sdk import Context
    from docker.types import Mount

    from airflow_provider_daybreak.containers.work import Keep
    from airflow_provider_daybreak.context.mailing_script import Ended, Mailed
    from airflow_provider_daybreak.hooks.container import ContainerHook
    from airflow_provider_daybreak.hooks.container_mail import KeptMail
    from airflow_provider_daybreak.hooks.releases import Clock
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo

Keeping = Literal["never", "success", "force"]

__all__ = ["ContainerResult", "CopyLimits", "File", "ImageBuild", "ScriptDockerOperator", "ScriptMail"]


class ScriptDockerOperator(DockerOperator):
    """
    Run a script in a container, and take files in and out by copy, whichever engine it is.

    Nothing is mounted from the worker. Without a network, as an unprivileged user, on a file system that
    can't be written but for ``/tmp`` and the folders of the outputs, unless arguments say otherwise. All
    tries of a task share one container: a retry takes over what a lost try left. What else
    ``DockerOperator`` takes works here too, but for what :doc:`/containers` lists.

    :param image: image to run. (templated)
    :param build: folder with a Dockerfile to build the image from, or an
        :class:`~airflow_provider_daybreak.containers.image.ImageBuild`; instead of ``image``.
    :param command: program and arguments as a list, or a line of them. (templated)
    :param inputs: what goes under ``/in``: by path there, a text, a :class:`File` for a file or folder, or what a
        report or container task returned (all its files, under that path; ``"."`` is ``/in`` itself). (templated)
    :param outputs: what comes out into the archive: a path in the container by name. A folder gives each of
        its files, as ``<name>/<path>``. (templated)
    :param result: path in the container of a JSON file whose value is returned too. (templated)
    :param secrets: files under ``/run/secrets``: a template of the content by name, such as
        ``{"token": "{{ conn.api.password }}"}``. Rendered when the task runs and kept nowhere.
    :param clock: ``report_date`` starts the clocks of the script at the run's scheduled instant, on its report date and in
        the Dag's zone: in an image with a Python those of its Pythons, in any other with ``libfaketime`` those of all
        programs. The script has the true time when None.
    :param report_date: ISO date; the run's own when empty. (templated)
    :param timezone: that date's zone; the Dag's when None.
    :param period: length of the period that its mail is for: day, week, month, quarter or year.
    :param offset: how many periods later, or, negative, earlier.
    :param week_start: the day that weeks begin on, ``monday`` to ``sunday``.
    :param fiscal_year_start: the month, 1 to 12, that years begin with and quarters are counted from.
    :param mail: what becomes of the mail that the script sends by itself, as for
        :class:`~airflow_provider_daybreak.operators.venv.VenvRunOperator`: ``direct``, ``once``, ``capture`` or a
        :class:`ScriptMail`. It is kept by a relay in the container, which takes a Python 3.10 or later in the image. Its
        report is ``<dag_id>-<task_id>`` unless a :class:`ScriptMail` says another.
    :param archive: URI of the archive that keeps outputs; ``[daybreak] archive`` when None. (templated)
    :param copy_limits: how many files and bytes may go in, and may come out.
    :param network_mode: the container's network: none, unless one is named.
    :param mem_limit: memory, as bytes or text such as ``512m``, swap included.
    :param cpus: how many CPUs' time it gets at most. None for all.
    :param pids_limit: processes and threads at most.
    :param read_only: whether the image's file system can't be written.
    :param tmpfs: folders in memory, with their mount options.
    :param user: who it runs as: the image's user unless that is root, then 1000:1000.
    :param log_limit: bytes that the container may write before it is stopped.
    :param log_opts_max_size: size of the engine's own log before it is rolled, such as ``50m``.
    :param keep_on_failure: leave a failed container under ``<name>-kept-<N>``, for a look.
    :param skip_if_unavailable: skip the task, rather than fail it, when no engine answers.
    :return: what came of it, as :class:`ContainerResult`.
    :raises ContainerError: the engine, the image, an input, the container or an output failed.
    """

    template_fields: Sequence[str] = (
        "image",
        "command",
        "environment",
        "env_file",
        "container_name",
        "mounts",
        "docker_conn_id",
        "inputs",
        "outputs",
        "result",
        "archive",
        "report_date",
    )
    template_ext: Sequence[str] = ()  # a command that ends in .sh is a command, not a file to put in its place
    template_fields_renderers = {"inputs": "json", "outputs": "json"}  # noqa: RUF012 - Airflow's own declaration

    def __init__(
        self,
        *,
        image: str = "",
        build: str | Path | ImageBuild | None = None,
        inputs: Mapping[str, Any] | None = None,
        outputs: Mapping[str, str] | None = None,
        result: str | None = None,
        secrets: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        report_date: str = "",
        timezone: str | None = None,
        period: str = "day",
        offset: int = 0,
        week_start: str = "monday",
        fiscal_year_start: int = 1,
        mail: Literal["direct", "once", "capture"] | ScriptMail = "direct",
        archive: str | None = None,
        copy_limits: CopyLimits | None = None,
        network_mode: str | None = "none",
        mem_limit: float | str | None = "1g",
        cpus: float | None = 1.0,
        pids_limit: int | None = 256,
        read_only: bool = True,
        tmpfs: Mapping[str, str] | None = None,
        cap_add: Sequence[str] | None = None,
        log_limit: int = 2 << 30,
        log_opts_max_size: str | None = "50m",
        log_opts_max_file: str | None = "2",
        auto_remove: Keeping = "force",
        keep_on_failure: bool = False,
        skip_if_unavailable: bool = False,
        mount_tmp_dir: bool = False,
        retrieve_output: bool = False,
        xcom_all: bool = False,
        mounts: Sequence[Mount | dict[str, Any]] | None = None,
        private_environment: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            image=image,
            network_mode=network_mode,
            mem_limit=mem_limit,
            cap_add=cap_add,
            log_opts_max_size=log_opts_max_size,
            log_opts_max_file=log_opts_max_file,
            auto_remove=auto_remove,
            mount_tmp_dir=mount_tmp_dir,
            **kwargs,
        )
        for name, asked, alternative in (
            (
                "retrieve_output",
                retrieve_output,
                "result='/out/result.json' for a value, outputs={…} for files",
            ),
            ("mount_tmp_dir", mount_tmp_dir, "False: inputs={…} and outputs={…} move files, /tmp is in memory"),
            ("xcom_all", xcom_all, "False: outputs={…} moves what is written, last_line is returned"),
        ):
            if asked:
                raise InvalidValueError(name, asked, alternative)
        # The provider keeps these two in ways that differ between its versions, and out of sight.
        self.mounts = list(mounts or ())
        self._private_variables = private_environment or {}
        self.build = build
        check_texts(inputs)
        self.inputs = inputs
        self.outputs = outputs
        self.result = result
        self.secrets = secrets
        self.clock = clock
        self.report_date = report_date
        self.timezone = timezone
        self.period = period
        self.offset = offset
        self.week_start = week_start
        self.fiscal_year_start = fiscal_year_start
        self.mail = mail
        self.archive = archive
        self.copy_limits = copy_limits
        self.cpu_quota = cpus
        self.pids_limit = pids_limit
        self.read_only = read_only
        self.tmpfs = tmpfs
        self.log_limit = log_limit
        self.keep_on_failure = keep_on_failure
        self.skip_if_unavailable = skip_if_unavailable
        self._running: ContainerHook | None = None

    @property
    def private_names(self) -> tuple[str, ...]:
        """Names of the variables whose values nothing shows."""
        return tuple(self._private_variables)

    def execute(self, context: Context) -> ContainerResult:  # type: ignore[override]
        """Run the container, or take over the one that an earlier try left, and see to its mail."""
        values = cast("Mapping[str, Any]", context)
        from airflow_provider_daybreak.operators.script_mail import kept

        with fail_at_once(), skipped_without_engine(skip=self.skip_if_unavailable):
            # Without a network it mails nobody, and its image may lack what a relay takes.
            mails = self.network_mode != "none"
            options = kept(self.mail, context) if mails else ScriptMail.of(self.mail)
            if options is None:
                return self._run(context)
            from airflow_provider_daybreak.context.run import run_of
            from airflow_provider_daybreak.hooks.container_mail import script_of
            from airflow_provider_daybreak.hooks.script_mail import ScriptMailHook

            run = run_of(
                values,
                report_date=self.report_date,
                timezone=self.timezone,
                week_start=self.week_start,
                fiscal_year_start=self.fiscal_year_start,
            )
            script = script_of(
                self._job(context),
                partial(self._run, context),
                run=run,
                period=run.period(self.period, self.offset),
                context=values,
            )
            mailed = ScriptMailHook(options).run(script, values)
        return self._told(mailed, context)

    def execute_answered(
        self, context: Context, event: dict[str, Any], manifest: str, ended: Ended, proposal: ArtifactInfo
    ) -> ContainerResult:
        """Send what somebody approved, and return what came of the container."""
        from airflow_provider_daybreak.hooks.script_mail import ScriptMailHook
        from airflow_provider_daybreak.operators.approval import answer_of

        values = cast("Mapping[str, Any]", context)
        with fail_at_once():
            answer = answer_of(event)
            hook = ScriptMailHook(ScriptMail.of(self.mail) or ScriptMail())
            mailed = hook.answered(
                manifest, ended, values, approved=answer.approved, by=answer.by, proposal=proposal
            )
        return self._told(mailed, context)

    def _told(self, mailed: Mailed, context: Context) -> ContainerResult:
        from airflow_provider_daybreak.operators.script_mail import tell

        return cast("ContainerResult", tell(self, mailed, context, then=self.execute_answered.__name__))

    def _run(self, context: Context, mail: KeptMail | None = None) -> ContainerResult:
        from airflow_provider_daybreak.hooks.container import ContainerHook
        from airflow_provider_daybreak.version_compat import AirflowSkipException

        self._running = ContainerHook(self._docker, self._addresses)
        run = self._running.run(self._job(context), context, mail=mail)
        if run.result.exit_code in self.skip_on_exit_code:
            raise AirflowSkipException(f"Container {run.container} ended with exit code {run.result.exit_code}")
        return result_of(run, self.result)

    def _docker(self, address: str) -> DockerHook:
        """Return the hook of the engine at one address: the operator's own, which takes a list of them too."""
        if self._addresses == [address]:
            return self.hook
        one = copy(self)
        one.docker_url = address
        one.__dict__.pop("hook", None)
        return one.hook

    def _job(self, context: Context) -> ContainerJob:
        of_file, secrets = self._variables_of_file(), self._secrets(context)
        values = {**secrets_among(self.environment), **of_file, **self._private_variables}
        redactor = Redactor(values, secrets.values())
        mask(redactor)
        return ContainerJob(
            image=self.image,
            build=self.build,
            container_name=self.container_name,
            command=self.format_command(self.command),
            user=self.user,
            environment={**of_file, **self.environment},
            private_environment=self._private_variables,
            isolation=Isolation(
                network_mode=self.network_mode,
                mem_limit=self.mem_limit,
                cpus=self.cpu_quota,
                pids_limit=self.pids_limit,
                read_only=self.read_only,
                cap_add=tuple(self.cap_add or ()),
                privileged=self.privileged,
                tmpfs=TMPFS if self.tmpfs is None else self.tmpfs,
            ),
            host=self._host(),
            create={
                "ports": list(self.port_bindings),
                "entrypoint": self.format_command(self.entrypoint),
                "working_dir": self.working_dir,
                "tty": self.tty,
                "hostname": self.hostname,
                "labels": self.labels,
            },
            inputs=self.inputs or {},
            outputs=self.outputs or {},
            secrets=secrets,
            redactor=redactor,
            clock=self.clock,
            report_date=self.report_date,
            timezone=self.timezone,
            result=self.result,
            force_pull=self.force_pull,
            keep=self._keep,
            archive=self.archive,
            limits=self.copy_limits or CopyLimits(),
            log_limit=self.log_limit,
            skip_on_exit_code=self.skip_on_exit_code,
        )

    def _host(self) -> dict[str, Any]:
        from docker.types import LogConfig, Mount

        log_options = {"max-size": self.log_opts_max_size, "max-file": self.log_opts_max_file}
        return {
            # Rendering makes a plain dict of a Mount, with the engine's own keys, which is taken as it is.
            "mounts": [mount if "Target" in mount else Mount(**mount) for mount in self.mounts],
            "shm_size": self.shm_size,
            "dns": self.dns,
            "dns_search": self.dns_search,
            "port_bindings": self.port_bindings,
            "extra_hosts": self.extra_hosts,
            "device_requests": self.device_requests,
            "log_config": LogConfig(config={key: value for key, value in log_options.items() if value}),
            "ipc_mode": self.ipc_mode,
            "ulimits": self.ulimits,
        }

    def _variables_of_file(self) -> Mapping[str, str]:
        """Return what ``env_file`` sets: a path on the worker, or lines that were written out."""
        if not self.env_file:
            return {}
        if "=" in self.env_file:
            return cast("Mapping[str, str]", self.unpack_environment_variables(self.env_file))
        own = {"HOME": HOME, **self.environment, **self._private_variables}
        return read_dotenv(Path(self.env_file), own).values  # the worker's HOME is none of the container's

    def _secrets(self, context: Context) -> dict[str, str]:
        """Return the secrets' contents. They stay in local values: no field of a task is kept so."""
        return {name: str(self.render_template(text, context)) for name, text in (self.secrets or {}).items()}

    @property
    def _keep(self) -> Keep:
        if self.auto_remove == "never":
            return "always"
        return "failure" if self.keep_on_failure or self.auto_remove == "success" else "never"

    @property
    def _addresses(self) -> list[str]:
        return [self.docker_url] if isinstance(self.docker_url, str) else list(self.docker_url)

    def on_kill(self) -> None:
        """End and remove the container, within the five seconds that Airflow leaves."""
        if self._running is not None:
            self._running.stop()
