"""Core: what became of each report that was due, by an index of archive and ledger. Knows no Airflow."""
