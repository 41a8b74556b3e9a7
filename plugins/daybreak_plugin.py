"""Registers Daybreak's part of Airflow's UI. Every task process imports this: nothing heavy at the top."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin


class DaybreakPlugin(AirflowPlugin):
    """The pages of archived reports, and a run's tab for its own. Report tasks bring their "Open report" link themselves."""

    name = "daybreak"
    external_views: ClassVar[list[dict[str, Any]]] = [  # type: ignore[misc]  # as Airflow reads it
        {
            "name": "Report",
            "href": "daybreak/runs/{DAG_ID}/{RUN_ID}",  # below the UI's own address, which may have a prefix
            "destination": "dag_run",
            "url_route": "daybreak-report",
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # asked for by the API server alone
        """The application and where it is mounted."""
        from airflow_provider_daybreak.web.app import make_app
        from airflow_provider_daybreak.web.links import APP_PREFIX

        return [{"app": make_app(), "url_prefix": APP_PREFIX, "name": "Daybreak"}]
