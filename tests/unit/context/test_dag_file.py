"""A Dag stands in one file: a copy whose id stayed is refused, and a file that moved goes on."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_daybreak.context.dag_file import check_only_file
from airflow_provider_daybreak.exceptions import DagInTwoFilesError, ManifestUnreadableError

DAG = "from airflow.sdk import DAG\nwith DAG({!r}, schedule=None):\n    pass\n"


@pytest.fixture
def bundles(tmp_path, monkeypatch):
    """Two folders of Dags, each a bundle, and an archive."""
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "reports").as_uri())
    classpath = "airflow.dag_processing.bundles.local.LocalDagBundle"
    found = {name: tmp_path / name for name in ("live", "mine")}
    for folder in found.values():
        folder.mkdir()
    configured = [
        {"name": name, "classpath": classpath, "kwargs": {"path": str(folder)}}
        for name, folder in found.items()
    ]
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps(configured))
    return found


@pytest.fixture
def check(bundles, make_context):
    """Return a function that checks a run of a Dag in a file of a bundle, which it writes where there is none."""

    def run(bundle, name, dag_id="sales", text=DAG):
        path = bundles[bundle] / name
        if not path.exists():
            path.write_text(text.format(dag_id))
        context = make_context(dag_id=dag_id, fileloc=str(path))
        context["ti"].bundle_instance = SimpleNamespace(name=bundle, path=bundles[bundle])
        check_only_file(context)
        return path

    return run


@pytest.mark.parametrize("bundle", ["live", "mine"])
def test_a_copy_whose_id_stayed_is_refused_and_what_ran_first_goes_on(check, bundle):
    live = check("live", "sales.py")

    with pytest.raises(DagInTwoFilesError) as refused:
        check(bundle, "copied.py")

    sentence = str(refused.value)
    assert sentence.startswith("The Dag 'sales' stands in two files")
    assert f"{str(live)!r}, which ran first" in sentence
    assert "Give its Dag a name of its own in that file" in sentence
    check("live", "sales.py")


@pytest.mark.parametrize("bundle", ["live", "mine"])
def test_a_file_that_was_moved_goes_on_and_its_former_place_is_free(check, bundle):
    before = check("live", "sales.py")
    before.unlink()

    after = check(bundle, "moved.py")

    with pytest.raises(DagInTwoFilesError, match=f"{after}', which ran first"):
        check("live", "sales.py")


@pytest.mark.parametrize("text", [DAG.format("another"), "import no_such_module\n", "not Python ("])
def test_a_dag_that_moved_out_of_a_file_that_stays_goes_on(check, text):
    check("live", "sales.py").write_text(text)

    check("live", "of_its_own.py")


def test_a_copy_with_another_id_is_a_dag_of_its_own(check):
    check("live", "sales.py")

    check("live", "copied.py", dag_id="copied")


def test_a_bundle_that_is_no_more_has_no_file(check, monkeypatch):
    check("live", "sales.py")
    monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", "[]")

    check("mine", "sales.py")


def test_a_run_that_airflow_does_not_know_is_not_looked_at(make_context, bundles):
    check_only_file(make_context(fileloc="/dags/sales.py"))

    assert not (bundles["live"].parent / "reports").exists()


@pytest.mark.parametrize("dag_id", ["a.b-c_1", "größe", "d" * 250, "é" * 200])
def test_a_dag_of_any_id_is_remembered(check, dag_id):
    check("live", "sales.py", dag_id=dag_id)

    with pytest.raises(DagInTwoFilesError):
        check("live", "copied.py", dag_id=dag_id)


def test_what_is_remembered_and_was_damaged_says_what_to_do(check, bundles):
    check("live", "sales.py")
    [memory] = Path(bundles["live"].parent, "reports", "_dags").iterdir()
    memory.write_text("{")

    with pytest.raises(ManifestUnreadableError, match="it names no file of a Dag; remove it"):
        check("live", "sales.py")
