"""Each way of saying what is needed is read as its own tool reads it, or refused with its line."""

from __future__ import annotations

import json
import logging

import pytest

from airflow_provider_daybreak.exceptions import RequirementRefusedError, RequirementsError
from airflow_provider_daybreak.releases.environments.lock import make_lock
from airflow_provider_daybreak.releases.requirements.choosing import Choosing, FromIndex, NamedIndex
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
            r"'attrs' .* there is no index 'own' in \[tool.uv\]",
        ),
        ("[tool.uv.sources]\nattrs = { git = 'https://a.example' }\n", "what a repository gives today"),
        ("[tool.uv.sources]\nattrs = { path = '../attrs' }\n", "there is no project"),
        ("[tool.uv.sources]\nattrs = { workspace = true }\n", "no member of the workspace has its name"),
        (
            "[tool.uv]\ndependency-metadata = []\n",
            "'dependency-metadata' in .* is not honoured here.* Lock it with 'uv lock'",
        ),
        ("[[tool.uv.index]]\nname = 'a'\nurl = 'https://u:canary@a.example'\n", "credentials stand in clear"),
        ("[tool.uv]\nextra-index-url = ['https://u:canary@a.example']\n", "credentials stand in clear"),
        (
            "[[tool.pdm.source]]\nurl = 'https://a.example'\ninclude_packages = ['a*']\n",
            "include_packages has a pattern",
        ),
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
        ("{path = '../attrs'}", "there is no project"),
        ("{version = '*', source = 'own'}", "there is no source 'own'"),
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
        ("Pipfile", "[packages]\nattrs = {path = './lib', editable = true}\n", "there is no project"),
        ("Pipfile", "[packages]\nattrs = {version = '*', index = 'own'}\n", "there is no source 'own'"),
        ("Pipfile.lock", "{", "it is no JSON"),
        ("Pipfile.lock", "{}", "no packages of 'default'"),
        ("Pipfile.lock", '{"default": {"attrs": {"version": "==1"}}}', "no version and hash"),
        ("environment.yml", "dependencies: [libgdal]\n", "no Python index has it"),
        ("environment.yml", "dependencies: [attrs=1|2]\n", "its version can't be read"),
        ("environment.yml", "dependencies: {", "it is no YAML"),
        ("environment.yml", "name: a\n", "no list of dependencies"),
        ("setup.cfg", "[options]\ninstall_requires = ./lib\n", "a path of one machine"),
        (
            "Pipfile",
            "[[source]]\nurl = 'https://${USER}:${PASSWORD}@a.example'\nname = 'a'\n[packages]\n",
            "credentials stand in clear",
        ),
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


def test_what_an_application_is_run_with_goes_before_what_it_needs_as_a_package(read, caplog):
    caplog.set_level(logging.INFO)

    found = read({"Pipfile": PIPFILE, "pyproject.toml": PROJECT})

    assert texts(found) == texts(read({}, "Pipfile"))
    assert "is read from Pipfile, and not from pyproject.toml, which is there too" in caplog.text


def test_a_pipfile_that_needs_nothing_leaves_the_word_to_the_next(read):
    found = read({"Pipfile": "[requires]\npython_version = '3.12'\n", "pyproject.toml": PROJECT})

    assert texts(found) == texts(read({}, "pyproject.toml"))


def test_a_package_is_no_other_file_than_its_setup(read, caplog):
    caplog.set_level(logging.INFO)

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


POETRY_SOURCES = """\
[tool.poetry.dependencies]
attrs = {{ version = "^1", source = "own" }}
idna = {{ version = "^3", allow-prereleases = true }}
[[tool.poetry.source]]
name = "own"
url = "https://own.example/simple"
priority = "{}"
"""
OWN = "https://own.example/simple"


