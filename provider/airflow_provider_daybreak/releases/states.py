"""What is deployed under a name, in the order a person wants to see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from airflow_provider_daybreak.releases.lease import is_leased
from airflow_provider_daybreak.releases.prune import PINNED
from airflow_provider_daybreak.releases.release import previous_id, releases_of
from airflow_provider_daybreak.releases.switch import current_id, read_history

if TYPE_CHECKING:
    from airflow_provider_daybreak.releases.layout import Layout


class ReleaseState(TypedDict):
    """One release: ``state`` says all that holds of current, previous, rolled back, pinned and running."""

    name: str
    release: str
    state: str
    created: str
    environment: str
    python: str
    source: str


def states_of(layout: Layout) -> list[ReleaseState]:
    """Return the releases of a name, the newest first."""
    history = read_history(layout)
    current, previous = current_id(layout), previous_id(layout)
    order = {release: place for place, release in enumerate(history.line)}
    states: list[ReleaseState] = []
    for release in sorted(releases_of(layout), key=lambda one: (order.get(one.id, -1), one.id), reverse=True):
        holds = {
            "current": release.id == current,
            "previous": release.id == previous,
            "rolled back": release.id in history.rolled_back,
            "pinned": (release.path / PINNED).exists(),
            "running": is_leased(release.path),
        }
        states.append(
            ReleaseState(
                name=layout.name,
                release=release.id,
                state=", ".join(what for what, true in holds.items() if true),
                created=str(release.manifest["created"]),
                environment=release.environment_id,
                python=str(release.manifest["interpreter"]["version"]),
                source=str(release.manifest["source"]),
            )
        )
    return states
