"""Which rows of the overview somebody asks for: by state, tag, owner and a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from airflow_provider_daybreak.overview.standing import OPEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow_provider_daybreak.hooks.row import Row

_LONGEST = 200  # characters of each: nobody searches for more


@dataclass(frozen=True)
class Filters:
    """What is asked for; an empty text asks for all."""

    state: str = ""
    tag: str = ""
    owner: str = ""
    q: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Filters:
        """Return what the query of an address asks for. What it does not know is left out."""
        return cls(**{name: query.get(name, "").strip()[:_LONGEST] for name in cls.__dataclass_fields__})

    def matching(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows that are asked for, of whatever state."""
        text = self.q.casefold()
        return [
            row
            for row in rows
            if (not self.tag or self.tag in row.tags)
            and (not self.owner or self.owner in _owners(row))
            and (not text or any(text in each.casefold() for each in (row.report, row.dag_id, _title(row))))
        ]

    def shown(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows of the state that is asked for."""
        if self.state == "open":
            return [row for row in rows if row.standing.state in OPEN]
        return [row for row in rows if not self.state or row.standing.state == self.state]

    def address(self, **changes: str) -> str:
        """Return the query of an address with changes."""
        given = {**vars(self), **changes}
        return urlencode({name: value for name, value in given.items() if value})


def choices(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """Return the tags and the owners that rows have."""
    return sorted({tag for row in rows for tag in row.tags}), sorted(
        {each for row in rows for each in _owners(row)}
    )


def _owners(row: Row) -> list[str]:
    return [each.strip() for each in row.owner.split(",") if each.strip()]


def _title(row: Row) -> str:
    return row.archived.title if row.archived else ""
