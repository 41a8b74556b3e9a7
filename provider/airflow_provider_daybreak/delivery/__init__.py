"""Core: messages, recipients, transport and the ledger of what was mailed. Knows no Airflow."""
