"""A source that is a package: its commands, its name and its data are there, as if it were installed."""

from __future__ import annotations

import subprocess

import pytest

from airflow_provider_daybreak.exceptions import ProjectBuildError, ProjectError, VerificationError
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.making import projects_of
from airflow_provider_daybreak.releases.projects.installed import check_installed
from airflow_provider_daybreak.releases.projects.project import read_project
from airflow_provider_daybreak.releases.running.run import Job, run
from airflow_provider_daybreak.releases.source import read_source

ASKS = """\
import sys
from importlib.metadata import entry_points, version
from importlib.resources import files

def main():
    mine = [one.value for one in entry_points(group="orders.readers")]
    print(version("orders"), files("orders").joinpath("data.txt").read_text(), *mine, *sys.argv[1:])
"""
PACKAGE = {
    "__init__.py": "",
    "cli.py": ASKS,
    "data.txt": "data",
    "__main__.py": "from orders.cli import main; main()\n",
}
READER = "orders.cli:main"


def package(root=""):
    return {f"{root}orders/{name}": text for name, text in PACKAGE.items()}


SETUP_CFG = """\
[metadata]
name = orders
version = attr: orders._about.__version__
[options]
packages = find:
[options.entry_points]
console_scripts =
    orders-report = orders.cli:main
orders.readers =
    own = orders.cli:main
"""
SETUP_PY = """\
from setuptools import find_packages, setup
VERSION = "1.2"
COMMANDS = ["orders-report = orders.cli:main"]
setup(name="orders", version=VERSION, packages=find_packages("src"), package_dir={"": "src"},
      entry_points={"console_scripts": COMMANDS, "orders.readers": ["own = orders.cli:main"]})
"""
SETUP_PY_TEXT = """\
import setuptools
setuptools.setup(name="orders", version=open("VERSION").read().strip(), packages=["orders"], entry_points='''
    [console_scripts]
    orders-report = orders.cli:main
    [orders.readers]
    own = orders.cli:main
''')
"""
PEP_621 = """\
[project]
name = "orders"
{version}
[project.{scripts}]
orders-report = "orders.cli:main"
[project.entry-points."orders.readers"]
own = "orders.cli:main"
[build-system]
requires = []
build-backend = "{backend}"
"""
POETRY = """\
[tool.poetry]
name = "orders"
version = "1.2"
packages = [{ include = "orders", from = "lib" }]
[tool.poetry.scripts]
orders-report = "orders.cli:main"
[tool.poetry.plugins."orders.readers"]
own = "orders.cli:main"
"""
STATIC, DYNAMIC = 'version = "1.2"', 'dynamic = ["version"]'


def pep_621(version=STATIC, scripts="scripts", backend="hatchling.build", more=""):
    return PEP_621.format(version=version, scripts=scripts, backend=backend) + more


PROJECTS = {
    "flat": {"pyproject.toml": pep_621(), **package()},
    "src": {"pyproject.toml": pep_621(), **package("src/")},
    "gui": {"pyproject.toml": pep_621(scripts="gui-scripts"), **package("src/")},
    "no_backend": {"pyproject.toml": pep_621().partition("[build-system]")[0], **package()},
    "setup_cfg": {"setup.cfg": SETUP_CFG, "setup.py": "import setuptools; setuptools.setup()\n",
                  "orders/_about.py": "__version__ = '1.2'\n", **package()},
    "setup_py": {"setup.py": SETUP_PY, **package("src/")},
    "setup_py_text": {"setup.py": SETUP_PY_TEXT, "VERSION": "1.2\n", **package()},
    "poetry": {"pyproject.toml": POETRY, **package("lib/")},
    "setuptools_where": {
        "pyproject.toml": pep_621(DYNAMIC, backend="setuptools.build_meta", more="[tool.setuptools.packages.find]\nwhere = ['python']\n"
                                  "[tool.setuptools.dynamic]\nversion = { attr = 'orders.VERSION' }\n"),
        **package("python/"), "python/orders/__init__.py": "VERSION = (1, 2)\n",
    },
    "hatch": {
        "pyproject.toml": pep_621(DYNAMIC, more="[tool.hatch.version]\npath = 'py/orders/about.py'\n"
                                  "[tool.hatch.build.targets.wheel]\npackages = ['py/orders']\n"),
        "py/orders/about.py": "__version__ = '1.2'\n", **package("py/"),
    },
    "uv_build": {
        "pyproject.toml": pep_621(backend="uv_build", more="[tool.uv.build-backend]\nmodule-root = 'python'\n"),
        **package("python/"),
    },
}  # fmt: skip


