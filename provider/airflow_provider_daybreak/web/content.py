"""How archived files are shown in a browser: bytes, media types and headers that keep them harmless."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_daybreak.exceptions import ArchivedFileNotFoundError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_daybreak.archive import Revision

PAGES = ("page.html", "report.html", "report.txt")
"""Files that can stand for the whole report, the best for a browser first."""

_SHOWN = frozenset({"text/html", "text/plain", "image/gif", "image/jpeg", "image/png", "image/webp"})
"""Media types that a browser shows; it saves the others. SVG and PDF are left out: both can hold script."""

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
    body = revision.read(name)
    media_type = revision.file(name).media_type.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(media_type):
        media_type = "application/octet-stream"
    if media_type == "text/html":
        body = with_images_inside(body, revision)
    shown = media_type in _SHOWN
    return Content(
        body,
        f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type,
        HEADERS if shown else {**HEADERS, "Content-Disposition": _attachment(name)},
    )


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


def _attachment(name: str) -> str:
    """Return the header of a file to save under the last part of its name (RFC 6266, RFC 8187)."""
    last = name.rpartition("/")[2]
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", last)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(last, safe='')}"
