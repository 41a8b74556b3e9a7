from __future__ import annotations

import email
import email.policy
import io
import json
import os
import sqlite3
import sys
import threading
import time
from argparse import Namespace

import pytest

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.cli.preview import preview
from tests.mail import draft

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
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "airflow" / "releases"))
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
        "output": "table",
        "out": str(dag_file.parent / "out"),
    }
    return Namespace(dag_file=str(dag_file), **{**given, **options})


def test_what_the_run_would_do_without_rows_is_said(dag_file, capsys):
    dag_file.write_text(DAG.replace('report="sales",', 'report="sales", when_empty="skip",'))
    (dag_file.parent / "report.md.j2").write_text("Nothing")

    preview(arguments(dag_file, data='{"sales": []}'))

    assert "No source has a row: the run would skip." in capsys.readouterr().err


def test_nothing_is_left_in_the_users_home_and_each_dag_has_its_folder(dag_file, capsys, monkeypatch):
    monkeypatch.chdir(dag_file.parent)

    preview(arguments(dag_file, out=None, output="json"))

    printed = capsys.readouterr().out
    facts = json.loads(printed[printed.index("{\n") :])  # after what Airflow logs to where the test reads
    assert facts["folder"] == str(dag_file.parent / "preview" / "sales" / "render_report")
    assert {"page.html", "mail.eml", "charts/sold.png"} <= set(facts["files"])
    assert (facts["title"], facts["remarks"]) == ("Sales of Rome", [])
    assert not (dag_file.parent / "home").exists()


def test_what_the_dags_own_code_prints_is_not_before_the_json(dag_file, capsys):
    text = DAG.replace("        return [", "        print('counted')\n        return [")
    dag_file.write_text(f"print('loaded')\n{text}")

    preview(arguments(dag_file, output="json"))

    printed = capsys.readouterr()
    assert "counted" not in printed.out
    assert "loaded" not in printed.out
    assert "counted" in printed.err


def test_a_date_that_the_title_says_is_not_said_again(dag_file, capsys):
    dag_file.write_text(DAG.replace("Sales of {{ params.place }}", "Sales of 29 March 2026"))

    preview(arguments(dag_file))

    printed = capsys.readouterr().out
    assert "Sales of 29 March 2026: Sunday · UTC\n" in printed
    assert printed.count("March") == 1


def test_a_person_sees_that_a_task_is_being_run(dag_file, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")

    preview(arguments(dag_file, output="json"))

    assert "Running count" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")  # it goes when the task has ended


def test_what_a_preview_before_has_written_and_this_one_has_not_is_removed(dag_file):
    out = dag_file.parent / "out"
    preview(arguments(dag_file))
    (out / "mine.txt").write_text("mine")
    (dag_file.parent / "report.md.j2").write_text("Nothing but words.")

    preview(arguments(dag_file))

    assert not (out / "charts" / "sold.png").exists()
    assert (out / "mine.txt").exists()


def test_what_previews_of_a_dag_deployed_that_nobody_looks_at_is_removed(dag_file):
    homes = dag_file.parent / "airflow" / "preview"
    for name, days in (("old", 31), ("new", 29)):
        (homes / name / "releases").mkdir(parents=True)
        os.utime(homes / name, times=(time.time() - days * 86_400,) * 2)

    preview(arguments(dag_file))

    assert sorted(path.name for path in homes.iterdir()) == ["new", "sales"]


def test_a_deploy_that_fails_is_a_sentence(dag_file, capsys):
    imports = (
        "from airflow_provider_daybreak.operators.venv import VenvDeployOperator\n"
        "from airflow_provider_daybreak.reports.sources import ScriptSource\n"
    )
    deploy = "deploy = VenvDeployOperator(task_id='deploy', name='sales', source='/nowhere')"
    dag = DAG.replace("@task", f"{deploy}\n\n    @task").replace(
        "count()}", "ScriptSource(deploy.output, ['x.py'])}"
    )
    dag_file.write_text(imports + dag)

    with pytest.raises(SystemExit):
        preview(arguments(dag_file))

    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith(("No ", "Running "))]
    assert len(lines) == 1
    assert lines[0].startswith("airflow daybreak: ")
    assert "/nowhere" in lines[0]


