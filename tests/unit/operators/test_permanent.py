from __future__ import annotations

import errno
import traceback

import pytest

from airflow_provider_daybreak.exceptions import (
    DeliveryInFlightError,
    DeliveryPendingError,
    FileFailedError,
    InvalidValueError,
    SmtpUnavailableError,
)
from airflow_provider_daybreak.operators.permanent import fail_at_once, look_again_later
from airflow_provider_daybreak.storage.local import write
from airflow_provider_daybreak.version_compat import AirflowFailException, AirflowRescheduleException


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


def in_flight():
    deferred = {"ann@example.org": "another task has been sending it since 07:00"}
    return DeliveryInFlightError("sales", 3, deferred, {}, {}, "2026-03-29T07:02:00+00:00")


def test_a_mail_that_another_task_is_sending_starts_the_task_again_once_that_may_have_ended(caplog):
    with pytest.raises(AirflowRescheduleException) as again, look_again_later(), fail_at_once():
        raise in_flight()

    assert again.value.reschedule_date.isoformat() == "2026-03-29T07:02:05+00:00"
    assert "Wait until 2026-03-29T07:02:00+00:00" in caplog.text


def test_what_a_server_puts_off_is_left_to_the_retries():
    with pytest.raises(DeliveryPendingError), look_again_later(), fail_at_once():
        raise DeliveryPendingError("sales", 3, {"ann@example.org": "451 later"}, {}, {})


def test_an_airflow_that_would_start_it_again_at_once_is_left_to_the_retries(monkeypatch):
    monkeypatch.setattr("airflow_provider_daybreak.version_compat.RESCHEDULES_ANY_TASK", False)

    with pytest.raises(DeliveryInFlightError), look_again_later(), fail_at_once():
        raise in_flight()


def test_a_file_that_the_system_refuses_is_a_sentence_that_names_it_and_is_tried_again(tmp_path):
    with pytest.raises(FileFailedError) as failed, fail_at_once():
        (tmp_path / "absent" / "file").write_bytes(b"")

    assert str(failed.value).startswith(
        f"Cannot read or write '{tmp_path}/absent/file': No such file or directory."
    )
    assert not failed.value.permanent


def test_a_full_disk_is_said_with_the_file_that_had_no_room(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)

    with (
        pytest.raises(FileFailedError, match=r"'.*/report\.html': No space left on device\. Mend that"),
        fail_at_once(),
    ):
        write(tmp_path / "report.html", b"x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "refused"), TimeoutError("late"), OSError("of a library")]
)
def test_an_error_of_a_connection_is_none_of_a_file(error):
    with pytest.raises(type(error)), fail_at_once():
        raise error
