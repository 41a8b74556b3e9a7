"""Making a release of its manifest: its folder and its environment, from a source here or from what the store has."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import (
    InterpreterElsewhereError,
    InterpreterError,
    StillInUseError,
    VerificationError,
)
from airflow_provider_daybreak.releases.changing import changing
from airflow_provider_daybreak.releases.environments import environment as environments
from airflow_provider_daybreak.releases.environments.conda import interpreter_in, packages_in
from airflow_provider_daybreak.releases.environments.environment import LOCK_NAME, Environment, builds_in
from airflow_provider_daybreak.releases.environments.environment import id_of as id_of_environment
from airflow_provider_daybreak.releases.environments.interpreter import find_interpreter
from airflow_provider_daybreak.releases.environments.lock import Lock
from airflow_provider_daybreak.releases.files import check_room, discard, protect_source, write_json
from airflow_provider_daybreak.releases.lease import NAME as LEASE
from airflow_provider_daybreak.releases.lease import exclusively
from airflow_provider_daybreak.releases.package_indexes import indexes_in
from airflow_provider_daybreak.releases.projects.installed import write_installed
from airflow_provider_daybreak.releases.projects.project import read_projects
from airflow_provider_daybreak.releases.release import MANIFEST, get_release, id_of
from airflow_provider_daybreak.releases.source import Source, copy_files, digest_of
from airflow_provider_daybreak.storage import local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from airflow_provider_daybreak.releases.environments.interpreter import Interpreter
    from airflow_provider_daybreak.releases.environments.packed import Packed
    from airflow_provider_daybreak.releases.layout import Layout
    from airflow_provider_daybreak.releases.projects.project import Project
    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.uv import Index


def make_release(layout: Layout, manifest: Mapping[str, Any], read: Callable[[str], Iterable[bytes]]) -> None:
    """
    Write a release's folder, its manifest last.

    :param read: returns a file of the source by its path, in pieces.
    :raises StillInUseError: a job runs from an unusable one that is in its place.
    """
    path = layout.release(manifest["release"])
    check_room(layout.releases, sum(file["bytes"] for file in manifest["files"]))
    if path.exists():
        with exclusively(path) as free:
            if not free:
                raise StillInUseError(str(path), manifest["release"])
            discard(path, layout.trash)
    path.mkdir(mode=0o755)
    path.chmod(0o755)
    copy_files(manifest["files"], path / "src", read)
    write_installed(path, projects_of(path, manifest))
    (path / "src" / ".env").symlink_to("../../../shared/.env")  # a script finds it beside itself
    (path / "environment").symlink_to(f"../../environments/{manifest['environment']}")
    (path / LEASE).touch(mode=0o644)
    (path / LEASE).chmod(0o644)
    lock = layout.environment(manifest["environment"]) / LOCK_NAME
    (path / LOCK_NAME).hardlink_to(lock)  # it stays when the environment goes
    protect_source(path / "src")
    local.synchronise(path / "src")
    write_json(path / MANIFEST, manifest, mode=0o444)
    local.synchronise(layout.releases)


def projects_of(path: Path, manifest: Mapping[str, Any]) -> list[Project]:
    """Return the projects in the source of a release that is in this folder."""
    source = Source(path / "src", path / "src", tuple(manifest["files"]), manifest["source_sha256"])
    return read_projects(source, ("", *manifest.get("projects", ())))


def build_for(
    layout: Layout,
    manifest: Mapping[str, Any],
    lock: Lock,
    index_of: Callable[[str], Index],
    *,
    anew: bool = False,
    interpreter: Interpreter | None = None,
    packed: Packed | None = None,
) -> None:
    """
    Build the environment of a release that was made before, here or on another worker, under its id.

    :param interpreter: the Python that it is made of; what its manifest says when None.
    :param packed: what another worker packed of it.
    :raises InterpreterError: the Python of its manifest is another one here.
    :raises ReleaseError: see the classes under it.
    """
    if interpreter is None:
        interpreter = _interpreter_of(layout, manifest["python"], lock)
    if interpreter.identity() != manifest["interpreter"]:
        made, here = manifest["interpreter"], asdict(interpreter)
        different = ", ".join(
            f"{key} {here[key]!r} for {made[key]!r}" for key in made if here[key] != made[key]
        )
        problem = f"release {manifest['release']} was made for another one: here is {different}. Deploy again, and it is made for this one"
        raise InterpreterError(interpreter.path, problem)
    environment = Environment(lock, interpreter, builds_in(manifest))
    index = indexes_in(manifest, index_of)
    environments.build(environment, manifest["environment"], layout, index=index, anew=anew, packed=packed)


def _interpreter_of(layout: Layout, wanted: str | None, lock: Lock) -> Interpreter:
    if packages := packages_in(lock.text):
        return interpreter_in(packages)
    return find_interpreter(wanted, cache=layout.state / "interpreters.json")


def interpreter_here(layout: Layout, manifest: Mapping[str, Any], lock: Lock) -> Interpreter:
    """
    Return this worker's Python for a release that was made on another one, whose Python may be a later or an earlier one.

    Where it lies at no such path here: the one of the same minor version, or else the worker's own.

    :raises InterpreterElsewhereError: the release is for a version of Python that this worker lacks.
    """
    named = manifest["python"]
    minor = ".".join(manifest["interpreter"]["version"].split(".")[:2])
    for wanted in (named, minor, None) if named.startswith("/") else (named,):
        try:
            return _interpreter_of(layout, wanted, lock)
        except InterpreterError as error:  # noqa: PERF203 - three at most
            problem = str(error)
    raise InterpreterElsewhereError(named, problem, manifest["release"])


def remade(manifest: Mapping[str, Any], interpreter: Interpreter) -> dict[str, Any]:
    """Return the manifest of the release that the same lock and files make with another Python: its id is its own."""
    identity = interpreter.identity()
    environment = id_of_environment(manifest["lock_sha256"], identity, manifest["installer"])
    made = id_of(environment, digest_of(manifest["files"]), manifest)
    return {**manifest, "interpreter": identity, "environment": environment, "release": made}


def frozen_lock(release: Release) -> Lock:
    """
    Return the lock that a release was made of.

    :raises VerificationError: it is not what the manifest says.
    """
    path = release.path / LOCK_NAME
    lock = Lock(path.read_text(errors="replace"))
    if lock.sha256 != release.lock_sha256:
        explanation = f"{path}\nRemove {str(release.path)!r}, and deploy again: it is made anew."
        raise VerificationError(f"Release {release.id}", "the comparison with its manifest", explanation)
    return lock


def rebuild(
    layout: Layout,
    release_id: str | None,
    *,
    index_of: Callable[[str], Index],
    lock_timeout: float = 600,
) -> Release:
    """
    Make the environment of a release anew, of the same packages, fetched again.

    :param release_id: the current one when None.
    :param index_of: returns the index of a connection's id.
    :raises StillInUseError: a job runs from it.
    :raises ReleaseError: see the classes under it.
    """
    get_release(layout, release_id)  # before anything is made under a name that was misspelt
    with changing(layout, lock_timeout=lock_timeout):
        release = get_release(layout, release_id)
        build_for(layout, release.manifest, frozen_lock(release), index_of, anew=True)
        return release
