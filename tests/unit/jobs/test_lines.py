"""Lines of crontabs as people write them, each with the job that it is: what lines.txt says below each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_provider_daybreak.jobs.command import understand
from airflow_provider_daybreak.jobs.crontab import read_crontab
from airflow_provider_daybreak.jobs.job import Fate, LineError, Refusal
from airflow_provider_daybreak.jobs.secrets import hidden, without_secrets

FILE = Path(__file__).with_name("lines.txt")
SIGNS = {Fate.KEPT: "=", Fate.ADAPTED: "~", Fate.REFUSED: "!"}


def blocks():
    """Yield each crontab of the file, and the lines that are expected of it."""
    for block in FILE.read_text().strip().split("\n\n"):
        lines = block.splitlines()
        yield (
            "\n".join(line for line in lines if not line.startswith("    ")),
            [line for line in lines if line.startswith("    ")],
        )


def told(text):
    """Return what a crontab comes to, a line for each fact."""
    said = []
    for found in read_crontab(text, "crontab"):
        if isinstance(found, Refusal):
            said += [f"refused: {found.reason}"]
            continue
        try:
            task, secrets = without_secrets(understand(found))
        except LineError as error:
            said += [f"refused: {error}"]
            continue
        said += [f"{found.when.expressions[0]} {found.when.zone or ''}".rstrip()]
        container = task.container
        facts = {
            "runs": list(task.command),
            "shell": task.shell,
            "image": container and [container.image, *container.command],
            "in": task.folder,
            "script": "" if task.script in task.command else task.script,
            "python": task.python,
            "venv": task.venv,
            "env": {name: value for name, value in task.environment.items() if name != "HOME"},
            "container env": container and dict(container.environment),
            "options": container and dict(container.options),
            "files": list(task.env_files) + list(container.env_files if container else ()),
            "secrets": secrets,
            "as": " ".join(filter(None, [found.user, task.run_as])),
            "timeout": str(task.timeout or ""),
            "ping": task.ping,
            "mails": task.mails,
            "mail to": list(found.mail_to),
        }
        said += [f"  {name}: {value}".replace("\n", "\\n") for name, value in facts.items() if value]
        said += ["  one at a time"] * (not task.overlaps)
        said += [f"  {SIGNS[note.fate]} {hidden(note.what, secrets)}" for note in (*found.notes, *task.notes)]
    return [f"    {line}" for line in said]


@pytest.fixture(autouse=True)
def _home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")


@pytest.mark.parametrize(("text", "expected"), [pytest.param(*block, id=block[0][:60]) for block in blocks()])
def test_a_line_is_the_job_that_its_author_meant(text, expected):
    assert told(text) == expected


def test_there_are_lines_of_all_sorts():
    assert len(list(blocks())) >= 100


if os.environ.get("DAYBREAK_GOLDEN"):  # writes down what is, to be read before it is kept
    os.environ["HOME"] = "/home/ann"
    FILE.write_text("\n\n".join("\n".join([text, *told(text)]) for text, _ in blocks()) + "\n")
