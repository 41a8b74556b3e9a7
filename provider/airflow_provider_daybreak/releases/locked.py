"""The lock of a deploy: made once of what its source says, and used while that stays the same."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from airflow_provider_daybreak.releases.environments.lock import make_lock
from airflow_provider_daybreak.releases.layout import ids_in
from airflow_provider_daybreak.releases.making import frozen_lock
from airflow_provider_daybreak.releases.release import find_release
from airflow_provider_daybreak.releases.switch import current_id

if TYPE_CHECKING:
    from airflow_provider_daybreak.releases.environments.interpreter import Interpreter
    from airflow_provider_daybreak.releases.environments.lock import Lock
    from airflow_provider_daybreak.releases.layout import Layout
    from airflow_provider_daybreak.releases.requirements.declared import Requirements
    from airflow_provider_daybreak.releases.switch import History
    from airflow_provider_daybreak.releases.uv import Builds, Indexes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """
    What is installed for a source, and how.

    :param requirements: what it needs.
    :param indexes: where that comes from.
    :param builds: what of it may be built.
    """

    requirements: Requirements
    indexes: Indexes
    builds: Builds


def input_digest_of(choice: Choice, interpreter: Interpreter, *, require_hashes: bool) -> str:
    """Return what a lock depends on: while it is the same, the lock is used again."""
    indexes = choice.indexes
    url = indexes.default.url if indexes.default else ""
    facts = [
        choice.requirements.digest,
        interpreter.minor,
        url,
        indexes.strategy,
        str(choice.builds),
        require_hashes,
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def lock_of(
    layout: Layout,
    choice: Choice,
    interpreter: Interpreter,
    input_digest: str,
    history: History,
    *,
    upgrade: bool,
    require_hashes: bool,
) -> Lock:
    """
    Return the lock of what a source needs: the one that was made of the same before, or a new one.

    :param input_digest: what the lock depends on.
    :param upgrade: make a new one in any case.
    :param require_hashes: refuse requirements without hashes of their own.
    :raises LockingError: they conflict, or something is missing from the index.
    :raises RequirementRefusedError: a line is at odds with another.
    """
    requirements = choice.requirements
    if not upgrade and (known := _known_lock(layout, input_digest, history)):
        return known
    lock = make_lock(
        requirements,
        interpreter,
        index=choice.indexes,
        builds=choice.builds,
        require_hashes=require_hashes,
    )
    if not requirements.hashed:
        current = current_id(layout)
        earlier = find_release(layout, current) if current else None
        moves = lock.moves_from(frozen_lock(earlier) if earlier else None)
        log.warning(
            "The requirements %s leave versions open: they are locked now, until they change or upgrade is set. %s",
            requirements.path, "Moved: " + "; ".join(moves) if moves else "Nothing moved.",
        )  # fmt: skip
    return lock


def _known_lock(layout: Layout, input_digest: str, history: History) -> Lock | None:
    """Return the lock of the newest release that was made of the same input, looking at the others only then."""
    for one in chain(reversed(history.line), ids_in(layout.releases)):
        release = find_release(layout, one)
        if release and release.manifest["input_sha256"] == input_digest:
            return frozen_lock(release)
    return None
