"""Releases on this worker, as Airflow's settings, connections and runs have them."""

from __future__ import annotations

import json
import logging
import shlex
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from airflow_provider_daybreak.exceptions import InvalidValueError, ScriptFailedError, ScriptOutputError
from airflow_provider_daybreak.hooks.run import run_of
from airflow_provider_daybreak.releases.deploy import Plan, deploy, roll_back
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.release import get_release
from airflow_provider_daybreak.releases.run import Job, Running, files_like, run
from airflow_provider_daybreak.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_daybreak.hooks.run import Run
    from airflow_provider_daybreak.releases.deploy import Deployed
    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.run import Finished

log = logging.getLogger(__name__)

Output = Literal["last_line", "json", "none"]


class ReleaseInfo(TypedDict):
    """
    XCom of a deploy or a roll back.

    ``python`` works as that of an ExternalPythonOperator.
    """

    name: str
    release: str
    environment: str
    path: str
    python: str
    previous: str | None
    changed: bool
    lock_sha256: str


class ArtifactInfo(TypedDict):
    """A file that a script left, kept with the archive."""

    uri: str
    sha256: str
    bytes: int


class ReleaseHook:
    """
    Deploys, runs and rolls back on this worker.

    :param root: the folder of all releases; ``[daybreak] releases`` when None.
    """

    def __init__(self, *, root: Path | None = None) -> None:
        self.root = root or Settings.load().releases

    def deploy(
        self,
        name: str,
        source: str | Path,
        *,
        requirements: str = "auto",
        python: str | None = None,
        env_file: str | Path | None = None,
        verify: Sequence[str] | str | None = None,
        keep: int = 5,
        require_hashes: bool = False,
        only_binary: bool = True,
        upgrade: bool = False,
        lock_timeout: float = 600,
    ) -> ReleaseInfo:
        """
        Make the source's release current; see :class:`Plan` for what the parameters mean.

        :raises DaybreakError: see :func:`deploy`.
        """
        plan = Plan(
            source=_absolute("source", source),
            requirements=requirements,
            python=python,
            env_file=_absolute("env_file", env_file) if env_file else None,
            verify=_words("verify", verify) if verify else None,
            keep=_at_least_one("keep", keep),
            require_hashes=require_hashes,
            only_binary=only_binary,
            upgrade=upgrade,
            lock_timeout=lock_timeout,
        )
        return _info(deploy(Layout(self.root, name), plan))

    def roll_back(self, name: str, *, to: str | None = None) -> ReleaseInfo:
        """
        Make an earlier release current.

        :raises DaybreakError: see :func:`roll_back`.
        """
        return _info(roll_back(Layout(self.root, name), to or None))

    def release(self, release: Mapping[str, Any] | str) -> Release:
        """
        Return a release on this worker.

        :param release: what a deploy returned, or a name, whose current release is taken.
        :raises ReleaseNotFoundError: it is not here.
        """
        if isinstance(release, str):
            return get_release(Layout(self.root, release))
        try:
            name, wanted = release["name"], release["release"]
        except (KeyError, TypeError) as error:
            expected = "what VenvDeployOperator returned, or the name of a release"
            raise InvalidValueError("release", release, expected) from error
        return get_release(Layout(self.root, name), wanted)

    def run(
        self,
        release: Mapping[str, Any] | str,
        command: Sequence[str] | str,
        *,
        context: Mapping[str, Any],
        env: Mapping[str, str] | None = None,
        output: Output = "last_line",
        artifacts: Sequence[str] | None = None,
        report_date: str = "",
        timezone: str | None = None,
        period: str = "day",
        offset: int = 0,
        running: Running | None = None,
    ) -> Any:
        """
        Run a command of the release for the run's report date, and return its output.

        :param artifacts: patterns of files that the script leaves in its output or working directory. They are
            stored with the archive, and pushed as the task's XCom ``artifacts``: ``{name: {uri, sha256, bytes}}``.
        :param running: gets the process group.
        :raises ScriptFailedError: it ended with another exit code than 0, or by a signal.
        :raises ScriptOutputError: its output is not JSON, where that is asked for.
        """
        if output not in ("last_line", "json", "none"):
            raise InvalidValueError("output", output, "last_line, json or none")
        found = self.release(release)
        dates = _dates(run_of(context, report_date=report_date, timezone=timezone), period, offset)
        job = Job(_words("command", command), {**dates, **_strings(env or {})})
        self._mask(found)
        with tempfile.TemporaryDirectory(prefix="daybreak-run-", ignore_cleanup_errors=True) as folder:
            log.info("Running %s in release %s of %s", shlex.join(job.command), found.id, found.layout.name)
            finished = run(found, job, on_line=_log_line, running=running, folder=Path(folder))
            log.info("It ended with %s after %.1f s", finished.ending, finished.seconds)
            command_ = shlex.join(job.command)
            if finished.code:
                raise ScriptFailedError(command_, finished.ending, finished.stderr, finished.by_hand)
            value = _output(command_, finished, output)
            if artifacts:
                stored = _stored(command_, Path(folder), artifacts)
                context["ti"].xcom_push(key="artifacts", value=stored)
        return value

    @staticmethod
    def _mask(release: Release) -> None:
        from airflow.sdk.log import mask_secret

        from airflow_provider_daybreak.dotenv import read_dotenv

        if release.layout.dotenv.exists():
            for value in read_dotenv(release.layout.dotenv).values.values():
                mask_secret(value)


