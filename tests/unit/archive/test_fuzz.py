# ruff: noqa: PTH102, PTH103, PTH109, PTH118, PTH211, DTZ011 - paths here are no text, or longer than one may be
"""Whatever lies in an archive, or stands where a name should: an error of ours, or an answer."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO

import pytest

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import Archive, Manifest
from airflow_provider_daybreak.archive.find import find_revisions
from airflow_provider_daybreak.archive.prune import prune
from airflow_provider_daybreak.archive.verify import verify
from airflow_provider_daybreak.delivery.audit import deliveries
from airflow_provider_daybreak.exceptions import DaybreakError
from tests.fuzz import cases, told
from tests.mail import draft

pytestmark = pytest.mark.attack("bytes that nobody would write")

DAY = date(2026, 3, 29)
NAMES = ("charts/", "report.html", "manifest.json", "claim.json", "..", ".", "/", "a" * 250, "ü" * 120)


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path / "reports")


def read(archive):
    """Ask for all that commands, pages and tasks ask for."""
    for each in archive.revisions():
        assert each.manifest.period["name"]
        json.dumps(each.manifest.to_dict())
        assert sum(each.manifest.rows.values()) is not None
    list(verify(archive))
    list(deliveries(archive, since=DAY, until=DAY))
    list(prune(archive, before=date.today() + timedelta(days=1), dry_run=True))
    with suppress(DaybreakError):
        archive.latest("daily_report", DAY, "day:2026-03-29:UTC")


def test_a_manifest_of_any_bytes_is_read_or_said_to_be_none(archive):
    revision = archive.publish(draft())
    path = revision.folder / "manifest.json"
    whole = json.loads(path.read_bytes())
    for fuzz in cases("manifest", 250):
        content = fuzz.file(whole)
        path.write_bytes(content)
        with told(content):
            read(archive)
            with suppress(DaybreakError):
                Manifest.from_json(content, uri="file:///x")
            with suppress(DaybreakError):
                found = archive.open(revision.uri)
                for file in found.files:
                    with suppress(DaybreakError):
                        found.read(file.name)


def test_a_claim_an_owner_and_what_pruning_left_may_be_any_bytes(archive):
    revision = archive.publish(draft())
    claim = json.loads((revision.folder / "claim.json").read_bytes())
    (revision.folder / "manifest.json").unlink()
    owner = archive.root / "daily_report" / "owner.json"
    for fuzz in cases("claim", 100):
        written = fuzz.file({**claim, "pruned": {"keep": None}}), fuzz.file({"dag_id": "d"})
        (revision.folder / "claim.json").write_bytes(written[0])
        owner.write_bytes(written[1])
        with told(written):
            read(archive)
            with suppress(DaybreakError):
                archive.owner("daily_report")
            with suppress(DaybreakError):
                archive.publish(draft(text=str(fuzz.random())))


def test_names_and_keys_are_taken_or_refused(archive):
    archive.publish(draft())
    for fuzz in cases("names", 400):
        name = fuzz.text(NAMES, 3)
        with told(name):
            for ask in (
                lambda name=name: archive.store_artifact(name, BytesIO(b"x")),
                lambda name=name: archive.open(f"{archive.uri}/{name}"),
                lambda name=name: archive.latest(name, DAY),
                lambda name=name: list(archive.revisions(name)),
                lambda name=name: list(find_revisions(archive, name, report_date=DAY)),
                lambda name=name: draft(files=[replace(draft().files[0], name=name)]),
                lambda fuzz=fuzz: list(find_revisions(archive, fuzz.json(), report_date=DAY)),
            ):
                with suppress(DaybreakError):
                    ask()
    assert {each.name for each in archive.root.parent.iterdir()} == {"reports"}


def test_an_artifact_may_be_called_as_a_manifest(archive):
    artifact = archive.store_artifact("manifest.json", BytesIO(b"{}"))

    assert artifact.uri.endswith("/manifest.json")
    read(archive)


STRANGE = (
    b"\xff\xfe",
    b"2026",
    b"r0001",
    b"r9999999999999999999",
    b"deliveries",
    b"\xed\xa0\x80",
    "٢٠٢٦".encode(),
    b"0000",
    b"13",
    b"daily_report",
    b"manifest.json",
    b"claim.json",
    b"owner.json",
    b"0" * 64,
    b"commit.0",
    b"prepared.json",
    b"outcome.0.json",
    b"index.jsonl",
)


def test_folders_links_and_names_that_are_no_text_are_left_alone(archive):
    revision = archive.publish(draft())
    day = revision.folder.parent
    places = [
        archive.root,
        day.parents[2],
        day.parents[1],
        day.parents[0],
        day,
        day / "deliveries",
        revision.folder,
    ]
    (day / "deliveries" / ("1" * 64)).mkdir(parents=True)
    places.append(day / "deliveries" / ("1" * 64))
    for fuzz in cases("folders", 120):
        place, name = fuzz.choice(places), fuzz.choice(STRANGE)
        path = os.path.join(os.fsencode(place), name)
        kind = fuzz.randrange(4)
        with suppress(OSError):
            if kind == 0:
                os.mkdir(path)
            elif kind == 1:
                os.symlink(name, path)
            elif kind == 2:
                os.symlink(os.fsencode(place), path)
            else:
                os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        with told((place, name, kind)):
            read(archive)
            with suppress(DaybreakError):
                archive.owner("daily_report")
            with suppress(DaybreakError):
                archive.publish(draft(text="Other\n"))
    assert archive.revision("daily_report", DAY, 1).read("report.html")


def test_twelve_hundred_folders_are_not_too_deep(archive):
    revision = archive.publish(draft())
    here = os.getcwd()
    try:
        os.chdir(revision.folder.parent)
        for name in ["deliveries", *["d" * 10] * 1200]:
            os.makedirs(name, exist_ok=True)
            os.chdir(name)
        os.chdir(here)
        read(archive)
        assert storage.files_below(archive.root)
        assert archive.publish(draft(text="Other\n")).number == 2
    finally:
        os.chdir(here)
        subprocess.run(
            ["rm", "-rf", revision.folder.parent / "deliveries"], check=True
        )  # pytest would not get so deep
