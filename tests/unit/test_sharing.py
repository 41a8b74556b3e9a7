"""Which tests stay in one process where several share them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import sharing

ROOT = Path(__file__).parents[2]
FILES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize(
    ("file", "group"),
    [
        ("tests/system/test_delivery.py", "stack"),
        ("tests/system/test_walk.py", "stack 2"),
        ("tests/system/test_compose.py", "tests/system/test_compose.py"),  # has one of its own by the same name
        ("tests/system/test_projects.py", "tests/system/test_projects.py"),  # needs none
        ("tests/integration/web/test_runs.py", "server"),
        ("tests/integration/web/test_s3.py", "tests/integration/web/test_s3.py"),
    ],
)
def test_files_that_share_an_airflow_stay_together_and_any_other_is_alone(file, group):
    assert sharing.group_of(file) == group


def test_whatever_shares_an_airflow_is_marked_as_what_starts_one():
    shared = [file for file in FILES if sharing.group_of(file) != file]

    assert len(shared) > 10
    assert [file for file in shared if "mark.scheduler" not in (ROOT / file).read_text()] == []


def test_each_length_is_of_a_group_that_there_is():
    assert set(sharing.lengths()) <= {sharing.group_of(file) for file in FILES}
