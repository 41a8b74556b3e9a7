"""The releases that a report is made with, and what is current under their names on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import DaybreakError
from airflow_provider_daybreak.hooks.releases import ReleaseHook
from airflow_provider_daybreak.web.access import reader

if TYPE_CHECKING:
    from datetime import datetime

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

    from airflow_provider_daybreak.hooks.overview import OverviewHook
    from airflow_provider_daybreak.overview.facts import ReleaseInUse
    from airflow_provider_daybreak.releases.states import ReleaseState


@dataclass(frozen=True)
class Used:
    """
    A release that a report is made with.

    :param current: what is current under its name on this machine; None where the user may not read it, or nothing is.
    """

    use: ReleaseInUse
    current: ReleaseState | None


def used_by(report: str, hook: OverviewHook, now: datetime, user: BaseUser) -> list[Used]:
    """Return the releases that a report is made with, by name."""
    readable, releases = reader(user), ReleaseHook()

    def current(name: str) -> ReleaseState | None:
        try:
            owner = releases.owner(name)
            states = releases.states(name) if owner and readable(owner) else []
        except DaybreakError:  # the name is of a manifest that somebody wrote
            return None
        return next((each for each in states if "current" in each["state"]), None)

    return [Used(use, current(use.name)) for use in hook.releases_in_use(now, readable, report)]
