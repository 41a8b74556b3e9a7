"""Registers Daybreak's part of Airflow's UI. Every task process imports this: nothing heavy at the top."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin


class DaybreakPlugin(AirflowPlugin):
    """The pages of archived reports, how all stand today, and tabs: a run's for its report, a Dag's for the calendar, a task's for the day. Report tasks bring their "Open report" link themselves."""

    name = "daybreak"
    external_views: ClassVar[list[dict[str, Any]]] = [  # type: ignore[misc]  # as Airflow reads it
        {
            "name": "Reports today",
            "href": "daybreak/today",
            "destination": "nav",
            "url_route": "daybreak-today",
            "nav_top_level": True,  # where Airflow has no place for it, in its list of plugins
            "icon": "daybreak/static/icon.svg",
            "icon_dark_mode": "daybreak/static/icon-dark.svg",
        },
        {
            "name": "Report",
            "href": "daybreak/runs/{DAG_ID}/{RUN_ID}",  # below the UI's own address, which may have a prefix
            "destination": "dag_run",
            "url_route": "daybreak-report",
        },
        {
            "name": "Reports",
            "href": "daybreak/dags/{DAG_ID}",
            "destination": "dag",
            "url_route": "daybreak-dag",
        },
        {
            "name": "Report's day",
            "href": "daybreak/tasks/{DAG_ID}/{RUN_ID}",
            "destination": "task_instance",
            "url_route": "daybreak-day",
        },
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]  # asked for by the API server alone
        """The application and where it is mounted."""
        from airflow_provider_daybreak.context.address import APP_PREFIX
        from airflow_provider_daybreak.web.app import make_app

        return [{"app": make_app(), "url_prefix": APP_PREFIX, "name": "Daybreak"}]
