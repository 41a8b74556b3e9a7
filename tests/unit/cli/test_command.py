from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import Namespace

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from airflow_provider_daybreak.cli.command import command, print_result
from airflow_provider_daybreak.exceptions import RevisionNotFoundError


@pytest.fixture
def said(capsys):
    """Return a function that runs a command which ends with an error, and returns what it printed."""

    def run(error, *, verbose=False):
        @command
        def fail(_args):
            raise error

        with pytest.raises(SystemExit) as ended:
            fail(Namespace(verbose=verbose))
        assert ended.value.code == 1
        return capsys.readouterr().err

    return run


def test_an_error_of_another_library_is_one_line_that_says_how_to_see_more(said):
    assert said(KeyError("x\ny")) == "airflow daybreak: KeyError: 'x\\ny' (--verbose shows where)\n"


def test_a_file_that_cannot_be_opened_is_named(said):
    assert said(PermissionError(13, "Permission denied", "/a/b")) == (
        "airflow daybreak: /a/b: Permission denied. (--verbose shows where)\n"
    )


@pytest.mark.parametrize(
    ("url", "problem", "step"),
    [
        ("sqlite:///{}/none.db", "no such table: dag", "bring them to this version: airflow db migrate"),
        (
            "postgresql+psycopg2://ann:secret@127.0.0.1:9/airflow",
            "Connection refused",
            "Start it, or correct [database] sql_alchemy_conn",
        ),
    ],
    ids=["not migrated", "away"],
)
def test_airflows_database_that_cannot_be_asked_is_named_with_the_next_step(
    said, tmp_path, monkeypatch, url, problem, step
):
    url = url.format(tmp_path)
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", url)
    with pytest.raises(OperationalError) as failed, create_engine(url).connect() as database:
        database.execute(text("SELECT * FROM dag"))

    printed = said(failed.value)

    shown = url.replace("secret", "***")
    assert printed.startswith(f"airflow daybreak: Airflow's database {shown} can't be asked: ")
    assert problem in printed
    assert printed.endswith(f"{step}.\n")


def test_verbose_shows_where_an_error_of_another_library_is_from():
    @command
    def fail(_args):
        raise KeyError("x")

    with pytest.raises(KeyError):
        fail(Namespace(verbose=True))


@pytest.mark.parametrize(
    ("called", "name"),
    [
        ("/usr/bin/airflow", "airflow daybreak"),
        ("/usr/bin/daybreak", "daybreak"),
        ("/lib/airflow_provider_daybreak/__main__.py", "python -m airflow_provider_daybreak"),
    ],
)
def test_an_error_names_commands_as_the_program_was_called(said, monkeypatch, called, name):
    monkeypatch.setattr(sys, "argv", [called])

    printed = said(RevisionNotFoundError("file:///x"))

    assert printed.startswith(f"{name}: No revision at")
    assert f"`{name} reports list`" in printed


def test_a_full_disk_is_said_with_the_next_step(said):
    assert said(OSError(28, "No space left on device", "/a/b")) == (
        "airflow daybreak: The disk of /a/b is full. Make room, and call it again. (--verbose shows where)\n"
    )
    assert said(OSError(28, "No space left on device")).startswith("airflow daybreak: The disk is full.")


def test_ctrl_c_ends_a_command_without_a_word():
    @command
    def interrupted(_args):
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        interrupted(Namespace(verbose=False))
    assert ended.value.code == 130


PROGRAM = """
import json, os, signal, sys
from argparse import Namespace
from airflow_provider_daybreak.cli.command import command, print_result
{}
"""


PRESSES = """
import os, signal, sys
from airflow_provider_daybreak.__main__ import main

class Presses:
    def find_spec(self, *_):
        sys.meta_path.remove(self)
        os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Presses())
main()
"""


def run(code, **env):
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(code)],
        env={**os.environ, **env},
        capture_output=True,
        check=False,
    )


def test_ctrl_c_while_airflow_is_loaded_ends_the_program_without_a_traceback():
    done = subprocess.run([sys.executable, "-c", PRESSES], capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (130, b"")


def test_an_airflow_that_cannot_be_loaded_is_a_sentence_with_what_to_look_at(tmp_path):
    env = {**os.environ, "AIRFLOW_HOME": str(tmp_path / "50%")}

    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_daybreak", "check"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    [said] = done.stderr.splitlines()
    assert said.startswith("daybreak: Airflow cannot be loaded. AirflowConfigException: ")
    assert "whose name has to be without a %" in said


def test_what_a_locale_has_no_letters_for_is_printed_all_the_same():
    title = "Umsätze … مبيعات"

    done = run(
        f"command(lambda _: (print({title!r}), print_result('json', [{title!r}], '')))(Namespace(verbose=False))",
        PYTHONIOENCODING="ascii",
    )

    text, _, data = done.stdout.decode("ascii").partition("\n")
    assert (done.returncode, done.stderr) == (0, b"")
    assert text.startswith("Ums\\xe4tze")
    assert json.loads(data) == [title]


def test_a_table_shows_brackets_and_colons_as_they_are(capsys):
    print_result("table", [{"detail": "[daybreak] archive: 550 [AB12] at 10:star:10"}], "")

    assert "[daybreak] archive: 550 [AB12] at 10:star:10" in capsys.readouterr().out


IN_THE_UI = """
from airflow import settings
from airflow.models import Connection, import_all_models
from airflow.models.base import Base
from airflow.sdk import BaseHook

import_all_models()
Base.metadata.create_all(settings.engine)
with settings.Session() as session:
    session.add(Connection(conn_id="entered", conn_type="smtp", host="mail.example.org"))
    session.commit()
command(lambda _: print(BaseHook.get_connection("entered").host))(Namespace(verbose=False))
command(lambda _: BaseHook.get_connection("not_there"))(Namespace(verbose=False))
"""


def test_a_command_finds_the_connections_of_the_ui(tmp_path):
    done = run(IN_THE_UI, AIRFLOW_HOME=str(tmp_path))

    assert done.stdout.decode().endswith("mail.example.org\n"), done.stderr
    assert done.returncode == 1
    assert b"not_there" in done.stderr


def test_a_connection_that_the_database_was_not_asked_for_is_not_called_missing(tmp_path):
    (tmp_path / "airflow.db").touch()

    done = run(
        "from airflow_provider_daybreak.hooks.delivery import DeliveryHook\n"
        "command(lambda _: DeliveryHook().settings())(Namespace(verbose=False))",
        AIRFLOW_HOME=str(tmp_path),
    )

    assert b"can't be asked: no such table: connection. Make its tables" in done.stderr


def test_a_command_makes_no_database_where_there_is_none(tmp_path):
    done = run("command(lambda _: print('done'))(Namespace(verbose=False))", AIRFLOW_HOME=str(tmp_path))

    assert done.stdout.decode().endswith("done\n")
    assert not (tmp_path / "airflow.db").exists()
