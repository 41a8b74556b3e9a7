"""Errors of releases: their sources, requirements, environments and runs."""

from __future__ import annotations

from airflow_provider_daybreak.exceptions.base import DaybreakError


class ReleaseError(DaybreakError):
    """A script that could not be deployed, run or rolled back. The release that was current still is."""


class SourceUnreadableError(ReleaseError, permanent=True):
    """A source, or a file in it, that is missing or can't be read."""

    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot read the source {self.path!r}: {self.problem}. "
            "Expected a folder or a .py file that the worker's user can read."
        )


class NoScriptError(ReleaseError, permanent=True):
    """A source without anything to run."""

    path: str

    def __str__(self) -> str:
        return f"Nothing to run in {self.path!r}: expected a .py, .sh or .ipynb file in it. Check source."


class SourceLinkError(ReleaseError, permanent=True):
    """A symbolic link that leaves the source."""

    path: str
    link: str
    target: str

    def __str__(self) -> str:
        return (
            f"The link {self.link!r} in {self.path!r} leads to {self.target!r}, outside of the source. "
            "Copy what it leads to into the source, or remove the link."
        )


class SourceTooLargeError(ReleaseError, permanent=True):
    """A source of more than a script's size."""

    path: str
    found: str
    limit: str

    def __str__(self) -> str:
        return (
            f"The source {self.path!r} holds {self.found}: at most {self.limit} are deployed. "
            "Keep data and environments outside of it."
        )


class SourceChangedError(ReleaseError):
    """A file of the source that changed while it was deployed."""

    path: str

    def __str__(self) -> str:
        return f"{self.path!r} changed while it was deployed. Deploy again when nobody writes to the source."


class RequirementsError(ReleaseError, permanent=True):
    """Requirements that are missing or can't be read."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot use the requirements {self.path!r}: {self.problem}"


class RequirementRefusedError(ReleaseError, permanent=True):
    """A line of the requirements that can't be deployed. Its text is "" where it may be anything, a secret too."""

    path: str
    line: int
    text: str
    problem: str

    def __str__(self) -> str:
        place = f"{self.path!r} line {self.line}"
        return f"Cannot deploy {f'{self.text!r} ({place})' if self.text else place}: {self.problem}"


class ProjectError(ReleaseError, permanent=True):
    """A project with a command that can't be one."""

    path: str
    command: str

    def __str__(self) -> str:
        return (
            f"Cannot make the command {self.command!r} of the project {self.path!r}: expected a name and a function, such as "
            "report = package.module:main. Correct it where the project names its commands."
        )


class ProjectBuildError(ReleaseError, permanent=True):
    """A project of which a part is made by a build alone, which a deploy does not run."""

    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot deploy the project {self.path!r} as it lies there: {self.problem}, and a deploy runs no build. Build it in "
            "place, so that what is compiled lies in it (python setup.py build_ext --inplace), or build a wheel (uv build "
            "--wheel), publish it, and deploy a script whose requirements.txt names it."
        )


class CondaError(ReleaseError):
    """An environment that conda's program could not make, or that can't be locked."""

    what: str
    problem: str

    def __str__(self) -> str:
        return f"Cannot make {self.what} with conda: {self.problem}"


class CondaMissingError(ReleaseError, permanent=True):
    """An environment that takes micromamba or conda, on a worker that has neither."""

    what: str

    def __str__(self) -> str:
        return (
            f"Cannot make {self.what}: it takes micromamba, mamba or conda, and none is on this worker's PATH. Put micromamba there "
            "(one file, see https://mamba.readthedocs.io), on every worker, or say what is needed in a requirements.txt."
        )


class LockingError(ReleaseError):
    """Requirements that uv could not lock: they conflict, or nothing fits them. ``remedy`` is a next step, or ""."""

    path: str
    explanation: str
    remedy: str = ""

    def __str__(self) -> str:
        return (
            f"Cannot lock the requirements {self.path!r}. uv says:\n{self.explanation}\n{self.remedy}".rstrip()
        )


class UnsolvableError(LockingError, permanent=True):
    """Requirements that no packages fit: they conflict, or ask for a package or version that there is not."""


class InstallError(ReleaseError):
    """An environment that uv could not build. ``remedy`` is a next step, or ""."""

    environment: str
    explanation: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"Cannot build the environment {self.environment!r}. uv says:\n{self.explanation}\n{self.remedy}".rstrip()


class InterpreterError(ReleaseError, permanent=True):
    """A Python that is missing or can't be used."""

    python: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot use the Python {self.python!r}: {self.problem}. Give python as the absolute path of an "
            "interpreter that every user may run, such as /usr/bin/python3.12, or as a version, such as 3.12."
        )


