"""What docs/archive.md shows works."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest

from airflow_provider_daybreak.archive import Archive, Draft, DraftFile

PAGE = (Path(__file__).parents[3] / "docs" / "archive.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(autouse=True)
def revision(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", tmp_path.as_uri())
    return Archive(tmp_path).publish(
        Draft(
            report="daily_report",
            report_date=date(2026, 3, 29),
            period={
                "name": "day",
                "start": "2026-03-29T00:00:00+01:00",
                "end": "2026-03-30T00:00:00+02:00",
                "timezone": "Europe/Berlin",
            },
            title="Almanac",
            files=[DraftFile("report.html", "text/html", b"<p>Hello</p>")],
            rows={"almanac": 7},
            run={"dag_id": "daily_report", "run_id": "r", "task_id": "t", "map_index": -1, "try_number": 1},
        )
    )


def test_python_reads_the_archive(capsys):
    names = {}
    exec(blocks("python")[0], names)

    assert capsys.readouterr().out == "2026-03-29 1 Almanac\n"
    assert names["page"] == b"<p>Hello</p>"


def test_a_dag_waits_for_the_asset(tmp_path):
    names = {}
    exec(blocks("python")[1], names)

    assert names["report_asset"]("daily_report").uri == f"daybreak://localhost{tmp_path}/daily_report"


def test_the_commands_are_those_there_are():
    from airflow.cli.cli_parser import get_parser

    (block,) = blocks("console")
    commands = [line.removeprefix("$ airflow ").split() for line in block.splitlines()]
    assert [get_parser().parse_args(words).func.__name__ for words in commands]
    assert {words[2] for words in commands} == {"list", "show", "verify", "prune"}


def test_the_manifest_has_the_fields_that_are_shown(revision):
    (shown,) = map(json.loads, blocks("json"))
    made = revision.manifest.to_dict()

    assert list(shown) == list(made)
    assert list(shown["files"][0]) == list(made["files"][0])
    assert list(shown["run"]) == list(made["run"])
    assert list(shown["period"]) == list(made["period"])
