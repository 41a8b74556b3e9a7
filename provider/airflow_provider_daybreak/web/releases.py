"""The releases on the API server's machine: what is deployed, whose it is, its lock, and a way back. FastAPI reads the annotations."""

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import Depends, Request, Response  # noqa: TID253 - only the API server imports this module
from starlette.exceptions import HTTPException

from airflow_provider_daybreak.exceptions import DaybreakError, InvalidValueError, ReleaseNotFoundError
from airflow_provider_daybreak.hooks.releases import ReleaseHook
from airflow_provider_daybreak.releases.states import ReleaseState
from airflow_provider_daybreak.web.access import may_change, may_read
from airflow_provider_daybreak.web.calendar import User
from airflow_provider_daybreak.web.guard import Form, log_action, sent_form, token_for
from airflow_provider_daybreak.web.rendering import HEADERS, page, see


@dataclass(frozen=True)
class Deployed:
    """
    What is deployed under a name.

    :param dag_id: the Dag whose it is.
    :param states: its releases, the newest first.
    """

    name: str
    dag_id: str
    states: list[ReleaseState]
    may_change: bool

    @property
    def returns_to(self) -> str:
        """The release that rolling back makes current, or nothing."""
        return next((each["release"] for each in self.states if "previous" in each["state"]), "")


def _deployed(user: User) -> list[Deployed]:
    hook = ReleaseHook()
    by_name: dict[str, list[ReleaseState]] = {}
    for state in hook.states():
        by_name.setdefault(state["name"], []).append(state)
    owners = {name: hook.owner(name) for name in by_name}
    return [
        Deployed(name, owner, states, may_change(user, owner))
        for name, states in sorted(by_name.items())
        if (owner := owners[name]) is not None and may_read(user, owner)
    ]


def show_releases(
    request: Request, found: Annotated[list[Deployed], Depends(_deployed)], user: User
) -> Response:
    """Show what is deployed on this machine."""
    return page(
        request,
        "releases",
        found=found,
        host=socket.gethostname(),
        token=token_for(user) if any(each.may_change for each in found) else "",
        shared=ReleaseHook().settings.release_store is not None,
        done=request.query_params.get("done", "")[:100],
    )


def show_lock(name: str, release: str, user: User) -> Response:
    """
    Show the packages of a release, as they are locked.

    :raises HTTPException: 404 where there is none that may be read.
    """
    hook = _hook_for(name, may_read, user)
    try:
        text = hook.lock(name, release)
    except (ReleaseNotFoundError, InvalidValueError) as error:
        raise HTTPException(404, "Not found") from error
    return Response(text, headers={**HEADERS, "Content-Type": "text/plain; charset=utf-8"})


def roll_back(request: Request, name: str, user: User, form: Annotated[Form, Depends(sent_form)]) -> Response:
    """Make the release current that was so before, and show what is deployed."""
    hook = _hook_for(name, may_change, user)
    owner = hook.owner(name) or ""
    log_action(user, "roll_back", dag_id=owner, name=name, to=form.one("to"))
    now_current = hook.roll_back(name, to=form.one("to") or None)
    return see(request, f"releases?done={now_current['release']}")


def _hook_for(name: str, may: Callable[[BaseUser, object], bool], user: User) -> ReleaseHook:
    """
    Return what looks after releases, for a name whose Dag a user may read or change.

    :raises HTTPException: 404 for all others.
    """
    hook, absent = ReleaseHook(), HTTPException(404, "Not found")
    try:
        owner = hook.owner(name)
    except DaybreakError as error:
        raise absent from error
    if owner is None or not may(user, owner):
        raise absent
    return hook
