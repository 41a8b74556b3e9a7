"""Where the releases of a name lie on disk. Every path of them is made here."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidValueError, ReleasesUnsafeError

if TYPE_CHECKING:
    from pathlib import Path

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Layout:
    """
    The folder of one name.

    ::

        <root>/<name>/environments/<id>/   the environment, built in place, COMPLETE.json last
                     releases/<id>/        src/, environment -> ../../environments/<id>, .lease, MANIFEST.json last
                     shared/.env           0600
                     current -> releases/<id>
                     state/                deploy.lock history.jsonl history-seen.json interpreters.json
                     runs/<id>/            work/, output/ and tmp/ of a script that runs
                     runs/kept-<id>/       a large release's copy for its next run
                     trash/                what is being removed

    :param root: the folder of all names on this machine.
    :param name: what the script is deployed as.
    :raises InvalidValueError: the name is no slug.
    """

    root: Path
    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not SLUG.fullmatch(self.name):
            expected = "lower-case letters, digits, - and _, at most 64, such as daily_report"
            raise InvalidValueError("name of a release", self.name, expected)

    @cached_property
    def home(self) -> Path:
        """The folder of the name."""
        return self.root / self.name

    @cached_property
    def environments(self) -> Path:
        """Holds a folder an environment."""
        return self.home / "environments"

    @cached_property
    def releases(self) -> Path:
        """Holds a folder a release."""
        return self.home / "releases"

    @cached_property
    def dotenv(self) -> Path:
        """The ``.env`` that all releases of the name share."""
        return self.home / "shared" / ".env"

    @cached_property
    def current(self) -> Path:
        """The link to the release that runs next."""
        return self.home / "current"

    @cached_property
    def state(self) -> Path:
        """What deploys keep for the next one."""
        return self.home / "state"

    @cached_property
    def deploy_lock(self) -> Path:
        """Locked by whoever changes anything under the name; never removed or replaced."""
        return self.state / "deploy.lock"

    @cached_property
    def history(self) -> Path:
        """A JSON line for each time that ``current`` changed."""
        return self.state / "history.jsonl"

    @cached_property
    def history_seen(self) -> Path:
        """The number of the last entry that this worker has seen in the history that all share, where that is signed."""
        return self.state / "history-seen.json"

    @cached_property
    def runs(self) -> Path:
        """Holds a folder for each script that runs, and the copy that a large release's next run takes."""
        return self.home / "runs"

    @cached_property
    def trash(self) -> Path:
        """What was taken out of sight and waits to be removed."""
        return self.home / "trash"

    def environment(self, environment_id: str) -> Path:
        """Return the folder of an environment."""
        return self.environments / _checked(environment_id, "environment")

    def release(self, release_id: str) -> Path:
        """Return the folder of a release."""
        return self.releases / _checked(release_id, "release")

    def make(self) -> None:
        """Make the folders in which everything else is made, readable to whoever runs scripts."""
        inner = (self.environments, self.releases, self.dotenv.parent, self.state, self.runs, self.trash)
        for folder in (self.root, self.home, *inner):
            if not folder.exists():
                folder.mkdir(mode=0o755, parents=True, exist_ok=True)
                folder.chmod(0o755)  # whatever the umask says

    def check_access(self) -> None:
        """
        Make sure that no other user can put something into these folders that is run from them.

        A member of a group that is this process's too may, as where a cluster mounts a volume for a pod's group.

        :raises ReleasesUnsafeError: one belongs to somebody else than this user or root, or others may write to it.
        """
        trusted = {os.geteuid(), 0, int(os.environ.get("SUDO_UID") or 0)}  # Airflow's run_as_user goes by sudo
        inner = (self.environments, self.releases, self.dotenv.parent, self.state, self.runs, self.trash)
        for folder in (self.root, self.home, *inner):
            try:
                status = folder.stat() if folder == self.root else folder.lstat()  # a link may lead to a disk
            except FileNotFoundError:
                continue
            if status.st_uid not in trusted:
                raise ReleasesUnsafeError(
                    str(folder), f"it belongs to user {status.st_uid}", f"chown {os.geteuid()}"
                )
            ours = status.st_gid in (os.getegid(), *os.getgroups())
            if status.st_mode & (stat.S_IWOTH if ours else stat.S_IWOTH | stat.S_IWGRP):
                problem = f"others may write to it (mode {stat.S_IMODE(status.st_mode):04o})"
                raise ReleasesUnsafeError(str(folder), problem, "chmod go-w")


def ids_in(folder: Path) -> list[str]:
    """Return the ids of the releases or environments in their folder, whether complete or not."""
    try:
        return sorted(entry.name for entry in os.scandir(folder) if ID.fullmatch(entry.name))
    except FileNotFoundError:
        return []


def names(root: Path) -> list[str]:
    """Return what is deployed under the root."""
    if not root.is_dir():
        return []
    return sorted(entry.name for entry in root.iterdir() if SLUG.fullmatch(entry.name) and entry.is_dir())


def _checked(value: object, what: str) -> str:
    if not isinstance(value, str) or not ID.fullmatch(value):
        raise InvalidValueError(f"id of a {what}", value, "16 hexadecimal digits, as a deploy returns them")
    return value
