from __future__ import annotations

from airflow.sdk.log import mask_secret

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.context.failure_text import failure_text


def test_what_is_told_of_a_failure_shows_no_secret_that_airflow_knows(make_context, tmp_path):
    mask_secret("hunter2-of-the-failure")
    context = make_context() | {"exception": ValueError("cannot log in with hunter2-of-the-failure")}

    _, text = failure_text(context, Archive(tmp_path), None)

    assert "Error: cannot log in with ***" in text
