"""Header fields of a mail, encoded so that what arrives is what was meant, or refused."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from email.headerregistry import Address

MAX_VALUE = 2000
"""Characters of one value. What is longer is a mistake, and parsers of mail read it in quadratic time."""

_LINE = 78
_LONGEST_WORD = 900
"""Characters of a word that may stand in a header as it is: a line ends at 998 octets (RFC 5322 §2.1.1)."""
_WORD_BYTES = 45
"""Bytes of text in one encoded word: base64 makes 60 characters of them, of 75 (RFC 2047 §2)."""

# C0, DEL, C1, line and paragraph separators, directional overrides and lone surrogates
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202d\u202e\ud800-\udfff]")
# What keeps text of the other direction together, up to its end; without one it would go on beyond the value.
_ENDS = dict.fromkeys("\u202a\u202b", "\u202c") | dict.fromkeys("\u2066\u2067\u2068", "\u2069")
_DIRECTION = re.compile("[\u202a-\u202c\u2066-\u2069]")
_ENCODED_WORD = re.compile(r"=\?.*\?=")
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_ALLOWED = re.compile(
    r"x-[a-z0-9-]{1,60}|auto-submitted|importance|precedence|priority|sensitivity|keywords|comments"
    r"|organization|feedback-id|list-(?:id|help|archive|owner|post|subscribe)"
)


def plain(name: str, value: str) -> str:
    """
    Return the value, which must be fit for a header: no control characters, line ends or lone surrogates.

    :param name: what the value is called where it was given, for the error.
    :raises InvalidValueError: it has one, or is longer than ``MAX_VALUE``.
    """
    if not isinstance(value, str):
        raise InvalidValueError(name, value, "text")
    if (match := _CONTROL.search(value)) is not None or (match := _open(value)) is not None:
        raise InvalidValueError(
            name, value, f"one line without control characters (there is U+{ord(match[0]):04X})"
        )
    if len(value) > MAX_VALUE:
        raise InvalidValueError(name, value[:60] + "…", f"at most {MAX_VALUE} characters, not {len(value)}")
    return value


def _open(value: str) -> re.Match[str] | None:
    """Return what begins a text of another direction and has no end, or ends one that never began."""
    begun: list[re.Match[str]] = []
    for match in _DIRECTION.finditer(value):
        if match[0] in _ENDS:
            begun.append(match)
        elif not begun or _ENDS[begun.pop()[0]] != match[0]:
            return match
    return begun[0] if begun else None


def text_field(name: str, value: str) -> bytes:
    """Return the field of a subject or another unstructured text, folded, with its line end."""
    plain(name, value)
    natural = (
        value.isascii()
        and value == " ".join(value.split())
        and not _ENCODED_WORD.search(value)
        and all(len(word) <= _LONGEST_WORD for word in value.split())
    )
    tokens = value.split(" ") if natural else _encoded_words(value)
    return _folded(name, tokens)


def address_field(name: str, addresses: Sequence[Address], *, utf8: bool = False) -> bytes:
    """
    Return the field of a list of addresses, folded between them, with its line end.

    :param utf8: whether the mail goes by SMTPUTF8, so that addresses may be shown as they are (RFC 6532). In other
        mails those that aren't ASCII are shown as names of empty groups (RFC 6857 §3.1.8).
    """
    last = len(addresses) - 1
    tokens: list[str] = []
    for index, address in enumerate(addresses):
        tokens += _mailbox(address) if utf8 or address.addr_spec.isascii() else _group(address)
        tokens[-1] += "," if index < last else ""
    return _folded(name, tokens)


def raw_field(name: str, value: str) -> bytes:
    """
    Return the field of a structured value, such as an id or a URL, as it is.

    :raises InvalidValueError: it isn't ASCII, or too long for a line (RFC 5322 §2.1.1).
    """
    if not plain(name, value).isascii() or len(name) + len(value) > 990:  # noqa: PLR2004 - 998 less ": "
        raise InvalidValueError(name, value, "ASCII of less than 990 characters")
    return f"{name}: {value}\r\n".encode("ascii")


def further_field(name: str, value: str) -> bytes:
    """
    Return a field that a user asked for.

    :raises InvalidValueError: its name is none of the allowed ones: those that say who, when, what kind or
        where to are set by Daybreak alone, so that none appears twice.
    """
    if not isinstance(name, str) or _ALLOWED.fullmatch(name.lower()) is None:
        raise InvalidValueError(
            "name of a header",
            name,
            "X-…, Auto-Submitted, Importance, Priority, Precedence, Sensitivity, Keywords, Comments, "
            "Organization, Feedback-ID or List-… (List-Unsubscribe has an argument of its own)",
        )
    return text_field(name, value)


def _mailbox(address: Address) -> list[str]:
    """Return the address as words that may stand on lines of their own."""
    name = plain("name of a recipient", address.display_name)
    if not name:
        return [address.addr_spec]
    if not name.isascii() or _ENCODED_WORD.search(name) or len(name) > _LONGEST_WORD // 2:
        words = _encoded_words(name)
    elif _PHRASE.fullmatch(name) and name == " ".join(name.split()):
        words = name.split(" ")
    else:
        words = ['"' + re.sub(r'([\\"])', r"\\\1", name) + '"']
    return [*words, f"<{address.addr_spec}>"]


def _group(address: Address) -> list[str]:
    """Return an address that can't stand in a field of ASCII as the name of a group of nobody."""
    words = _encoded_words(plain("name of a recipient", f"{address.display_name} {address.addr_spec}".strip()))
    return [*words, ":;"]


def _encoded_words(value: str) -> list[str]:
    """Return the value as encoded words, none of which splits a character (RFC 2047 §5)."""
    words, chunk = [], b""
    for character in value:
        encoded = character.encode()
        if len(chunk) + len(encoded) > _WORD_BYTES:
            words.append(chunk)
            chunk = b""
        chunk += encoded
    return [f"=?utf-8?b?{base64.b64encode(part).decode()}?=" for part in (*words, chunk)]


def _folded(name: str, tokens: Sequence[str]) -> bytes:
    """Return the field with a fold before each token that doesn't fit its line."""
    lines, line = [], f"{name}:"
    for index, token in enumerate(tokens):
        if index and len(line) + 1 + len(token) > _LINE:
            lines.append(line)
            line = ""
        line += f" {token}"
    return "\r\n".join((*lines, line, "")).encode()
