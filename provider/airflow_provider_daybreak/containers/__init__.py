"""Containers: who they belong to, what goes in and comes out, how they end. Knows the engine, and no Airflow."""
