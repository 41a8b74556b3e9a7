"""How far a command is, for a person who looks: nothing where what it prints goes to a file or another program."""

from __future__ import annotations

import sys
from collections.abc import Sized
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

_Item = TypeVar("_Item")


def watched(items: Iterable[_Item], doing: str) -> Iterator[_Item]:
    """
    Yield the items, and show how many have been.

    :param doing: what is done with them, such as ``Verifying``.
    """
    if not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        total = len(items) if isinstance(items, Sized) else None
        task = progress.add_task(doing, total=total)
        for item in items:
            yield item
            progress.advance(task)


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """
    Show that something is being done that takes its time.

    :param doing: what it is, such as ``Building the environment``.
    """
    if sys.stderr.isatty():
        from rich.console import Console

        shown: AbstractContextManager[object] = Console(stderr=True).status(f"{doing} …")
    else:
        shown = nullcontext()
    with shown:
        yield
