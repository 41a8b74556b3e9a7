"""The ``airflow`` command line, whose transactions take SQLite's lock for writing as they begin: see ``plugins/backfills.py``."""

from __future__ import annotations

import sys

from airflow_provider_daybreak.version_compat import waiting_for_sqlite

if __name__ == "__main__":
    from airflow.__main__ import main

    with waiting_for_sqlite():
        sys.exit(main())
