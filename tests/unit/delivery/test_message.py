from __future__ import annotations

import hashlib
import tracemalloc
from datetime import datetime, timezone

import pytest

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.delivery.attachments import Attachment
from airflow_provider_daybreak.delivery.message import Message
from airflow_provider_daybreak.delivery.recipients import parse_address
from airflow_provider_daybreak.exceptions import AttachmentChangedError
from tests.mail import draft

SIZE = 48 * 2**20
ZEROS = hashlib.sha256(bytes(SIZE)).hexdigest()


@pytest.fixture
def large(tmp_path):
    """Return a function that returns a mail with a large attachment of that digest."""
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(SIZE)
    revision = Archive(tmp_path / "reports").publish(draft())

    def render(sha256):
        attachment = Attachment("large.bin", "application/octet-stream", path.as_uri(), path, sha256, SIZE)
        jane = parse_address("jane@example.org")
        message = Message(jane.mailbox, "Large", revision, attachments=[attachment], recipients=[jane])
        return message.render(jane, message_id="<1@example.org>", date=datetime.now(timezone.utc))

    return render


def test_an_attachment_goes_through_in_pieces_and_never_lies_in_memory_as_a_whole(large):
    tracemalloc.start()
    try:
        chunks, size = large(ZEROS)
        sent = sum(map(len, chunks))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert sent == size > SIZE
    assert most < SIZE / 8


def test_no_byte_of_a_mail_is_there_to_be_sent_before_its_attachment_was_read_to_its_end_and_is_the_one(large):
    with pytest.raises(AttachmentChangedError, match="the file has changed since it was recorded"):
        large(hashlib.sha256(b"").hexdigest())
