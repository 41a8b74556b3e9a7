"""
What the demo's Airflow loads beside ours: its form for backfills, and its REST API, wait for SQLite's lock.

Airflow creates a backfill within savepoints, before which SQLite takes no lock that lasts: when another process writes
between what it reads and what it writes, it fails at once, whatever the timeout, and Airflow removes the runs it has
made, of which a scheduler that holds one of them ends. A transaction that begins with the lock waits for it instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import ASGIApp


def let_backfills_wait(app: ASGIApp) -> ASGIApp:
    """Return the API server's application as it is, which asks for this once, when all its parts are there."""
    from airflow_provider_daybreak.version_compat import let_airflows_backfills_wait

    let_airflows_backfills_wait()
    return app


class BackfillsPlugin(AirflowPlugin):
    """Airflow's way to load it."""

    name = "backfills"
    fastapi_root_middlewares: ClassVar[list[dict[str, Any]]] = [  # type: ignore[misc]  # as Airflow reads it
        {"name": "backfills", "middleware": let_backfills_wait}
    ]
