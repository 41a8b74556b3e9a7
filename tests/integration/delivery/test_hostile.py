"""Three hundred hostile values arrive exactly as they were meant, or are refused before anything is sent."""

from __future__ import annotations

import random
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.version_compat import AirflowFailException

PIECES = [
    "\r\nBcc: evil@example.com",
    "\nX-Evil: 1",
    "\r",
    "\x00",
    "\x0b",
    "\x7f",
    "\x85",
    "\u2028",
    "\u202e",
    "\ud800",
    "=?utf-8?q?=0D=0ABcc:_evil@example.com?=",
    "=?utf-8?b?DQpCY2M6IGV2aWxAZXhhbXBsZS5jb20=?=",
    "..",
    ".",
    '"',
    "\\",
    "'; filename=evil.exe; x='",
    '"; filename="evil.exe',
    "<script>",
    "%0d%0aBcc:",
    "a" * 200,
    "ä" * 90,
    "日本語",
    "🌅",
    "e\u0301",
    " ",
    "  ",
    "\t",
    ",",
    ";",
    ":",
    "@",
    "<>",
    "()",
    "*",
    "utf-8''",
    "\u00a0",
    "ﬃ",
    "\u200b",
    "name.pdf",
]


def hostile(seed):
    chosen = random.Random(seed)
    return "x" + "".join(chosen.choices(PIECES, k=chosen.randint(1, 4)))


def display_name(_message, content):
    """Return the name in To, by the older of Python's parsers: the newer puts spaces between encoded words."""
    raw, _ = parseaddr(message_from_bytes(content)["To"].replace("\r\n", ""))
    return str(make_header(decode_header(raw)))


READ = {
    "subject": lambda message, _: str(message["Subject"]),
    "name": display_name,
    "header": lambda message, _: str(message["X-Value"]),
    "attachment": lambda message, _: next(message.iter_attachments()).get_filename(),
}


@pytest.mark.attack("injections")
@pytest.mark.parametrize("field", READ)
def test_a_hostile_value_arrives_as_it_was_meant_or_is_refused(
    field, mail, server, archive, revision, tmp_path, tried
):
    assert revision
    path = tmp_path / "file"
    path.write_bytes(b"content")
    refused = 0
    for seed in range(75):
        tried()
        value = hostile(f"{field}{seed}")
        arguments = {"to": [f"p{seed}@example.org"]}
        if field == "subject":
            arguments["subject"] = value
        elif field == "name":
            arguments["to"] = [{"address": f"p{seed}@example.org", "name": value}]
        elif field == "header":
            arguments["headers"] = {"X-Value": value}
        else:
            value = value.replace("/", "")
            try:
                with path.open("rb") as file:
                    arguments["attachments"] = [archive.store_artifact(value, file).info()]
            except (InvalidValueError, UnicodeEncodeError):
                refused += 1
                continue
        before = len(server.mails)
        try:
            mail(**arguments)
        except AirflowFailException as error:
            assert "Invalid" in str(error)  # noqa: PT017 - either is right
            assert len(server.mails) == before
            refused += 1
            continue
        message = server.mails[-1].message
        assert READ[field](message, server.mails[-1].content) == value
        assert "Bcc" not in message
        assert "X-Evil" not in message
        assert len(server.mails) == before + 1
        assert server.mails[-1].recipient == f"p{seed}@example.org"
    assert 5 < refused < 70
