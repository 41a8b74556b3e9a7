"""A mail server that notes what it has taken before it says so, and misbehaves as a file tells it to: FOLDER PORT."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from aiosmtpd.smtp import SMTP

FOLDER = Path(sys.argv[1])


class Notes:
    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - as aiosmtpd calls it
        if mode() == "refuse":
            return "451 4.3.0 Try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, _session, envelope):  # noqa: N802 - as aiosmtpd calls it
        if mode() == "busy":
            return "452 4.3.1 No room just now"
        subject = str(message_from_bytes(envelope.original_content, policy=default)["Subject"])
        for recipient in envelope.rcpt_tos:
            note(f"{recipient}\t{subject}")
        if mode() == "silent":  # taken, and nobody is told
            server.transport.abort()
        if mode() == "slow":
            await asyncio.sleep(3)
        return "250 2.0.0 Taken"


def mode() -> str:
    try:
        return (FOLDER / "mode").read_text().strip()
    except FileNotFoundError:
        return ""


def note(line: str) -> None:
    """Write a mail's note so that it outlasts a kill; a mail counts as taken from here on."""
    path = FOLDER / f"{uuid.uuid4()}.part"
    with path.open("w") as file:
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    path.rename(path.with_suffix(".mail"))


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Notes(), hostname="localhost"), "127.0.0.1", int(sys.argv[2]), reuse_address=True
    )
    await server.serve_forever()


asyncio.run(main())
