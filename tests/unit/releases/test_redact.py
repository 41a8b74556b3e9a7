from __future__ import annotations

from airflow_provider_daybreak.releases.redact import Redactor

VALUES = {
    "EMAIL_PASSWORD": "hunter2 or 3",
    "EMAIL_SENDER": "ana@example.com",
    "SMTP_PORT": "587",
    "PRIVATE_KEY": "-----BEGIN-----\nAbCdEf\n-----END-----",
}


def test_no_value_reaches_a_log_but_what_is_too_short_to_tell_apart():
    line = "ana@example.com:hunter2 or 3 AbCdEf on port 587"

    assert Redactor(VALUES).for_log(line) == "***:*** *** on port 587"


def test_a_result_keeps_what_is_no_secret():
    assert Redactor(VALUES).for_result("ana@example.com hunter2 or 3") == "ana@example.com ***"


def test_without_values_nothing_changes():
    assert Redactor({}).for_log("text") == Redactor({}).for_result("text") == "text"
