"""Running a script of a release: in an environment that is built for it, watched to its end."""

from __future__ import annotations

import codecs
import logging
import os
import shlex
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.dotenv import read_dotenv
from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    ReleaseDamagedError,
    ReleaseNotFoundError,
    ScriptNotStartedError,
)
from airflow_provider_daybreak.redact import Redactor, secrets_among
from airflow_provider_daybreak.releases.environments.environment import COMPLETE, is_complete
from airflow_provider_daybreak.releases.lease import leased
from airflow_provider_daybreak.releases.running.booting import BOOT, RELAY, first_on, place_boot, place_mailers
from airflow_provider_daybreak.releases.running.command import program_of
from airflow_provider_daybreak.releases.running.finished import Finished
from airflow_provider_daybreak.releases.running.output import Kept, Lines
from airflow_provider_daybreak.releases.running.privileges import Privileges, check_access
from airflow_provider_daybreak.releases.running.process import Running, watch
from airflow_provider_daybreak.releases.running.state import FOLDER
from airflow_provider_daybreak.releases.running.workspace import fill, workspace
from airflow_provider_daybreak.releases.running.wrappers import answer_for_environments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.running.privileges import User
    from airflow_provider_daybreak.releases.running.process import Ended
    from airflow_provider_daybreak.releases.running.state import State
    from airflow_provider_daybreak.releases.running.workspace import Workspace

log = logging.getLogger(__name__)

_PASSED_ON = (
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "TZ",
    "USER",
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
)
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Job:
    """
    What to run in a release.

    :param command: program and arguments. A first item that ends in ``.py`` is a script of the release,
        and ``-m`` a module; both are run by the release's Python. Any other is a file of the release, such as
        ``run.sh``, or a program of the environment or of the system.
    :param env: variables to set, after those of ``.env``.
    :param privileges: whom it runs as, and what it may use at most.
    :param boot: variables, set before those of ``.env``, that tell ``boot/sitecustomize.py`` what to begin in each
        Python of the run. Where there are none, no Python finds it.
    :param encoding: of the text that it writes.
    :param patterns: regular expressions to look for in its lines.
    :param state: what it remembers; who runs it holds that, and keeps it afterwards.
    :param held: descriptors that all its processes keep open.
    """

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    privileges: Privileges = field(default_factory=Privileges)
    boot: Mapping[str, str] = field(default_factory=dict, repr=False)
    encoding: str = "utf-8"
    patterns: tuple[str, ...] = ()
    state: State | None = None
    held: tuple[int, ...] = ()


def check_encoding(name: str) -> str:
    """
    Return the name of an encoding.

    :raises InvalidValueError: Python knows none of that name.
    """
    try:
        codecs.lookup(name)
    except (LookupError, TypeError) as error:
        raise InvalidValueError("encoding", name, "one that Python knows, such as utf-8 or latin-1") from error
    return name


def run(
    release: Release,
    job: Job,
    *,
    on_line: Callable[[str, str], None],
    running: Running | None = None,
    space: Workspace | None = None,
) -> Finished:
    """
    Run the job to its end, holding the release so that it isn't pruned meanwhile.

    The working directory is a copy of the release, and the script's to write in.

    :param on_line: called with ``stdout`` or ``stderr`` and each line as it comes, without the values of ``.env``.
    :param running: gets what ends its processes.
    :param space: an empty workspace; one that is removed at the end when None.
    :raises ScriptNotStartedError: there is no such program, or it can't be executed.
    :raises ReleasesUnsafeError: another user could have changed it.
    :raises ReleaseNotFoundError: the release was pruned.
    :raises ReleaseDamagedError: its source or its environment can't be used.
    """
    if space is None:
        with workspace(release.layout) as made:
            return run(release, job, on_line=on_line, running=running, space=made)
    release.layout.check_access()
    with leased(release.path) as lease:
        if lease is None:
            raise ReleaseNotFoundError(release.layout.name, release.id, ())
        if not is_complete(release.environment):
            problem = "it is missing, damaged or of a format that this version of Daybreak does not read"
            raise ReleaseDamagedError(str(release.environment / COMPLETE), problem)
        dotenv = dotenv_of(release, job.privileges.user, {**job.boot, **job.env})
        redactor = redactor_of(job, dotenv)
        variables = environment_of(release, job, dotenv, space)
        path = variables["PATH"]
        if RELAY in job.boot:
            variables["PATH"] = first_on(path, place_mailers(space.folder, release.python))
        arguments = program_of(release, job.command, variables["PATH"], space.work)
        by_hand = redactor.for_log(_by_hand(release, job, path))
        if job.privileges.user:
            check_access(release.python, job.privileges.user)
        fill(space, release, job.privileges.user, job.state.restore if job.state else None)
        answer_for_environments(release, space.work)
        if job.boot:
            boot = place_boot(space.folder) if job.privileges.user else BOOT
            variables |= {
                "PYTHONPATH": first_on(variables.get("PYTHONPATH"), boot),
                "DAYBREAK_STARTED": repr(time.clock_gettime(time.CLOCK_BOOTTIME)),
            }
        arguments = job.privileges.wrap(arguments, release.python)
        stdout = Kept()
        stdout_lines, stderr_lines = (
            Lines(name, on_line, redactor, encoding=job.encoding, patterns=job.patterns)
            for name in ("stdout", "stderr")
        )
        started = time.monotonic()
        kept, space.kept = space.kept, None  # while nobody knows that all of the script has ended
        try:
            ended = watch(
                arguments,
                folder=space.work,
                variables=variables,
                inherited=(lease, space.descriptor, *job.held),
                stdout=(stdout, stdout_lines),
                stderr=(stderr_lines,),
                running=running or Running(),
            )
        except OSError as error:
            step = f"To run it by hand: {by_hand}"
            raise ScriptNotStartedError(arguments[0], error.strerror or str(error), step) from error
        space.kept = kept if ended.is_over else None
        _tell_of_what_was_left(ended)
        return Finished(
            command=redactor.for_log(shlex.join(job.command)),
            code=ended.code,
            data=stdout.data(),
            written=stdout.written,
            stderr=stderr_lines.last(),
            tail=stdout_lines.last(),
            by_hand=by_hand,
            seconds=time.monotonic() - started,
            redactor=redactor,
            matches={**stdout_lines.matches, **stderr_lines.matches},
            encoding=job.encoding,
            name=release.layout.name,
            release=release.id,
        )


