"""What is shown in a frame of Airflow's UI once the session has ended: a login in there would be none of the UI's."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING

from airflow_provider_daybreak.web.words import WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCRIPT = (
    'document.querySelector("a").addEventListener("click",(event)=>{event.preventDefault();'
    'const page=parent.document,link=page.createElement("a");'
    'link.href=event.target.href+"?next="+encodeURIComponent(parent.location.pathname);'
    "page.body.append(link);link.click();link.remove()});"
)
_STYLE = "body{font:16px/1.5 system-ui,sans-serif;padding:0 1em}h1{font-size:1.4em}a{color:inherit}"


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src 'sha256-{_digest(_SCRIPT)}'; style-src 'sha256-{_digest(_STYLE)}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "Content-Type": "text/html; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
}


def session_page(base: str, language: str) -> bytes:
    """
    Return a page that leads to the login in the page around the frame, and from there back.

    :param base: path of Airflow's UI.
    """
    say = WORDS[language]
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(say['session'])}</title><style>{_STYLE}</style><main><h1>{escape(say['session'])}</h1>"
        f'<p><a href="{escape(base)}api/v2/auth/login">{escape(say["sign_in"])}</a></p></main><script>{_SCRIPT}</script></html>'
    ).encode()
