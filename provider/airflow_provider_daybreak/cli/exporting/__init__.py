"""A script of a Dag as files that run it without Airflow."""
