"""What a container may do and use: little, unless it is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

USER = "1000:1000"
"""Who a container runs as when neither the task nor the image names anybody but root."""

HOME = "/tmp"  # noqa: S108 - in the container
"""A home that every user of a container may write to, where nothing says otherwise."""
TMPFS: Mapping[str, str] = {"/tmp": "rw,nosuid,nodev,size=256m"}  # noqa: S108 - in the container
"""Folders in memory of every container. Scripts may be put there and run."""


@dataclass(frozen=True)
class Isolation:
    """
    Limits of a container, in the engine's words.

    :param network_mode: ``none``, or a network.
    :param mem_limit: memory, as bytes or text such as ``512m``; swap is not added to it.
    :param cpus: how many CPUs' time it gets at most.
    :param pids_limit: processes and threads at most.
    :param read_only: whether its file system can't be written, but for folders of outputs and tmpfs.
    :param tmpfs: folders in memory, and their mount options.
    :param cap_add: capabilities to give back, after all have been dropped.
    :param security_opt: the engine's security options.
    """

    network_mode: str | None = "none"
    mem_limit: float | str | None = "1g"
    cpus: float | None = 1.0
    pids_limit: int | None = 256
    read_only: bool = True
    tmpfs: Mapping[str, str] = field(default_factory=lambda: TMPFS)
    cap_add: Sequence[str] = ()
    security_opt: Sequence[str] = ("no-new-privileges:true",)
    privileged: bool = False

    def host_config(self) -> dict[str, Any]:
        """Return the arguments that ``docker.APIClient.create_host_config`` takes for this."""
        return {
            "network_mode": self.network_mode,
            "mem_limit": self.mem_limit,
            "memswap_limit": self.mem_limit,
            "nano_cpus": round(self.cpus * 1e9) if self.cpus else None,
            "pids_limit": self.pids_limit,
            "read_only": self.read_only,
            "tmpfs": dict(self.tmpfs),
            "cap_drop": None if self.privileged else ["ALL"],
            "cap_add": list(self.cap_add) or None,
            "security_opt": None if self.privileged else list(self.security_opt),
            "privileged": self.privileged,
            "init": True,
        }


def user_of(wanted: str | int | None, image: Mapping[str, Any]) -> str:
    """
    Return who a container runs as: whom the task names, or whom the image names unless that is root.

    :param image: what the engine knows of the image.
    """
    if wanted is not None and str(wanted):
        return str(wanted)
    named = str((image.get("Config") or {}).get("User") or "")
    return USER if named.partition(":")[0] in ("", "0", "root") else named
