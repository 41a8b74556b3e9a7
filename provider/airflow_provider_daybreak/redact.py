"""Keeping secrets out of what the output of a script or a container becomes, in whatever form it writes them."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

MASK = "***"
_SHORTEST = 5  # as Airflow: masking what is shorter, such as a port, would cut up every line
_SHORTEST_ODD = (
    3  # of a secret with other characters than letters and digits: it can be told apart all the same
)
_SHORTEST_BASE64 = 6

# Words of a key may be written together: PGPASSWORD, SMTPPASS, apikey
_SECRET = re.compile(r"(?:pass(?:wor[dt]|wd|phrase|code)?|pwd|secret|token|credential|cred|key|dsn)s?\Z")
_NO_SECRET = frozenset({"bypass", "compass", "hockey", "monkey", "turkey"})
_MAYBE_SECRET = frozenset(
    {"auth", "oauth", "private"}
)  # SMTP_AUTH=login tells nothing, HTTP_AUTH=ana:hunter2 all
_OF_DATA = frozenset(
    {"foreign", "group", "join", "max", "min", "order", "partition", "public", "sort"}
)  # SORT_KEY
_ABOUT = frozenset({"column", "field", "file", "header", "length", "name", "path", "ttl", "type"})  # TOKEN_TYPE
_SWITCH = frozenset({"true", "false", "none", "null", "yes", "no", "on", "off"})
_WORD = re.compile(r"[A-Za-z]+(?:[_-][A-Za-z]+)*")
_LONGEST_WORD = 16
_WORDS_OF_KEY = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_PASSWORD_IN_URL = re.compile(r"[A-Za-z][\w+.-]*://[^:/?#@\s]*:([^/?#\s]+)@")

_LETTERS = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}  # of escapes: \n
_SLASHES = 8  # of JSON in JSON in JSON
_BASE64 = "[A-Za-z0-9+/_-]"
_BASE64_FORMS = {"+": r"(?i:[+-]|%2b)", "/": rf"(?i:\\{{0,{_SLASHES}}}/|_|%2f)"}


class Redactor:
    """
    Replaces values by ``***``, as they are or as JSON, a URL or base64 writes them.

    A value is kept out of logs unless it is a plain word, such as ``region``, or a switch, such as ``true``. It is
    a secret, and kept out of results too, if the words of its key say so, as in ``EMAIL_PASSWORD`` and ``apiKey``
    and unlike in ``SORT_KEY`` and ``AUTHOR``. So is the password in a URL.

    :param values: what ``.env`` sets.
    :param secrets: what is a secret whatever its name, such as the content of a file.
    """

    def __init__(self, values: Mapping[str, str], secrets: Iterable[str] = ()) -> None:
        secrets = [*map(str.strip, secrets), *secrets_among(values).values()]
        for match in filter(None, map(_PASSWORD_IN_URL.match, values.values())):
            secrets += [match[1], unquote(match[1])]
        secrets = [secret for secret in secrets if _can_be_told_apart(secret)]
        others = [value for value in values.values() if len(value) >= _SHORTEST and not _is_plain(value)]
        self.hidden = tuple(dict.fromkeys([*secrets, *others]))
        """The values that are kept out of logs."""
        self._secrets = _needles(secrets)
        self._all = _needles(self.hidden)

    def for_log(self, text: str) -> str:
        """Return the text without any of the values."""
        return _masked(text, self._all)

    def for_result(self, value: Any) -> Any:
        """Return a text, or JSON with all its texts, without any of the secrets."""
        if isinstance(value, str):
            return _masked(value, self._secrets)
        if isinstance(value, dict):
            return {self.for_result(key): self.for_result(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.for_result(one) for one in value]
        return value

    def cut(self, text: str, size: int) -> int | None:
        """
        Return where to cut a text that goes on, at that size or soon after, so that no value is cut in two.

        :return: None while too little of it is there to tell.
        """
        if len(text) < size + max((needle.longest for needle in self._all), default=0):
            return None
        return next((end for start, end in _spans(text, self._all) if start < size < end), size)


def secrets_among(values: Mapping[str, str]) -> dict[str, str]:
    """Return those variables that are secrets, by the words of their keys."""
    return {key: value for key, value in values.items() if is_secret(key, value)}


def is_secret(key: str, value: str) -> bool:
    """Return whether a variable is a secret, by the words of its key."""
    words = [word.lower() for word in _WORDS_OF_KEY.findall(key)]
    if not words or words[-1] in _ABOUT or value.lower() in _SWITCH:
        return False
    if not _MAYBE_SECRET.isdisjoint(words) and not _is_plain(value):
        return True
    return any(
        _SECRET.search(word) and word not in _NO_SECRET and before not in _OF_DATA
        for before, word in zip(["", *words], words, strict=False)
    )


def _is_plain(value: str) -> bool:
    return len(value) <= _LONGEST_WORD and _WORD.fullmatch(value) is not None


def _can_be_told_apart(secret: str) -> bool:
    return len(secret) >= (_SHORTEST if secret.isalnum() and secret.isascii() else _SHORTEST_ODD)


@dataclass(frozen=True)
class _Needle:
    """
    A value in all the forms of one kind.

    :param source: a regular expression of them. It is compiled when the core was found, since many never are.
    :param core: a part that all forms have: looking for it first is fast.
    :param longest: how many characters the longest form has.
    """

    source: str
    core: str
    longest: int

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.source)


def _needles(values: Iterable[str]) -> tuple[_Needle, ...]:
    needles: dict[_Needle, None] = {}
    for value in values:
        # A line is all that is seen at a time, so a value of several is looked for by its lines too.
        lines = [line for line in map(str.strip, value.splitlines()) if len(line) >= _SHORTEST]
        for needle in (*map(_as_text, [value, *lines]), *_as_base64(value)):
            needles[needle] = None
    return tuple(needles)


def _as_text(text: str) -> _Needle:
    source = "".join(_forms(char, len(list(run))) for char, run in groupby(text))
    return _Needle(source, _core(text), sum(1 if _is_bare(char) else 44 for char in text))


def _forms(char: str, count: int) -> str:
    """Return an expression of so many of a character, as they are or escaped: JSON, URL, CSV, and Python's own."""
    if _is_bare(char):
        return char * count
    slashes = rf"\\{{1,{_SLASHES}}}"
    data = char.encode("utf-8", "surrogatepass")
    units = char.encode("utf-16-be", "surrogatepass").hex()
    forms = ["".join(slashes + "u" + units[at : at + 4] for at in range(0, len(units), 4))]
    forms += ["".join(f"%{byte:02x}" for byte in data), "".join(f"{slashes}x{byte:02x}" for byte in data)]
    if char in _LETTERS:
        forms.append(slashes + _LETTERS[char])
    if not char.isascii():
        forms += [f"{slashes}x{ord(char):02x}", f"{slashes}u{ord(char):08x}"]  # as ascii() writes them
    if char == "\\":  # each level of JSON doubles them
        return f"(?i:(?:{'|'.join(forms)}){{{count}}}|\\\\{{{count},{_SLASHES * count}}})"
    forms += {'"': [rf'(?:\\{{0,{_SLASHES}}}"){{2}}'], " ": [r"\+"], "\n": [r"\r\n"]}.get(char, [])
    return f"(?i:{'|'.join(forms)}|\\\\{{0,{_SLASHES}}}{re.escape(char)})" * count