def test_a_copy_is_told_that_its_run_would_be_refused(dag_file, capsys, monkeypatch):
    archive = Archive(dag_file.parent / "archive")
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", archive.uri)
    archive.publish(draft("sales"))

    preview(arguments(dag_file))
    said = capsys.readouterr().err
    dag_file.write_text(DAG.replace('report="sales",', 'report="sales", take_over="d",'))
    preview(arguments(dag_file))

    assert "The run would be refused: The report 'sales' belongs to the Dag 'd', and 'sales' would" in said
    assert "refused" not in capsys.readouterr().err
    assert archive.owner("sales") == "d"


@pytest.mark.parametrize(
    ("dag", "options", "message"),
    [
        (DAG, {"data": '{"salse": []}'}, "name in --data 'salse': expected a name of the report's data: sales"),
        (DAG.replace('report="sales",', 'report="sales", formats=("docx",),'), {}, "formats 'docx'"),
    ],
)
def test_what_the_run_would_refuse_is_refused(dag_file, capsys, dag, options, message):
    dag_file.write_text(dag)

    with pytest.raises(SystemExit):
        preview(arguments(dag_file, **options))

    assert message in capsys.readouterr().err


def test_a_dag_that_no_variable_holds_is_found_as_airflow_does(dag_file, capsys):
    dag_file.write_text(DAG.replace(" as dag:", ":"))

    preview(arguments(dag_file))

    assert "report.html" in capsys.readouterr().out


def test_the_date_is_that_of_the_schedules_zone(dag_file):
    dag_file.write_text(
        DAG.replace("schedule=None", "schedule=CronTriggerTimetable('0 9 * * *', timezone='Pacific/Kiritimati')")
        .replace("\n", "\nfrom airflow.timetables.trigger import CronTriggerTimetable\n", 1)
    )  # fmt: skip

    preview(arguments(dag_file))

    assert "Of Mar 29, 2026." in (dag_file.parent / "out" / "report.txt").read_text()


@pytest.mark.pango
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
        ({"params": '{"city": 1}'}, "Invalid param 'city': expected one of place"),
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


@pytest.fixture
def watch(dag_file, monkeypatch):
    """Return a function that watches while files are saved, one after the other."""

    def run(*saves):
        waits, sleep = iter(saves), time.sleep

        def save_meanwhile(_):
            sleep(0.01)  # so that a save has a time of its own
            save = next(waits, None)
            if save is None:
                raise KeyboardInterrupt
            save()

        monkeypatch.setattr("airflow_provider_daybreak.cli.preview.time", Namespace(sleep=save_meanwhile))
        watcher = threading.Thread(target=preview, args=(arguments(dag_file, watch=True),))
        watcher.start()
        watcher.join(60)
        assert not watcher.is_alive()
        assert next(waits, None) is None

    return run


@pytest.fixture
def shop(tmp_path, dag_file, monkeypatch):
    """A Dag whose report is of a query in a file and of a function, which says that it was called."""
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE sales AS SELECT 'tea' AS item, 3 AS n UNION SELECT 'milk', 4")
    monkeypatch.setenv(
        "AIRFLOW_CONN_SHOP", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "shop.db")})
    )
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "sales.sql").write_text("SELECT item, n FROM sales ORDER BY n")
    dag_file.write_text(
        DAG.replace("def count", "def unused")
        .replace("with DAG", "def counted():\n    print('counted')\n    return [{'n': 1}]\n\nwith DAG")
        .replace(
            "import ReportOperator",
            "import ReportOperator\nfrom airflow_provider_daybreak.reports.sources import SqlSource",
        )
        .replace("count()", "SqlSource('queries/sales.sql', conn_id='shop'), 'counts': counted")
    )
    return dag_file


