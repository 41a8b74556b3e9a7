from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from airflow.cli import cli_parser

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.cli.local_run import find_task
from tests.mail import draft


@pytest.fixture
def dags(tmp_path):
    folder = tmp_path / "dags"
    folder.mkdir()
    return folder


@pytest.fixture
def new(capsys, dags, tmp_path, monkeypatch):
    """Return a function that runs ``airflow daybreak new`` and returns what it printed, on either stream."""
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "reports").as_uri())
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))

    def run(*words, folder=dags):
        args = cli_parser.get_parser().parse_args(["daybreak", "new", *words, "--folder", str(folder)])
        capsys.readouterr()
        with suppress(SystemExit):
            args.func(args)
        printed = capsys.readouterr()
        return printed.out + printed.err

    return run


@pytest.mark.parametrize(
    ("example", "task_id", "dag_ids"),
    [
        ("daily_report", "render_report", ["sales"]),
        ("sql", "render_report", ["sales_day", "sales_week"]),
        ("script", "run_script", ["sales"]),
        ("container", "summarise_sales", ["sales"]),
    ],
)
def test_all_that_it_writes_is_called_by_the_name(new, dags, example, task_id, dag_ids):
    facts = json.loads(new("sales", "--from", example, "--output", "json"))

    assert facts["dags"] == dag_ids
    for dag_id in dag_ids:
        dag = find_task(dags / "sales.py", task_id, dag_id).dag
        for task in dag.tasks:
            named = [
                getattr(task, field)
                for field in ("name", "report")
                if isinstance(getattr(task, field, None), str)
            ]
            assert set(named) <= {dag_id}
    text = (dags / "sales.py").read_text()
    assert not any(
        name in text for name in ("daily_report", "flights_day", "script_as_it_is", "container_example")
    )


def test_airflow_takes_nothing_in_the_folder_for_a_dag(new, dags):
    from airflow.dag_processing.dagbag import DagBag

    new("sales")

    bag = DagBag(dag_folder=str(dags), safe_mode=False)
    assert (bag.import_errors, set(bag.dags)) == ({}, {"sales"})


def test_it_says_where_it_is_and_what_comes_next(new, dags):
    printed = new("sales")

    assert printed.startswith(f"{dags / 'sales.py'}\n{dags / 'sales'}/\n")
    assert f"airflow daybreak preview {dags / 'sales.py'} render_report --date 2026-03-29" in printed
    assert "  switch on:  airflow dags unpause sales\n" in printed
    assert "  run it now: airflow dags trigger sales\n" in printed
    assert "Airflow looks for new Dag files every 300 seconds" in printed


def test_a_dag_without_a_schedule_is_not_only_switched_on(new):
    assert "airflow dags trigger sums" in new("sums", "--from", "container")


@pytest.mark.parametrize("there", ["sales.py", "sales/notes.txt"])
def test_nothing_that_is_there_is_touched(new, dags, there):
    path = dags / there
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")

    assert "The name 'sales' is taken" in new("sales")
    assert path.read_text() == "mine"
    assert sorted(one.relative_to(dags) for one in dags.rglob("*") if one.is_file()) == [Path(there)]


def test_a_name_whose_report_is_another_dags_is_taken(new, dags, tmp_path):
    Archive(tmp_path / "reports").publish(draft(report="sales"))

    assert "the report 'sales' is there, of the Dag 'd'" in new("sales")
    assert list(dags.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("daily_report",), "the example 'daily_report' is called so"),
        (("flights", "--from", "sql"), "the example 'flights_day' is called so"),
        (("My Sales",), "Invalid name 'My Sales': expected 1 to 64 of a-z"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_the_reason(new, dags, words, message):
    assert message in new(*words)
    assert list(dags.iterdir()) == []


def test_a_folder_that_is_not_there_is_said_so(new, tmp_path):
    assert "Invalid --folder" in new("sales", folder=tmp_path / "nowhere")


def test_a_disk_without_room_is_said_once_not_for_each_file(new, dags, monkeypatch):
    full = [(name, name, f"[Errno 28] No space left on device: '{name}'") for name in ("a", "c")]

    def copytree(*_, **__):
        raise shutil.Error(full)

    monkeypatch.setattr("shutil.copytree", copytree)

    said = f"'{dags}': expected one that this user can write, with room ([Errno 28] No space left on device: 'a').\n"
    assert new("sales").endswith(said)
    assert list(dags.iterdir()) == []
