"""A script whose mail is kept: what it is, and what became of it and its mail."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from airflow_provider_daybreak.delivery.relay import Relay
from airflow_provider_daybreak.releases.layout import ID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from airflow_provider_daybreak.archive import Revision
    from airflow_provider_daybreak.context.run import Run
    from airflow_provider_daybreak.delivery.approval import Question
    from airflow_provider_daybreak.delivery.contained_mail import ContainedMail, HostMail
    from airflow_provider_daybreak.delivery.intake import Limits
    from airflow_provider_daybreak.delivery.sender import Summary
    from airflow_provider_daybreak.reports.period import Period


class Ended(TypedDict):
    """
    How a script ended well: what it was, what it returned and pushed as XComs, and whose mail the relay refused.

    It lies with the mails, so that a later try of the task can deliver them without running the script again.
    """

    release: str
    command: list[str]
    value: Any
    xcoms: dict[str, Any]
    refused: dict[str, str]


@dataclass(frozen=True)
class Script:
    """
    A script whose mail is kept.

    :param release: id of its release.
    :param name: what the release was deployed under.
    :param command: program and arguments.
    :param run: the run that it is for.
    :param period: the time that it reports on.
    :param given: variables that it would see otherwise.
    :param users: ids of the users whose programs may mail.
    :param relay: returns what takes its mail in, given a folder for messages and what to take.
    :param execute: runs it with further variables, and returns its output and what it pushed as XComs.
    """

    release: str
    name: str
    command: Sequence[str]
    run: Run
    period: Period
    execute: Callable[[Mapping[str, str], Mapping[str, str]], tuple[Any, dict[str, Any]]] = field(repr=False)
    given: Mapping[str, str] = field(default_factory=dict, repr=False)
    users: Sequence[int] = ()
    relay: Callable[[Path, Limits], Relay | ContainedMail | HostMail] = Relay

    @property
    def releases(self) -> dict[str, str]:
        """Its release by name; none of a container, which has an image."""
        return {self.name: self.release} if ID.fullmatch(self.release) else {}


@dataclass(frozen=True)
class Mailed:
    """
    What became of a script and its mail.

    :param report: slug of the report that it is archived as.
    :param ended: how the script ended.
    :param revision: what it mailed, or None when that was nothing.
    :param summary: what became of the mails.
    :param question: what there is to approve before they are sent.
    :param nothing: why nobody has got anything, where somebody was to; empty otherwise.
    :param again: whether an earlier try had run the script, and this one only delivered.
    """

    report: str
    report_date: date
    ended: Ended
    revision: Revision | None
    summary: Summary
    question: Question | None = None
    nothing: str = ""
    again: bool = False
