"""Whatever a ``.env`` holds: its values, or an error of ours that shows none of them."""

from __future__ import annotations

import pytest

from airflow_provider_daybreak.dotenv import read_dotenv
from airflow_provider_daybreak.exceptions import DaybreakError
from tests.fuzz import cases, told

pytestmark = pytest.mark.attack("bytes that nobody would write")

LINES = (
    b"EMAIL_PASSWORD=correct-horse\n",
    b"EMAIL_SENDER=a@x.org\n",
    b"export A='b'\n",
    b'A="b\n',
    b"A=${EMAIL_PASSWORD}\n",
    b"A=${B:-c}\n",
    b"# c\n",
    b"=\n",
    b"A\n",
    b"A=b # c\r\n",
    b"A=b\r",
    b"\xef\xbb\xbf",
    b"'",
    b'"',
    b"\\",
    b"$",
)


def outcome_of(path):
    """Return the values of a file, or all that its error says."""
    try:
        return dict(read_dotenv(path, {}).values)
    except DaybreakError as error:
        return f"{error} {error!r}"


def test_a_dotenv_of_any_bytes_is_read_or_refused_without_showing_a_value(tmp_path):
    path = tmp_path / ".env"
    for fuzz in cases("dotenv", 600):
        content = fuzz.bytes(LINES, 8)
        path.write_bytes(content)
        path.chmod(0o600)
        with told(content):
            said = outcome_of(path)
            assert isinstance(said, dict) or "correct-horse" not in said
