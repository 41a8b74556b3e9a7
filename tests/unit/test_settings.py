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


def test_environments_are_packed_only_where_a_key_signs_them(monkeypatch):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__PACK_ENVIRONMENTS", "True")
    with pytest.raises(InvalidValueError, match=r"pack_environments.*release_key.*openssl rand"):
        Settings.load()

    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASE_KEY", "k" * 32)
    assert Settings.load().pack_environments