def _info(deployed: Deployed) -> ReleaseInfo:
    release = deployed.release
    return ReleaseInfo(
        name=release.layout.name,
        release=release.id,
        environment=release.environment_id,
        path=str(release.path),
        python=str(release.python),
        previous=deployed.previous,
        changed=deployed.changed,
        lock_sha256=release.lock_sha256,
    )


def _dates(run: Run, period: str, offset: int) -> dict[str, str]:
    covered = run.period(period, offset)
    return {
        "DAYBREAK_REPORT_DATE": run.report_date.isoformat(),
        "DAYBREAK_PERIOD_START": covered.start.isoformat(),
        "DAYBREAK_PERIOD_END": covered.end.isoformat(),
    }


def _output(command: str, finished: Finished, output: Output) -> Any:
    if output == "none":
        return None
    if output == "last_line":
        return finished.last_line
    with suppress(ValueError):
        return json.loads(finished.stdout)
    with suppress(ValueError):
        return json.loads(finished.last_line)
    problem = (
        f"neither its stdout nor the last line of it, {finished.last_line[:200]!r}, is JSON. "
        "Print the JSON last, or say output='last_line'."
    )
    raise ScriptOutputError(command, problem)


def _stored(command: str, folder: Path, patterns: Sequence[str]) -> dict[str, ArtifactInfo]:
    """Store the files with the archive, by their path in the output or the working directory."""
    from airflow_provider_daybreak.hooks.archive import archive_of

    files = {}
    for pattern in patterns:
        found = files_like(folder, pattern)
        if not found:
            problem = f"it left no file like {pattern!r} in its output directory (DAYBREAK_OUTPUT_DIR)."
            raise ScriptOutputError(command, problem)
        files.update(found)
    archive = archive_of()
    stored = {}
    for name, path in files.items():
        with path.open("rb") as file:
            artifact = archive.store_artifact(path.name, file)
        stored[name] = ArtifactInfo(uri=artifact.uri, sha256=artifact.sha256, bytes=artifact.bytes)
    return stored


def _log_line(stream: str, line: str) -> None:
    logging.getLogger(f"{__name__}.{stream}").info("%s", line)


def _absolute(name: str, value: str | Path) -> Path:
    path = Path(value).expanduser()
    if not path.is_absolute():
        expected = "an absolute path, such as Path(__file__).parent / 'script'"
        raise InvalidValueError(name, str(value), expected)
    return path


def _words(name: str, value: Sequence[str] | str) -> tuple[str, ...]:
    words = shlex.split(value) if isinstance(value, str) else [str(word) for word in value]
    if not words:
        raise InvalidValueError(name, value, "a program and its arguments, such as ['report.py', '--verbose']")
    return tuple(words)


def _strings(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in values.items()}


def _at_least_one(name: str, value: Any) -> int:
    if not isinstance(value, int) or value < 1:
        raise InvalidValueError(name, value, "a whole number of at least 1")
    return value
