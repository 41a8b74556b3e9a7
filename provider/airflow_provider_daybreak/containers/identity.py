"""Whose container it is, so that a retry finds it and a second one can't be made."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

LABEL = "daybreak"
"""Prefix of every label that Daybreak sets."""
MARK = f"{LABEL}.airflow"
"""Label that says which Airflow made it."""


class Task(NamedTuple):
    """
    One task of one run.

    :ivar map_index: -1 when it isn't mapped.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> Task | None:
        """Return the task that labels, or annotations, name, or None where they name none."""
        try:
            dag_id, run_id, task_id = (labels[f"{LABEL}.{part}"] for part in ("dag_id", "run_id", "task_id"))
            return cls(dag_id, run_id, task_id, int(labels[f"{LABEL}.map_index"]))
        except (KeyError, ValueError):
            return None


@dataclass(frozen=True)
class Identity:
    """
    The task that a container does the work of. All tries of one task in one run share it.

    :param scope: what tells one Airflow from another on the same engine.
    :param map_index: index of a mapped task; -1 when it isn't mapped.
    :param mark: what tells the Airflow that made the container from all others, also of the same scope; empty where
        that isn't known, and part of neither name nor digest.
    """

    scope: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    mark: str = ""

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
            **self.whose,
            f"{LABEL}.identity": self.digest,
            f"{LABEL}.try_number": str(try_number),
            f"{LABEL}.work": work,
        }

    @property
    def whose(self) -> dict[str, str]:
        """Labels by which a container is found, once its task has ended."""
        return {
            f"{LABEL}.dag_id": self.dag_id,
            f"{LABEL}.run_id": self.run_id,
            f"{LABEL}.task_id": self.task_id,
            f"{LABEL}.map_index": str(self.map_index),
            **({MARK: self.mark} if self.mark else {}),
        }

    @property
    def task(self) -> Task:
        """The task that all tries are of."""
        return Task(self.dag_id, self.run_id, self.task_id, self.map_index)

    def made(self, labels: Mapping[str, str] | None) -> bool:
        """Whether a container with these labels is one of this task."""
        return (labels or {}).get(f"{LABEL}.identity") == self.digest


def digest(*parts: object) -> str:
    """Return the SHA-256 of the parts, as 64 hexadecimal digits. What JSON can't say is said as text."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _slug(text: str, length: int = 40) -> str:
    """Return the text in the characters that names of containers and images may have."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:length].strip("-") or "x"