def _as_base64(text: str) -> Iterator[_Needle]:
    """Yield the text as base64 has it, at the begin of a whole or after other bytes: ``user:password`` of HTTP."""
    data = text.encode("utf-8", "surrogatepass")
    for before in range(3):
        bits = 8 * (before + len(data))
        encoded = base64.b64encode(bytes(before) + data).decode()
        whole = encoded[(0, 2, 3)[before] : bits // 6]
        if len(whole) < _SHORTEST_BASE64:
            continue
        source = "".join(_BASE64_FORMS.get(char, char) for char in whole)
        # Characters that hold bits of the value and of what stands beside it
        source = (_BASE64 if before else "") + source + (_BASE64 if bits % 6 else "") + "={0,2}"
        yield _Needle(source, _core(whole), 9 * len(whole) + 4)


def _is_bare(char: str) -> bool:
    """Return whether nothing ever escapes the character."""
    return char.isascii() and char.isalnum()


def _core(text: str) -> str:
    return max(re.findall("[A-Za-z0-9]+", text), key=len, default="")


def _spans(text: str, needles: tuple[_Needle, ...]) -> list[tuple[int, int]]:
    """Return where values stand, in order; those that overlap as one."""
    found = [m.span() for one in needles if one.core in text for m in one.pattern.finditer(text)]
    spans: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _masked(text: str, needles: tuple[_Needle, ...]) -> str:
    parts, done = [], 0
    for start, end in _spans(text, needles):
        parts += [text[done:start], MASK]
        done = end
    return "".join([*parts, text[done:]])
