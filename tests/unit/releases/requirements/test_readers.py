"""Each way of saying what is needed is read as its own tool reads it, or refused with its line."""

from __future__ import annotations

import json
import logging

import pytest

from airflow_provider_daybreak.exceptions import RequirementRefusedError, RequirementsError
from airflow_provider_daybreak.releases.environments.lock import make_lock
from airflow_provider_daybreak.releases.requirements.declared import python_of
from airflow_provider_daybreak.releases.source import read_source

HASH = "sha256:" + "0" * 64


def texts(requirements):
    return [line.text for line in requirements.lines]


PROJECT = """\
[project]
name = "daily"
requires-python = ">=3.10"
dependencies = ["attrs>=23", "idna"]
[project.optional-dependencies]
pdf = ["weasyprint"]
[dependency-groups]
mail = ["yagmail", {include-group = "base"}]
base = ["certifi"]
"""


def test_a_projects_dependencies_are_read_and_its_extras_and_groups_where_they_are_chosen(read):
    found = read({"pyproject.toml": PROJECT})

    assert (texts(found), found.requires_python) == (["attrs>=23", "idna"], ">=3.10")
    assert found.lines[0].number == 4
    chosen = read({}, "pyproject.toml[PDF, mail]")
    assert texts(chosen) == ["attrs>=23", "idna", "weasyprint", "yagmail", "certifi"]
    assert chosen.digest != found.digest
    with pytest.raises(RequirementsError, match="no extra or group 'xls'. There are: base, mail, pdf"):
        read({}, "pyproject.toml[xls]")


def test_groups_alone_are_chosen_from(read):
    assert texts(
        read({"pyproject.toml": "[dependency-groups]\nmain = ['attrs']\n"}, "pyproject.toml[main]")
    ) == ["attrs"]


@pytest.mark.parametrize(
    "files",
    [
        {
            "base.txt": "attrs\n",
            "pyproject.toml": "[tool.setuptools.dynamic]\ndependencies = {file = ['base.txt']}\n",
        },
        {"setup.cfg": "[options]\ninstall_requires =\n  # why\n  attrs\n"},
        {"setup.py": "import setuptools\nNEEDS = ['attrs']\nsetuptools.setup(install_requires=NEEDS)\n"},
    ],
)
def test_dynamic_dependencies_are_read_where_they_stand_as_text(read, files):
    dynamic = "[project]\nname = 'a'\ndynamic = ['dependencies']\n"

    assert texts(read({**files, "pyproject.toml": dynamic + files.get("pyproject.toml", "")})) == ["attrs"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            "[tool.uv.sources]\nattrs = { index = 'own' }\n",
            r"'sources' in \[tool.uv\] counts with a lock alone",
        ),
        ("[tool.uv]\nconstraint-dependencies = ['idna<3']\n", "'constraint-dependencies' in"),
        ("[[tool.uv.index]]\nurl = 'https://a.example/simple'\n", "with two indexes"),
        ("[[tool.pdm.source]]\nurl = 'https://u:canary@a.example/simple'\n", "credentials stand in clear"),
    ],
)
def test_settings_of_a_project_without_a_lock_are_honoured_or_refused(read, settings, problem):
    with pytest.raises((RequirementsError, RequirementRefusedError), match=problem) as caught:
        read({"pyproject.toml": PROJECT + settings})

    assert "canary" not in str(caught.value)
    index = "[tool.uv]\nexclude-newer = '2026-03-29'\n[[tool.uv.index]]\nurl = 'https://a.example/simple'\ndefault = true\n"
    found = read({"pyproject.toml": PROJECT + index})
    assert (found.index, found.exclude_newer) == ("https://a.example/simple", "2026-03-29")


