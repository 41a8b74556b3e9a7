"""A disk that is full, or over its quota, from one call on or at that one alone."""

from __future__ import annotations

import errno
import io
import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Full:
    """
    What a disk says to a call that takes room.

    :param error: ``ENOSPC`` or ``EDQUOT``.
    :param lasts: whether it says so to all that follow, and not to one.
    """

    error: str
    lasts: bool = False


FAULTS = {
    "is full once": Full("ENOSPC"),
    "is full from now on": Full("ENOSPC", lasts=True),
    "is over its quota once": Full("EDQUOT"),
}


class Disk:
    """
    Stands between Python and the disk.

    :param folder: below which calls count.
    :ivar requests: how many calls that take room there were since it was mended.
    """

    def __init__(self, folder, monkeypatch):
        self.folder = os.fspath(folder)
        self.mend()
        for name in ("open", "mkdir", "link", "symlink", "rename", "replace", "fsync"):
            monkeypatch.setattr(os, name, self._failing(getattr(os, name)))
        monkeypatch.setattr(os, "fdopen", self._with_room(os.fdopen))

    def mend(self):
        """Have room from now on."""
        self.requests, self.fault, self.fault_at = 0, None, 0

    def fail_at(self, number, fault):
        """Say that to the call of that number, counted from 1 since the disk was mended."""
        self.fault, self.fault_at = fault, number

    def _is_full(self):
        self.requests += 1
        fault = self.fault
        return fault and (self.requests == self.fault_at or (fault.lasts and self.requests > self.fault_at))

    def _error(self):
        code = getattr(errno, self.fault.error)
        return OSError(code, os.strerror(code))

    def _counts(self, path, arguments):
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")  # noqa: PTH115 - of the kernel; pathlib asks what is replaced here
        writes = not arguments or not isinstance(arguments[0], int) or arguments[0] & (os.O_CREAT | os.O_WRONLY)
        return os.fspath(path).startswith(self.folder) and writes

    def _failing(self, genuine):
        def call(path, *arguments, **options):
            if self._counts(path, arguments) and self._is_full():
                raise self._error()
            return genuine(path, *arguments, **options)

        return call

    def _with_room(self, genuine):
        disk = self

        class Half(io.FileIO):
            def write(self, data):
                super().write(bytes(data)[: len(data) // 2])
                raise disk._error()

        def fdopen(descriptor, mode="r", *arguments, **options):
            if "w" in mode and self._counts(descriptor, ()) and self._is_full():
                return io.BufferedWriter(Half(descriptor, "w"))
            return genuine(descriptor, mode, *arguments, **options)

        return fdopen
