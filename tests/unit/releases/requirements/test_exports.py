"""What only other tools install from is refused with the command that exports it, and never passed over."""

from __future__ import annotations

import logging

import pytest

from airflow_provider_daybreak.exceptions import RequirementsError

METADATA = "# /// script\n# dependencies = ['attrs']\n# ///\n"


@pytest.mark.parametrize(
    ("name", "text", "command"),
    [
        ("poetry.lock", "[[package]]\nname = 'attrs'\n", "poetry export --output requirements.txt"),
        ("pdm.lock", "[[package]]\nname = 'attrs'\n", "pdm export --output requirements.txt"),
        ("conda-lock.yml", "", "pip list --format=freeze > requirements.txt"),
        ("pixi.toml", "[dependencies]\nattrs = '*'\n", "pip list --format=freeze > requirements.txt"),
        (
            "setup.py",
            "from setuptools import setup\nsetup(install_requires=read())\n",
            "uv pip compile .* setup.py",
        ),
        ("setup.py", "from setuptools import setup\nsetup(**facts)\n", "uv pip compile .* setup.py"),
        (
            "setup.cfg",
            "[options]\ninstall_requires = file: base.txt\n",
            "in 'base.txt'. Name that in requirements",
        ),
        ("pyproject.toml", "[project]\nname = 'a'\ndynamic = ['dependencies']\n", "'uv lock'"),
        ("pyproject.toml", "[dependency-groups]\nmain = ['attrs']\n", r"requirements='pyproject.toml\[main\]'"),
        (
            "pyproject.toml",
            "[tool.hatch.envs.default]\ndependencies = ['attrs']\n",
            "hatch dep show requirements",
        ),
        ("pyproject.toml", "[tool.flit.metadata]\nrequires = ['attrs']\n", "uv pip compile .* pyproject.toml"),
        ("pyproject.toml", "[tool.pixi.pypi-dependencies]\nattrs = '*'\n", "pip list --format=freeze"),
        (
            "pyproject.toml",
            "[project]\nname = 'a'\ndependencies = ['idna']\n[tool.pixi.dependencies]\nattrs = '*'\n",
            "tool.pixi.dependencies can't be installed from",
        ),
        ("requirements-prod.txt", "attrs\n", "requirements='requirements-prod.txt'"),
        ("pip-requirements.txt", "attrs\n", "requirements='pip-requirements.txt'"),
        ("pylock.prod.toml", "", "requirements='pylock.prod.toml'"),
        ("app/requirements.txt", "attrs\n", "requirements='app/requirements.txt'"),
        ("app/uv.lock", "", "requirements='app/uv.lock'"),
        ("app/Pipfile", "", "requirements='app/Pipfile'"),
        ("app/environment.yml", "", "requirements='app/environment.yml'"),
        (
            "app/pyproject.toml",
            "[project]\nname = 'a'\ndependencies = ['attrs']\n",
            "requirements='app/pyproject.toml'",
        ),
        ("app/setup.py", "from setuptools import setup\nsetup(**facts)\n", "requirements='app/setup.py'"),
    ],
)
def test_a_file_that_says_what_is_needed_is_never_passed_over(read, name, text, command):
    with pytest.raises(RequirementsError, match=rf"'.*source/{name}': .*{command}"):
        read({name: text})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.ruff]\nline-length = 99\n"),
        ("pyproject.toml", "[project]\nname = 'a'\nversion = '1'\n[dependency-groups]\ndev = ['pytest']\n"),
        ("pyproject.toml", "[tool.poetry.dependencies]\npython = '^3.11'\n"),
        ("poetry.lock", "package = []\n"),
        ("setup.cfg", "[flake8]\nmax-line-length = 99\n"),
        ("setup.py", "from setuptools import setup\nsetup(name='a', install_requires=[])\n"),
        ("setup.py", "print('not what it is called')\n"),
        ("docs/requirements.txt", "sphinx\n"),
        ("tests/requirements.txt", "pytest\n"),
    ],
)
def test_a_source_that_needs_no_package_is_deployed_with_a_line_that_says_so(
    read, deployed, caplog, name, text
):
    caplog.set_level(logging.INFO)

    assert read({name: text}).kind == "none"
    assert deployed().changed
    assert "Nothing is installed: " in caplog.text


def test_an_empty_requirements_txt_says_that_nothing_is_needed(read):
    assert read({"Pipfile": "", "requirements.txt": "# nothing\n"}).lines == ()


def test_the_only_file_in_requirements_is_taken(read):
    assert [line.text for line in read({"requirements/base.txt": "attrs\n"}).lines] == ["attrs"]

    with pytest.raises(RequirementsError, match=r"Name it: requirements='requirements/base.txt'"):
        read({"requirements/prod.txt": "-r base.txt\nidna\n"})

    assert len(read({}, "requirements/prod.txt").lines) == 2


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("pixi.toml", "", "pip list --format=freeze"),
        ("poetry.lock", "", "requirements='pyproject.toml'"),
        ("setup.py", "from setuptools import setup\nsetup()\n", "it says nothing of what is needed"),
        ("pyproject.toml", "[project]\nname = 'a'\n", "it says nothing of what is needed"),
        ("report.py", "print(1)\n", "it has no metadata"),
    ],
)
def test_naming_a_file_that_cannot_be_installed_from_is_an_error_too(read, name, text, problem):
    with pytest.raises(RequirementsError, match=problem):
        read({name: text}, name)
