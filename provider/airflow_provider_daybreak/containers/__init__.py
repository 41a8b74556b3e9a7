"""Core: identity, files in and out, and outcome of a container step. Knows no Airflow."""
