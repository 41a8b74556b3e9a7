"""What a job of any scheduler is, and what is told of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta


class Fate(str, Enum):
    """What became of a part of a job."""

    KEPT = "kept"
    ADAPTED = "adapted"
    REFUSED = "refused"


@dataclass(frozen=True)
class Note:
    """
    What became of a part of a job, and why.

    :param what: the part, as it stands there.
    :param why: a sentence, for an adapted part with what stands for it now, for a refused one with the next step.
    """

    fate: Fate
    what: str
    why: str


class Rule(str, Enum):
    """How a scheduler takes the two days a year on which the clocks are changed, and two restricted days at once."""

    DEBIAN = "debian"  # once on either, for what stands at a fixed time; a day that begins with * restricts the other
    ROBFIG = (
        "robfig"  # not at all in the hour that is left out, twice in the one that comes twice (Kubernetes, Go)
    )
    SYSTEMD = "systemd"  # at the end of the hour that is left out, once in the one that comes twice


@dataclass(frozen=True)
class When:
    """
    The instants at which a job runs.

    :param expressions: cron's five fields, each; together they are all of its times.
    :param zone: name of the time zone that they are in; the machine's when None.
    """

    expressions: tuple[str, ...]
    zone: str | None = None
    rule: Rule = Rule.DEBIAN


@dataclass(frozen=True)
class Place:
    """
    Where a job stands.

    :param line: its first line, from 1; 0 for the file as a whole.
    :param text: the line, as it stands there.
    """

    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Container:
    """
    A container that a job runs.

    :param env_files: paths of files of variables.
    :param options: further arguments of a ScriptDockerOperator, by name.
    """

    image: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    env_files: tuple[str, ...] = ()
    options: Mapping[str, str | float] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Job:
    """
    One job of one scheduler.

    :param name: what its scheduler calls it; empty where it has no name.
    :param command: the line that a shell is given; empty for a container.
    :param shell: whether a shell reads the command; else it is words, as ``shlex`` reads them.
    :param stdin: what the command reads.
    :param folder: the folder that it starts in, where that is said.
    :param environment: the variables that it is given.
    :param env_files: files of variables that it is given.
    :param user: who it runs as, where that is said.
    :param mail_to: who gets what it prints, where anybody does.
    :param timeout: after how long it is ended.
    :param deadline: how late it may still start.
    :param catches_up: whether a time that was missed is made up for, once.
    :param overlaps: whether it may run beside itself.
    :param retries: how often it is tried again.
    :param comments: the comments right above it.
    :param notes: what the reader has to say of it.
    """

    place: Place
    when: When
    command: str = ""
    name: str = ""
    shell: bool = True
    stdin: str = ""
    folder: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    env_files: tuple[str, ...] = ()
    user: str = ""
    mail_to: tuple[str, ...] = ()
    timeout: timedelta | None = None
    deadline: timedelta | None = None
    catches_up: bool = False
    overlaps: bool = True
    retries: int | None = None
    container: Container | None = None
    comments: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    def noted(self, fate: Fate, what: str, why: str) -> Job:
        """Return the job with one more note."""
        return replace(self, notes=(*self.notes, Note(fate, what, why)))


class LineError(ValueError):
    """A line that can't be imported. Its text is the reason, with what to do instead, and becomes a :class:`Refusal`'s."""


@dataclass(frozen=True)
class Refusal:
    """A line, or a job, that is not imported: the reason, with what to do instead."""

    place: Place
    reason: str
