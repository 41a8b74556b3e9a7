"""Core: what a report covers, says and looks like. Knows no Airflow."""
