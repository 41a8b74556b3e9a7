"""
Shadow: a Dag that runs beside the job which it is to replace, and mails nobody, until it is cut over.

Whose mail a report date is stands in a file of the archive, a Dag each: the days from which, and up to which, the Dag
mails. It lies there, and not in Airflow's database, since whoever mails has the same archive or mails nothing: no worker,
command or restored database can overlook it. A day that was the old job's stays so for ever, so that no clear, backfill or
resending mails it a second time.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import layout
from airflow_provider_daybreak.exceptions import ShadowUnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_daybreak.storage import StoragePath

_SCHEMA = 1


@dataclass(frozen=True)
class Event:
    """
    What somebody did about a Dag's shadow.

    :param what: started, stopped, cut over, or taken back.
    :param at: when, an ISO instant.
    :param by: who.
    """

    what: str
    at: str
    by: str


@dataclass(frozen=True)
class Shadow:
    """
    Which report dates a Dag mails.

    :param live: ranges of report dates that are the Dag's: the first day, and the day before which it ends, which is None
        where it has not. All others are the old job's.
    :param events: what was done, in order.
    """

    dag_id: str
    live: tuple[tuple[date, date | None], ...] = ()
    events: tuple[Event, ...] = field(default=())

    @property
    def on(self) -> bool:
        """Whether the Dag mails nothing that comes now."""
        return self.live_from is None

    @property
    def live_from(self) -> date | None:
        """The report date from which the Dag mails, or None while it is in shadow."""
        return next((first for first, end in self.live if end is None), None)

    @property
    def since(self) -> str:
        """When the shadow was last started or taken up again, an ISO instant; nothing where it never was."""
        begun = [event.at for event in self.events if event.what in ("started", "taken back")]
        return begun[-1] if begun else ""

    @property
    def last(self) -> str:
        """What was done last."""
        return self.events[-1].what if self.events else ""

    def is_live(self, day: date) -> bool:
        """Return whether the mail of a report date is the Dag's to send."""
        return any(first <= day and (end is None or day < end) for first, end in self.live)

    def why_held(self, day: date) -> str:
        """Return why a report date's mail is not the Dag's to send; nothing where it is."""
        if self.is_live(day):
            return ""
        if self.on:
            return (
                f"shadow: the Dag {self.dag_id} runs beside the job that it is to replace, and mails nobody until "
                f"'airflow daybreak cutover {self.dag_id}'"
            )
        return (
            f"shadow: {day} was the old job's to mail; the Dag {self.dag_id} mails from {self.live_from} on, and earlier "
            "days only by 'airflow daybreak resend' to those whom --to names"
        )

    def begun(self, event: Event) -> Shadow:
        """Return it with the shadow begun, or stopped: what is live already stays so."""
        return replace(self, events=(*self.events, event))

    def cut_over(self, first: date, event: Event) -> Shadow:
        """
        Return it with the Dag mailing from a report date on.

        :param first: the first whose time came after the old job had ended.
        """
        if not self.on:
            return self
        return replace(self, live=(*self.live, (first, None)), events=(*self.events, event))

    def taken_back(self, first: date, event: Event) -> Shadow:
        """
        Return it with the old job mailing again.

        :param first: the first report date that the Dag no longer mails: one that came due before is still its own.
        """
        closed = ((begin, first if end is None else end) for begin, end in self.live)
        kept = tuple((begin, end) for begin, end in closed if end > begin)
        return replace(self, live=kept, events=(*self.events, event))


class Shadows:
    """
    The shadows of all Dags of one archive. Each is read once.

    :param root: the archive's folder.
    """

    def __init__(self, root: StoragePath) -> None:
        self._root = root
        self._known: dict[str, Shadow | None] = {}

    def of(self, dag_id: str) -> Shadow | None:
        """
        Return a Dag's, or None where it never had one.

        :raises ShadowUnreadableError: nobody can tell what it says, so that nothing may be mailed.
        """
        if dag_id not in self._known:
            self._known[dag_id] = self._read(layout.dag_name(dag_id))
        return self._known[dag_id]

    def all(self) -> list[Shadow]:
        """Return every Dag's, by its id."""
        found = map(self._read, storage.names(self._root / layout.SHADOWS))
        return sorted((each for each in found if each), key=lambda each: each.dag_id)

    def keep(self, shadow: Shadow) -> None:
        """Write one down. It holds for all that is mailed from then on."""
        path = self._root / layout.SHADOWS / layout.dag_name(shadow.dag_id)
        said = {
            "schema": _SCHEMA,
            "dag_id": shadow.dag_id,
            "live": [[str(first), str(end) if end else None] for first, end in shadow.live],
            "events": [vars(event) for event in shadow.events],
        }
        storage.write(path, (json.dumps(said, ensure_ascii=False, indent=1) + "\n").encode())
        storage.synchronise([path.parent])
        self._known[shadow.dag_id] = shadow

    def why_held(self, day: date, *makers: Mapping[str, Any]) -> str:
        """
        Return why a mail must not go out; nothing where it may.

        :param day: report date of the run that mails, or of the report.
        :param makers: the runs that have made and that mail it: either's Dag may be in shadow.
        """
        for dag_id in dict.fromkeys(str(maker["dag_id"]) for maker in makers if maker.get("dag_id")):
            shadow = self.of(dag_id)
            if shadow is not None and (why := shadow.why_held(day)):
                return why
        return ""

    def _read(self, name: str) -> Shadow | None:
        path = self._root / layout.SHADOWS / name
        try:
            said = json.loads(storage.read(path))
            live = tuple(
                (date.fromisoformat(first), date.fromisoformat(end) if end else None)
                for first, end in said["live"]
            )
            events = tuple(Event(str(e["what"]), str(e["at"]), str(e["by"])) for e in said["events"])
            return Shadow(str(said["dag_id"]), live, events)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise ShadowUnreadableError(storage.uri_of(path), str(error)) from error
        except OSError as error:
            if not storage.is_no_file(error):
                raise
            raise ShadowUnreadableError(storage.uri_of(path), "something else lies in its place") from error


def event(what: str, at: datetime, by: str) -> Event:
    """Return what somebody did at an instant, with its zone."""
    return Event(what, at.isoformat(timespec="seconds"), by)
