"""What a source names is read in the source alone, and nothing of another file gets into a log."""

from __future__ import annotations

import os
import pickle
import traceback

import pytest

from airflow_provider_daybreak.exceptions import (
    DaybreakError,
    DotenvUnreadableError,
    RequirementRefusedError,
    RequirementsError,
)
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.requirements.declared import read_requirements
from airflow_provider_daybreak.releases.source import read_source

SECRET = "AIRFLOW__CORE__FERNET_KEY=canary-of-a-key"


@pytest.fixture
def foreign(tmp_path):
    """A file beside the source that the worker can read, and that no source may."""
    path = tmp_path / "foreign.txt"
    path.write_text(f"{SECRET}\n")
    return path


def refused(source, wanted="auto"):
    with pytest.raises((RequirementRefusedError, RequirementsError)) as caught:
        read_requirements(read_source(source), wanted)
    assert "canary" not in str(caught.value) + repr(caught.value) + str(vars(caught.value))
    assert "canary" not in "".join(traceback.format_exception(caught.value))
    assert "canary" not in str(pickle.loads(pickle.dumps(caught.value)))
    return str(caught.value)


@pytest.mark.attack("lines of requirements")
@pytest.mark.parametrize("option", ["-r", "-c"])
@pytest.mark.parametrize(
    "path", ["../foreign.txt", "{foreign}", "/proc/self/environ", "/dev/stdin", ".env", ".git/config", "lib"]
)
def test_an_include_leads_to_no_file_but_the_sources_own(folder, foreign, option, path):
    source = folder(
        report_py="", lib__a_py="", requirements_txt=f"attrs\n{option} {path.format(foreign=foreign)}\n"
    )
    (source / ".env").write_text(SECRET)
    (source / ".git").mkdir()
    (source / ".git" / "config").write_text(SECRET)

    assert "line 2): there is no file of that path in the source" in refused(source)


def test_an_include_of_an_include_leads_nowhere_else_either(folder, foreign):
    source = folder(report_py="", requirements_txt="-r more/base.txt\n", more__base_txt=f"-r {foreign}\n")

    said = refused(source)

    assert "base.txt' line 1: there is no file of that path in the source" in said
    assert str(foreign) not in said


@pytest.mark.attack("lines of requirements")
@pytest.mark.parametrize(
    "text", [SECRET, "--find-links canary", "canary canary", "--index-url canary", "canary @ x"]
)
def test_a_line_of_an_included_file_is_named_and_never_quoted(folder, text):
    source = folder(report_py="", requirements_txt="-r base.txt\n", base_txt=f"attrs\n{text}\n")

    assert refused(source).startswith(f"Cannot deploy '{source / 'base.txt'}' line 2: ")


@pytest.mark.parametrize("name", ["requirements.txt", "uv.lock", "pylock.toml", "pyproject.toml", "Pipfile"])
def test_a_link_to_the_dotenv_is_not_read_as_requirements(folder, name):
    source = folder(report_py="")
    (source / ".env").write_text(SECRET)
    (source / name).symlink_to(".env")

    assert read_requirements(read_source(source)).kind == "none"
    assert "there is no such file in the source" in refused(source, name)


@pytest.mark.attack("lines of requirements")
@pytest.mark.parametrize("wanted", ["../foreign.txt", "/proc/self/environ", ".env", "link.txt", "pipe"])
def test_the_requirements_that_are_named_lie_in_the_source(folder, foreign, wanted):
    source = folder(report_py="")
    (source / ".env").write_text(SECRET)
    read = read_source(source)
    (source / "link.txt").symlink_to(foreign)
    os.mkfifo(source / "pipe")

    with pytest.raises(RequirementsError, match="there is no such file in the source") as caught:
        read_requirements(read, wanted)

    assert "canary" not in str(caught.value)


def test_a_link_within_the_source_is_followed(folder):
    source = folder(report_py="", more__base_txt="attrs\n")
    (source / "requirements.txt").symlink_to("more/base.txt")

    assert [line.text for line in read_requirements(read_source(source)).lines] == ["attrs"]


def test_a_circle_of_links_is_no_file(folder):
    source = folder(report_py="", requirements_txt="-r a.txt\n")
    read = read_source(source)
    (source / "a.txt").symlink_to("b.txt")
    (source / "b.txt").symlink_to("a.txt")

    with pytest.raises(RequirementRefusedError, match="there is no file of that path"):
        read_requirements(read)


def test_a_dotenv_that_is_a_pipe_is_an_error_at_once(layout, folder, tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)

    with pytest.raises(DotenvUnreadableError, match="it is no regular file"):
        deploy(layout, Plan(folder(report_py=""), env_file=tmp_path / "pipe"))


def test_no_path_of_a_source_ends_in_an_error_of_pythons_own(folder):
    for path in ("a\\\0b.txt", "x" * 5000, "~root/x", "file:///etc/passwd", "https://example.com/r.txt", "."):
        source = folder(report_py="", requirements_txt=f"-r {path}\n")
        with pytest.raises(DaybreakError):
            read_requirements(read_source(source))
