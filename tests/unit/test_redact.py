from __future__ import annotations

import base64
import json
import urllib.parse

import pytest

from airflow_provider_daybreak.redact import MASK, Redactor

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


SECRET = 'a"ü-b\\c d/é😀+x'
FORMS = {
    "as it is": SECRET,
    "JSON": json.dumps(SECRET),
    "JSON in UTF-8": json.dumps(SECRET, ensure_ascii=False),
    "JSON in JSON": json.dumps(json.dumps([SECRET])),
    "a query": urllib.parse.urlencode({"q": SECRET}),
    "a path": urllib.parse.quote(SECRET),
    "a query in lower case": urllib.parse.quote(SECRET, safe="").lower(),
    "CSV": SECRET.replace('"', '""'),
    "CSV in JSON": json.dumps(json.dumps(SECRET.replace('"', '""'))),
    "repr": repr([SECRET]),
    "ascii": ascii(SECRET),
    "repr of bytes": repr(SECRET.encode()),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "basic auth": base64.b64encode(f"ana:{SECRET}".encode()).decode(),
    "basic auth of a longer name": base64.b64encode(f"anna:{SECRET}".encode()).decode(),
    "base64 for URLs, amid other bytes": base64.urlsafe_b64encode(f"anne@:{SECRET}??".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_masked_however_it_is_written(form):
    redactor = Redactor({"EMAIL_PASSWORD": SECRET})

    for mask in (redactor.for_log, redactor.for_result):
        masked = mask(f"<{FORMS[form]}>")
        assert MASK in masked
        for length in (3, 5):  # nor is a part of it left
            parts = {FORMS["as it is"][at : at + length] for at in range(len(SECRET) - length + 1)}
            assert not [part for part in parts if part in masked]
        assert len(masked) < len(FORMS[form]) / 2 + 10


def test_json_is_masked_in_its_texts_and_stays_json():
    value = {"password": SECRET, "rows": [{SECRET: 1}, f"at {SECRET}"], "n": 20260329, "none": None}

    masked = Redactor({"TOKEN": SECRET, "PIN_TOKEN": "20260329"}).for_result(value)

    assert masked == {"password": "***", "rows": [{"***": 1}, "at ***"], "n": 20260329, "none": None}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SORT_KEY", "region"),
        ("SORT_KEY", "region_2-x"),
        ("AUTHOR", "A. Miller-2"),
        ("PASSENGER_TYPE", "adult-2"),
        ("COMPASS", "north-2"),
        ("TOKEN_TYPE", "bearer-2"),
        ("MAX_TOKENS", "16384"),
        ("SMTP_AUTH", "login"),
        ("PASSWORD", "true"),
        ("PASSWORD", "False"),
        ("TOKEN", "x"),
        ("TOKEN", "ab12"),
    ],
)
def test_what_is_no_secret_stays_in_a_result(key, value):
    text = f"{value} was told x times"

    assert Redactor({key: value}).for_result(text) == text


@pytest.mark.parametrize(
    "key",
    [
        "PASSWORD",
        "PGPASSWORD",
        "SMTPPASS",
        "apiKey",
        "API_KEY_2",
        "stripe.secret",
        "GITHUB_TOKEN",
        "HTTP_AUTH",
        "SENTRY_DSN",
    ],
)
def test_a_key_says_that_its_value_is_a_secret(key):
    assert Redactor({key: "ana:x-1"}).for_result("is ana:x-1") == "is ***"


def test_plain_words_stay_in_a_log():
    values = {"GROUP_BY": "region", "DEBUG": "false", "ENVIRONMENT": "production", "COLUMN": "order_date"}
    line = "production: region by order_date is false"

    assert Redactor(values).for_log(line) == line


def test_the_password_of_a_url_is_a_secret_and_the_rest_is_none():
    redactor = Redactor({"DATABASE": "postgres://ana:s3cr%2Ft@db/sales"})

    assert redactor.for_result("postgres://ana:s3cr%2Ft@db/sales") == "postgres://ana:***@db/sales"
    assert redactor.for_result("ana logs in with s3cr/t") == "ana logs in with ***"


def test_a_short_secret_is_masked_where_it_can_be_told_apart():
    assert Redactor({"PASSWORD": 'a"ü'}).for_log(json.dumps({"p": 'a"ü'})) == '{"p": "***"}'


def test_a_text_is_never_cut_within_a_value():
    redactor = Redactor({"PASSWORD": SECRET})
    written = json.dumps(SECRET)[1:-1]

    for before in range(100 - len(written) - 2, 103):
        text = "." * before + written + "." * 1000
        end = redactor.cut(text, 100)
        assert redactor.for_log(text[:end]).strip(".") + redactor.for_log(text[end:]).strip(".") == "***"
    assert redactor.cut("." * 100, 100) is None
    assert Redactor({}).cut("." * 100, 100) == 100
