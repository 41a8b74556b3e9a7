from __future__ import annotations

import traceback

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError, SmtpUnavailableError
from airflow_provider_daybreak.operators.permanent import fail_at_once
from airflow_provider_daybreak.version_compat import AirflowFailException


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (SmtpUnavailableError("mail.example.org", 587, "cannot connect"), SmtpUnavailableError),
        (InvalidValueError("place", "x", "a city"), AirflowFailException),
    ],
)
def test_what_airflow_logs_of_a_deliberate_error_is_its_sentence_and_not_where_it_came_from(
    error, raised, caplog
):
    caplog.set_level("DEBUG")

    def within_another_library():
        raise ConnectionRefusedError(111, "Connection refused")

    def fail():
        try:
            within_another_library()
        except ConnectionRefusedError as cause:
            raise error from cause

    with pytest.raises(raised) as failed, fail_at_once():
        fail()

    shown = "".join(traceback.format_exception(failed.value))
    assert str(failed.value) == str(error)
    assert "within_another_library" not in shown
    assert "ConnectionRefusedError" not in shown
    assert "within_another_library" in caplog.text
