"""Core: revisions of reports and their manifests, on disk or object storage. Knows no Airflow."""
