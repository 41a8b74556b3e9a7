"""Addresses in requirements: none is shown with a credential in it, however it is written."""

from __future__ import annotations

import re

_AT = re.compile(r"@|\uff20|\ufe6b|%40", re.IGNORECASE)
"""An at sign, also as other keyboards and addresses write it: what stands before the last one may be a password."""

_OPTIONS = re.compile(r"(?:--?[a-z][a-z-]*[=\s]+)*")
_NAMED = re.compile(r"[\w.-]+\s*(\[[^\]@:/]*\])?\s*@\s*(?=[a-z][a-z0-9+.-]*:|[./\\])", re.IGNORECASE)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:[/\\]*", re.IGNORECASE)
_WITHIN = re.compile(r"(?<![a-z0-9])(?:[a-z]+\+)?(?:https?|ftps?|file|git|ssh):[/\\]*", re.IGNORECASE)
_HOST = r"(?:[A-Za-z0-9_.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?"
_PATH = r"(?:/(?:[\w.~!$&'()*+,;={}-]|%(?!40)[0-9A-Fa-f]{2})*)*"
_FRAGMENT = r"(?:\#(?:egg|subdirectory|sha256|sha384|sha512|md5)=[\w.,\[\]/-]+(?:&(?:egg|subdirectory)=[\w.,\[\]/-]+)*)?"
_CLEAN = re.compile(
    rf"[a-z][a-z0-9+.-]*://{_HOST}{_PATH}(?:(?<=[/\w-])@[\w./-]+)?{_FRAGMENT}|file:/{{0,3}}[\w./+-]*",
    re.IGNORECASE,
)
_AFTER = re.compile(rf"{_HOST}{_PATH}", re.IGNORECASE)
_MARKER = re.compile(r"\s+;.*", re.DOTALL)


def is_clean(address: str) -> bool:
    """Return whether an address is of a plain form, in which no user, password or key can be."""
    found = _CLEAN.fullmatch(address)
    return found is not None and not _is_user(address)


def has_credentials(text: str) -> bool:
    """Return whether what may be a user or a password stands in a line: before an at sign that is no version's."""
    _, rest, _ = _taken_apart(text)
    return bool(_AT.search(rest)) and not is_clean(rest)


def without_credentials(text: str) -> str:
    """
    Return a line as it may be shown.

    An address is shown if it is of a plain form. Of another one, what stands before its last at sign is left out, and without
    one all of it: whoever misspells an address still has a password in it.
    """
    head, rest, marker = _taken_apart(text)
    scheme = _SCHEME.match(rest) or _WITHIN.search(rest)
    at = [*_AT.finditer(rest)]
    if is_clean(rest) or not (at or scheme or "://" in rest):
        return text
    before = rest[: scheme.end()] if scheme else ""
    before = before if not at or len(before) <= at[-1].start() else ""
    if not at:
        return f"{head}{before}***{marker}"
    after = rest[at[-1].end() :]
    place = _AFTER.match(after)
    rest_of_it = "" if place and place.end() == len(after) else "***"
    return f"{head}{before}***@{place[0] if place else ''}{rest_of_it}{marker}"


def _is_user(address: str) -> bool:
    """Return whether an at sign stands where a user would, before the first slash of the path."""
    return "@" in address.partition("://")[2].partition("/")[0]


def _taken_apart(text: str) -> tuple[str, str, str]:
    """Return what stands before an address, the address, and the marker after it."""
    options = _OPTIONS.match(text)
    start = options.end() if options else 0
    named = _NAMED.match(text, start)
    start = named.end() if named else start
    marker = _MARKER.search(text, start)
    end = marker.start() if marker and not _AT.search(marker[0]) else len(text)
    return text[:start], text[start:end], text[end:]
