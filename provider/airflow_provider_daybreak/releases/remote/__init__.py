"""Deploying and running on a host that has no Airflow: what is sent there, and what it does."""
