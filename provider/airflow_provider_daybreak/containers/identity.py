"""Whose container it is, so that a retry finds it and a second one can't be made."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LABEL = "daybreak"
"""Prefix of every label that Daybreak sets."""


@dataclass(frozen=True)
class Identity:
    """
    The task that a container does the work of. All tries of one task in one run share it.

    :param scope: what tells one Airflow from another on the same engine.
    :param map_index: index of a mapped task; -1 when it isn't mapped.
    """

    scope: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    @property
    def digest(self) -> str:
        """64 hexadecimal digits that no other task in no other run has."""
        return digest(self.scope, self.dag_id, self.run_id, self.task_id, self.map_index)

    @property
    def name(self) -> str:
        """
        Name of the container, the same for every try.

        An engine gives a name once, so the name is the lock that keeps two containers from existing.
        """
        return f"daybreak-{_slug(self.dag_id)}-{_slug(self.task_id)}-{self.digest[:12]}"

    def labels(self, *, work: str, try_number: int) -> dict[str, str]:
        """
        Return the labels of the container.

        :param work: digest of what it is to do: a container that does something else is not taken over.
        :param try_number: the try that made it.
        """
        return {
            f"{LABEL}.identity": self.digest,
            f"{LABEL}.dag_id": self.dag_id,
            f"{LABEL}.run_id": self.run_id,
            f"{LABEL}.task_id": self.task_id,
            f"{LABEL}.map_index": str(self.map_index),
            f"{LABEL}.try_number": str(try_number),
            f"{LABEL}.work": work,
        }

    def made(self, labels: Mapping[str, str] | None) -> bool:
        """Whether a container with these labels is one of this task."""
        return (labels or {}).get(f"{LABEL}.identity") == self.digest


def digest(*parts: object) -> str:
    """Return the SHA-256 of the parts, as 64 hexadecimal digits. What JSON can't say is said as text."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _slug(text: str, length: int = 40) -> str:
    """Return the text in the characters that names of containers and images may have."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:length].strip("-") or "x"
