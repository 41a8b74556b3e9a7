"""
Stands for ``sendmail``, ``mail`` and ``mailx`` in a run that has a relay, and hands what they are given to that.

    daybreak_sendmail.py sendmail|mail|mailx ARGUMENT...

Takes what scripts use of Postfix's and Exim's sendmail(1), of BSD's and GNU's mail(1), and of s-nail(1). Needs no more than
Python 3.8, and nothing installed.
"""

from __future__ import annotations

import getopt
import getpass
import mimetypes
import os
import re
import smtplib
import socket
import sys
from email.message import EmailMessage
from email.utils import formataddr, getaddresses
from pathlib import Path

TYPE_CHECKING = False  # typing takes longer to import than it is worth here
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NoReturn

EX_USAGE, EX_UNAVAILABLE = 64, 69  # sysexits.h
SENDMAIL = "A:B:b:C:D:d:e:F:f:Gh:iL:mN:nO:o:p:R:r:sTtUV:vX:x"
MAIL = "A:a:b:c:d:EeFHiM:nNq:r:S:s:tu:v"
LONG = ["subject=", "append=", "attach=", "content-type=", "return-address="]
HEADER = re.compile(r"[!-9;-~]+:")


def sendmail(arguments: list[str]) -> tuple[str, list[str], bytes]:
    """Return sender, recipients and message, as ``sendmail`` has them."""
    options, recipients = getopt.gnu_getopt(arguments, SENDMAIL)
    given = dict(options)
    if given.get("-b", "m") != "m" or "-q" in given:
        _fail("only mail on its standard input is taken (-bm)", EX_USAGE)
    data = sys.stdin.buffer.read().replace(b"\r\n", b"\n")
    if not ("-i" in given or ("-o", "i") in options):
        data = re.split(rb"(?m)^\.$", data, maxsplit=1)[0]
    head, body = _parts(data.decode("utf-8", "surrogateescape"))
    fields = [line for line in re.split(r"\n(?![ \t])", head) if line]
    if "-t" in given:
        named = [field.partition(":") for field in fields]
        texts = [re.sub(r"\s+", " ", text) for name, _, text in named if name.lower() in ("to", "cc", "bcc")]
        recipients += [address for _, address in getaddresses(texts) if address]
    fields = [field for field in fields if not field.lower().startswith("bcc:")]
    sender = given.get("-f") or given.get("-r") or _sender_in(fields)
    if not any(field.lower().startswith("from:") for field in fields):
        fields.insert(0, "From: " + formataddr((given.get("-F", ""), sender)))
    text = "\n".join(fields) + "\n\n" + body
    return sender, recipients, text.encode("utf-8", "surrogateescape")


def mail(arguments: list[str]) -> tuple[str, list[str], bytes]:
    """Return sender, recipients and message, as ``mail`` has them."""
    options, named = getopt.gnu_getopt(arguments, MAIL, LONG)
    if "--" in arguments:  # what follows is for sendmail: mail -s Subject ann@example.org -- -f me@example.org
        further, named = getopt.gnu_getopt(named, SENDMAIL)
        options += further
    headers = list(_headers(options))
    by_name = {name.lower(): value for name, value in headers}
    recipients = [address for _, address in getaddresses(named) if address]
    copies = [value for name, value in options if name in ("-c", "-b")]
    message = EmailMessage()
    html = "text/html" in by_name.get("content-type", "").lower()
    message.set_content(_text(sys.stdin.buffer.read()), subtype="html" if html else "plain")
    for file in (Path(value) for name, value in options if _is_file(name, value)):
        main, _, sub = (mimetypes.guess_type(file.name)[0] or "application/octet-stream").partition("/")
        message.add_attachment(file.read_bytes(), maintype=main, subtype=sub, filename=file.name)
    given = [value for name, value in options if name in ("-r", "-f", "--return-address")]
    sender = getaddresses([by_name.get("from") or (given or [_own_address()])[-1]])[0][1]
    for name, value in headers:
        if name.lower() != "content-type":
            message[name] = value
    for name, value in (("From", sender), ("To", ", ".join(recipients))):
        if name not in message:
            message[name] = value
    recipients += [address for _, address in getaddresses(copies) if address]
    return sender, recipients, message.as_bytes()


def _headers(options: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    named = {"-s": "Subject", "--subject": "Subject", "-c": "Cc", "--content-type": "Content-Type"}
    for option, value in options:
        if option in named:
            yield named[option], value
        elif option in ("-a", "--append") and HEADER.match(
            value
        ):  # BSD's and GNU's; s-nail attaches a file by -a
            name, _, text = value.partition(":")
            yield name, text.strip()


def _is_file(option: str, value: str) -> bool:
    return option in ("-A", "--attach") or (option in ("-a", "--append") and not HEADER.match(value))


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _parts(text: str) -> tuple[str, str]:
    """Return head and body of a message. What begins with no header is body alone."""
    first = text.partition("\n")[0]
    if not HEADER.match(first):
        return "", text.lstrip("\n") if not first else text
    head, _, body = text.partition("\n\n")
    return head, body


def _sender_in(fields: list[str]) -> str:
    texts = [field.partition(":")[2] for field in fields if field.lower().startswith("from:")]
    return next((address for _, address in getaddresses(texts) if address), "") or _own_address()


def _own_address() -> str:
    return os.environ.get("EMAIL") or f"{getpass.getuser()}@{socket.gethostname()}"


def _fail(problem: object, code: int) -> NoReturn:
    sys.stderr.write(f"{sys.argv[1]}: {problem}\n")
    sys.exit(code)


def main(name: str, arguments: list[str]) -> None:
    """Send one mail, and end as the program of that name would."""
    try:
        sender, recipients, message = (sendmail if name == "sendmail" else mail)(arguments)
    except (getopt.GetoptError, OSError) as error:
        _fail(error, EX_USAGE)
    if not recipients:
        _fail("no recipients were given, and there is no mailbox to read in a run", EX_USAGE)
    host, port, _ = os.environ["DAYBREAK_MAIL_RELAY"].rsplit(":", 2)
    try:
        with smtplib.SMTP(host, int(port)) as server:
            refused = server.sendmail(sender, recipients, message)
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    except (smtplib.SMTPException, OSError) as error:
        _fail(error, EX_UNAVAILABLE)
    for address, (code, reason) in refused.items():
        sys.stderr.write("{}: {}: {} {}\n".format(name, address, code, reason.decode("utf-8", "replace")))
    sys.exit(EX_UNAVAILABLE if refused else 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
