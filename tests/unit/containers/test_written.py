from __future__ import annotations

import base64
import json

import pytest

from airflow_provider_daybreak.containers.logs import LINE_LIMIT
from airflow_provider_daybreak.containers.written import Written
from airflow_provider_daybreak.redact import Redactor

PASSWORD = 'pä"ss wörd\\1'
HOST = "smtp.example.org"


@pytest.fixture
def seen():
    return []


@pytest.fixture
def written(seen):
    redactor = Redactor({"HOST": HOST, "DB_PASSWORD": PASSWORD}, ["content of a file\nof two lines\n"])
    return Written(lambda stream, line: seen.append((stream, line)), 1 << 20, redactor)


@pytest.mark.parametrize(
    "form",
    [
        PASSWORD,
        json.dumps(PASSWORD),
        base64.b64encode(PASSWORD.encode()).decode(),
        "content of a file",
        "of two lines",
    ],
)
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_secret_is_masked_in_whatever_form_a_container_writes_it(written, seen, form, stream):
    written.take([(stream, f"it is {form}.\n".encode())], "name")
    written.end()

    tail = written.stdout if stream == "stdout" else written.stderr
    assert [(stream, line.replace('"', "")) for stream, line in seen] == [(stream, "it is ***.")]
    assert "***" in str(tail)
    assert form not in str(tail)


def test_the_last_line_is_a_result_and_keeps_what_is_no_secret(written, seen):
    written.take([("stdout", f"{HOST} {PASSWORD}\n\n".encode())], "name")
    written.end()

    assert written.last_line == f"{HOST} ***"
    assert str(written.stdout) == "*** ***"
    assert seen == [("stdout", "*** ***"), ("stdout", "")]


@pytest.mark.parametrize("before", range(LINE_LIMIT - len(PASSWORD) - 2, LINE_LIMIT + 2))
def test_a_secret_where_a_long_line_is_cut_is_masked_as_a_whole(written, seen, before):
    written.take(
        [("stdout", b"x" * before), ("stdout", PASSWORD.encode()), ("stdout", b"y" * LINE_LIMIT)], "name"
    )
    written.end()

    text = "".join(line for _, line in seen)
    assert text == "x" * before + "***" + "y" * LINE_LIMIT
