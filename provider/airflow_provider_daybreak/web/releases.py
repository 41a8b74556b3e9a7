"""What is deployed on which worker, whose it is, who uses it, its lock, and a way back. FastAPI reads the annotations."""

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Annotated

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import Depends, Request, Response  # noqa: TID253 - only the API server imports this module
from starlette.exceptions import HTTPException

from airflow_provider_daybreak.context.deploys import Deployed, last_deploys
from airflow_provider_daybreak.exceptions import DaybreakError, InvalidValueError, ReleaseNotFoundError
from airflow_provider_daybreak.hooks.releases import ReleaseHook
from airflow_provider_daybreak.overview.facts import ReleaseInUse
from airflow_provider_daybreak.releases.states import ReleaseState
from airflow_provider_daybreak.web.access import may_change, may_read, reader
from airflow_provider_daybreak.web.calendar import User
from airflow_provider_daybreak.web.guard import Form, log_action, sent_form, token_for
from airflow_provider_daybreak.web.keeper import KEEPER
from airflow_provider_daybreak.web.rendering import HEADERS, page, see

_LATELY = timedelta(days=35)


@dataclass
class Named:
    """
    What there is under a name.

    :param dag_id: the Dag whose it is on this machine; nothing where it is on other workers alone.
    :param states: its releases on this machine, the newest first.
    :param users: the reports that are made with it.
    :param workers: what tasks have deployed on other workers.
    """

    name: str
    dag_id: str = ""
    states: list[ReleaseState] = field(default_factory=list)
    may_change: bool = False
    users: list[ReleaseInUse] = field(default_factory=list)
    workers: list[Deployed] = field(default_factory=list)

    @property
    def returns_to(self) -> str:
        """The release that rolling back makes current, or nothing."""
        return next((each["release"] for each in self.states if "previous" in each["state"]), "")

    def used_by(self, release: str) -> list[ReleaseInUse]:
        """Return the reports whose last revision a release made."""
        return [each for each in self.users if each.release == release]


def _named(user: User) -> list[Named]:
    hook, now, readable = ReleaseHook(), datetime.now(timezone.utc), reader(user)
    found: dict[str, Named] = {}
    for state in hook.states():
        name = state["name"]
        if name not in found:
            owner = hook.owner(name)
            may = owner is not None and readable(owner)
            found[name] = Named(name, (owner or "") if may else "", may_change=may and may_change(user, owner))
        if found[name].dag_id:
            found[name].states.append(state)
    for deployed in last_deploys(since=now - _LATELY, readable=readable):
        one = found.setdefault(deployed.name, Named(deployed.name))
        if not one.states or deployed.worker not in _this_machine():
            one.workers.append(deployed)
    for use in KEEPER.hook(now).releases_in_use(now, readable):
        if use.name in found:
            found[use.name].users.append(use)
    return [found[name] for name in sorted(found) if found[name].states or found[name].workers]


def _this_machine() -> set[str]:
    """Return what tasks that run on this machine may call it."""
    from airflow.utils.net import get_hostname

    return {socket.gethostname(), get_hostname()}


def show_releases(request: Request, found: Annotated[list[Named], Depends(_named)], user: User) -> Response:
    """Show what is deployed on which worker, and which reports are made with it."""
    return page(
        request,
        "releases",
        found=found,
        host=socket.gethostname(),
        token=token_for(user) if any(each.may_change for each in found) else "",
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
