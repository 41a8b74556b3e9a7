"""A running job's hold on its release: while it lasts, pruning leaves the release alone."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = ".lease"


@contextmanager
def leased(release: Path) -> Iterator[int | None]:
    """
    Hold the release, together with everybody else who runs from it.

    The hold lasts until the last process that inherited the descriptor has ended, so it outlives this one.

    :return: the descriptor to hand to the script; None when the release is gone.
    """
    descriptor = _take(release / NAME)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def is_leased(release: Path) -> bool:
    """Return whether somebody holds the release."""
    with exclusively(release) as free:
        return not free


@contextmanager
def exclusively(release: Path) -> Iterator[bool]:
    """Keep everybody from taking a hold. False, and nothing is kept, where somebody has one."""
    try:
        descriptor = os.open(release / NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield True  # it never became a release: nobody can hold it
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def _take(path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)  # waits only while somebody prunes
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except FileNotFoundError:
        pass  # it was pruned while we waited
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
