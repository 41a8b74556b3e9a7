"""What a template may use: how long it may run, how much it may write, how much memory it may take."""

from __future__ import annotations

import resource
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import TemplateLimitError

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE = resource.getpagesize()


@dataclass(frozen=True)
class Limits:
    """
    Caps on one rendering of a template, without its data.

    :param seconds: of wall time.
    :param output: bytes of text that it may write.
    :param memory: bytes of address space that it may take beyond what the process has already.
    """

    seconds: float = 60.0
    output: int = 20 * 1024 * 1024
    memory: int = 1024 * 1024 * 1024


class Meter:
    """Watches one rendering. Templates can loop and call, so each turn and each call asks it."""

    def __init__(self, limits: Limits, template: str) -> None:
        self.limits, self.template = limits, template
        self._deadline = time.monotonic() + limits.seconds
        self._written = 0

    def tick(self) -> None:
        """
        Say that the template goes on.

        :raises TemplateLimitError: it has taken too long.
        """
        if time.monotonic() > self._deadline:
            raise TemplateLimitError(self.template, f"ran for more than {self.limits.seconds:g} seconds")

    def write(self, text: str) -> str:
        """
        Count text that the template wrote, and return it.

        :raises TemplateLimitError: it has written too much.
        """
        self.tick()
        self._written += len(text.encode("utf-8", "surrogatepass"))
        if self._written > self.limits.output:
            raise TemplateLimitError(self.template, f"wrote more than {self.limits.output:,} bytes")
        return text

    def each(self, values: Any) -> Iterator[Any]:
        """Yield the values, with a tick before each."""
        for value in values:
            self.tick()
            yield value

    @contextmanager
    def memory(self) -> Iterator[None]:
        """
        Refuse allocations beyond the cap while the block runs.

        The limit is the process's own soft one (``RLIMIT_AS``), so it stops a string of 2 GB before it is made.

        :raises TemplateLimitError: the block ran out of it.
        """
        before = cap_memory(self.limits.memory)
        try:
            yield
        except MemoryError as error:
            raise TemplateLimitError(
                self.template, f"took more than {self.limits.memory:,} bytes of memory"
            ) from error
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)


def cap_memory(size: int) -> tuple[int, int]:
    """
    Let this process take no more address space than it has, and so many bytes; return its limits before.

    A lower limit that it has already stays.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - a name of the kernel's, not a path
        cap = int(file.read().split()[0]) * _PAGE + size
    if soft != resource.RLIM_INFINITY:
        cap = min(cap, soft)
    resource.setrlimit(resource.RLIMIT_AS, (cap, hard))
    return soft, hard
