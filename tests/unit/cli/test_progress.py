from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_daybreak.cli.progress import busy, watched


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_person_sees_how_far_it_is(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")

    assert list(watched([1, 2, 3], "Verifying")) == [1, 2, 3]
    with busy("Building"):
        pass

    assert "Verifying" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    assert "Building" in terminal.getvalue()


def test_another_program_sees_nothing_of_it(capsys):
    assert list(watched(iter("ab"), "Verifying")) == ["a", "b"]
    with busy("Building"):
        pass

    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("line", "offered"), [("daybreak rel", {"releases"}), ("daybreak new x --from s", {"sql", "script"})]
)
def test_the_shell_completes_commands_and_choices(tmp_path, line, offered):
    answer = tmp_path / "answer"
    env = os.environ | {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    subprocess.run([Path(sys.executable).with_name("daybreak")], env=env, capture_output=True, check=True)

    assert {one.strip() for one in answer.read_text().split("\x0b")} == offered
