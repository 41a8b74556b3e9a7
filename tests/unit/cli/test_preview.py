from __future__ import annotations

import email
import email.policy
import threading
import time
from argparse import Namespace

import pytest

from airflow_provider_daybreak.cli.preview import preview

DAG = """
from airflow.sdk import DAG, task
from airflow_provider_daybreak.operators.report import ReportOperator

with DAG("sales", schedule=None, params={"place": "Rome"}) as dag:

    @task
    def count():
        return [{"item": "tea", "n": 3}, {"item": "=milk", "n": 4}]

    ReportOperator(
        task_id="render_report",
        report="sales",
        title="Sales of {{ params.place }}",
        template="report.md.j2",
        data={"sales": count()},
    )
"""
TEMPLATE = (
    "Of {{ report.date }}.\n\n{{ chart(sales, 'item', 'n', kind='bar', name='sold') }}\n\n{{ table(sales) }}\n"
)


@pytest.fixture
def dag_file(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "sales.py").write_text(DAG)
    (tmp_path / "report.md.j2").write_text(TEMPLATE)
    return tmp_path / "sales.py"


def arguments(dag_file, **options):
    given = {
        "task_id": "render_report",
        "date": "2026-03-29",
        "data": None,
        "params": None,
        "watch": False,
        "dag": None,
        "verbose": False,
    }
    return Namespace(dag_file=str(dag_file), out=str(dag_file.parent / "out"), **{**given, **options})


def test_a_dag_that_no_variable_holds_is_found_as_airflow_does(dag_file, capsys):
    dag_file.write_text(DAG.replace(" as dag:", ":"))

    preview(arguments(dag_file))

    assert "report.html" in capsys.readouterr().out


def test_all_formats_and_the_mail_are_written_and_named(dag_file, capsys):
    preview(arguments(dag_file))

    out = dag_file.parent / "out"
    said = capsys.readouterr().out
    for name in (
        "page.html",
        "report.html",
        "report.txt",
        "report.xlsx",
        "report.pdf",
        "data/sales.csv",
        "mail.eml",
    ):
        assert (out / name).stat().st_size > 0
        assert str(out / name) in said
    assert "Of Mar 29, 2026." in (out / "report.txt").read_text()


def test_the_mail_is_one_that_opens(dag_file):
    preview(arguments(dag_file))

    mail = email.message_from_bytes(
        (dag_file.parent / "out" / "mail.eml").read_bytes(), policy=email.policy.SMTP
    )
    assert mail["Subject"] == "Sales of Rome"
    types = [part.get_content_type() for part in mail.walk()]
    assert {"text/plain", "text/html", "image/png"} <= set(types)


def test_params_and_data_can_be_given(dag_file, capsys):
    preview(arguments(dag_file, params='{"place": "Oslo"}', data='{"sales": [{"item": "fish", "n": 1}]}'))

    captured = capsys.readouterr()
    assert "Sales of Oslo" in captured.out
    assert "Running" not in captured.err
    assert "fish" in (dag_file.parent / "out" / "report.txt").read_text()


def test_nothing_is_archived_where_reports_are(dag_file, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "archive").as_uri())

    preview(arguments(dag_file))

    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task_id": "nope"}, "it has no task 'nope'; expected one of count, render_report"),
        ({"dag": "nope"}, "it has no Dag 'nope'; expected one of sales"),
        ({"task_id": "count"}, "Invalid task 'count': expected that of a ReportOperator"),
        ({"date": "29.3."}, "Invalid --date '29.3.'"),
        ({"data": "[1]"}, "Invalid --data '[1]'"),
        ({"params": '{"city": 1}'}, "Invalid param 'city': expected one of the Dag's: place"),
    ],
)
def test_a_wrong_argument_is_one_sentence(dag_file, capsys, options, message):
    with pytest.raises(SystemExit) as caught:
        preview(arguments(dag_file, **options))

    assert caught.value.code == 1
    assert message in capsys.readouterr().err


def test_a_template_error_shows_the_line_and_points_at_the_column(dag_file, capsys):
    (dag_file.parent / "report.md.j2").write_text("Fine\n\nSold {{ slaes }}\n")

    with pytest.raises(SystemExit):
        preview(arguments(dag_file))

    assert (
        "line 3, column 9: 'slaes' is undefined; perhaps 'sales' is meant.\n    Sold {{ slaes }}\n            ^"
        in capsys.readouterr().err
    )


def test_a_dag_file_that_cannot_be_loaded_says_why(dag_file, capsys):
    dag_file.write_text("import no_such_module\n")

    with pytest.raises(SystemExit):
        preview(arguments(dag_file))

    assert "ModuleNotFoundError: No module named 'no_such_module'" in capsys.readouterr().err


def test_watching_renders_at_each_save_and_survives_errors(dag_file, capsys, monkeypatch):
    text = dag_file.parent / "out" / "report.txt"
    template = dag_file.parent / "report.md.j2"
    waits = iter(["{{ broken\n", "Second.\n"])
    sleep = time.sleep

    def save_meanwhile(_):
        sleep(0.01)  # so that a save has a time of its own
        change = next(waits, None)
        if change is None:
            raise KeyboardInterrupt
        template.write_text(change)

    monkeypatch.setattr("airflow_provider_daybreak.cli.preview.time", Namespace(sleep=save_meanwhile))

    watcher = threading.Thread(target=preview, args=(arguments(dag_file, watch=True),))
    watcher.start()
    watcher.join(60)

    captured = capsys.readouterr()
    assert "Second." in text.read_text()
    assert "Cannot render" in captured.err
    assert captured.err.count("Running count") == 1
