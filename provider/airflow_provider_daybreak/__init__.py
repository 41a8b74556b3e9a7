"""
Daybreak: scripts and reports on Apache Airflow, deployed, rendered, isolated and mailed once.

What ``__all__`` names here and in these modules is public. All else may move with any version::

    operators.venv
    operators.report
    operators.docker
    operators.pod
    operators.delivery
    reports.sources
    reports.checks
    releases.conditions
    notifications.failure
    notifications.late
    notifications.ping
    secrets.dotenv
    bundles.package
    exceptions
    version_compat
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_daybreak.context.archive import archive_of, report_asset

__version__ = "0.1.0"

__all__ = ["__version__", "archive_of", "report_asset"]


def __getattr__(name: str) -> Any:
    """Import what is public here when it is asked for: every ``airflow`` call imports this package."""
    if name in ("archive_of", "report_asset"):
        return getattr(import_module(f"{__name__}.context.archive"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
