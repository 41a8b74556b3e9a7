"""
What changes something is asked for by the pages themselves, by somebody who may, and is in Airflow's audit log.

A form of another site could send a browser's cookie along. So what it sends counts only with the origin of the pages,
and with a token that they alone can show.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, Request  # noqa: TID253 - only the API server imports this module
from starlette.exceptions import HTTPException

_LIFETIME = 12  # hours that a form may be left open
_LONGEST = 1_000_000  # bytes of a form: some thousand recipients
_ELSEWHERE = "This was not asked for by Daybreak's own page. Open the page, and ask for it there."
_TOO_OLD = "The page was open for too long. Load it again, and ask once more."


class Form(dict[str, list[str]]):
    """The fields of a form that was sent, each with all its values."""

    def one(self, name: str) -> str:
        """Return the value of a field, or nothing."""
        return self.get(name, [""])[0].strip()


def token_for(user: BaseUser) -> str:
    """Return what a form has to hold that somebody sends from now on."""
    return _token(user, _hour())


async def sent_form(request: Request, user: Annotated[BaseUser, Depends(get_user)]) -> Form:
    """
    Return the form that was sent from a page of ours.

    :raises HTTPException: 403 for one of elsewhere or of long ago, 413 for one that is too large, 400 for one that can't be read.
    """
    if not _of_our_origin(request):
        raise HTTPException(403, _ELSEWHERE)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST:
            raise HTTPException(413, "Too much is asked for at once.")
    try:
        form = Form(parse_qs(body.decode(), keep_blank_values=True, max_num_fields=20_000))
    except ValueError as error:
        raise HTTPException(400, "The form can't be read.") from error
    given, hour = form.one("token"), _hour()
    if not any(
        hmac.compare_digest(given.encode(), _token(user, hour - back).encode()) for back in range(_LIFETIME)
    ):
        raise HTTPException(403, _TOO_OLD)
    return form


def log_action(
    user: BaseUser, event: str, *, dag_id: str | None, task: Mapping[str, str] | None = None, **facts: object
) -> None:
    """
    Write into Airflow's audit log who did what.

    :param event: what was done; ``daybreak_`` is put before it.
    :param dag_id: the Dag that it was done to; None where it was none.
    :param task: its ``run_id`` and ``task_id``, where it was done to one.
    """
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    name = user.get_name()
    with create_session() as session:
        entry = Log(
            event=f"daybreak_{event}",
            task_instance=None,
            owner=name,
            owner_display_name=name,
            extra=json.dumps(facts, default=str),
            dag_id=dag_id,
            **(task or {}),
        )
        session.add(entry)


def _of_our_origin(request: Request) -> bool:
    """Return whether a page of this origin asks, as browsers say it and no script can."""
    fetched = request.headers.get("sec-fetch-site")
    if fetched is not None and fetched != "same-origin":
        return False
    origin = urlsplit(request.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc.lower() in _our_hosts(request)


def _our_hosts(request: Request) -> set[str]:
    """Return what browsers may know this server as: a proxy may have changed the one, and nobody set the other."""
    from airflow.configuration import conf

    said = urlsplit(conf.get("api", "base_url", fallback="") or "").netloc
    return {each.lower() for each in (request.headers.get("host", ""), said) if each}


def _hour() -> int:
    return int(time.time() // 3600)


def _token(user: BaseUser, hour: int) -> str:
    from airflow.configuration import conf

    key = conf.get("api", "secret_key", fallback="") or conf.get("api_auth", "jwt_secret", fallback="")
    if not key:
        raise HTTPException(503, "Airflow has no [api] secret_key, which forms are sent with.")
    return hmac.new(
        key.encode(), f"daybreak form\n{user.get_id()}\n{hour}".encode(), hashlib.sha256
    ).hexdigest()
