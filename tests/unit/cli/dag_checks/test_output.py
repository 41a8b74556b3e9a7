"""What was found is written as each system reads it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from airflow_provider_daybreak.cli.dag_checks.finding import Finding
from airflow_provider_daybreak.cli.dag_checks.output import OUTPUTS, Result

TOP = Path("/repository")
ODD = Finding("import-error", TOP / "dags" / "a,b:c.py", 7, "It said:\n50 % \x00 & <b>.", "Mend it")
WARNED = Finding("schedule-zone", TOP / "dags" / "fine.py", 0, "No zone.", "Name it")


def written(name, *findings):
    return OUTPUTS[name](Result(findings, (TOP / "dags" / "a,b:c.py", TOP / "dags" / "fine.py"), 3, 1.25, TOP))


def test_github_gets_a_command_a_line_with_what_it_reads_as_marks_escaped():
    first, second, summary = written("github", ODD, WARNED).splitlines()

    assert first == (
        "::error file=dags/a%2Cb%3Ac.py,line=7,title=import-error::It said:%0A50 %25 \x00 & <b>. Mend it."
    )
    assert second == "::warning file=dags/fine.py,line=1,title=schedule-zone::No zone. Name it."
    assert summary == "2 files, 3 Dags in 1.2 s: 1 error, 1 warning."


def test_gitlab_gets_a_fingerprint_for_each_that_stays_when_lines_move():
    moved = Finding("schedule-zone", WARNED.path, 40, WARNED.message, WARNED.next_step)

    once, twice = json.loads(written("gitlab", WARNED, moved)), json.loads(written("gitlab", moved))

    assert once[0]["fingerprint"] == twice[0]["fingerprint"] != once[1]["fingerprint"]
    assert once[1]["location"] == {"path": "dags/fine.py", "lines": {"begin": 40}}
    assert once[0]["severity"] == "minor"


def test_junit_counts_files_and_fails_those_with_errors():
    suite = ET.fromstring(written("junit", ODD, WARNED))[0]

    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failed, warned = suite
    assert failed.find("failure").get("type") == "import-error"
    assert "50 % ? & <b>." in failed.find("failure").text
    assert warned.find("failure") is None
    assert "No zone." in warned.find("system-out").text


def test_what_is_found_in_the_working_folder_is_shown_from_there(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    here = Finding("schedule-zone", tmp_path / "fine.py", 2, "No zone.", "Name it")

    assert written("text", here).splitlines()[0] == "fine.py:2: warning: No zone. [schedule-zone]"


@pytest.mark.parametrize("name", sorted(OUTPUTS))
def test_nothing_found_is_written_in_every_format(name):
    assert written(name)