def redactor_of(job: Job, dotenv: Mapping[str, str]) -> Redactor:
    """
    Return what keeps the secrets of a run out of what it writes.

    :param dotenv: what its ``.env`` sets.
    """
    return Redactor({**secrets_among(job.env), **dotenv})


def _tell_of_what_was_left(ended: Ended) -> None:
    if ended.left:
        log.warning("The script left processes running, which were ended: %s", ", ".join(ended.left))
    if ended.stubborn:
        log.error("These processes of the script can't be ended, and still run: %s", ", ".join(ended.stubborn))


def dotenv_of(release: Release, user: User | None, given: Mapping[str, str]) -> Mapping[str, str]:
    """
    Return what the ``.env`` of the release's name sets for a script.

    :param user: whom the script runs as.
    :param given: variables that it is given beside. ``${HOME}`` is the script's, and not the worker's.
    :raises DotenvError: it can't be read.
    """
    if not release.layout.dotenv.exists():
        return {}
    return read_dotenv(release.layout.dotenv, {**_passed_on(user), **given}).values


def _passed_on(user: User | None) -> dict[str, str]:
    """Return what a script sees of the worker's own variables: the harmless, and of another user that user's."""
    variables = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    variables.setdefault("LANG", "C.UTF-8")
    return variables | ({"HOME": user.home, "USER": user.name, "LOGNAME": user.name} if user else {})


def environment_of(release: Release, job: Job, dotenv: Mapping[str, str], space: Workspace) -> dict[str, str]:
    """Build the variables that the script sees. Of the worker's own, only the harmless are passed on."""
    variables = _passed_on(job.privileges.user)
    installed = release.installed
    commands = [str(installed.commands)] if installed.commands else []
    variables |= {
        "PATH": os.pathsep.join([*commands, str(release.environment / "bin"), _SYSTEM_PATH]),
        "VIRTUAL_ENV": str(release.environment),
        "PYTHONUNBUFFERED": "1",  # its lines are shown when it writes them
        "TMPDIR": str(space.temporary_name),
        "DAYBREAK_NAME": release.layout.name,
        "DAYBREAK_RELEASE": release.id,
        "DAYBREAK_WORK_DIR": str(space.work),
        "DAYBREAK_OUTPUT_DIR": str(space.output),
    }
    modules = [str(space.work / root) for root in installed.roots]
    modules += [str(installed.library)] if installed.library else []
    if (release.environment / "conda-meta").is_dir():
        variables["CONDA_PREFIX"] = str(release.environment)  # where what conda installs looks for its data
    if job.state and FOLDER in job.state.paths:
        variables["DAYBREAK_STATE_DIR"] = str(space.work / FOLDER)
    variables |= {**job.boot, **dotenv, **job.env}
    if modules:
        own = [variables["PYTHONPATH"]] if variables.get("PYTHONPATH") else []
        variables["PYTHONPATH"] = os.pathsep.join([*own, *modules])
    return variables


def _by_hand(release: Release, job: Job, path: str) -> str:
    """Return a command that runs the same in a copy of its own, since a script may write beside itself."""
    steps = ['cd "$(mktemp -d)"', f"cp -r {shlex.quote(str(release.src))}/. .", "chmod -R u+w ."]
    if release.layout.dotenv.exists():
        steps.append(f"cp --remove-destination {shlex.quote(str(release.layout.dotenv))} .")
    boot = {key: value for key, value in job.boot.items() if key != RELAY}  # which ends with the run
    told = {key: value for key, value in job.env.items() if key.startswith("DAYBREAK_")}
    given = [shlex.quote(f"{key}={value}") for key, value in {**told, **boot}.items()]
    on_path = [shlex.quote(str(BOOT))] if boot else []
    installed = release.installed
    on_path += [f'"$PWD"/{shlex.quote(root)}' if root else '"$PWD"' for root in installed.roots]
    on_path += [shlex.quote(str(installed.library))] if installed.library else []
    if installed.commands:
        given.append(f'PATH={shlex.quote(str(installed.commands))}:"$PATH"')
    given += [f"PYTHONPATH={os.pathsep.join(on_path)}"] if on_path else []
    command = shlex.join(program_of(release, job.command, path, Path()))
    return " && ".join([*steps, " ".join(["env", *given, command] if given else [command])])
