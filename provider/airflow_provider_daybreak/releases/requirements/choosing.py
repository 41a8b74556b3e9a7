"""How packages are chosen where a source says more than their names: from which index, and which versions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow_provider_daybreak.releases.requirements.lines import Line

PYPI = "https://pypi.org/simple"
STRATEGIES = ("first-index", "unsafe-first-match", "unsafe-best-match")


@dataclass(frozen=True)
class NamedIndex:
    """
    An index beside the default one.

    :param url: its address, without credentials.
    :param name: what the source calls it, or "".
    :param explicit: whether nothing comes from it but what is said to.
    """

    url: str
    name: str = ""
    explicit: bool = False


@dataclass(frozen=True)
class FromIndex:
    """
    The index that a package is taken from.

    :param package: its canonical name.
    :param marker: when this holds, as an environment marker, or "".
    """

    package: str
    url: str
    marker: str = ""


@dataclass(frozen=True)
class Choosing:
    """
    What a source says of how packages are chosen, beside what it needs.

    :param indexes: those beside the default one, the first to ask first.
    :param sources: which package is from which of them.
    :param strategy: which versions count where several indexes have a package, as uv calls it, or "".
    :param prerelease: when versions before a release count, as uv calls it, or "".
    :param resolution: whether the highest or the lowest versions are taken, as uv calls it, or "".
    :param constraints: what narrows versions.
    :param overrides: what goes before all that packages ask for.
    :param wheels: packages that must not be built.
    :param built: packages that must be built of their source.
    """

    indexes: tuple[NamedIndex, ...] = ()
    sources: tuple[FromIndex, ...] = ()
    strategy: str = ""
    prerelease: str = ""
    resolution: str = ""
    constraints: tuple[Line, ...] = ()
    overrides: tuple[Line, ...] = ()
    wheels: tuple[str, ...] = ()
    built: tuple[str, ...] = ()

    @property
    def facts(self) -> str:
        """All of it as text, or "" where a source says nothing of that."""
        if self == AS_USUAL:
            return ""
        lines = [[f"{line.text}{line.options}" for line in some] for some in (self.constraints, self.overrides)]
        named = [(one.url, one.explicit) for one in self.indexes]
        chosen = [(one.package, one.url, one.marker) for one in self.sources]
        others = [self.strategy, self.prerelease, self.resolution, self.wheels, self.built]
        return repr([named, chosen, lines, others])


AS_USUAL = Choosing()
"""What is so where a source says nothing of it."""
