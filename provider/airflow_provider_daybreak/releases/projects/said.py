"""What one file says of the project that a source is: its name, its commands, where its packages lie."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Points = dict[str, dict[str, str]]
"""Entry points: by group, then by name, what each is."""


@dataclass(frozen=True)
class Said:
    """
    What one file says of a project.

    :param version: its version, or "" where something else knows it.
    :param version_in: where its version is: ``attr:`` or ``file:``, and a module's attribute or paths.
    :param requires: what it needs, as its metadata lists that.
    :param points: its entry points, commands among them.
    :param files: paths of programs of its own that are commands too.
    :param roots: folders that its packages lie in; "" is the project's own.
    :param folders: folders of packages that are called otherwise, by package.
    :param build: what only a build of it would make, or "".
    :param is_package: whether it is one that tools install, and not a folder of scripts alone.
    """

    name: str = ""
    version: str = ""
    version_in: str = ""
    summary: str = ""
    python: str = ""
    requires: tuple[str, ...] = ()
    points: Points = field(default_factory=dict)
    files: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    folders: Mapping[str, str] = field(default_factory=dict)
    build: str = ""
    is_package: bool = False

    def filled_by(self, other: Said) -> Said:
        """Return this with what the other says where this says nothing."""
        return Said(**{one.name: getattr(self, one.name) or getattr(other, one.name) for one in fields(self)})
