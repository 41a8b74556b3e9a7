from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.settings import Settings


@pytest.mark.parametrize(("text", "seconds"), [("", 120), ("30", 30), (" 1200 ", 1200)])
def test_a_claim_lasts_as_long_as_the_setting_says(monkeypatch, text, seconds):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__CLAIM_LIFETIME", text)

    assert Settings.load().claim_lifetime == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["29", "1201", "-60", "2m", "٦٠", "1e2", "9" * 30])
def test_a_lifetime_that_is_none_is_refused(monkeypatch, text):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__CLAIM_LIFETIME", text)

    with pytest.raises(InvalidValueError, match=r"\[daybreak\] claim_lifetime .* from 30 to 1200"):
        Settings.load()
