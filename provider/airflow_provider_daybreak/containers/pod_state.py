"""What the API says of a pod: how far it is, and what keeps it from its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOPELESS = ("InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError")
_PULLING = ("ErrImagePull", "ImagePullBackOff")


def phase_of(pod: Mapping[str, Any]) -> str:
    """Return the phase of a pod, such as ``Running``."""
    return str((pod.get("status") or {}).get("phase") or "Pending")


def _statuses(pod: Mapping[str, Any], *, init: bool) -> list[dict[str, Any]]:
    return (pod.get("status") or {}).get("initContainerStatuses" if init else "containerStatuses") or []


def container_of(pod: Mapping[str, Any], name: str, *, init: bool = False) -> dict[str, Any]:
    """Return the state of a container: ``waiting``, ``running`` or ``terminated``, or nothing yet."""
    return next((s.get("state") or {} for s in _statuses(pod, init=init) if s["name"] == name), {})


def has_begun(pod: Mapping[str, Any]) -> bool:
    """Whether all containers that come before a script's have ended."""
    wanted = pod["spec"].get("initContainers") or ()
    return all("terminated" in container_of(pod, each["name"], init=True) for each in wanted)


def _waiting(pod: Mapping[str, Any], reasons: tuple[str, ...]) -> str:
    """Return what the first container says that waits for one of the reasons, or nothing."""
    for status in (*_statuses(pod, init=True), *_statuses(pod, init=False)):
        waiting = (status.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") in reasons:
            said = waiting.get("message") or "it says no more"
            return f"container {status['name']} of image {status.get('image')!r}: {waiting['reason']}: {said}"
    return ""


def hopeless(pod: Mapping[str, Any]) -> str:
    """Return why a pod will never start, or nothing. What waits for its secret will."""
    said = _waiting(pod, _HOPELESS)
    return "" if "secret" in said and "not found" in said else said


def not_pulled(pod: Mapping[str, Any]) -> str:
    """Return which image can't be pulled, and why, or nothing. Another try may."""
    return _waiting(pod, _PULLING)


def unscheduled(pod: Mapping[str, Any]) -> str:
    """Return why no node takes a pod, or nothing."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    said = [
        each.get("message") or ""
        for each in conditions
        if each.get("type") == "PodScheduled" and each.get("status") == "False"
    ]
    return f"no node takes it: {said[0]}" if said else ""


def why(pod: Mapping[str, Any]) -> str:
    """Return what a pod that failed says of it, and its containers."""
    status = pod.get("status") or {}
    said = [str(status[key]) for key in ("reason", "message") if status.get(key)]
    for each in (*_statuses(pod, init=True), *_statuses(pod, init=False)):
        ended = (each.get("state") or {}).get("terminated") or {}
        if ended.get("exitCode"):
            said.append(f"container {each['name']} ended with exit code {ended['exitCode']}")
            said += [str(ended["message"]).strip()] if ended.get("message") else []
    return ": ".join(said) or "it says no more"