@pytest.fixture
def written(tmp_path):
    """Return a function that writes these files, by path, into a folder."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / "project" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "project"

    return write


@pytest.fixture
def project(written, layout):
    """Return a function that deploys a project of these files."""
    return lambda files: deploy(layout, Plan(written(files))).release


def ran(release, *command):
    finished = run(release, Job(command), on_line=lambda *_: None)
    assert finished.code == 0, finished.stderr
    by_hand = subprocess.run(finished.by_hand, shell=True, capture_output=True, text=True, check=False)
    assert by_hand.stdout == finished.stdout, by_hand.stderr
    return finished.last_line


RUN_SH = "set -e\n( orders-report of a shell; python -m orders; python jobs/run.py ) | tr '\\n' ';'\n"


@pytest.mark.parametrize("name", PROJECTS)
def test_a_project_of_each_shape_is_there_as_if_it_were_installed(project, name):
    release = project(
        PROJECTS[name] | {"jobs/run.py": "from orders.cli import main; main()\n", "run.sh": RUN_SH}
    )

    said = f"1.2 data {READER}"
    assert ran(release, "run.sh") == f"{said} of a shell;{said};{said};"


def test_a_command_of_a_project_is_run_by_its_name_and_its_module(project):
    release = project(PROJECTS["src"])

    assert ran(release, "orders-report", "a b") == f"1.2 data {READER} a b"
    assert ran(release, "-m", "orders") == f"1.2 data {READER}"


def test_a_project_in_a_folder_of_the_source_is_there_where_its_requirements_are_named(written, layout):
    source = written(
        {f"app/{name}": text for name, text in PROJECTS["src"].items()} | {"app/requirements.txt": ""}
    )

    release = deploy(layout, Plan(source, requirements="app/requirements.txt")).release

    assert ran(release, "orders-report") == f"1.2 data {READER}"
    assert ran(release, "-m", "orders") == f"1.2 data {READER}"


def test_a_release_with_a_project_may_be_moved(project, tmp_path):
    release = project(PROJECTS["flat"])
    moved = tmp_path / "elsewhere, or so"
    release.layout.home.rename(moved)
    place = moved / "releases" / release.id

    finished = subprocess.run([place / "installed" / "bin" / "orders-report"], env={
        "PYTHONPATH": f"{place / 'src'}:{place / 'installed' / 'lib'}", "PATH": "/usr/bin:/bin",
    }, capture_output=True, text=True, check=True)  # fmt: skip

    assert finished.stdout == f"1.2 data {READER}\n"


def test_the_code_of_a_project_may_change_and_its_environment_stays(project):
    first = project(PROJECTS["flat"])
    second = project({"orders/data.txt": "more", "pyproject.toml": pep_621().replace("1.2", "1.3")})

    assert first.environment_id == second.environment_id
    assert ran(second, "orders-report").startswith("1.3 more")
    assert ran(first, "orders-report").startswith("1.2 data")


def test_a_path_of_modules_that_the_script_sets_goes_before_the_projects(project):
    release = project(
        PROJECTS["src"] | {"other/orders/__init__.py": "", "say.py": "import orders; print(orders.__file__)"}
    )

    finished = run(release, Job(("say.py",), env={"PYTHONPATH": "other"}), on_line=lambda *_: None)

    assert finished.last_line.endswith("other/orders/__init__.py")


def test_programs_of_a_project_are_commands_too(project):
    files = {
        "setup.py": "from setuptools import setup\nsetup(name='orders', scripts=['bin/say', 'bin/tell'])\n",
        "bin/say": "#!/usr/bin/env python3\nimport sys; print(sys.argv[1:], __file__.endswith('bin/say'))\n",
        "bin/tell": "echo $1\n", "report.py": "",
    }  # fmt: skip
    release = project(files)

    assert ran(release, "tell", "a b") == "a b"
    assert ran(release, "say", "a b") == "['a b'] True"


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"setup.py": "from setuptools import setup, Extension\nsetup(name='fast', ext_modules=[Extension('fast', ['fast.c'])])\n"},
         "it has ext_modules, which are compiled"),
        ({"setup.py": "from setuptools import setup\nsetup(name='fast', ext_modules=cythonize('*.pyx'))\n"}, "ext_modules"),
        ({"pyproject.toml": "[project]\nname = 'fast'\n[build-system]\nbuild-backend = 'maturin'\n"}, "it is built by maturin"),
        ({"pyproject.toml": "[project]\nname = 'fast'\n[build-system]\nbuild-backend = 'scikit_build_core.build'\n"}, "scikit_build_core"),
        ({"pyproject.toml": "[tool.poetry]\nname = 'fast'\nbuild = 'build.py'\n"}, "a build script makes a part of it"),
        ({"pyproject.toml": "[project]\nname = 'fast'\n[tool.setuptools]\next-modules = [{ name = 'fast' }]\n"}, "ext-modules"),
        ({"setup.py": "from setuptools import setup\nsetup(name='fast', package_dir={'fast': 'code'})\n"}, "lies in 'code'"),
    ],
)  # fmt: skip
def test_what_only_a_build_makes_is_refused_with_the_way_out(folder, files, problem):
    source = folder(report_py="", **files)

    with pytest.raises(ProjectBuildError, match=f"(?s){problem}.*a deploy runs no build. Build it in place"):
        read_project(read_source(source))


def test_what_was_built_in_place_is_deployed(folder):
    setup = "from setuptools import setup, Extension\nsetup(name='fast', ext_modules=[Extension('fast', ['fast.c'])])\n"
    source = folder(report_py="", **{"setup.py": setup, "fast.cpython-312-x86_64-linux-gnu.so": ""})

    assert read_project(read_source(source)).name == "fast"


@pytest.mark.parametrize("command", ["../../evil = 'a:b'", "say = 'a'", "say = 'a:b; import os'", "'' = 'a:b'"])
def test_a_command_that_can_be_none_is_refused(folder, command):
    name, _, what = command.partition(" = ")
    text = f"[project]\nname = 'orders'\n[project.scripts]\n\"{name.strip(chr(39))}\" = {what}\n"

    with pytest.raises(
        ProjectError, match="expected a name and a function, such as report = package.module:main"
    ):
        read_project(read_source(folder(report_py="", **{"pyproject.toml": text})))


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"setup.py": "from setuptools import setup\nsetup(name='a', version='2020.01.02')\n"}, "2020.1.2"),
        ({"setup.py": "from setuptools import setup\nsetup(name='a', version=read())\n"}, "0+unknown"),
        ({"setup.py": "from setuptools import setup\nsetup(name='a', use_scm_version=True)\n", "a/_version.py": "version = '1.4'\n",
          "a/__init__.py": ""}, "1.4"),
        ({"setup.cfg": "[metadata]\nname = a\nversion = file: v.txt\n", "v.txt": "3.0rc1\n"}, "3.0rc1"),
        ({"setup.cfg": "[metadata]\nname = a\nversion = ../../x\n"}, "0+unknown"),
        ({"setup.cfg": "[metadata]\nname = a\n", "PKG-INFO": "Name: a\nVersion: 5\n"}, "5"),
        ({"pyproject.toml": "[project]\nname = 'a'\ndynamic = ['version']\n[build-system]\nbuild-backend = 'flit_core.buildapi'\n",
          "a/__init__.py": '"""A."""\n__version__ = "0.7"\n'}, "0.7"),
    ],
)  # fmt: skip
def test_a_version_is_found_wherever_it_is_said(written, files, version):
    assert read_project(read_source(written({"report.py": ""} | files))).version == version


def test_a_folder_of_scripts_is_no_project(folder):
    assert read_project(read_source(folder(report_py=""))) is None
    assert read_project(read_source(folder(**{"pyproject.toml": "[tool.ruff]\nline-length = 100\n"}))) is None


def test_a_project_that_cannot_be_read_is_told_where_requirements_are_from_another_file(folder, caplog):
    source = folder(report_py="", requirements_txt="", **{"pyproject.toml": "[project\n"})

    assert read_project(read_source(source)) is None
    assert "The project that it says is not found by its name: Cannot use the requirements" in caplog.text


def test_a_link_to_the_dotenv_is_read_for_no_project(folder):
    source = folder(report_py="")
    (source / ".env").write_text("[project]\nname = 'canary'\n")
    (source / "pyproject.toml").symlink_to(".env")

    assert read_project(read_source(source)) is None


@pytest.mark.parametrize("change", ["changed", "missing", "new"])
def test_what_was_changed_beside_the_source_is_found(project, change):
    release = project(PROJECTS["flat"])
    projects = projects_of(release.path, release.manifest)
    check_installed(release.path, projects)

    command = release.path / "installed" / "bin" / "orders-report"
    command.parent.chmod(0o755)
    if change == "changed":
        command.chmod(0o755)
        command.write_text("#!/bin/sh\necho canary\n")
    elif change == "missing":
        command.unlink()
    else:
        command.with_name("ls").write_text("#!/bin/sh\n")

    with pytest.raises(VerificationError, match="the comparison with its projects:\nbin/(orders-report|ls)"):
        check_installed(release.path, projects)


def test_a_program_that_is_a_link_to_the_dotenv_is_no_command(written):
    source = written(
        {"report.py": "", "setup.py": "from setuptools import setup\nsetup(name='a', scripts=['say'])\n"}
    )
    (source / ".env").write_text("CANARY=1\n")
    (source / "say").symlink_to(".env")

    assert read_project(read_source(source)).files == ()
