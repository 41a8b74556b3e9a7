"""Airflow's run, settings and connections as plain values."""
