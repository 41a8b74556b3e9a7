"""What a deploy tells the tasks after it, as plain JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from airflow_provider_daybreak.releases.deploy import Deployed


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


def info_of(deployed: Deployed) -> ReleaseInfo:
    """Return what came of a deploy or a roll back."""
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
