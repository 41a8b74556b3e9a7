"""The page of the mail catcher: what arrived, as a mail program would show it."""

from __future__ import annotations

import base64
import re
import threading
from email import message_from_bytes
from email.policy import default
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import EmailMessage, Message
    from pathlib import Path

_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 50rem; padding: 0 1rem }
h1 { font-size: 1.5rem; line-height: 1.25 } ul { list-style: none; padding: 0 } dd { margin: 0; overflow-wrap: anywhere }
li { border-top: 1px solid #8884; padding: .6rem 0 } small { display: block; opacity: .7 }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 1rem } dt { opacity: .7 }
iframe { border: 1px solid #8884; width: 100%; height: 85vh; background: #fff }
"""
_HEADERS = {
    # A mail is somebody's text: nothing in it may run, or reach anything.
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-src 'self'",
    "X-Content-Type-Options": "nosniff",
}


class Mailbox:
    """
    A web page on this machine that shows a folder's mails, the newest first.

    :param folder: of ``.eml`` files.
    :param port: where it listens, on the loopback interface; 0 for any.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self._server.folder = folder  # type: ignore[attr-defined]  # what its handlers show
        self.url = f"http://localhost:{self._server.server_port}"

    def start(self) -> None:
        """Listen, in a thread of its own."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers ``/``, ``/<file>/`` (a mail), ``/<file>/body`` and ``/<file>/<number of an attachment>``."""

    def do_GET(self) -> None:
        name, _, part = unquote(self.path.partition("?")[0]).strip("/").partition("/")
        mails = {path.name: path for path in sorted(self.server.folder.glob("*.eml"), reverse=True)}  # type: ignore[attr-defined]
        if not name:
            return self._page("Mails", _list(mails.values()))
        if name not in mails:
            return self._page("No such mail", '<p><a href="/">All mails</a></p>', status=404)
        mail = message_from_bytes(mails[name].read_bytes(), policy=default)
        attached = list(mail.iter_attachments())
        if not part:
            return self._page(str(mail["Subject"]), _shown(mail, name, attached))
        if part == "body":
            return self._answer(_body(mail).encode(), "text/html; charset=utf-8")
        if part.isdecimal() and int(part) < len(attached):
            one = attached[int(part)]
            return self._answer(_bytes(one), one.get_content_type(), one.get_filename())
        return self._page("No such part", f'<p><a href="/{quote(name)}/">The mail</a></p>', status=404)

    def _page(self, title: str, body: str, *, status: int = 200) -> None:
        head = (
            f"<meta charset=utf-8><meta name=viewport content=width=device-width><title>{escape(title)}</title>"
        )
        page = f"<!doctype html>{head}<style>{_STYLE}</style><h1>{escape(title)}</h1>"
        self._answer((page + body).encode(), "text/html; charset=utf-8", status=status)

    def _answer(self, body: bytes, media_type: str, name: str | None = None, *, status: int = 200) -> None:
        self.send_response(status)
        headers = {**_HEADERS, "Content-Type": media_type, "Content-Length": str(len(body))}
        if name:
            headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(name, safe='')}"
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the terminal is the demo's."""


def _bytes(part: Message) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _list(paths: Iterable[Path]) -> str:
    """Return the mails as a list of links."""
    lines = []
    for path in paths:
        mail = message_from_bytes(path.read_bytes(), policy=default)
        link = f'<a href="/{quote(path.name)}/">{escape(str(mail["Subject"]))}</a>'
        files = "".join(f", with {one.get_filename() or 'a file'}" for one in mail.iter_attachments())
        about = f"to {mail['X-RcptTo']}{files}"
        lines.append(f"<li>{link} <small>{escape(about)}</small></li>")
    return f"<ul>{''.join(lines)}</ul>" if lines else "<p>No mail has arrived.</p>"


def _shown(mail: EmailMessage, name: str, attached: list[EmailMessage]) -> str:
    """Return a mail's head, its attachments, and the frame that shows its body."""
    head = "".join(
        f"<dt>{field}</dt><dd>{escape(str(mail[field]))}</dd>"
        for field in ("From", "To", "Date")
        if mail[field]
    )
    files = ", ".join(
        f'<a href="/{quote(name)}/{number}">{escape(one.get_filename() or "a file")}</a>'
        for number, one in enumerate(attached)
    )
    body = f'<iframe sandbox src="/{quote(name)}/body" title="The mail"></iframe>'
    return (
        f'<p><a href="/">All mails</a></p><dl>{head}</dl>{f"<p>Attached: {files}</p>" if files else ""}{body}'
    )


def _body(mail: EmailMessage) -> str:
    """Return a mail's HTML with its images in it, or its text."""
    html = mail.get_body(("html",))
    if html is None:
        text = mail.get_body(("plain",))
        return f"<pre>{escape(str(text.get_content()) if text else '')}</pre>"
    images = {
        str(part["Content-ID"]).strip("<>"): part
        for part in mail.walk()
        if part.get_content_maintype() == "image"
    }

    def inside(match: re.Match[str]) -> str:
        part = images.get(match[1])
        if part is None:
            return match[0]
        data = base64.b64encode(_bytes(part)).decode()
        return f'src="data:{part.get_content_type()};base64,{data}"'

    return re.sub(r'src="cid:([^"]+)"', inside, str(html.get_content()))
