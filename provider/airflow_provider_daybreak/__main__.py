"""Runs the commands: ``python -m airflow_provider_daybreak``."""

from airflow_provider_daybreak.cli.program import main

if __name__ == "__main__":
    main()
