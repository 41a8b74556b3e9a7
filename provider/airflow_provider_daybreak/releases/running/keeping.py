"""
A large working copy that is kept for the next run of its release, with what its script changed put right again.

Making and removing thousands of files takes longer than many a script. Whether a file is as it was is told by its inode and the
time of its last change, which the kernel alone sets: nothing is read for it.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import secrets
import stat
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.releases.files import read_json, remove_tree
from airflow_provider_daybreak.releases.running.copying import copy_again, opened_folder
from airflow_provider_daybreak.storage import local
from airflow_provider_daybreak.storage.temporary import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.source import FileEntry

log = logging.getLogger(__name__)

PREFIX = "kept-"
"""What a kept copy is called among the runs, before the id of its release."""
_LEAST_FILES = 500  # fewer are copied in 10 ms
_RECORD = "copy.json"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_COARSE = 5  # CLOCK_REALTIME_COARSE of clock_gettime(2), which files are stamped by; Python has no name for it
_LONGEST_TICK = 0.1  # seconds
_ACCESS_LISTS = {"system.posix_acl_access", "system.posix_acl_default"}

Stamp = tuple[int, int]
"""A file's inode and the time of its last change in ns; of a folder, its inode and mode."""


@dataclass(frozen=True)
class KeptCopy:
    """
    A working copy of a release, and what it is like when no script has been in it.

    :param folder: that of the run, which holds the copy as ``work``.
    :param stamps: by path; that of a folder ends with a slash.
    """

    folder: Path
    release: Release
    stamps: dict[str, Stamp]

    def put_back(self) -> bool:
        """Put right what the script changed, and leave the copy for the next run; return whether that could be done."""
        try:
            self.restore()
            for name in os.listdir(self.folder):  # noqa: PTH208 - names are all that is asked for
                if name != "work":
                    remove_tree(self.folder / name)
            record = json.dumps({**_facts(self.release), "stamps": self.stamps})
            local.write(self.folder / _RECORD, record.encode(), durable="none", mode=0o600)
            self.folder.rename(_place(self.release))
        except OSError as error:  # beyond repair, or another run has left its own
            log.debug("The working copy %s is not kept: %s", self.folder, error)
            return False
        return True

    def restore(self) -> None:
        """
        Remove what did not come with the release, and copy again what is not as it was.

        :raises OSError: a folder is not what it was, or something can't be removed: the copy is of no more use.
        """
        with opened_folder(self.folder / "work") as work:
            lacking = list(self._lacking(work, ""))
            copy_again(self.release, lacking, work)
            for file in lacking:
                self.stamps[file["path"]] = _stamp(os.stat(file["path"], dir_fd=work, follow_symlinks=False))

    def wait_for_the_clock(self) -> None:
        """Wait until what a script changes is stamped later than what was copied: some milliseconds, if at all."""
        newest = max((when for path, (_, when) in self.stamps.items() if not path.endswith("/")), default=0)
        deadline = time.monotonic() + _LONGEST_TICK
        while time.clock_gettime_ns(_COARSE) <= newest and time.monotonic() < deadline:
            time.sleep(0.001)

    @cached_property
    def _listed(self) -> dict[str, dict[str, FileEntry | None]]:
        """What each folder of the copy holds by its name: files, and None for folders."""
        listed: dict[str, dict[str, FileEntry | None]] = {"": {}}

        def list_folder(path: str) -> dict[str, FileEntry | None]:
            if path not in listed:
                above, _, name = path.rpartition("/")
                list_folder(above)[name] = None
                listed[path] = {}
            return listed[path]

        for file in self.release.manifest["files"]:
            above, _, name = file["path"].rpartition("/")
            here = list_folder(above)
            if name:  # else it is a folder
                here[name] = file
        return listed

    def _lacking(self, descriptor: int, path: str) -> Iterator[FileEntry]:
        """Remove from a folder of the copy what is not as it was, and yield what it lacks then."""
        lacking = dict(self._listed[path])
        if not _ACCESS_LISTS.isdisjoint(os.listxattr(descriptor)):
            raise OSError(errno.ESTALE, "the script set an access list", path)
        with os.scandir(descriptor) as entries:
            there = list(entries)
        for entry in there:
            name, within = entry.name, f"{path}/{entry.name}" if path else entry.name
            status = entry.stat(follow_symlinks=False)
            if within in self._listed and stat.S_ISDIR(status.st_mode):
                if self.stamps.get(f"{within}/") != _stamp(status):
                    raise OSError(errno.ESTALE, "the script replaced or closed a folder", within)
                below = os.open(name, FOLDER, dir_fd=descriptor)
                try:
                    yield from self._lacking(below, within)
                finally:
                    os.close(below)
            elif name not in lacking or self.stamps.get(within) != _stamp(status):
                self._remove(name, status, descriptor)
                continue
            lacking.pop(name)
        for name, file in lacking.items():
            if file is None:
                raise OSError(errno.ESTALE, "the script removed a folder", f"{path}/{name}")
            yield file

    def _remove(self, name: str, status: os.stat_result, descriptor: int) -> None:
        if not stat.S_ISDIR(status.st_mode):
            os.unlink(name, dir_fd=descriptor)
            return
        hidden = self.folder / secrets.token_hex(8)
        os.rename(name, hidden, src_dir_fd=descriptor)
        remove_tree(hidden)


