"""Containers for Airflow's tasks: whose they are, what goes in from where, and where it comes out to."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow.sdk import BaseHook

from airflow_provider_daybreak.containers import image as images
from airflow_provider_daybreak.containers import leftovers
from airflow_provider_daybreak.containers.container import Container, find
from airflow_provider_daybreak.containers.engine import spare, unavailable
from airflow_provider_daybreak.containers.identity import Identity, digest
from airflow_provider_daybreak.containers.image import ImageBuild
from airflow_provider_daybreak.containers.isolation import HOME, user_of
from airflow_provider_daybreak.containers.outputs import Budget, Store
from airflow_provider_daybreak.containers.probe import Probe, command_of, variables_of
from airflow_provider_daybreak.containers.spec import Boot, ContainerSpec
from airflow_provider_daybreak.containers.work import Keep, Result, disposed, perform
from airflow_provider_daybreak.containers.written import Written
from airflow_provider_daybreak.context.archive import archive_at
from airflow_provider_daybreak.context.container_inputs import entries_of
from airflow_provider_daybreak.context.ended_tasks import ended
from airflow_provider_daybreak.context.run import run_of
from airflow_provider_daybreak.exceptions import DaybreakError, EngineError, InvalidValueError
from airflow_provider_daybreak.settings import Settings
from airflow_provider_daybreak.version_compat import logging_to, task_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow.providers.docker.hooks.docker import DockerHook
    from airflow.sdk import Context
    from docker import APIClient

    from airflow_provider_daybreak.containers.job import ContainerJob
    from airflow_provider_daybreak.containers.tarball import Entry
    from airflow_provider_daybreak.hooks.container_mail import KeptMail
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo

log = logging.getLogger(__name__)
_quiet = logging.getLogger(f"{__name__}.connecting")
_quiet.setLevel(logging.CRITICAL)

_STATE = "daybreak_container"
"""Key of what the tries of a task share: the engine's address and the container's name."""
_STDERR_PREFIX = "stderr | "


@dataclass(frozen=True)
class ContainerRun:
    """
    What came of a job.

    :param container: the container's name.
    :param image: the image, as it was named.
    """

    container: str
    image: str
    result: Result


class ContainerHook(BaseHook):
    """
    Runs a job in a container of the engine that a Docker hook reaches.

    :param docker: makes the hook that connects to an engine at an address, and logs in to a registry.
    :param addresses: URLs of engines, the first that answers is taken.
    """

    def __init__(self, docker: Callable[[str], DockerHook], addresses: Sequence[str]) -> None:
        super().__init__()
        self.docker = docker
        self.addresses = list(addresses)
        self._supervisor = os.getppid()
        self._spare: APIClient | None = None
        self._container: Container | None = None
        self._keep: Keep = "never"
        self._stopped = False

    def connect(self, prefer: str | None = None) -> Iterator[tuple[str, DockerHook]]:
        """
        Yield each engine that answers: its address, and the hook that is connected to it.

        :param prefer: the address to try first.
        :raises EngineUnavailableError: none does.
        """
        answered = False
        for address in sorted(self.addresses, key=lambda address: address != prefer):
            hook = self.docker(address)
            if self._answers(hook):
                answered = True
                yield address, hook
            elif len(self.addresses) > 1:
                log.info("No container engine answers at %s", address)
        if not answered:
            raise unavailable(self.addresses, self._problem())

    @staticmethod
    def _answers(hook: DockerHook) -> bool:
        from airflow.exceptions import (  # type: ignore[attr-defined]
            AirflowException,
            AirflowNotFoundException,
        )
        from docker.errors import APIError

        try:
            with logging_to(_quiet, hook):  # as an error it would log what may be none, and before ours
                hook.get_conn()
        except APIError as error:
            raise EngineError("answer or to log in", str(error.explanation or error)) from error
        except AirflowNotFoundException:
            raise  # the connection that logs in to the registry is missing, or lacks a field
        except AirflowException:  # it would only have logged why
            return False
        return True

    def _engine_for(self, identity: Identity, context: Context) -> DockerHook:
        """
        Return the hook of the engine that has this task's container, or of the first that answers.

        From Airflow 3.3 on the earlier try has noted where that is; before, each engine is asked.
        """
        state = task_state(cast("Mapping[str, Any]", context))
        noted = (state.get(_STATE) if state is not None else None) or {}
        engines = self.connect(prefer=noted.get("engine"))
        address, hook = next(engines)
        if noted and address != noted["engine"]:
            self.log.warning(
                "The engine at %s, where an earlier try began, does not answer: %s takes over. "
                "Its container %s may still run",
                noted["engine"],
                address,
                noted["container"],
            )
        if not noted and len(self.addresses) > 1:
            first = address, hook
            holders = ((a, h) for a, h in (first, *engines) if find(h.get_conn(), identity))
            address, hook = next(holders, first)
        if state is not None:  # before there is a container, so that none is ever unknown
            state.set(_STATE, {"engine": address, "container": identity.name})
        return hook

    def _problem(self) -> str:
        """Return what an attempt to connect says: the Docker hook only logs it."""
        from docker import APIClient
        from docker.errors import DockerException

        try:
            APIClient(base_url=self.addresses[-1], version="auto", timeout=5).ping()
        except DockerException as error:
            return str(error)
        return "no answer, and then one: try again"

    def run(self, job: ContainerJob, context: Context, *, mail: KeptMail | None = None) -> ContainerRun:
        """
        Run a job in the container of this task, or take over what an earlier try of it left.

        :param mail: where its mail is kept; nowhere when None.
        :raises ContainerError: an image, an input, the container or an output failed: says which and how.
        """
        settings = Settings.load()
        identity, try_number = identity_of(context, settings)
        docker = self._engine_for(identity, context)
        client = docker.get_conn()
        self._spare = spare(client)
        leftovers.sweep(partial(leftovers.on_engine, client), identity, partial(ended, context["ti"]))
        image = job.image
        if job.build is not None:
            build = job.build if isinstance(job.build, ImageBuild) else ImageBuild(job.build)
            image = images.build(client, build)
        elif not image:
            raise InvalidValueError("image", image, "an image, or build= with the folder of a Dockerfile")
        found = images.ensure(
            client,
            image,
            pull=job.force_pull and job.build is None,
            connection=docker.docker_conn_id,
        )
        self._recommend_digest(job, found)
        boot = self._boot(job, client, identity, found, context, mail)
        container = Container(
            client=client,
            identity=identity,
            name=job.container_name or identity.name,
            spec=self._spec(job, image, found, settings, boot),
            try_number=try_number,
        )
        self._container, self._keep = container, job.keep
        with disposed(container, job.keep, ours=partial(is_ours, self._supervisor, "container")):
            result = perform(
                container,
                Written(self._sink, job.log_limit, job.redactor),
                limits=job.limits,
                store=store_in(job.archive or settings.archive),
                unload=lambda: container.unload(mail.limits, mail.keep) if mail else None,
                accept=lambda code: code == 0 or code in job.skip_on_exit_code,
                stopped=lambda: self._stopped,
            )
        return ContainerRun(container.name, image, result)

    def stop(self) -> None:
        """End and remove the container of a run that is under way: for a signal handler, within five seconds."""
        self._stopped = True
        if self._spare is not None and self._container is not None:
            self.log.info("Stopping container %s", self._container.name)
            self._container.end(self._spare, keep=self._keep != "never")

    def _sink(self, stream: str, line: str) -> None:
        self.log.info("%s%s", _STDERR_PREFIX if stream == "stderr" else "", line)

    def _recommend_digest(self, job: ContainerJob, found: Mapping[str, Any]) -> None:
        digests = found.get("RepoDigests") or []
        if job.build is None and "@" not in job.image and digests:
            self.log.info(
                "Image %s is named by a tag, which can move. To run the same always: image=%r",
                job.image,
                digests[0],
            )

    def _boot(
        self,
        job: ContainerJob,
        client: APIClient,
        identity: Identity,
        image: Mapping[str, Any],
        context: Context,
        mail: KeptMail | None,
    ) -> Boot:
        """
        Return what is to begin in the container's programs.

        :raises InvalidValueError: the clock is none that there is.
        :raises ClockError: there is no way to set it in the image.
        """
        boot = Boot()
        if job.clock is None and mail is None:
            return boot
        given = {**job.environment, **job.private_environment}
        probe = Probe(client, str(image["Id"]), f"{identity.name}-probe", given, identity.whose)
        command = command_of(image, job.create.get("entrypoint"), job.command)
        if job.clock is not None:
            if job.clock != "report_date":
                raise InvalidValueError("clock", job.clock, "report_date, or None for the true time")
            from airflow_provider_daybreak.hooks.container_clock import start_at

            run = run_of(cast("Any", context), report_date=job.report_date, timezone=job.timezone)
            self.log.info("Its clock starts at %s", run.instant.isoformat())
            boot |= start_at(run.instant, probe, command, image=variables_of(image), given=given)
        if mail is not None:
            variables = {**variables_of(image), **given}
            network = str(job.isolation.network_mode)
            boot |= mail.boot(probe, job.image or "built", command, variables=variables, network=network)
        return boot

    def _spec(
        self, job: ContainerJob, image: str, found: Mapping[str, Any], settings: Settings, boot: Boot
    ) -> ContainerSpec:
        return ContainerSpec(
            image=image,
            image_id=str(found["Id"]),
            command=command_of(found, job.create.get("entrypoint"), job.command)
            if boot.before
            else job.command,
            user=user_of(job.user, found),
            environment={
                "HOME": HOME,
                **job.environment,
                **job.private_environment,
                **boot.environment,
            },
            host={**job.isolation.host_config(), **job.host},
            create={**job.create, "entrypoint": list(boot.before)} if boot.before else job.create,
            inputs=inputs_of(job, settings),
            secrets=job.secrets,
            boot=boot.files,
            outputs=job.outputs,
            result=job.result,
            spool=boot.spool,
            asked=digest(job.inputs, job.environment, job.isolation, job.host, job.create, *boot.asked),
        )


def inputs_of(job: ContainerJob, settings: Settings) -> list[Entry]:
    """Return the files that go in; what other tasks returned lies in the job's own archive or in that of the settings."""
    archives = list(dict.fromkeys([job.archive or settings.archive, settings.archive]))
    return list(entries_of(job.inputs, archives, Budget(job.limits)))


def is_ours(supervisor: int, what: str) -> bool:
    """
    Whether Airflow still waits for this process: a lost one leaves what runs for it to the next try.

    :param supervisor: id of the process that started this one.
    :param what: what is left then, for the log.
    """
    ours = os.getppid() == supervisor
    if not ours:
        log.warning("Airflow has lost this process. Its %s is left for the next try", what)
    return ours


def store_in(uri: str) -> Store:
    """Return what keeps files in the archive at a URI."""

    def keep(name: str, stream: BinaryIO) -> ArtifactInfo:
        return archive_at(uri).store_artifact(name, stream).info()

    return keep


def identity_of(context: Context, settings: Settings) -> tuple[Identity, int]:
    """Return whose container a task's is, and the number of the try."""
    ti = context["ti"]
    map_index = -1 if ti.map_index is None else ti.map_index
    try:
        mark = archive_at(settings.archive).mark()
    except (OSError, DaybreakError) as error:  # a task that puts no file there needs no archive
        log.info("Containers that lost workers left are not looked for: %s", error)
        mark = ""
    return Identity(settings.archive, ti.dag_id, ti.run_id, ti.task_id, map_index, mark), ti.try_number
