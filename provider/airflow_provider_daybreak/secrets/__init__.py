"""Secrets backends of Daybreak."""

import airflow  # noqa: F401 - it imports the backend that it is configured with, in whole before a module of it is asked for
