"""The changelog is one file that branches add to without getting into each other's way."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from airflow_provider_daybreak import __version__

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
HEADING = re.compile(r"^## (\S+) \((unreleased|\d{4}-\d{2}-\d{2})\)$", re.MULTILINE)
ENTRY = re.compile(r"^- (.+(?:\n  .+)*)", re.MULTILINE)


def test_its_first_heading_is_the_version_that_is_here():
    assert HEADING.search(TEXT)[1] == __version__
    assert TEXT.count("(unreleased)") <= 1


def test_it_has_entries_alone_each_once():
    below = HEADING.split(TEXT)[3]
    entries = ENTRY.findall(below)

    assert ENTRY.sub("", below).strip() == ""
    assert len(entries) > 50
    assert [one for one in set(entries) if entries.count(one) > 1] == []


@pytest.fixture
def repository(tmp_path):
    """Return a function that runs git in a repository with this changelog, and with what is said here of its merges."""

    def git(*words):
        done = subprocess.run(
            ["git", "-c", "user.name=ann", "-c", "user.email=ann@example.org", *words],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    git("init", "--quiet", "--initial-branch", "main")
    for name in (".gitattributes", "CHANGELOG.md"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    git("add", ".")
    git("commit", "--quiet", "--message", "Begin")
    return git


def test_branches_that_each_add_an_entry_merge_without_a_conflict(repository, tmp_path):
    for name in ("one", "other"):
        repository("checkout", "--quiet", "-b", name, "main")
        with (tmp_path / "CHANGELOG.md").open("a") as file:
            file.write(f"- The entry of {name}.\n")
        repository("commit", "--quiet", "--all", "--message", name)

    repository("merge", "--quiet", "one")

    merged = (tmp_path / "CHANGELOG.md").read_text()
    assert sorted(merged.removeprefix(TEXT).splitlines()) == ["- The entry of one.", "- The entry of other."]
