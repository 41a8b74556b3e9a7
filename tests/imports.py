"""What ``daybreak import`` does, called from a test."""

from __future__ import annotations

from argparse import Namespace

from airflow_provider_daybreak.cli.importing.command import import_jobs

USUAL = {
    "timezone": "UTC",
    "kind": None,
    "user_column": False,
    "dry_run": False,
    "check": False,
    "verbose": False,
    "output": "json",
}


def import_file(file, out=None, **options):
    """Import a file, into the folder ``dags`` beside it unless one is named; each option as its flag is called."""
    out = str(out or file.parent / "dags")
    import_jobs(Namespace(out=out, files=[str(file)] if file else [], **{**USUAL, **options}))
