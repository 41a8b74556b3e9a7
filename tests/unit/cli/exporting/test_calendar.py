from __future__ import annotations

import shutil
import subprocess

import pytest

from airflow_provider_daybreak.cli.exporting.calendar import on_calendar

EXPRESSIONS = {
    "0 9 * * *": ["*-*-* 9:0:00 Europe/Berlin"],
    "*/15 8-18 * * 1-5": ["Mon,Tue,Wed,Thu,Fri *-*-* 8..18:0/15:00 Europe/Berlin"],
    "30 6 1,15 jan-mar/2 *": ["*-1..3/2-1,15 6:30:00 Europe/Berlin"],
    "0 0 13 * FRI": ["*-*-13 0:0:00 Europe/Berlin", "Fri *-*-* 0:0:00 Europe/Berlin"],
    "5 4 * * fri-sun": ["Fri,Sat,Sun *-*-* 4:5:00 Europe/Berlin"],
    "5 4 * * 0,7": ["Sun *-*-* 4:5:00 Europe/Berlin"],
}


@pytest.mark.parametrize(("cron", "said"), EXPRESSIONS.items())
def test_a_cron_expression_is_said_as_systemd_has_it(cron, said):
    assert on_calendar(cron, "Europe/Berlin") == said


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_understands_them_all():
    times = [each for said in EXPRESSIONS.values() for each in said]

    subprocess.run(["systemd-analyze", "calendar", *times], check=True, capture_output=True)