@pytest.mark.parametrize(
    ("files", "default", "choosing"),
    [
        (
            {"pyproject.toml": PROJECT + f"[tool.uv.sources]\nattrs = {{index = 'own', marker = 'os_name == \"nt\"'}}\n"
             f"[[tool.uv.index]]\nname = 'own'\nurl = '{OWN}'\nexplicit = true\n"},
            "", Choosing((NamedIndex(OWN, "own", explicit=True),), (FromIndex("attrs", OWN, 'os_name == "nt"'),)),
        ),
        ({"pyproject.toml": PROJECT + f"[[tool.uv.index]]\nurl = '{OWN}'\nexplicit = true\n"}, "", Choosing()),
        ({"pyproject.toml": PROJECT + f"[[tool.uv.index]]\nurl = '{OWN}'\n"}, "", Choosing((NamedIndex(OWN),))),
        ({"pyproject.toml": PROJECT + f"[[tool.uv.index]]\nurl = '{OWN}'\ndefault = true\n"}, OWN, Choosing()),
        (
            {"pyproject.toml": POETRY_SOURCES.format("explicit")},
            "", Choosing((NamedIndex(OWN, "own", explicit=True),), (FromIndex("attrs", OWN),)),
        ),
        (
            {"pyproject.toml": POETRY_SOURCES.format("supplemental")},
            OWN, Choosing((NamedIndex("https://pypi.org/simple"),)),
        ),
        ({"pyproject.toml": POETRY_SOURCES.format("primary")}, OWN, Choosing()),
        (
            {"pyproject.toml": PROJECT + f"[[tool.pdm.source]]\nname = 'own'\nurl = '{OWN}'\ninclude_packages = ['Attrs']\n"},
            "", Choosing((NamedIndex(OWN, "own", explicit=True),), (FromIndex("attrs", OWN),)),
        ),
        ({"pyproject.toml": PROJECT + f"[[tool.pdm.source]]\nname = 'own'\nurl = '{OWN}'\n"}, OWN, Choosing()),
        (
            {"Pipfile": f"[[source]]\nname = 'pypi'\nurl = 'https://pypi.org/simple'\n[[source]]\nname = 'own'\nurl = '{OWN}'\n"
             "[packages]\nattrs = {version = '*', index = 'own'}\n[pipenv]\nallow_prereleases = true\n"},
            "", Choosing((NamedIndex(OWN, "own", explicit=True),), (FromIndex("attrs", OWN),), prerelease="allow"),
        ),
    ],
)  # fmt: skip
def test_an_index_for_each_package_is_read_in_the_words_of_each_tool(read, files, default, choosing):
    found = read(files)

    assert (found.index, found.choosing) == (default, choosing)


def test_poetry_asks_for_what_comes_before_a_release(read):
    assert texts(read({"pyproject.toml": POETRY_SOURCES.format("primary")}))[1] == "idna>=3,<4,>=0.dev0"


def test_extras_of_extras_are_the_projects_own_and_asked_of_no_index(read):
    project = "[project]\nname = 'a'\n[project.optional-dependencies]\nall = ['A[pdf,mail]', 'yarl']\npdf = ['idna', 'a[all]']\nmail = ['h2']\n"

    assert texts(read({"pyproject.toml": project}, "pyproject.toml[all]")) == ["yarl", "idna", "h2"]


def test_a_member_of_a_workspace_is_in_the_source_and_so_is_what_it_asks_for(read):
    member = "[project]\nname = 'Li_b'\nversion = '1'\ndependencies = ['yarl', 'a']\n[tool.uv.sources]\na = { path = '../..' }\n"
    project = "[project]\nname = 'a'\ndependencies = ['attrs', 'li-b>=1']\n"
    project += "[tool.uv.sources]\nli-b = { workspace = true }\n[tool.uv.workspace]\nmembers = ['packages/*']\n"

    found = read({"pyproject.toml": project, "packages/b/pyproject.toml": member, "packages/b/b.py": ""})

    assert texts(found) == ["attrs", "yarl"]
    assert found.projects == ("packages/b",)
