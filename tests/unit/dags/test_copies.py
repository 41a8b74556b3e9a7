"""The examples are written to be copied: a copy is another Dag, report and release, and does nothing to the first."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from airflow_provider_daybreak.cli.local_run import find_task

DAGS = Path(__file__).parents[3] / "dags"


@pytest.fixture
def copied(tmp_path):
    """Return a function that copies an example and its folder under another name, and changes nothing in it."""

    def copy(example, name):
        shutil.copytree(DAGS / example, tmp_path / name)
        return shutil.copy(DAGS / f"{example}.py", tmp_path / f"{name}.py")

    return copy


def test_a_copy_of_the_daily_report_has_names_of_its_own(copied, tmp_path):
    dag = find_task(Path(copied("daily_report", "sales")), "render_report").dag

    deploy, report = dag.get_task("deploy"), dag.get_task("render_report")
    assert (dag.dag_id, deploy.name, report.report) == ("sales", "sales", "sales")
    for path in (deploy.source, report.template, dag.get_task("make_pdf").build.folder):
        assert Path(path).is_relative_to(tmp_path / "sales")


@pytest.mark.parametrize("name", ["trains_report", "trains"])
@pytest.mark.parametrize("period", ["day", "week"])
def test_a_copy_of_the_flights_has_names_of_its_own(copied, tmp_path, name, period):
    dag = find_task(Path(copied("flights_report", name)), "render_report", f"trains_{period}").dag

    deploy, report = dag.get_task("deploy"), dag.get_task("render_report")
    assert {dag.dag_id, deploy.name, report.report} == {f"trains_{period}"}
    for source in report.data.values():
        assert (tmp_path / source.sql).is_file()


def test_a_copy_of_the_container_has_names_of_its_own(copied):
    assert find_task(Path(copied("container_example", "stock")), "summarise_sales").dag.dag_id == "stock"


def test_a_copy_of_the_script_has_names_of_its_own(copied, tmp_path):
    dag = find_task(Path(copied("script_as_it_is", "stock")), "run_script").dag

    deploy = dag.get_task("deploy_script")
    assert (dag.dag_id, deploy.name, deploy.source) == ("stock", "stock", tmp_path / "stock")


def test_no_two_tasks_of_different_examples_have_one_name():
    found = {}
    for example, dag_ids in {"daily_report": [None], "flights_report": ["flights_day", "flights_week"]}.items():
        for dag_id in dag_ids:
            dag = find_task(DAGS / f"{example}.py", "render_report", dag_id).dag
            found[dag.dag_id] = (dag.get_task("deploy").name, dag.get_task("render_report").report)

    assert all(set(names) == {dag_id} for dag_id, names in found.items())


def test_what_stands_in_comments_in_the_daily_report_works_once_it_does_not(copied):
    path = Path(copied("daily_report", "sales"))
    path.write_text(re.sub(r"^( *)# (?=from |on_)", r"\1", path.read_text(), flags=re.MULTILINE))

    dag = find_task(path, "render_report").dag

    assert dag.has_on_failure_callback
    assert dag.has_on_success_callback
