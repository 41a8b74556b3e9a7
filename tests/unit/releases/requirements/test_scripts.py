"""Scripts that say themselves what they need, wherever in the source: those that a Dag runs."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.declared import read_requirements
from airflow_provider_daybreak.releases.source import read_source

SCRIPT = "# /// script\n# requires-python = '>=3.{}'\n# dependencies = ['{}']\n# ///\n"


@pytest.fixture
def read(tmp_path):
    """Return a function that reads what a source with these scripts asks for, each named by what it needs."""

    def read_scripts(scripts, commands=(), wanted="auto"):
        for name, needed in {"plain.py": "", "run.sh": "", **scripts}.items():
            path = tmp_path / "source" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(SCRIPT.format(len(needed), needed) if needed else "print(1)\n")
            path.chmod(0o644 if path.suffix else 0o755)
        return read_requirements(read_source(tmp_path / "source"), wanted, commands)

    return read_scripts


def texts(requirements):
    return [line.text for line in requirements.lines]


@pytest.mark.parametrize("name", ["daily.py", "jobs/daily.py", "a/b/c/daily.py", "jobs/daily"])
def test_the_only_script_that_says_what_it_needs_is_found_at_any_depth(read, name):
    assert texts(read({name: "attrs"})) == ["attrs"]


TWO = {"jobs/daily.py": "attrs", "jobs/weekly.py": "idna", "tools/__main__.py": "yarl"}


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        (["jobs/daily.py", "--verbose"], ["attrs"]),
        (["./jobs/weekly.py"], ["idna"]),
        ("python -u jobs/weekly.py --x", ["idna"]),
        (["python", "jobs/daily.py"], ["attrs"]),
        (["-m", "tools"], ["yarl"]),
        (["-m", "jobs.daily"], ["attrs"]),
        (["bash", "-c", "cd . && python jobs/weekly.py | tail -1"], ["idna"]),
        (["bash", "-c", "python 'jobs/weekly.py"], []),
        (["plain.py"], []),
    ],
)
def test_of_several_scripts_the_one_counts_that_a_command_runs(read, command, needed):
    if needed or command == ["plain.py"]:
        assert texts(read(TWO, [command])) == needed
    else:
        with pytest.raises(
            RequirementsError, match="jobs/weekly.py, tools/__main__.py has metadata too. Name one"
        ):
            read(TWO, [command])


def test_what_no_command_runs_is_told(read, caplog):
    caplog.set_level(logging.INFO)

    assert read({"tools/x.py": "attrs"}, [["plain.py"]]).kind == "none"
    assert "No command of the Dag runs tools/x.py" in caplog.text


def test_what_a_shell_script_runs_nobody_knows_so_the_only_one_counts(read):
    assert texts(read({"tools/x.py": "attrs"}, [["run.sh"], ["plain.py"]])) == ["attrs"]


def test_scripts_that_are_run_in_one_release_are_installed_together(read):
    found = read(TWO, [["jobs/daily.py"], ["jobs/weekly.py"]])

    assert texts(found) == ["attrs", "idna"]
    assert found.requires_python == ">=3.5,>=3.4"


def test_scripts_of_which_one_has_settings_of_its_own_are_deployed_apart(read, tmp_path):
    read(TWO, [["jobs/daily.py"]])
    path = tmp_path / "source" / "jobs" / "monthly.py"
    path.write_text(
        "# /// script\n# dependencies = ['h2']\n# [tool.uv]\n# exclude-newer = '2026-01-01'\n# ///\n"
    )

    with pytest.raises(RequirementsError, match="another one than that of .*daily.py'.* Deploy them apart"):
        read({}, [["jobs/daily.py"], ["jobs/monthly.py"]])


def test_an_example_counts_where_it_is_what_is_run(read):
    scripts = {"examples/x.py": "attrs"}

    assert texts(read(scripts)) == []
    assert texts(read(scripts, [["examples/x.py"]])) == ["attrs"]


def test_a_script_without_a_suffix_may_be_named(read):
    assert texts(read({"jobs/daily": "attrs"}, wanted="jobs/daily")) == ["attrs"]
