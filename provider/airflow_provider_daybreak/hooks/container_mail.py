"""The mail that a script in a container sends by itself: a relay beside it there, and what it kept, here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.containers.image import ImageBuild
from airflow_provider_daybreak.containers.outputs import CopyLimits
from airflow_provider_daybreak.containers.probe import command_of, pythons_of
from airflow_provider_daybreak.containers.spec import BOOT, Boot
from airflow_provider_daybreak.containers.tarball import Entry
from airflow_provider_daybreak.context.mailing_script import Script
from airflow_provider_daybreak.delivery.contained_mail import ContainedMail
from airflow_provider_daybreak.exceptions import ContainerMailError, InvalidValueError
from airflow_provider_daybreak.hooks.container_clock import boot_files, boot_path, look

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from airflow_provider_daybreak.containers.job import ContainerJob
    from airflow_provider_daybreak.containers.probe import Probe
    from airflow_provider_daybreak.context.run import Run
    from airflow_provider_daybreak.delivery.intake import Limits
    from airflow_provider_daybreak.reports.period import Period
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo

_RELAY = f"{BOOT}/relay"
_SPOOL = "/run/daybreak-mail/kept"
_LEAST_PYTHON = (3, 10)
_MOST_FILES = 100_000


class KeptMail:
    """
    Where a container's mail is kept, and the variables that lead its script there.

    :param relay: the relay beside the script.
    """

    def __init__(self, relay: ContainedMail, variables: Mapping[str, str]) -> None:
        self.relay = relay
        self.variables = variables

    def boot(
        self, probe: Probe, name: str, command: Sequence[str], *, variables: Mapping[str, str], network: str
    ) -> Boot:
        """
        Return what is to begin in the container.

        :param name: the image, as it was named.
        :param command: what it executes.
        :param variables: what it would see otherwise.
        :param network: the container's.
        :raises InvalidValueError: the network is another one's.
        :raises ContainerMailError: the image's Python can't run the relay.
        """
        if network == "host" or network.startswith("container:"):
            expected = (
                "none, bridge or a network of yours: a script whose mail is kept shares its own with nobody"
            )
            raise InvalidValueError("network_mode", network, expected)
        programs = pythons_of(command)
        python = look(probe, programs, "UTC", variables.get("PATH", ""))["python"]
        if python is None or tuple(map(int, python["version"].split(".")[:2])) < _LEAST_PYTHON:
            found = f"its Python is {python['version']}" if python else f"looked for {', '.join(programs)}"
            least = ".".join(map(str, _LEAST_PYTHON))
            problem = f"the relay beside the script takes a Python {least} or later ({found}). Take an image with one."
            raise ContainerMailError(name, problem)
        limits = self.relay.limits
        return Boot(
            {**self.variables, **boot_path(variables)},
            [*boot_files(), *(Entry.of(f"relay/{path}", content) for path, content in self.relay.files())],
            before=self.relay.command(python["program"]),
            spool=_SPOOL,
            asked=("mail", str(limits.max_bytes), *limits.allowed_domains),
        )

    @property
    def limits(self) -> CopyLimits:
        """How much of it may come out."""
        return CopyLimits(_MOST_FILES, self.relay.limits.max_total + (16 << 20))

    def keep(self, name: str, stream: BinaryIO) -> ArtifactInfo:
        """Keep a file of it."""
        return {"uri": "", "sha256": "", "bytes": self.relay.keep(name, stream)}


def script_of(
    job: ContainerJob,
    run_job: Callable[[KeptMail], Any],
    *,
    run: Run,
    period: Period,
    context: Mapping[str, Any],
) -> Script:
    """
    Return the script of a container, as one whose mail is kept.

    :param run_job: runs the job with its mail kept there, and returns what the task returns.
    """
    relays: list[ContainedMail] = []

    def relay(folder: Path, limits: Limits) -> ContainedMail:
        relays.append(ContainedMail(folder, limits, home=_RELAY, spool=_SPOOL))
        return relays[-1]

    def execute(variables: Mapping[str, str], boot: Mapping[str, str]) -> tuple[Any, dict[str, Any]]:
        return run_job(KeptMail(relays[-1], {**variables, **boot})), {}

    return Script(
        release=_image_of(job),
        name=_report_of(context["ti"]),
        command=command_of({}, job.create.get("entrypoint"), job.command),
        run=run,
        period=period,
        execute=execute,
        given={**job.environment, **job.private_environment},
        relay=relay,
    )


def _image_of(job: ContainerJob) -> str:
    if job.build is None:
        return job.image
    build = job.build if isinstance(job.build, ImageBuild) else ImageBuild(job.build)
    return build.tag(build.context())


def _report_of(ti: Any) -> str:
    """Return what the mail of a task is archived as, when nobody says: its Dag and itself."""
    name = re.sub(r"[^a-z0-9_-]+", "_", f"{ti.dag_id}-{ti.task_id}".lower())
    return name.lstrip("_-")[:64]
