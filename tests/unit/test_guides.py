"""What the tutorials and how-tos show works: their files, their Dags, their commands."""

from __future__ import annotations

import ast
import json
import re
import shlex
import sqlite3
from argparse import Namespace
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
from airflow.sdk import DAG, Connection
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable
from pendulum import timezone

from airflow_provider_daybreak.cli.dag_checks.check import check_dags
from airflow_provider_daybreak.cli.dag_checks.parsing import Limits
from airflow_provider_daybreak.cli.importing.command import import_jobs
from airflow_provider_daybreak.cli.preview import preview
from airflow_provider_daybreak.context.package_index import index_of
from airflow_provider_daybreak.context.smtp import mail_settings

ROOT = Path(__file__).parents[2]
GUIDES = sorted(path for kind in ("tutorials", "how-to") for path in (ROOT / "docs").rglob(f"{kind}/*.md"))
BLOCK = re.compile(r"(?:^`([\w./-]+)`[^\n]*:\n\n)?^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OTHERS = {"sudo", "make", "pip", "sqlite3", "export", "crontab", "cp", "chmod", "kubectl", "helm", "git"}
"""Programs that guides call and that are not ours."""


def name_of(path):
    return str(path.relative_to(ROOT / "docs"))


def tutorial(name):
    return (ROOT / "docs" / "tutorials" / name).read_text(encoding="utf-8")


def write_files(text, folder):
    """Write the files that a page names, and return them by what it calls them."""
    files = {name: block for name, _, block in BLOCK.findall(text) if name}
    for name, block in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(block, encoding="utf-8")
    return files


def codes():
    for path in GUIDES:
        for number, (_, language, code) in enumerate(BLOCK.findall(path.read_text(encoding="utf-8"))):
            if language == "python":
                yield pytest.param(path, code, id=f"{name_of(path)}-{number}")


@pytest.mark.parametrize(("path", "code"), codes())
def test_the_python_of_a_guide_runs(path, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    compiled = compile(code, name_of(path), "exec")
    if "smtplib" in code:  # a script as it is in cron, which would mail
        return
    names = {"__file__": str(tmp_path / "dags" / "of_a_guide.py")}

    exec(compiled, names)

    if "DAG(" in code:
        assert all(dag.task_dict for dag in names.values() if isinstance(dag, DAG))


@cache
def parser():
    from airflow.cli.cli_parser import get_parser

    return get_parser()


def commands():
    for path in GUIDES:
        for _, language, block in BLOCK.findall(path.read_text(encoding="utf-8")):
            if language in ("bash", "console"):
                quoted = re.sub(r"'[^']*'", lambda text: text[0].replace("\n", " "), block)
                for line in quoted.splitlines():
                    words = shlex.split(line.removeprefix("$ "), comments=True)
                    while words and re.match(r"[A-Z_]+=", words[0]):
                        words = words[1:]
                    if words:
                        yield pytest.param(words, id=f"{name_of(path)}: {' '.join(words)[:60]}")


@pytest.mark.parametrize("words", commands())
def test_a_command_of_a_guide_is_one_that_there_is(words):
    program = Path(words[0]).name
    if program == "daybreak":
        words = ["airflow", *words]
        words[1] = "daybreak"
    elif program != "airflow":
        assert program in OTHERS, f"no command of ours, and not in OTHERS: {program}"
        return

    assert parser().parse_args(words[1:]).func


def test_the_weekly_workbook_of_the_tutorial_is_rendered(tmp_path, monkeypatch, capsys):
    text = tutorial("monday-workbook.md")
    write_files(text, tmp_path)
    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("shop.db") as database:
        database.executescript(Path("load.sql").read_text())
    monkeypatch.setenv("AIRFLOW_CONN_SHOP", re.search(r"AIRFLOW_CONN_SHOP='(.*)'", text)[1])
    template = Path("dags/weekly_sales.md.j2")
    [notice] = [
        block for _, language, block in BLOCK.findall(tutorial("first-report.md")) if language == "jinja"
    ]
    template.write_text(template.read_text() + "\n" + notice)

    preview(
        Namespace(
            dag_file="dags/weekly_sales.py", task_id="render_report", date="2026-03-30", out="preview", data=None,
            params=None, watch=False, dag=None, verbose=False, output="table",
        )
    )  # fmt: skip

    capsys.readouterr()
    said = Path("preview/report.txt").read_text()
    assert "€540" in said
    assert re.search(r"Days with sales\W+3\b", said)
    assert "for Monday, March 30, 2026" in said.replace("*", "")
    assert Path("preview/report.xlsx").stat().st_size > 1000


def test_the_crontab_of_the_tutorial_becomes_the_files_that_it_names(tmp_path, monkeypatch):
    [crontab] = [block for _, language, block in BLOCK.findall(tutorial("crontab.md")) if language == "crontab"]
    monkeypatch.chdir(tmp_path)
    Path("crontab").write_text(crontab)

    import_jobs(
        Namespace(
            files=["crontab"], out="dags", timezone="Europe/Paris", kind=None, user_column=False,
            dry_run=False, check=False, output="text", verbose=False,
        )
    )  # fmt: skip

    assert {path.name for path in Path("dags").iterdir()} >= {"stock.py", "IMPORT.md"}
    assert "is_paused_upon_creation=True" in Path("dags/stock.py").read_text()


@pytest.mark.parametrize("name", ["your-script.md", "monday-workbook.md"])
def test_the_dag_of_a_tutorial_passes_the_check_that_it_has_its_reader_call(name, tmp_path):
    write_files(tutorial(name), tmp_path)

    result = check_dags(tmp_path / "dags", Limits(seconds=60))

    assert (result.findings, result.dags) == ((), 1)


def test_the_broken_dag_of_the_tutorial_is_found_as_it_says(tmp_path):
    write_files(tutorial("pipeline.md"), tmp_path)

    found = check_dags(tmp_path / "dags", Limits(seconds=60)).findings

    assert [(one.path.name, one.line, one.rule) for one in found] == [("broken.py", 3, "schedule-zone")]


def quoted():
    text = (ROOT / "docs" / "how-to" / "troubleshooting.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([^|]+)` \|", text, re.MULTILINE)


@cache
def said_by_tests():
    paths = [*(ROOT / "tests").rglob("*.py"), ROOT / "tests" / "unit" / "cli" / "mistakes.txt"]
    return "".join(path.read_text(encoding="utf-8") for path in paths if path != Path(__file__))


@cache
def said_by_errors():
    """Return what error classes say, with what is each error's own left out."""
    sources = (ROOT / "provider" / "airflow_provider_daybreak" / "exceptions").glob("*.py")
    nodes = [node for path in sources for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    texts = [node.values for node in nodes if isinstance(node, ast.JoinedStr)]
    return "\n".join("".join(one.value for one in text if isinstance(one, ast.Constant)) for text in texts)


@pytest.mark.parametrize("error", quoted())
def test_an_error_that_the_page_of_troubles_quotes_is_said_in_these_words(error):
    assert error in said_by_tests() or error in said_by_errors()


def connections():
    for path in GUIDES:
        for name, value in re.findall(
            r"AIRFLOW_CONN_(\w+)='(.*?)'", path.read_text(encoding="utf-8"), re.DOTALL
        ):
            yield pytest.param(name, value, id=f"{name_of(path)}-{json.loads(value).get('host', name)}")


@pytest.mark.parametrize(("name", "value"), connections())
def test_a_connection_of_a_guide_is_one_that_works(name, value, monkeypatch):
    monkeypatch.setattr("airflow_provider_daybreak.context.smtp._granted_token", lambda *_: "a token")
    connection = Connection.from_json(value, conn_id=name.lower())

    if connection.conn_type == "smtp":
        settings = mail_settings(connection, name=connection.conn_id)
        assert settings.sender.addr_spec == "reports@example.org"
        is_implicit = settings.server.port == 465
        assert settings.server.security == ("tls" if is_implicit else "starttls")
    elif connection.conn_type == "package_index":
        monkeypatch.setenv(f"AIRFLOW_CONN_{name}", value)
        assert index_of(connection.conn_id).url.startswith("https://packages.example.org/")
    else:
        assert connection.conn_type in ("sqlite", "aws")


@pytest.mark.parametrize("row", re.findall(r"^\| `([\d *]+)` \| at ([\d:]+) \| at ([\d:]+)", "".join(
    path.read_text(encoding="utf-8") for path in GUIDES if path.name == "time-zones.md"), re.MULTILINE))  # fmt: skip
def test_a_schedule_runs_on_the_days_of_changed_clocks_as_the_guide_says(row):
    expression, *times = row
    timetable = CronTriggerTimetable(expression, timezone="Europe/Berlin")

    for day, shown in zip((datetime(2026, 3, 29), datetime(2026, 10, 25)), times, strict=True):  # noqa: DTZ001 - of the zone below
        start = timezone("Europe/Berlin").convert(day)
        info = timetable.next_dagrun_info(
            last_automated_data_interval=None, restriction=TimeRestriction(start, None, catchup=True)
        )
        assert f"{info.run_after.in_timezone('Europe/Berlin'):HH:mm}" == shown