class InterpreterElsewhereError(InterpreterError, permanent=False):
    """A Python that a release is for and that this worker lacks: another worker may have it."""

    release: str

    def __str__(self) -> str:
        return (
            f"This worker has no Python {self.python!r}, which release {self.release} is for: {self.problem} "
            "A retry may find a worker that has it. Or change python in the deploy's task to one that all workers have."
        )


class VerificationError(ReleaseError):
    """An environment or release that did not pass a check before it was to become current."""

    what: str
    check: str
    explanation: str

    def __str__(self) -> str:
        return f"{self.what} did not pass {self.check}:\n{self.explanation}"


class DeployLockTimeoutError(ReleaseError):
    """Another deploy of the same name that went on for too long."""

    name: str
    holder: str
    waited: float

    def __str__(self) -> str:
        return (
            f"Another deploy of {self.name!r} ({self.holder}) was still going on after {self.waited:g} seconds. "
            "Wait for it, or give a longer lock_timeout."
        )


class DiskFullError(ReleaseError):
    """A disk with too little room for a release."""

    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Too little room for a release in {self.path!r}: {self.problem}. Make room, for example with "
            "'airflow daybreak releases prune', or set [daybreak] releases to a folder on another disk."
        )


class StorageError(ReleaseError):
    """A folder for releases that can't be read or written."""

    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot use {self.path!r} for releases: {self.problem}. Expected a local folder that the worker's "
            "user may write to; [daybreak] releases names it."
        )


class LocksUnsupportedError(ReleaseError, permanent=True):
    """A file system on which two deploys can't keep out of each other's way."""

    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"The file system of {self.path!r} has no locks (flock: {self.problem}). Set [daybreak] releases to a "
            "folder on a local disk; several workers share releases by [daybreak] release_store."
        )


class ReleaseNotFoundError(ReleaseError, permanent=True):
    """A release that is not there."""

    name: str
    release: str
    there: tuple[str, ...]

    def __str__(self) -> str:
        there = f" There are: {', '.join(self.there)}." if self.there else ""
        which = (
            f"release {self.release!r} of {self.name!r}"
            if self.release
            else f"current release of {self.name!r}"
        )
        return f"There is no {which} here.{there} Deploy it with VenvDeployOperator first."


class ReleaseDamagedError(ReleaseError, permanent=True):
    """What a release or an environment says of itself, and that can't be used."""

    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot use {self.path!r}: {self.problem}. Deploy again, with the same source: it is made anew. For an "
            "environment, 'airflow daybreak releases rebuild' does so too."
        )


class ReleasesUnsafeError(ReleaseError, permanent=True):
    """A folder of releases that another user could change what is run in."""

    path: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return (
            f"Cannot use {self.path!r} for releases: {self.problem}, so that another user could change what is run from "
            f"there. If nobody has, {self.remedy} it; else set [daybreak] releases to a folder of this user alone, and deploy again."
        )


class StillInUseError(ReleaseError):
    """Something damaged that can't be made anew while a job runs from it."""

    path: str
    release: str

    def __str__(self) -> str:
        return (
            f"Cannot make {self.path!r} anew: a job still runs from release {self.release!r}. "
            "Try again when it has ended."
        )


class StoredReleaseError(ReleaseError):
    """Something in the store of releases that is not what it should be."""

    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot use {self.path!r} of the release store: {self.problem}. Remove it from the store, and if it is a "
            "release's, the release's whole folder; then deploy again: it is put there anew."
        )


class PackedEnvironmentError(ReleaseError):
    """A packed environment of the store that can't be unpacked."""

    path: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot unpack the environment {self.path!r} of the release store: {self.problem}. It is made of its lock on this "
            "worker. Remove the folder it lies in; the next deploy puts it there anew."
        )


class SecretNotHereError(ReleaseError, permanent=True):
    """A file that looks like a secret, so that it is not in the release store, and that this worker lacks."""

    path: str
    place: str
    problem: str

    def __str__(self) -> str:
        return (
            f"Cannot make the release on this worker: {self.path!r} looks like a secret and is not in the release store, and "
            f"{self.place!r} can't stand for it: {self.problem}. Put the same file there on every worker, or deploy with "
            "store_secrets=True."
        )


class NoPreviousReleaseError(ReleaseError, permanent=True):
    """A roll back with nothing to go back to."""

    name: str
    there: tuple[str, ...]

    def __str__(self) -> str:
        if not self.there:
            return f"{self.name!r} has no release to return to. Deploy it with VenvDeployOperator first."
        there = ", ".join(self.there)
        return f"{self.name!r} has no earlier release to return to. There are: {there}. Name one of them in to."
