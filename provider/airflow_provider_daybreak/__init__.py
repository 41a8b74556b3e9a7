"""Daybreak: scripts and reports on Apache Airflow, deployed, rendered, isolated and mailed once."""

__version__ = "0.1.0"