def test_watching_renders_at_each_save_and_survives_errors(dag_file, watch, capsys):
    template = dag_file.parent / "report.md.j2"

    watch(lambda: template.write_text("{{ broken\n"), lambda: template.write_text("Second.\n"))

    captured = capsys.readouterr()
    assert "Second." in (dag_file.parent / "out" / "report.txt").read_text()
    assert "Cannot render" in captured.err
    assert captured.err.count("Running count") == 1


def test_a_save_of_a_template_or_a_theme_does_not_read_the_data_again(shop, watch, capsys):
    folder = shop.parent

    watch(
        (folder / "shop.db").unlink,
        lambda: (folder / "report.md.j2").write_text("Again.\n\n{{ table(sales) }}\n"),
        lambda: (folder / "theme.toml").write_text('footer = "Ask the shop"\n'),
    )

    assert capsys.readouterr().out.count("counted") == 1
    assert "tea" in (folder / "out" / "report.txt").read_text()
    assert "Ask the shop" in (folder / "out" / "report.html").read_text()


def test_a_save_of_a_query_reads_the_data_again(shop, watch, capsys):
    query = shop.parent / "queries" / "sales.sql"

    watch(lambda: query.write_text("SELECT item, n FROM sales WHERE n > 3"))

    assert capsys.readouterr().out.count("counted") == 2
    assert "tea" not in (shop.parent / "out" / "report.txt").read_text()


def test_after_a_query_that_fails_any_save_reads_the_data_again(shop, watch, capsys):
    query = shop.parent / "queries" / "sales.sql"

    watch(
        lambda: query.write_text("SELECT item FROM nowhere"),
        lambda: (shop.parent / "report.md.j2").write_text("Again.\n"),
    )

    assert capsys.readouterr().err.count("no such table: nowhere") == 2
    assert "Again." not in (shop.parent / "out" / "report.txt").read_text()


@pytest.mark.parametrize("error", ["{}['amount']", "1 / 0", "sys.exit('no such shop')", "(lambda: {}['x'])()"])
def test_watching_shows_where_the_authors_code_failed_and_waits_for_its_next_save(shop, watch, capsys, error):
    whole = shop.read_text()
    broken = "import sys\n" + whole.replace("print('counted')", error)

    watch(lambda: shop.write_text(broken), lambda: shop.write_text(whole))

    captured = capsys.readouterr()
    assert captured.out.count("counted") == 2
    shown = captured.err.partition("an error in the code of the Dag:\n")[2].splitlines()
    assert shown[0].startswith(f'  File "{shop}", line ')
    assert shown[0].endswith(", in counted")
    assert shown[1].strip() == error


def test_watching_sees_a_save_within_the_second_that_is_as_long_as_the_one_before(shop, watch, capsys):
    whole = shop.read_text()

    watch(
        lambda: shop.write_text(whole.replace("counted')", "Counted')")),
        lambda: shop.write_text(whole.replace("counted')", "COUNTED')")),
    )

    said = capsys.readouterr().out
    assert [said.count(word) for word in ("counted", "Counted", "COUNTED")] == [1, 1, 1]


def test_watching_survives_a_file_that_is_gone_for_a_moment(shop, watch, capsys):
    whole = shop.read_text()
    template = shop.parent / "report.md.j2"

    watch(shop.unlink, lambda: shop.write_text(whole), template.unlink, lambda: template.write_text("Back.\n"))

    assert "Back." in (shop.parent / "out" / "report.txt").read_text()
    assert "no such file" in capsys.readouterr().err


@pytest.mark.pango
def test_a_preview_leaves_nothing_but_its_files(dag_file):
    preview(arguments(dag_file))

    out = dag_file.parent / "out"
    assert sorted(path.name for path in out.iterdir()) == [
        "charts",
        "data",
        "mail.eml",
        "page.html",
        "report.html",
        "report.pdf",
        "report.txt",
        "report.xlsx",
    ]
