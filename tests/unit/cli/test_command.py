from __future__ import annotations

import sys
from argparse import Namespace

import pytest

from airflow_provider_daybreak.cli.command import command
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
