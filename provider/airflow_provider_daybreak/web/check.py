"""What ``airflow daybreak check`` says of the API server's machine, for who looks after Airflow. FastAPI reads the annotations."""

import asyncio
import json
import logging
import os
import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Annotated

from fastapi import Depends, Request, Response  # noqa: TID253 - only the API server imports this module
from starlette.exceptions import HTTPException

from airflow_provider_daybreak.web.access import may_administer
from airflow_provider_daybreak.web.calendar import User
from airflow_provider_daybreak.web.guard import Form, log_action, sent_form, token_for
from airflow_provider_daybreak.web.rendering import language_asked, page

log = logging.getLogger(__name__)

_PATIENCE = 120  # seconds; each part that is asked has ten of its own
_KEPT = timedelta(seconds=10)
_STATES = ("failed", "missing", "ok")


@dataclass(frozen=True)
class Checked:
    """
    What was found out.

    :param parts: each with its ``part``, ``state`` (ok, missing, failed) and ``detail``, the worst first; none where it failed.
    :param problem: why it failed, or nothing.
    """

    at: datetime
    parts: list[dict[str, str]] = field(default_factory=list)
    problem: str = ""


class Checker:
    """Runs the command, one at a time, in a process of its own: what hangs there hangs no page."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._last: dict[str, Checked] = {}

    def last(self, language: str) -> Checked | None:
        """Return what was found out last, or None."""
        return self._last.get(language)

    async def check(self, language: str) -> Checked:
        """Find out, unless that was just done."""
        async with self._lock:
            last = self._last.get(language)
            if last is None or datetime.now(timezone.utc) - last.at > _KEPT:
                last = self._last[language] = await self._checked(language)
            return last

    async def _checked(self, language: str) -> Checked:
        command = [sys.executable, "-m", "airflow_provider_daybreak", "check", "--output", "json"]
        pipe, environment = asyncio.subprocess.PIPE, {**os.environ, "LANGUAGE": language, "PYTHONSAFEPATH": "1"}
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=environment
        )
        try:
            output, errors = await asyncio.wait_for(process.communicate(), _PATIENCE)
        except asyncio.TimeoutError:
            return Checked(datetime.now(timezone.utc), problem=f"no answer within {_PATIENCE} s")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        try:
            said = output.decode()
            found = [
                {name: str(each[name]) for name in ("part", "state", "detail")}
                for each in json.loads(said[max(said.find("[\n"), 0) :])
            ]
        except (ValueError, TypeError, KeyError):
            log.exception(
                "The check ended with %s: %s", process.returncode, errors.decode("utf-8", "replace")[-2000:]
            )
            return Checked(datetime.now(timezone.utc), problem=f"it ended with {process.returncode}")
        return Checked(datetime.now(timezone.utc), sorted(found, key=_rank))


CHECKER = Checker()
"""That of this process."""


def _rank(found: dict[str, str]) -> int:
    return _STATES.index(found["state"]) if found["state"] in _STATES else 0


def _administrator(user: User) -> User:
    if not may_administer(user):
        raise HTTPException(404, "Not found")
    return user


Administrator = Annotated[User, Depends(_administrator)]


def show_check(request: Request, user: Administrator) -> Response:
    """Show what was found out last, and the button to look now: it logs in to servers, which no link may do."""
    return _shown(request, user, CHECKER.last(language_asked(request)))


async def check(request: Request, user: Administrator, _form: Annotated[Form, Depends(sent_form)]) -> Response:
    """Find out, and show it."""
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, lambda: log_action(user, "check", dag_id=None))
    found = await CHECKER.check(language_asked(request))
    return await loop.run_in_executor(None, _shown, request, user, found)


def _shown(request: Request, user: User, found: Checked | None) -> Response:
    import socket

    return page(request, "check", found=found, host=socket.gethostname(), token=token_for(user))