@pytest.mark.parametrize(
    ("said", "requirement"),
    [
        ("'*'", "attrs"),
        ("'^1.2.3'", "attrs>=1.2.3,<2"),
        ("'^0.2.3'", "attrs>=0.2.3,<0.3"),
        ("'^0.0.3'", "attrs>=0.0.3,<0.0.4"),
        ("'^0'", "attrs>=0,<1"),
        ("'~1.2.3'", "attrs>=1.2.3,<1.3"),
        ("'~1'", "attrs>=1,<2"),
        ("'1.2'", "attrs==1.2"),
        ("'1.2.*'", "attrs==1.2.*"),
        ("'>=1,<2'", "attrs>=1,<2"),
        ("'>=1 <2'", "attrs>=1,<2"),
        ("{version = '^1', extras = ['more']}", "attrs[more]>=1,<2"),
        ("{version = '*', python = '<3.11'}", "attrs ; python_full_version < '3.11'"),
        ("{version = '*', markers = \"os_name == 'posix'\"}", "attrs ; (os_name == 'posix')"),
        ("{version = '*', platform = 'linux'}", "attrs ; sys_platform == 'linux'"),
    ],
)
def test_poetrys_versions_mean_what_they_mean_to_poetry(read, said, requirement):
    found = read({"pyproject.toml": f"[tool.poetry.dependencies]\npython = '^3.10'\nattrs = {said}\n"})

    assert (texts(found), found.lines[0].number, found.requires_python) == ([requirement], 3, ">=3.10,<4")


def test_poetrys_optional_packages_and_groups_are_chosen(read):
    poetry = (
        "[tool.poetry.dependencies]\nattrs = '*'\nidna = {version = '*', optional = true}\n"
        "[tool.poetry.extras]\nmore = ['idna']\n[tool.poetry.group.mail.dependencies]\nyagmail = '*'\n"
    )

    assert texts(read({"pyproject.toml": poetry})) == ["attrs"]
    assert texts(read({}, "pyproject.toml[more,mail]")) == ["attrs", "idna", "yagmail"]


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("{git = 'https://a.example/attrs'}", "'git' is not honoured here"),
        ("{path = '../attrs'}", "'path' is not honoured here"),
        ("'^1 || ^2'", "a choice of versions"),
        ("'latest'", "its version can't be read"),
        ("1", "has neither a version nor a table"),
    ],
)
def test_what_poetry_alone_understands_is_refused(read, said, problem):
    with pytest.raises((RequirementsError, RequirementRefusedError), match=problem):
        read({"pyproject.toml": f"[tool.poetry.dependencies]\nattrs = {said}\n"})


@pytest.mark.parametrize("name", ["poetry.lock", "pdm.lock"])
def test_a_lock_beside_a_project_pins_it(read, name):
    lock = f'[[package]]\nname = "attrs"\nversion = "1.0"\nfiles = [{{file = "a.whl", hash = "{HASH}"}}]\n'

    found = read({"pyproject.toml": PROJECT, name: lock})

    assert [(pin.text, pin.hashes) for pin in found.pins] == [("attrs==1.0", (HASH,))]
    assert found.digest != read({name: lock.replace("1.0", "1.1")}).digest


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('[package.source]\ntype = "git"\n', "from a path or a repository"),
        ("files = []\n", "the lock has no hash of it"),
        (
            f'files = [{{hash = "{HASH}"}}]\n[[package]]\nname = "attrs"\nversion = "2"\nfiles = [{{hash = "{HASH}"}}]\n',
            "at several versions",
        ),
    ],
)
def test_what_a_tools_lock_says_is_honoured_or_refused(read, more, problem):
    with pytest.raises(RequirementRefusedError, match=rf"'attrs' \(.*poetry.lock' line 2\): .*{problem}"):
        read({"pyproject.toml": PROJECT, "poetry.lock": f'[[package]]\nname = "attrs"\nversion = "1"\n{more}'})


PIPFILE = """\
[[source]]
url = "https://pypi.org/simple"
[packages]
attrs = "*"
idna = {version = ">=3", extras = ["all"], sys_platform = "== 'linux'"}
[mail]
yagmail = "==1"
[requires]
python_version = "3.12"
"""


