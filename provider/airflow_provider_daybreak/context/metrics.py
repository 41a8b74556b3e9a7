"""Airflow's metrics of what became of reports, mails and environments: each name, and what it counts, once."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airflow_provider_daybreak.releases.layout import Layout

METRICS: Mapping[str, str] = {
    "daybreak.report.built": "Renderings of a report that ended well, whether or not there was one of the same content.",
    "daybreak.report.archived": "Revisions that came into the archive: new content, drafts and what scripts mailed.",
    "daybreak.mail.sent": "Mails that a server took.",
    "daybreak.mail.held": "Mails that were kept from their recipients: too late, a draft, or waiting for an approval.",
    "daybreak.mail.refused": "Mails that a server refused for good.",
    "daybreak.mail.in_doubt": "Mails that a server may or may not have taken.",
    "daybreak.mail.duplicate_prevented": "Mails that a retry, a clear or another run would have sent again.",
    "daybreak.environment.built": "Environments of releases that were built.",
    "daybreak.environment.reused": "Deploys whose environment was there already.",
}
"""By name. Those of reports and mails have the tag ``report``, those of environments ``name``."""


def count(metric: str, number: int = 1, **tags: str) -> None:
    """
    Count something for whatever Airflow's ``[metrics]`` section names, if anything.

    :param metric: one of :data:`METRICS`.
    :param number: how many more there are; none are not told.
    """
    if metric not in METRICS:
        raise KeyError(metric)
    if number:
        from airflow_provider_daybreak.version_compat import count_metric

        count_metric(metric, number, tags)


@contextmanager
def environments_counted(layout: Layout, *, reused: bool = False) -> Iterator[None]:
    """
    Count the environments of a script's releases that are built within the block.

    :param reused: whether a block that builds none counts as one that reused what was there.
    """
    before = _complete(layout)
    yield
    built = len(_complete(layout) - before)
    count("daybreak.environment.built", built, name=layout.name)
    count("daybreak.environment.reused", int(reused and not built), name=layout.name)


def _complete(layout: Layout) -> set[tuple[str, int, int]]:
    """Return the environments that are complete, each with what tells it from one that is built anew; none is read."""
    from airflow_provider_daybreak.releases.environments.environment import COMPLETE
    from airflow_provider_daybreak.releases.layout import ids_in

    found = set()
    for each in ids_in(layout.environments):
        with suppress(FileNotFoundError):
            written = (layout.environment(each) / COMPLETE).stat()
            found.add((each, written.st_ino, written.st_mtime_ns))
    return found


def count_mails(report: str, outcomes: Mapping[str, int]) -> None:
    """
    Count what became of a report's mails.

    :param outcomes: how many, by the last part of a metric's name.
    """
    for outcome, number in outcomes.items():
        count(f"daybreak.mail.{outcome}", number, report=report)
