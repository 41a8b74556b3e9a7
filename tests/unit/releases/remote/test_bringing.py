from __future__ import annotations

import subprocess

import pytest

from airflow_provider_daybreak.releases.remote import bringing, program

UV = b'#!/bin/sh\nmkdir -p "$7/cpython/bin"; echo "$@" "$UV_PYTHON_INSTALL_MIRROR" > "$7/said"; exit ${CODE:-0}\n'


@pytest.fixture
def brought(monkeypatch, tmp_path):
    """Return a function that has a shell do what a host's does, with a program in place of uv."""
    monkeypatch.setattr(program, "uv_program", lambda: program.Program.of(UV))

    def bring(folder, mirror="", **variables):
        lines = "".join(f"{line}\n" for line in bringing.told("marker", folder, mirror))
        done = subprocess.run(
            ["/bin/sh", "-c", bringing.command()],
            input=lines.encode() + UV,
            capture_output=True,
            check=False,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **variables},
        )
        return [line for line in done.stdout.decode().split("\n") if line not in ("", ".")]

    return bring


def test_uv_installs_one_in_the_folder_and_is_sent_once(brought, tmp_path):
    assert brought("~/kept", "https://mirror.example/pythons") == ["marker", "need", "done"]
    assert brought("~/kept") == ["marker", "done"]
    assert f"--install-dir {tmp_path}/kept/python" in (tmp_path / "kept" / "python" / "said").read_text()
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0


def test_uv_that_does_not_arrive_whole_does_not_run(brought, monkeypatch, tmp_path):
    monkeypatch.setattr(program, "uv_program", lambda: program.Program(UV, "0" * 64))

    assert "uv did not arrive whole" in " ".join(brought("~/kept"))
    assert not list((tmp_path / "kept" / "uv").iterdir())


def test_what_uv_says_of_its_failure_is_told(brought):
    assert brought("~/kept", CODE="1")[:3] == ["marker", "need", "failed"]


def test_a_folder_that_others_may_write_to_is_refused(brought, tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)

    assert "others than its user may write" in " ".join(brought(str(tmp_path / "open")))


def test_the_command_has_one_pair_of_single_quotes_so_that_any_shell_reads_it_alike():
    said = bringing.command()

    assert said.count("'") == 2
    assert "\n" not in said
