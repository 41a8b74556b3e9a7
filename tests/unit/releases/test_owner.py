from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import OwnedByAnotherDagError
from airflow_provider_daybreak.releases.deploy import Plan, deploy, roll_back
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.store import Store
from airflow_provider_daybreak.releases.switch import current_id, entries_of, new_entry, read_history


def test_a_name_is_its_first_deployers(layout, deployed):
    first = deployed("print(1)", dag_id="almanac").release

    with pytest.raises(OwnedByAnotherDagError) as refused:
        deployed("print(2)", dag_id="copy")

    assert str(refused.value).startswith(
        "The release 'daily_report' belongs to the Dag 'almanac', and 'copy' would publish into it. Give the release a"
    )
    assert current_id(layout) == first.id
    assert deployed("print(2)", dag_id="almanac").changed


def test_the_same_script_is_refused_to_another_dag_too(deployed):
    deployed(dag_id="almanac")

    with pytest.raises(OwnedByAnotherDagError):
        deployed(dag_id="copy")


@pytest.mark.parametrize("text", ["print('hello')\n", "print('changed')\n"])
def test_a_renamed_dag_goes_on_with_its_release(layout, deployed, text):
    deployed(dag_id="almanac")

    for _ in range(2):  # it may stay in the Dag file
        release = deployed(text, dag_id="renamed", take_over="almanac").release

    assert read_history(layout).owner == "renamed"
    assert current_id(layout) == release.id
    with pytest.raises(OwnedByAnotherDagError):
        deployed(text, dag_id="almanac")


def test_a_release_of_before_becomes_the_next_deployers(layout, deployed):
    first = deployed().release

    again = deployed(dag_id="almanac")
    deployed(dag_id="almanac")

    assert (again.release.id, again.changed) == (first.id, False)
    assert read_history(layout).owner == "almanac"
    assert len(entries_of(layout)) == 2


def test_people_deploy_and_roll_back_under_any_name_and_take_none(layout, deployed):
    deployed("print(1)", dag_id="almanac")
    deployed("print(2)")
    roll_back(layout)

    assert read_history(layout).owner == "almanac"
    with pytest.raises(OwnedByAnotherDagError):
        deployed("print(3)", dag_id="copy")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store" / "daily_report")


def test_workers_know_what_another_has_deployed(tmp_path, folder, store):
    plan = Plan(folder(report_py="print(1)"), dag_id="almanac")
    deploy(Layout(tmp_path / "one", "daily_report"), plan, store=store)

    with pytest.raises(OwnedByAnotherDagError):
        deploy(
            Layout(tmp_path / "two", "daily_report"),
            Plan(folder(report_py="print(2)"), dag_id="copy"),
            store=store,
        )


def test_of_first_deploys_on_two_workers_one_wins(layout, deployed, store, monkeypatch):
    release = deployed().release
    store.append(new_entry(layout, release.id, action="deploy", dag_id="almanac"))
    monkeypatch.setattr(Store, "_history", lambda _: [])  # as the other worker saw it before

    with pytest.raises(OwnedByAnotherDagError):
        store.append(new_entry(layout, release.id, action="deploy", dag_id="copy"))
