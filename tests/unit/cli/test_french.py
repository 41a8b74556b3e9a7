"""The commands' help is French where its reader is, and says nothing less."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from airflow_provider_daybreak.cli import french, get_cli_commands

COMMON = {"--output", "--verbose"}


def texts(command):
    """Yield what a command and all below it say of themselves."""
    yield command.help
    if getattr(command, "description", None):
        yield command.description
    for each in getattr(command, "subcommands", ()):
        yield from texts(each)
    for argument in getattr(command, "args", ()):
        if not COMMON & set(argument.flags):
            yield argument.kwargs["help"]


def help_of(*words, **env):
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG"))}
    done = subprocess.run(
        [sys.executable, "-m", "airflow_provider_daybreak", *words, "--help"],
        env={**ours, "COLUMNS": "200", **env}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return " ".join(done.stdout.split())


def test_the_help_is_french_where_its_reader_is():
    assert "Renvoyer l'original archivé d'un rapport" in help_of(LANG="fr_FR.UTF-8", PYTHONUTF8="1")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LANG": "fr_CA.UTF-8"}, True),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "fr_FR.UTF-8"}, True),
        ({"LANG": "fr_FR.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, False),
        ({"LANG": "en_GB.UTF-8", "LANGUAGE": "fr:en"}, True),
        ({"LANG": ""}, False),
        ({}, False),
    ],
)
def test_the_language_is_what_programs_take_it_from(monkeypatch, variables, expected):
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert french.is_french() is expected


def test_three_of_four_texts_are_known_in_french(monkeypatch):
    """A new command waits for no translator; what lacks is named."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    said = set(texts(get_cli_commands()[0]))

    missing = sorted(text for text in said if french.translated(text) == text)
    assert len(missing) <= len(said) / 4, missing


@pytest.mark.parametrize(("english", "translated"), french.HELP.items())
def test_a_french_text_has_the_flags_and_the_figures_of_the_english_one(english, translated):
    def fixed(text):
        return sorted(re.findall(r"--[a-z-]+|\d[\d-]*|NAME\b|<[a-z]+>|/etc/crontab", text))

    assert fixed(translated) == fixed(english)
    translated.encode("latin-1")  # what a terminal without UTF-8 can show
