"""Runs the daily report to its mail where there is no root, no engine, and no home that may be written."""

from __future__ import annotations

import json
import os
import sys
from datetime import date
from pathlib import Path

from airflow_provider_daybreak.cli.local_run import LocalRun, find_task
from airflow_provider_daybreak.version_compat import AirflowSkipException

if __name__ == "__main__":
    dag_file, out = map(Path, sys.argv[1:])
    task = find_task(dag_file, "mail_report")
    run = LocalRun(task.dag, date(2026, 3, 29), out, {"mail_even_if_late": True})
    skipped = ""
    try:
        run.pull("make_pdf", "return_value")
    except AirflowSkipException as error:
        skipped = str(error)
        run.results["make_pdf", "return_value"] = None
    mailed = run.pull("mail_report", "return_value")
    said = {
        "uid": os.getuid(),
        "home": os.access(Path.home(), os.W_OK),
        "skipped": skipped,
        "sent": mailed["sent"],
    }
    print(json.dumps(said))
