"""Core: environments and releases of deployed scripts. Knows no Airflow."""
