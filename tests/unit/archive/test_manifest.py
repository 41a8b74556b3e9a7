"""Each fact of what an archive holds as JSON, with each wrong type of JSON in its place: read, or an error of ours."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import date, datetime, timedelta, timezone
from email.headerregistry import Address

import pytest

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.archive.prune import prune
from airflow_provider_daybreak.archive.verify import verify
from airflow_provider_daybreak.delivery.mailing import Mailing, ledger_of
from airflow_provider_daybreak.delivery.message import Message
from airflow_provider_daybreak.delivery.recipients import parse_recipients
from airflow_provider_daybreak.delivery.rules import Rules
from airflow_provider_daybreak.exceptions import DaybreakError, InvalidValueError, ManifestUnreadableError
from airflow_provider_daybreak.reports import snapshot
from airflow_provider_daybreak.reports.rows import Rows
from tests.mail import draft

DAY = date(2026, 3, 29)
NOW = datetime(2026, 3, 30, 7, tzinfo=timezone.utc)
WRONG = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "x",
    "2026-03-29",
    "\ud800",
    "\r\nBcc: x@example.org",
    [],
    [1],
    {},
    {"a": 1},
)


def places(value, path=()):
    """Yield the path of each fact, and of each that it holds."""
    if path:
        yield path
    for key, each in (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield from places(each, (*path, key))


def changed(facts, path, value):
    """Return the facts as JSON with another value at a path."""
    facts = json.loads(json.dumps(facts))
    *above, last = path
    inner = facts
    for key in above:
        inner = inner[key]
    inner[last] = value
    return json.dumps(facts)


def use(archive, uri):
    """Do all that is done with a revision: show it, find it, mail it, verify it, prune it, publish after it."""
    revision = archive.open(uri)
    list(archive.revisions())
    archive.latest("daily_report", DAY, "day:2026-03-29:UTC")
    json.dumps(revision.manifest.to_dict(), ensure_ascii=False).encode()
    message = Message(
        Address("", addr_spec="a@example.org"),
        revision.manifest.title,
        revision,
        recipients=parse_recipients("b@example.org"),
    )
    mailing = Mailing(message, ledger_of(archive, revision.manifest), rules=Rules(), run={}, now=NOW)
    mailing.shown()
    for mail in mailing.pending():
        chunks, size = mailing.render(mail, None)
        assert size == sum(map(len, chunks))


def test_any_fact_of_a_manifest_may_be_of_any_type(tmp_path):
    archive = Archive(tmp_path)
    revision = archive.publish(draft())
    path = revision.folder / "manifest.json"
    facts = json.loads(path.read_bytes())
    use(archive, revision.uri)
    refused = 0
    for place in places(facts):
        for value in WRONG:
            path.write_text(changed(facts, place, value))
            try:
                use(archive, revision.uri)
            except DaybreakError:
                refused += 1
            except Exception as error:
                raise AssertionError(f"{place} as {value!r}") from error
            list(verify(archive))
            list(prune(archive, before=date(2020, 1, 1) + timedelta(days=1), dry_run=True))
            with suppress(DaybreakError):
                archive.latest("daily_report", DAY)
    assert refused > 300


@pytest.mark.parametrize("bound", ["start", "end"])
@pytest.mark.parametrize("value", ["", "x", "2026-03-29", "2026-03-29T00:00:00", "2026-03-29T99:00:00+01:00"])
def test_a_period_that_ends_at_no_instant_is_an_error_that_says_so(tmp_path, bound, value):
    archive = Archive(tmp_path)
    revision = archive.publish(draft())
    path = revision.folder / "manifest.json"
    path.write_text(changed(json.loads(path.read_bytes()), ("period", bound), value))

    with pytest.raises(ManifestUnreadableError, match=f"{bound} of a period.*an ISO instant with its offset"):
        archive.open(revision.uri)
    with pytest.raises(InvalidValueError, match=f"{bound} of a period"):
        draft(**{bound: value})


@pytest.mark.parametrize("value", [each for each in WRONG if not isinstance(each, str) or not each])
def test_an_owner_that_is_no_dag_is_damaged_whatever_it_is(tmp_path, value):
    archive = Archive(tmp_path)
    archive.publish(draft())
    path = tmp_path / "daily_report" / "owner.json"

    for content in ({"dag_id": value}, value):
        path.write_text(json.dumps(content))
        with pytest.raises(ManifestUnreadableError, match="it names no Dag; remove it"):
            archive.owner("daily_report")


def test_any_fact_of_a_snapshot_may_be_of_any_type():
    row = {"n": 1, "day": DAY, "at": NOW, "took": timedelta(minutes=1), "tags": ["a", {"b": 1}]}
    kept = [
        snapshot.keep("sales", Rows.of([row], name="sales")).content,
        snapshot.keep("x", {"a": [1, row]}).content,
    ]
    for content in kept:
        lines = [json.loads(line) for line in content.decode().splitlines()]
        for place in places(lines):
            for value in WRONG:
                with suppress(DaybreakError):
                    restored = snapshot.restore(
                        "x", "\n".join(map(json.dumps, json.loads(changed(lines, place, value)))).encode()
                    )
                    repr(list(restored) if isinstance(restored, Rows) else restored)
