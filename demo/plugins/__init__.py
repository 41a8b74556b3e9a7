"""Folder of plugins of the demo's Airflow."""