def is_large(release: Release) -> bool:
    """Return whether a copy of the release takes long enough to be kept."""
    return len(release.manifest["files"]) >= _LEAST_FILES


def taken(folder: Path, release: Release) -> KeptCopy | None:
    """Return the copy that an earlier run left, now in this run's folder, or None where there is none that can be used."""
    hidden = folder / "kept"
    try:
        _place(release).rename(hidden)  # one run alone gets it
    except FileNotFoundError:
        return None
    try:
        return _moved(hidden, folder, release)
    except OSError as error:
        log.debug("The kept working copy of release %s can't be used: %s", release.id, error)
        remove_tree(folder / "work")
        return None
    finally:
        remove_tree(hidden)


def _moved(hidden: Path, folder: Path, release: Release) -> KeptCopy:
    record = read_json(hidden / _RECORD) or {}
    # What was not written out when the machine went down may be lost, and nobody would see it.
    if any(record.get(key) != value for key, value in _facts(release).items()):
        raise OSError(
            errno.ESTALE, "it is from before this machine started, or of another release", str(hidden)
        )
    (hidden / "work").rename(folder / "work")
    stamps = {path: (inode, when) for path, (inode, when) in record["stamps"].items()}
    kept = KeptCopy(folder, release, stamps)
    kept.restore()
    return kept


def noted(folder: Path, release: Release) -> KeptCopy:
    """Return a copy that was just made in this run's folder, to be kept."""
    stamps: dict[str, Stamp] = {}
    with opened_folder(folder / "work") as work:
        _note(work, "", stamps)
    return KeptCopy(folder, release, stamps)


def _note(descriptor: int, path: str, stamps: dict[str, Stamp]) -> None:
    with os.scandir(descriptor) as entries:
        there = list(entries)
    for entry in there:
        status = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            within = f"{path}{entry.name}/"
            stamps[within] = _stamp(status)
            below = os.open(entry.name, FOLDER, dir_fd=descriptor)
            try:
                _note(below, within, stamps)
            finally:
                os.close(below)
        else:
            stamps[path + entry.name] = _stamp(status)


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_mode if stat.S_ISDIR(status.st_mode) else status.st_ctime_ns


def _facts(release: Release) -> dict[str, str]:
    return {"boot": _BOOT.read_text().strip(), "created": str(release.manifest["created"])}


def _place(release: Release) -> Path:
    return release.layout.runs / f"{PREFIX}{release.id}"
