"""A message as bytes that somebody else made: its fields, its parts, and what of it is the same when it is made again."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message as Part

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*")
_OF_DELIVERY = frozenset({b"bcc", b"resent-bcc", b"date", b"message-id", b"return-path", b"dkim-signature"})
_SHORTEST_BOUNDARY = 16  # of those that programs make up anew for each message
_LONGEST_NAME = 100
_LONGEST_SUBJECT = 300
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f]|^[. ]+")
_FOLDERS = re.compile(r".*[/\\]", re.DOTALL)


@dataclass(frozen=True)
class Parts:
    """What a reader sees of a message: its text, its HTML with images by their names here, and files by name."""

    text: str | None
    html: str | None
    files: Mapping[str, bytes] = field(repr=False)


def settled(data: bytes) -> bytes:
    """
    Return a message without what is its delivery's, with a head and a body, and boundaries that its content gives.

    Programs make up boundaries anew each time: with them, the same message would be another at each try.

    :param data: lines that end with CR and LF.
    """
    fields, body = fields_and_body(data)
    kept = b"".join(each for each in fields if field_name(each) not in _OF_DELIVERY)
    return _with_settled_boundaries(kept + b"\r\n" + body)


def parts_of(data: bytes, prefix: str) -> Parts:
    """
    Return what a reader sees of a message.

    :param prefix: what the HTML puts before the names of its images.
    """
    text = html = None
    files: dict[str, bytes] = {}
    images = {}
    for part in message_from_bytes(data).walk():
        if part.is_multipart():
            continue
        kind, name, content = part.get_content_type(), part.get_filename(), _decoded(part)
        attached = name or part.get_content_disposition() == "attachment"
        if kind == "text/plain" and text is None and not attached:
            text = _text_of(part, content)
        elif kind == "text/html" and html is None and not attached:
            html = _text_of(part, content)
        elif content:
            name = _free_name(name or f"part.{kind.rpartition('/')[2]}", files)
            files[name] = content
            if identifier := str(part.get("Content-ID", "")).strip().strip("<>"):
                images[identifier] = escape(f"{prefix}{name}")
    for identifier, name in images.items():
        html = html and html.replace(f'"cid:{identifier}"', f'"{name}"').replace(
            f"'cid:{identifier}'", f"'{name}'"
        )
    return Parts(text, html, files)


def fields_and_body(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the header fields, each with its line ends, and the body: all that is no field, where none are."""
    at = data.find(b"\n") + 1 if data.startswith(b"From ") else 0  # a mailbox file's mark, no field
    fields = []
    while match := _FIELD.match(data, at):
        fields.append(match[0])
        at = match.end()
    return fields, data[at + 2 :] if data.startswith(b"\r\n", at) else data[at:]


def field_name(line: bytes) -> bytes:
    """Return the name of a header field, in lower case."""
    return line.partition(b":")[0].strip().lower()


def subject_of(data: bytes) -> str:
    """Return a message's subject as one line; empty when it has none."""
    raw = str(message_from_bytes(_head_of(data)).get("Subject", ""))
    try:
        text = str(make_header(decode_header(raw)))
    except (HeaderParseError, LookupError, ValueError):  # it says that it is encoded, and is not
        text = raw
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text[:_LONGEST_SUBJECT]


def _head_of(data: bytes) -> bytes:
    return b"".join(fields_and_body(data)[0]) + b"\r\n"


def _with_settled_boundaries(data: bytes) -> bytes:
    """Return the message with boundaries that its content gives, where that changes nothing else of it."""
    boundaries = _boundaries(data)
    made_up = [each for each in boundaries if each and len(each) >= _SHORTEST_BOUNDARY and each.isascii()]
    if not made_up or Counter(boundaries).most_common(1)[0][1] > 1:
        return data
    pattern = re.compile(b"|".join(re.escape(each.encode()) for each in sorted(made_up, key=len, reverse=True)))
    numbers = {each.encode(): number for number, each in enumerate(made_up)}
    content = sha256(pattern.sub(lambda match: b"boundary %d" % numbers[match[0]], data)).hexdigest()[:32]
    found = pattern.sub(lambda match: b"=_%d_%s" % (numbers[match[0]], content.encode()), data)
    wanted = [f"=_{made_up.index(each)}_{content}" if each in made_up else each for each in boundaries]
    return found if _boundaries(found) == wanted else data


def _boundaries(data: bytes) -> list[str | None]:
    """Return the boundaries of a message; none of one that is signed, whose signature stands for each byte."""
    if b"boundary" not in data:
        return []
    parts = [part for part in message_from_bytes(data).walk() if part.is_multipart()]
    if any(part.get_content_subtype() in ("signed", "encrypted") for part in parts):
        return []
    return [part.get_boundary() for part in parts]


def _decoded(part: Part) -> bytes:
    """Return the content of a part, text with the ends of line that files have."""
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return b""
    return content.replace(b"\r\n", b"\n") if part.get_content_maintype() == "text" else content


def _text_of(part: Part, content: bytes) -> str:
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:  # nobody knows that character set
        return content.decode("utf-8", "replace")


def _free_name(name: str, taken: Mapping[str, object]) -> str:
    """Return the name as one of a file in the archive that is not yet taken."""
    plain = _NOT_IN_NAMES.sub("_", _FOLDERS.sub("", str(name))).encode("utf-8", "replace")
    name = plain[-_LONGEST_NAME:].decode("utf-8", "ignore") or "file"  # its end says what it is
    stem, dot, extension = name.rpartition(".")
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{stem}-{number}{dot}{extension}" if stem else f"{name}-{number}"
    return found
