"""Airflow's side of the core packages: settings, connections and the run's context."""
