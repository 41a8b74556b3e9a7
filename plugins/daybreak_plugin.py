"""Registers Daybreak's part of Airflow's UI. Every task process imports this: nothing heavy at the top."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class DaybreakPlugin(AirflowPlugin):
    """The pages of archived reports. Report tasks bring their "Open report" link themselves."""

    name = "daybreak"

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # asked for by the API server alone
        """The application and where it is mounted."""
        from airflow_provider_daybreak.web.app import make_app
        from airflow_provider_daybreak.web.links import APP_PREFIX

        return [{"app": make_app(), "url_prefix": APP_PREFIX, "name": "Daybreak"}]
