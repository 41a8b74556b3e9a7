"""What the check says of a change stands beside its lines, and is the picture of it that docs/ci.md shows."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from difflib import ndiff

import pytest

from tests.pictures import keep

BEFORE = """from datetime import timedelta

from airflow.sdk import DAG
from airflow.timetables.trigger import CronTriggerTimetable

from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
from airflow_provider_daybreak.operators.report import ReportOperator

with DAG(
    "sales",
    schedule=CronTriggerTimetable("0 9 * * *", timezone="Europe/Paris"),
    default_args={"retries": 3, "retry_delay": timedelta(minutes=5)},
):
    report = ReportOperator(task_id="render_report", report="sales", template="sales.md.j2")
    ReportEmailOperator(task_id="mail_report", report=report.output, to=["ann@example.org"])
"""
AFTER = (
    BEFORE.replace('CronTriggerTimetable("0 9 * * *", timezone="Europe/Paris")', '"0 7 * * *"')
    .replace('template="sales.md.j2"', 'template="sale.md.j2"')
    .replace("from airflow.timetables.trigger import CronTriggerTimetable\n", "")
    .replace("\nwith DAG(", '\nSHOP_PASSWORD = "a9-Tern-Quilt-62"\n\nwith DAG(')
)
ANNOTATION = re.compile(r"^::(error|warning) file=([^,]+),line=(\d+),title=([^:]+)::(.*)$", re.MULTILINE)
STYLE = """body {font: 14px sans-serif; margin: 0; background: #fff; color: #1f2328; width: 900px}
h1 {font-size: 14px; margin: 0; padding: 10px 14px; background: #f6f8fa; border-bottom: 1px solid #d0d7de}
pre {margin: 0; font: 12.5px/20px monospace} .line {padding-left: 14px; display: flex; white-space: pre-wrap}
.number {color: #59636e; width: 44px; flex: none} .added {background: #dafbe1} .removed {background: #ffebe9}
.note {margin: 6px 14px 8px 58px; padding: 8px 12px; border: 1px solid; border-left-width: 4px; border-radius: 6px; white-space: normal; font: 13.5px sans-serif}
.error {border-color: #cf222e} .warning {border-color: #9a6700} .note b {display: block; margin-bottom: 3px}"""


def annotations(folder):
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_daybreak", "check", "--dags", "dags", "--output", "github"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    return [
        (kind, path, int(line), rule, text) for kind, path, line, rule, text in ANNOTATION.findall(done.stdout)
    ]


def page_of(found):
    """Return the change as a page, with each annotation below the line that it names."""
    rows, number = [], 0
    for line in ndiff(BEFORE.splitlines(), AFTER.splitlines()):
        sign, text = line[0], line[2:]
        if sign == "?":
            continue
        number += sign != "-"
        kind = {"+": "added", "-": "removed"}.get(sign, "")
        shown = "" if sign == "-" else number
        rows.append(
            f'<div class="line {kind}"><span class="number">{shown}</span>{sign} {html.escape(text)}</div>'
        )
        if sign != "-":
            rows += [
                f'<div class="note {one}" data-line="{at}"><b>{one.capitalize()}: {rule}</b>{html.escape(said)}</div>'
                for one, _, at, rule, said in found
                if at == number
            ]
    return f"<!doctype html><style>{STYLE}</style><h1>dags/sales.py</h1><pre>{''.join(rows)}</pre>"


@pytest.mark.browser
def test_each_finding_of_a_change_stands_below_its_line(tmp_path, browser):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "sales.py").write_text(AFTER)
    (tmp_path / "dags" / "sales.md.j2").write_text("# Sales\n")

    found = annotations(tmp_path)

    lines = AFTER.splitlines()
    assert {rule: lines[at - 1].strip() for _, _, at, rule, _ in found} == {
        "secret-in-code": 'SHOP_PASSWORD = "a9-Tern-Quilt-62"',
        "schedule-zone": "with DAG(",
        "missing-file": 'report = ReportOperator(task_id="render_report", report="sales", template="sale.md.j2")',
    }
    assert {path for _, path, *_ in found} == {"dags/sales.py"}
    assert not any("Tern" in said or str(tmp_path) in said for *_, said in found)

    page = browser.new_page(viewport={"width": 900, "height": 400}, device_scale_factor=1.5)
    page.set_content(page_of(found))
    assert page.locator(".note").count() == len(found)
    for note in page.locator(".note").all():
        line = page.locator(f".line:has(.number:text-is('{note.get_attribute('data-line')}'))")
        assert line.bounding_box()["y"] < note.bounding_box()["y"]
    keep(page.screenshot(full_page=True), "pull-request")
