from __future__ import annotations

import re
from dataclasses import replace

import pytest

from airflow_provider_daybreak.containers.identity import Identity

IDENTITY = Identity("file:///reports", "Daily Report!", "manual__2026-03-29T07:00:00+00:00", "make_pdf", -1)


def test_every_try_of_a_task_gives_its_container_the_same_name():
    assert IDENTITY.name == replace(IDENTITY).name


@pytest.mark.parametrize(
    "other",
    [
        {"scope": "file:///other"},
        {"dag_id": "daily-report"},
        {"run_id": "manual__2026-03-30T07:00:00+00:00"},
        {"task_id": "make-pdf"},
        {"map_index": 0},
    ],
)
def test_any_other_task_gives_its_container_another_name(other):
    assert replace(IDENTITY, **other).name != IDENTITY.name


def test_a_name_can_be_read_and_is_one_that_engines_take():
    assert IDENTITY.name.startswith("daybreak-daily-report-make-pdf-")
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", replace(IDENTITY, dag_id="日報", task_id="x" * 300).name)


def test_labels_say_whose_container_it_is():
    labels = IDENTITY.labels(work="abc", try_number=2)

    assert labels["daybreak.dag_id"] == "Daily Report!"
    assert labels["daybreak.try_number"] == "2"
    assert IDENTITY.made(labels)
    assert not replace(IDENTITY, map_index=1).made(labels)
    assert not IDENTITY.made(None)
