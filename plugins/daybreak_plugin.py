"""Registers Daybreak's part of Airflow's UI. Every task process imports this: nothing heavy at the top."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class DaybreakPlugin(AirflowPlugin):
    """The "Open report" link."""

    name = "daybreak"
