"""Deploying: from a source to the current release, in an order that a crash at any point leaves harmless."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import __version__
from airflow_provider_daybreak.dotenv import example_of
from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    NoPreviousReleaseError,
)
from airflow_provider_daybreak.releases.acceptance import check_command, check_imports
from airflow_provider_daybreak.releases.changing import changing
from airflow_provider_daybreak.releases.dag_version import newest_in
from airflow_provider_daybreak.releases.dotenv_file import place_env_file, read_env_file
from airflow_provider_daybreak.releases.environments import environment as environments
from airflow_provider_daybreak.releases.environments.conda import interpreter_in, packages_in
from airflow_provider_daybreak.releases.environments.environment import Environment
from airflow_provider_daybreak.releases.environments.interpreter import find_interpreter
from airflow_provider_daybreak.releases.environments.lock import builds_of
from airflow_provider_daybreak.releases.locked import Choice, input_digest_of, lock_of
from airflow_provider_daybreak.releases.making import make_release
from airflow_provider_daybreak.releases.package_indexes import indexes_of, manifest_of
from airflow_provider_daybreak.releases.projects.project import read_projects
from airflow_provider_daybreak.releases.prune import check_keep, prune, prune_store
from airflow_provider_daybreak.releases.release import (
    SCHEMA,
    Release,
    find_release,
    get_release,
    id_of,
    previous_id,
    ready_release,
    releases_of,
)
from airflow_provider_daybreak.releases.requirements.declared import python_of, read_requirements
from airflow_provider_daybreak.releases.requirements.needs import CondaNeeds
from airflow_provider_daybreak.releases.scan import scan
from airflow_provider_daybreak.releases.secret_files import secrets_in
from airflow_provider_daybreak.releases.source import read_source
from airflow_provider_daybreak.releases.switch import (
    check_owner,
    current_id,
    entries_of,
    history_of,
    new_entry,
    point_to,
    switch,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airflow_provider_daybreak.releases.dag_version import DagVersion
    from airflow_provider_daybreak.releases.layout import Layout
    from airflow_provider_daybreak.releases.scan import Findings
    from airflow_provider_daybreak.releases.source import Source
    from airflow_provider_daybreak.releases.store import Store
    from airflow_provider_daybreak.releases.switch import History
    from airflow_provider_daybreak.releases.uv import Index

log = logging.getLogger(__name__)

_CONDA = "conda:"


@dataclass(frozen=True)
class Plan:
    """
    What to deploy, and how.

    :param source: absolute path of the folder, or of the script.
    :param requirements: see :func:`read_requirements`.
    :param python: see :func:`find_interpreter`.
    :param env_file: absolute path of the ``.env`` to place; the one in the source when None.
    :param commands: what is run in the release, as far as that is known: a script among them may say itself what it needs.
    :param verify: a command that must succeed in the new release before it becomes current.
    :param keep: how many releases stay, at least 1.
    :param require_hashes: refuse requirements without hashes of their own.
    :param only_binary: take no package that would have to be built; or which may be, as in ``{"thing": False}``.
    :param index: where packages come from.
    :param more_indexes: with credentials for indexes that the source names.
    :param index_conn_id: the connections that these are of.
    :param index_strategy: which versions count where several indexes have a package; what the source says when "".
    :param upgrade: resolve again, though the requirements are the same.
    :param lock_timeout: seconds to wait for another deploy of the name.
    :param version: the version of the Dag that deploys it, where there are any: an older one does not become current.
    :param dag_id: the Dag that deploys; "" where a person does.
    :param take_over: id of the Dag from which the name may be taken.
    :param store_secrets: put files that look like secrets into the release store too.
    :raises InvalidValueError: a path is not absolute, or nothing is to stay.
    """

    source: Path
    requirements: str = "auto"
    python: str | None = None
    env_file: Path | None = None
    commands: tuple[Sequence[str] | str, ...] = ()
    verify: Sequence[str] | str | None = None
    keep: int = 5
    require_hashes: bool = False
    only_binary: bool | Mapping[str, bool] = True
    index: Index | None = None
    more_indexes: tuple[Index, ...] = ()
    index_conn_id: str | Sequence[str] | None = None
    index_strategy: str = ""
    upgrade: bool = False
    lock_timeout: float = 600
    version: DagVersion | None = None
    dag_id: str = ""
    take_over: str | None = None
    store_secrets: bool = False

    def __post_init__(self) -> None:
        for name, path in (("source", self.source), ("env_file", self.env_file)):
            if path is not None and not path.is_absolute():
                expected = "an absolute path, such as Path(__file__).parent / 'script'"
                raise InvalidValueError(name, str(path), expected)
        check_keep(self.keep)


@dataclass(frozen=True)
class Deployed:
    """
    What a deploy or a roll back came to.

    :param previous: id of the release that was current before, or None.
    :param changed: whether another release is current now.
    :param findings: what its source does, where the release was made for it.
    """

    release: Release
    previous: str | None
    changed: bool
    findings: Findings | None = None


def deploy(layout: Layout, plan: Plan, *, store: Store | None = None) -> Deployed:
    """
    Make the source's release current, unless a newer version of the Dag has deployed one: then it is made, and returned.

    Nothing is resolved, installed or copied that is there already. Until the last step the release that
    was current still is.

    :param store: where the other workers get it from.
    :raises ReleaseError: see the classes under it; the old release is still current.
    :raises OwnedByAnotherDagError: the name is another Dag's.
    :raises DotenvError: the ``.env`` can't be used.
    """
    source = read_source(plan.source)
    commands = (*plan.commands, *([plan.verify] if plan.verify else []))
    requirements = read_requirements(source, plan.requirements, commands)
    plan = replace(plan, python=plan.python or python_of(source))
    if plan.python and plan.python.startswith(_CONDA):
        requirements = replace(requirements, conda=CondaNeeds(environment=plan.python.removeprefix(_CONDA)))
    offered = [one for one in (plan.index, *plan.more_indexes) if one]
    choice = Choice(
        requirements,
        indexes_of(requirements, offered, plan.index_strategy),
        builds_of(requirements, plan.only_binary),
    )
    if not (requirements.lines or requirements.content or requirements.conda):
        log.info("Nothing is installed: %s names no package that is needed", requirements.path)
    if secrets := secrets_in(source.folder, source.files):
        log.warning(
            "These files of %s look like secrets: %s. They are kept in the release for who could read them before%s. Better "
            "keep them outside of the source, or their values in .env",
            plan.source, ", ".join(secrets),
            ", and go through the release store too (store_secrets)" if plan.store_secrets else ", and out of the release store",
        )  # fmt: skip
    dotenv = None
    if plan.env_file or source.dotenv:
        dotenv = read_env_file(plan.env_file or source.folder / ".env", follow=plan.env_file is not None)
    with changing(layout, lock_timeout=plan.lock_timeout, store=store):
        return _deploy(layout, plan, source, choice, dotenv, store)


def roll_back(
    layout: Layout, to: str | None = None, *, store: Store | None = None, lock_timeout: float = 600
) -> Deployed:
    """
    Make an earlier release current.

    :param to: its id; the one before the current when None.
    :raises NoPreviousReleaseError: there is none.
    :raises ReleaseNotFoundError: it is not here, or nothing is deployed under the name.
    """
    if store is None:
        get_release(layout)  # before anything is made under a name that was misspelt
    with changing(layout, lock_timeout=lock_timeout, store=store):
        before = current_id(layout)
        wanted = to or previous_id(layout)
        if wanted is None:
            raise NoPreviousReleaseError(layout.name, tuple(one.id for one in releases_of(layout)))
        release = get_release(layout, wanted)
        if release.id == before:
            return Deployed(release, before, changed=False)
        _switch(layout, release, "rollback", store)
        log.info("Rolled %s back from release %s to %s", layout.name, before, release.id)
        return Deployed(release, before, changed=True)


def _deploy(
    layout: Layout,
    plan: Plan,
    source: Source,
    choice: Choice,
    dotenv: bytes | None,
    store: Store | None,
) -> Deployed:
    entries = entries_of(layout)
    history = history_of(entries)
    check_owner(layout.name, history.owner, plan.dag_id, take_over=plan.take_over)
    by_conda = choice.requirements.conda is not None
    interpreter = find_interpreter(
        None if by_conda else plan.python,
        cache=layout.state / "interpreters.json",
        requires="" if by_conda else choice.requirements.requires_python,
    )
    input_digest = input_digest_of(choice, interpreter, require_hashes=plan.require_hashes)
    options = {"upgrade": plan.upgrade, "require_hashes": plan.require_hashes}
    lock = lock_of(layout, choice, interpreter, input_digest, history, **options)
    if packages := packages_in(lock.text):
        interpreter = interpreter_in(packages)
    environment = Environment(lock, interpreter, choice.builds)
    release_id = id_of(environment.id, source.digest, _made_with(plan, environment, choice))
    before = history.current
    if before is not None and release_id in history.rolled_back:
        log.warning(
            "Release %s was rolled back, and its source and requirements are the same since: %s stays current. "
            "Change the source, or return to it with: airflow daybreak releases rollback %s --to %s",
            release_id, before, layout.name, release_id,
        )  # fmt: skip
        return Deployed(get_release(layout, before), before, changed=False)
    release, findings = ready_release(layout, release_id), None
    if release is None:
        projects = read_projects(source, ("", *choice.requirements.projects))
        environments.build(environment, environment.id, layout, index=choice.indexes)
        roots = [root for project in projects for root in project.roots]
        builds = {f"{project.at}/setup.py".lstrip("/") for project in projects}  # which is never run
        files = [file["path"] for file in source.files if file["path"] not in builds]
        findings = scan(source.folder, files, roots)
        check_imports(findings, layout.environment(environment.id))
        if dotenv is None and not layout.dotenv.exists() and (example := example_of(source.folder / ".env")):
            findings.example = example.name
        if find_release(layout, release_id) is None:
            manifest = _manifest(layout, release_id, source, environment, choice, input_digest, plan)
            make_release(layout, manifest, source.read)
        release = get_release(layout, release_id)
    known = newest_in(entries)
    if before is not None and known and plan.version and plan.version.older_than(known):
        return _set_aside(layout, plan, release, before, known, store)
    if dotenv is not None:
        place_env_file(layout, dotenv)
    deployed = _made_current(layout, plan, release, history, known, store)
    return replace(deployed, findings=findings)


def _made_current(
    layout: Layout,
    plan: Plan,
    release: Release,
    history: History,
    known: DagVersion | None,
    store: Store | None,
) -> Deployed:
    before = history.current
    if before == release.id:
        _stay(layout, release, plan, history, known, store)
        return Deployed(release, before, changed=False)
    if plan.verify:
        check_command(release, plan.verify)
    _switch(layout, release, "deploy", store, plan)
    log.info("Release %s of %s is current; before it was %s", release.id, layout.name, before or "none")
    prune(layout, keep=plan.keep)
    if store:
        prune_store(layout, store, keep=plan.keep)
    return Deployed(release, before, changed=True)


def _stay(
    layout: Layout,
    release: Release,
    plan: Plan,
    history: History,
    known: DagVersion | None,
    store: Store | None,
) -> None:
    """Let the release be current as it is, on this worker too; of a Dag or version new to it, from now on."""
    is_new_version = plan.version and (known is None or known.bundle_version != plan.version.bundle_version)
    if is_new_version or plan.dag_id not in ("", history.owner):
        _switch(layout, release, "deploy", store, plan)
        return
    if current_id(layout) != release.id:  # another worker was first
        point_to(layout, release.id)
    if store:
        store.publish(release)


def _set_aside(
    layout: Layout, plan: Plan, release: Release, before: str, known: DagVersion, store: Store | None
) -> Deployed:
    """Leave what is current, and its ``.env``, to the newer version of the Dag."""
    if release.id != before:
        if plan.verify:
            check_command(release, plan.verify)
        _switch(layout, release, "aside", store)
        log.warning(
            "This run is of an older version of its Dag than run %s, which deployed before: %s of %s stays current, and "
            "this run uses release %s. To run what is current, clear it with the latest version.",
            known.run_id, before, layout.name, release.id,
        )  # fmt: skip
    return Deployed(release, before, changed=False)


def _switch(
    layout: Layout, release: Release, action: str, store: Store | None, plan: Plan | None = None
) -> None:
    dag_id, version = (plan.dag_id, plan.version) if plan else ("", None)
    entry = new_entry(layout, release.id, action=action, dag_id=dag_id, version=version)
    if store:
        store.publish(release)
        store.append(entry)  # from here on all workers run it
    switch(layout, entry)


def _manifest(
    layout: Layout,
    release_id: str,
    source: Source,
    environment: Environment,
    choice: Choice,
    input_digest: str,
    plan: Plan,
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": layout.name,
        "release": release_id,
        "environment": environment.id,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "source": str(source.given),
        "source_sha256": source.digest,
        "files": list(source.files),
        "requirements": choice.requirements.kind,
        "input_sha256": input_digest,
        "lock_sha256": environment.lock.sha256,
        "interpreter": environment.interpreter.identity(),
        "installer": environment.installer,
        **_made_with(plan, environment, choice),
        "env_file": str(plan.env_file or source.dotenv or ""),
        "secrets": [] if plan.store_secrets else secrets_in(source.folder, source.files),
        "provider_version": __version__,
    }


def _made_with(plan: Plan, environment: Environment, choice: Choice) -> dict[str, Any]:
    """Return what another worker needs to make the release."""
    return {
        "projects": list(choice.requirements.projects),
        "only_binary": not choice.builds.allowed,
        "built": list(choice.builds.packages),
        "wheels": list(choice.builds.wheels),
        "python": plan.python or environment.interpreter.path,
        **manifest_of(choice.indexes),
    }
