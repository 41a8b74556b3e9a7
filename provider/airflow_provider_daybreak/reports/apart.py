"""
Work in a process of its own, with limits that the kernel holds.

A template can ask for what takes Python hours in one step, such as comparing lists of lists of lists: no check between
steps ends that, nor does a signal. So a report's template runs in a child, which is ended. It is forked, since it then has
all of the data at once: forking takes about 10 ms, and what comes back is small. What the child wants from outside, such as
a file of the archive, its parent gets for it: threads and connections don't survive a fork.
"""

from __future__ import annotations

import ctypes
import dataclasses
import faulthandler
import gc
import io
import os
import pickle
import re
import resource
import signal
import tempfile
import time
import traceback
import warnings
from contextlib import suppress
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from airflow_provider_daybreak.exceptions import TemplateLimitError
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.templates.limits import cap_memory
from airflow_provider_daybreak.reports.templates.sandbox import template_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from typing import BinaryIO

    from airflow_provider_daybreak.reports.templates.limits import Limits

_T = TypeVar("_T")
_PR_SET_PDEATHSIG = 1
_GRACE = 2.0  # seconds, in which the child may end by itself and say where it was
_PLACE = re.compile(r'^  File "(?P<path>.+)", line (?P<line>\d+) in ', re.MULTILINE)


class _Remote(Exception):  # noqa: N818 - shown as the cause of another
    """An error of the child, with its traceback as text."""


def apart(
    work: Callable[[Callable[[Any], Any]], _T],
    *,
    limits: Limits,
    template: str,
    answer: Callable[[Any], Any],
    rows: Sequence[Rows] = (),
) -> _T:
    """
    Return what the work returns, done in a child of this process.

    :param work: gets a function that asks ``answer``, in this process. What it returns can be pickled.
    :param limits: seconds and memory count for all of it.
    :param template: path of what is rendered, for errors.
    :param answer: what the child may ask for.
    :param rows: what both have: of these, the place in this list comes back, not the rows.
    :raises TemplateLimitError: it took too long or too much; names the line where that is known.
    """
    here, there = Pipe()
    with tempfile.TemporaryFile(prefix="daybreak-stopped-") as stopped, here:
        with there, warnings.catch_warnings():
            # The child starts no thread, logs nothing and takes no lock of ours, so that other threads don't matter.
            warnings.simplefilter("ignore", DeprecationWarning)
            parent, child = os.getpid(), os.fork()
            if child == 0:
                here.close()
                _work(work, there, stopped, limits, template, rows, parent)
        try:
            return cast("_T", _received(here, limits, template, answer, rows, stopped))
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _received(
    connection: Connection,
    limits: Limits,
    template: str,
    answer: Callable[[Any], Any],
    rows: Sequence[Rows],
    stopped: BinaryIO,
) -> Any:
    deadline = time.monotonic() + limits.seconds + _GRACE + 1
    while connection.poll(max(deadline - time.monotonic(), 0)):
        try:
            kind, value = _Unpickler(io.BytesIO(connection.recv_bytes()), rows).load()
        except (EOFError, ConnectionResetError):
            break
        if kind == "asked":
            asked = time.monotonic()
            connection.send_bytes(_pickled(answer(value), rows))
            deadline += time.monotonic() - asked
        elif kind == "done":
            return value
        else:
            error, text = value
            raise error from _Remote(text)
    raise _stopped(stopped, limits, template)


def _stopped(stopped: BinaryIO, limits: Limits, template: str) -> TemplateLimitError:
    """Return the error of a child that ended without a word, or had to be; it wrote down where it was if it could."""
    stopped.seek(0)
    places = _PLACE.findall(stopped.read().decode(errors="replace"))
    # An expression is in no folder.
    folders = (Path(template).parent, Path(template).parent.parent) if Path(template).is_absolute() else ()
    path, line = next(
        (
            (path, int(line))
            for path, line in places
            if any(Path(path).is_relative_to(each) for each in folders)
        ),
        (template, 0),
    )
    if not places:
        return TemplateLimitError(path, f"took more than {limits.memory:,} bytes of memory, or was ended")
    line = template_line(Path(path), line) if line else 0
    return TemplateLimitError(path, f"ran for more than {limits.seconds:g} seconds", line)


def _work(
    work: Callable[[Callable[[Any], Any]], Any],
    connection: Connection,
    stopped: BinaryIO,
    limits: Limits,
    template: str,
    rows: Sequence[Rows],
    parent: int,
) -> NoReturn:
    """Do the work in the child, say what came of it, and end."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
        gc.freeze()  # what is the parent's stays in its pages
        faulthandler.disable()  # of a library that gives up, the parent says what it was at
        # Of C, so that it comes through where no step of Python's ends.
        faulthandler.dump_traceback_later(limits.seconds + _GRACE, exit=True, file=stopped.fileno())
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        cap_memory(2 * limits.memory)  # what was written is parsed, and goes to the parent

        def ask(value: Any) -> Any:
            faulthandler.cancel_dump_traceback_later()
            connection.send_bytes(_pickled(("asked", value), rows))
            answered = _Unpickler(io.BytesIO(connection.recv_bytes()), rows).load()
            faulthandler.dump_traceback_later(limits.seconds + _GRACE, exit=True, file=stopped.fileno())
            return answered

        try:
            said = _pickled(("done", work(ask)), rows)
        except MemoryError:
            error = TemplateLimitError(template, f"took more than {limits.memory:,} bytes of memory")
            said = _pickled(("failed", (error, "")), rows)
        except BaseException as error:  # noqa: BLE001 - raised again by the parent
            said = _failed(error)
        connection.send_bytes(said)
        os._exit(0)
    finally:
        os._exit(1)


def _failed(error: BaseException) -> bytes:
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        said = _pickled(("failed", (error, text)), ())
        pickle.loads(said)  # noqa: S301 - made right here
    except Exception:  # noqa: BLE001 - of a class that doesn't survive it
        said = _pickled(("failed", (RuntimeError(f"{type(error).__name__}: {error}"), text)), ())
    return said


def _rebuilt(columns: Sequence[str], name: str, tuples: list[Sequence[Any]]) -> Rows:
    return Rows(columns, tuples, name=name)


class _Pickler(pickle.Pickler):
    def __init__(self, file: BinaryIO, rows: Sequence[Rows]) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self._rows = rows

    def persistent_id(self, obj: Any) -> int | None:
        if type(obj) is not Rows:
            return None
        return next((at for at, rows in enumerate(self._rows) if obj.same_as(rows)), None)

    def reducer_override(self, obj: Any) -> Any:
        if type(obj) is Rows:
            return _rebuilt, (obj.columns, obj.name, list(obj.tuples()))
        if type(obj) is Language:  # which remembers what can't be pickled
            return Language, tuple(getattr(obj, each.name) for each in dataclasses.fields(obj))
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, rows: Sequence[Rows]) -> None:
        super().__init__(file)
        self._rows = rows

    def persistent_load(self, pid: int) -> Rows:
        return self._rows[pid]


def _pickled(value: Any, rows: Sequence[Rows]) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, rows).dump(value)
    return buffer.getvalue()
