from __future__ import annotations

import threading
from dataclasses import replace
from datetime import date

import pytest
import time_machine

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.archive.prune import prune
from airflow_provider_daybreak.exceptions import ManifestUnreadableError, OwnedByAnotherDagError
from tests.mail import draft


def of(dag_id, **changes):
    made = draft(**changes)
    return replace(made, run={**made.run, "dag_id": dag_id})


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path)


def test_a_report_is_its_first_publishers(archive):
    archive.publish(of("almanac"))

    with pytest.raises(OwnedByAnotherDagError) as refused:
        archive.publish(of("copy", report_date=date(2026, 3, 30)))

    assert str(refused.value) == (
        "The report 'daily_report' belongs to the Dag 'almanac', and 'copy' would publish into it. Give the report a "
        "name of its own; or, where 'copy' is to go on with it, as after a Dag was renamed, say take_over='almanac' "
        "in the task."
    )
    assert len(list(archive.revisions())) == 1
    assert not archive.publish(of("almanac", title="Another")).existing


def test_what_is_there_already_is_refused_to_another_too(archive):
    archive.publish(of("almanac"))

    with pytest.raises(OwnedByAnotherDagError):
        archive.publish(of("copy"))


def test_a_renamed_dag_goes_on_with_its_report(archive, caplog):
    archive.publish(of("almanac"))

    for _ in range(2):  # it may stay in the Dag file
        archive.publish(of("renamed"), take_over="almanac")

    assert archive.owner("daily_report") == "renamed"
    assert caplog.messages == ["Report daily_report was Dag almanac's, and is Dag renamed's from now on"]
    with pytest.raises(OwnedByAnotherDagError):
        archive.publish(of("almanac"))


def test_what_a_copy_says_to_take_from_somebody_else_takes_nothing(archive):
    archive.publish(of("renamed"), take_over="almanac")

    with pytest.raises(OwnedByAnotherDagError):
        archive.publish(of("copy"), take_over="almanac")


def test_dags_that_name_each_other_share_a_report(archive):
    for dag_id, other in (("daily", "corrections"), ("corrections", "daily"), ("daily", "corrections")):
        archive.publish(of(dag_id, title=dag_id), take_over=other)

    assert [revision.manifest.run["dag_id"] for revision in archive.revisions()] == [
        "daily",
        "corrections",
        "daily",
    ]


def test_a_report_of_before_becomes_the_next_publishers(archive):
    archive.publish(of("almanac"))
    (archive.root / "daily_report" / "owner.json").unlink()

    archive.publish(of("almanac", title="Another"))

    assert archive.owner("daily_report") == "almanac"


def test_what_a_person_publishes_is_nobodys(archive):
    archive.publish(replace(draft(), run={}))

    assert archive.owner("daily_report") is None
    archive.publish(of("almanac"))


def test_of_many_first_publishers_one_wins(archive):
    gate, ended = threading.Barrier(8), []

    def publish(number):
        gate.wait()
        try:
            ended.append(archive.publish(of(f"dag_{number}", title=str(number))).manifest.run["dag_id"])
        except OwnedByAnotherDagError as error:
            ended.append(error.owner)

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ended == [archive.owner("daily_report")] * 8
    assert len(list(archive.revisions())) == 1


def test_a_damaged_owner_says_what_to_do(archive):
    archive.publish(of("almanac"))
    (archive.root / "daily_report" / "owner.json").write_text("{")

    with pytest.raises(ManifestUnreadableError, match=r"owner\.json.*it names no Dag; remove it"):
        archive.publish(of("almanac"))


def test_a_pruned_report_keeps_its_owner(archive):
    with time_machine.travel("2026-04-01"):
        archive.publish(of("almanac"))

    list(prune(archive, before=date(2026, 6, 1)))

    assert list(archive.revisions()) == []
    with pytest.raises(OwnedByAnotherDagError):
        archive.publish(of("copy"))