def test_a_pipfile_is_read_and_its_lock_goes_before_it(read):
    found = read({"Pipfile": PIPFILE})

    assert texts(found) == ["attrs", "idna[all]>=3 ; sys_platform == 'linux'"]
    assert (found.requires_python, found.index) == ("==3.12.*", "")
    assert texts(read({}, "Pipfile[mail]"))[-1] == "yagmail==1"
    lock = {
        "_meta": {"sources": []},
        "default": {"attrs": {"version": "==1.0", "hashes": [HASH], "index": "pypi"}},
    }
    locked = read({"Pipfile.lock": json.dumps(lock)})
    assert (locked.hashed, make_lock(locked, None, index=None).text) == (True, f"attrs==1.0 --hash={HASH}\n")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("Pipfile", "[packages]\nattrs = {git = 'https://a.example'}\n", "line 2.*'git' is not honoured"),
        ("Pipfile", "[packages]\nattrs = {path = '.', editable = true}\n", "'editable' is not honoured"),
        ("Pipfile", PIPFILE + "[[source]]\nurl = 'https://a.example/simple'\n", "with two indexes"),
        ("Pipfile.lock", "{", "it is no JSON"),
        ("Pipfile.lock", "{}", "no packages of 'default'"),
        ("Pipfile.lock", '{"default": {"attrs": {"version": "==1"}}}', "no version and hash"),
        ("environment.yml", "dependencies: [libgdal]\n", "no Python index has it"),
        ("environment.yml", "dependencies: [attrs=1|2]\n", "its version can't be read"),
        ("environment.yml", "dependencies: {", "it is no YAML"),
        ("environment.yml", "name: a\n", "no list of dependencies"),
        ("setup.cfg", "[options]\ninstall_requires = ./lib\n", "a path of one machine"),
    ],
)
def test_what_cannot_be_deployed_is_refused(read, name, text, problem):
    with pytest.raises((RequirementsError, RequirementRefusedError), match=problem):
        read({name: text})


def test_a_conda_environment_is_matched_by_name_with_a_warning(read, caplog):
    environment = (
        "dependencies:\n  - python=3.12\n  - conda-forge::pandas=2.2\n  - numpy=1.26.4=py312h_0\n  - pytorch>=2,<3\n"
        "  - pip\n  - pip:\n    - attrs==1\n"
    )

    found = read({"environment.yml": environment})

    assert texts(found) == ["pandas==2.2.*", "numpy==1.26.4", "torch>=2,<3", "attrs==1"]
    assert found.requires_python == "==3.12.*"
    assert "asks conda for conda-forge::pandas=2.2, numpy=1.26.4=py312h_0, pytorch>=2,<3" in caplog.text


def test_which_of_two_files_wins_is_told(read, caplog):
    caplog.set_level(logging.INFO)

    found = read({"Pipfile": PIPFILE, "requirements.txt": "attrs\n"})

    assert texts(found) == ["attrs"]
    assert "is read from requirements.txt, and not from Pipfile, which is there too" in caplog.text
    caplog.clear()
    read({"pyproject.toml": PROJECT, "setup.py": ""}, "pyproject.toml")
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("text", "version"), [("3.12\n", "3.12"), ("# why\ncpython-3.11.4\n3.10\n", "3.11.4"), ("", None)]
)
def test_a_python_version_file_says_which_python(folder, text, version):
    source = folder(report_py="")
    (source / ".python-version").write_text(text)

    assert python_of(read_source(source)) == version


def test_a_python_that_is_no_version_of_cpython_is_an_error(folder):
    source = folder(report_py="")
    (source / ".python-version").write_text("my-virtualenv\n")

    with pytest.raises(RequirementsError, match="'my-virtualenv' is no version of CPython"):
        python_of(read_source(source))
