"""How archived files are shown in a browser: bytes, media types and headers that keep them harmless."""

from __future__ import annotations

import base64
import hashlib
import re
import stat
from dataclasses import dataclass, replace
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_daybreak.exceptions import ArchivedFileChangedError, ArchivedFileNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_daybreak.archive import Revision

PAGES = ("page.html", "report.html", "report.txt")
"""Files that can stand for the whole report, the best for a browser first."""

_SHOWN = frozenset({"text/html", "text/plain", "image/gif", "image/jpeg", "image/png", "image/webp"})
"""Media types that a browser shows; it saves the others. SVG and PDF are left out: both can hold script."""

_LARGE = 1 << 20  # bytes
_MEDIA_TYPE = re.compile(r"[a-z0-9.+-]+/[a-z0-9.+-]+")

HEADERS: Mapping[str, str] = {
    # The UI shows plugins' pages under its own origin: without the sandbox, script in a report would act as
    # whoever reads it. A sandboxed page is of no origin, so that its images must be part of it.
    "Content-Security-Policy": (
        "sandbox allow-downloads; default-src 'none'; img-src data:; font-src data:; "
        "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


@dataclass(frozen=True)
class Content:
    """What a response consists of."""

    body: bytes
    media_type: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class LargeFile:
    """What a response consists of that is sent in pieces."""

    path: Path
    media_type: str
    headers: Mapping[str, str]


def page_of(revision: Revision) -> Content:
    """
    Return the report as a page.

    :raises ArchivedFileNotFoundError: the revision has no file that can stand for it.
    :raises ArchivedFileChangedError: it is no longer what was published.
    """
    names = {file.name for file in revision.files}
    for name in PAGES:
        if name in names:
            return content_of(revision, name)
    raise ArchivedFileNotFoundError(revision.uri, PAGES[1], sorted(names))


def content_of(revision: Revision, name: str) -> Content:
    """
    Return a file of the report, for showing where that is harmless, for saving otherwise.

    :raises ArchivedFileNotFoundError: the revision has no such file.
    :raises ArchivedFileChangedError: it is no longer what was published.
    """
    body, media_type = revision.read(name), _media_type(revision, name)
    if media_type == "text/html":
        body = with_images_inside(body, revision)
    return Content(body, *_shown_as(media_type, name))


def large_file(revision: Revision, name: str) -> LargeFile | None:
    """
    Return a file on a disk that is better sent in pieces than read as a whole, or None where that is not so.

    :raises ArchivedFileNotFoundError: the revision has no such file.
    :raises ArchivedFileChangedError: it is no longer what was published.
    """
    file, path, media_type = revision.file(name), revision.path(name), _media_type(revision, name)
    if not isinstance(path, Path) or file.bytes < _LARGE or media_type == "text/html":
        return None
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode):
            raise ArchivedFileChangedError(revision.uri, name, "something else lies in its place")
        digest = _digest_of(path, about.st_mtime_ns, about.st_size, about.st_ino)
    except FileNotFoundError as error:
        raise ArchivedFileChangedError(revision.uri, name, "it is gone") from error
    if digest != file.sha256:
        raise ArchivedFileChangedError(revision.uri, name, "its bytes are not those that were published")
    return LargeFile(path, *_shown_as(media_type, name))


@lru_cache(maxsize=256)
def _digest_of(path: Path, *_about: int) -> str:
    """Return a file's SHA-256: once for each state of the file, since who asks for pieces asks often."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _media_type(revision: Revision, name: str) -> str:
    media_type = revision.file(name).media_type.partition(";")[0].strip().lower()
    return media_type if _MEDIA_TYPE.fullmatch(media_type) else "application/octet-stream"


def _shown_as(media_type: str, name: str) -> tuple[str, Mapping[str, str]]:
    """Return the media type and the headers that a file is sent with."""
    said = f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
    return said, HEADERS if media_type in _SHOWN else {**HEADERS, "Content-Disposition": _attachment(name)}


def with_images_inside(html: bytes, revision: Revision) -> bytes:
    """Return the page with each image that its ``src`` takes from the revision as a data URI."""
    images = {
        escape(file.name): file
        for file in revision.files
        if file.media_type in _SHOWN and file.media_type.startswith("image/")
    }
    if not images:
        return html
    names = "|".join(re.escape(name) for name in sorted(images, key=len, reverse=True))
    source = re.compile(rf"""(\ssrc=)(["'])({names})\2""".encode())

    def inside(match: re.Match[bytes]) -> bytes:
        file = images[match[3].decode()]
        data = base64.b64encode(revision.read(file.name))
        return b"%s%sdata:%s;base64,%s%s" % (match[1], match[2], file.media_type.encode(), data, match[2])

    return source.sub(inside, html)


def with_way_back(content: Content, address: str, text: str, which: str) -> Content:
    """
    Return a page with a link above it, and what it is; anything else as it is.

    :param address: where the link leads to.
    :param text: what it says.
    :param which: what the page is.
    """
    if not content.media_type.startswith("text/html"):
        return content
    link = (
        '<p style="margin:0;padding:10px 16px;font:14px system-ui,sans-serif;background:#8881">'
        f'<a href="{escape(address)}" style="color:inherit">← {escape(text)}</a>'
        f" · {escape(which)}</p>"
    ).encode()
    body, found = re.subn(rb"(<body[^>]*>)", lambda match: match[1] + link, content.body, count=1)
    return replace(content, body=body if found else link + content.body)


def for_frame(content: Content) -> Content:
    """Return a page that Tab gets into, or who has no mouse could not scroll it within its frame; anything else as it is."""
    if not content.media_type.startswith("text/html"):
        return content
    body, found = re.subn(rb"<body(?=[\s>])", rb'<body tabindex="0"', content.body, count=1)
    return replace(content, body=body if found else rb'<body tabindex="0">' + content.body)


def framed_problem(detail: str, language: str) -> bytes:
    """Return a page that says, in a report's frame, why there is nothing to show in it."""
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f'<title>Daybreak</title><body style="font:16px/1.5 system-ui,sans-serif;padding:0 1em"><p>{escape(detail)}</p></body></html>'
    ).encode()


def _attachment(name: str) -> str:
    """Return the header of a file to save under the last part of its name (RFC 6266, RFC 8187)."""
    last = name.rpartition("/")[2]
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", last)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(last, safe='')}"
