"""Which version of its Dag a deploy belongs to, so that a run of last month does not make last month's code current."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class DagVersion:
    """
    The version that Airflow keeps a run at, where its bundle has versions.

    :param dag_id: the Dag.
    :param run_id: the run.
    :param id: UUID of the Dag's version. It begins with the time it was made at (RFC 9562 §5.7).
    :param bundle_version: version of the bundle, such as a commit: of two with one, the code is the same.
    :param since: ISO time with offset: when the run got its version, as near as is known.
    """

    dag_id: str
    run_id: str
    id: str
    bundle_version: str
    since: str

    def older_than(self, other: DagVersion) -> bool:
        """
        Return whether this is code from before the other's.

        A Dag's version stays the same while its tasks do. Of two bundle versions in it, that of the later run
        is the newer one: no order of their own can be known.
        """
        if self.dag_id != other.dag_id or self.bundle_version == other.bundle_version:
            return False
        if self.id != other.id:
            return UUID(self.id).int < UUID(other.id).int
        earlier = datetime.fromisoformat(self.since) < datetime.fromisoformat(other.since)
        return earlier and self.run_id != other.run_id

    def entry(self) -> dict[str, str]:
        """Return it as a history holds it."""
        return asdict(self)


def newest_in(entries: Sequence[Mapping[str, Any]]) -> DagVersion | None:
    """Return the version of the last deploy that had one, or None."""
    for entry in reversed(entries):
        facts = entry.get("dag")
        if isinstance(facts, dict) and facts.keys() == DagVersion.__dataclass_fields__.keys():
            return DagVersion(**facts)
    return None
