"""From each kind of requirements to a running script."""

from __future__ import annotations

import os
import subprocess

import pytest

from airflow_provider_daybreak.exceptions import (
    InstallError,
    InterpreterError,
    LockingError,
    RequirementRefusedError,
    RequirementsError,
    VerificationError,
)
from airflow_provider_daybreak.releases import uv
from airflow_provider_daybreak.releases.environments.environment import LOCK_NAME
from airflow_provider_daybreak.releases.files import remove_tree
from airflow_provider_daybreak.releases.switch import current_id
from tests.integration.releases.package_index import PackageIndex, sdist, wheel

PROJECT = '[project]\nname = "report"\nversion = "0"\nrequires-python = ">=3.9"\ndependencies = ["thing"]\n'


def uv_lock(folder, index, *arguments):
    """Lock the project in the folder as its author would."""
    environment = {"UV_DEFAULT_INDEX": index.url, "PATH": "/usr/bin:/bin", "UV_PYTHON_DOWNLOADS": "never"}
    subprocess.run(
        [uv.binary(), *(arguments or ("lock",))], cwd=folder, env=environment, check=True, capture_output=True
    )


def test_open_versions_are_locked_once_and_again_when_they_are_to_move(
    index, source, deployed, printed, caplog
):
    index.add("thing", "1.0")
    folder = source({"requirements.txt": "thing\n"})
    first = deployed(folder)
    assert printed(first.release) == "1.0"
    assert "leave versions open: they are locked now" in caplog.text
    assert "Moved: thing (new) → 1.0" in caplog.text
    index.add("thing", "2.0")
    index.requests.clear()
    caplog.clear()

    assert not deployed(folder).changed
    assert (index.requests, caplog.text) == ([], "")  # neither network nor warning

    uv_forgets("thing")
    upgraded = deployed(folder, upgrade=True)
    assert printed(upgraded.release) == "2.0"
    assert "Moved: thing 1.0 → 2.0" in caplog.text


def uv_forgets(package):
    """Let uv ask the index again, which it does after ten minutes by itself."""
    subprocess.run([uv.binary(), "cache", "clean", package], env=os.environ, check=True, capture_output=True)


def test_other_code_asks_the_index_for_nothing(index, source, deployed, printed):
    index.add("thing")
    deployed(source({"requirements.txt": "thing\n"}))
    index.requests.clear()

    second = deployed(source(script="import thing; print('new', thing.__version__)\n"))

    assert printed(second.release) == "new 1.0"
    assert index.requests == []


def test_hashes_in_the_requirements_are_the_lock(index, source, deployed, printed):
    digest = index.add("thing")

    release = deployed(
        source({"requirements.txt": f"thing==1.0 --hash={digest}\n"}), require_hashes=True
    ).release

    assert printed(release) == "1.0"
    assert (release.path / LOCK_NAME).read_text() == f"thing==1.0 --hash={digest}\n"


def test_included_files_and_constraints_count(index, source, deployed, printed):
    index.add("thing", "1.0")
    index.add("thing", "2.0")
    folder = source(
        {"requirements.txt": "-r base.txt\n-c limits.txt\n", "base.txt": "thing\n", "limits.txt": "thing<2\n"}
    )

    assert printed(deployed(folder).release) == "1.0"


def test_a_uv_lock_is_taken_as_it_is(index, source, deployed, printed):
    index.add("thing", "1.0")
    folder = source({"pyproject.toml": PROJECT})
    uv_lock(folder, index)
    index.add("thing", "2.0")

    assert printed(deployed(folder).release) == "1.0"


def test_a_uv_lock_is_that_of_its_projects_settings(index, source, deployed, printed):
    index.add("thing", "1.0")
    index.add("thing", "2.0")
    project = PROJECT.replace('"thing"', '"thing>=1"') + '[tool.uv]\nresolution = "lowest-direct"\n'
    folder = source({"pyproject.toml": project})
    uv_lock(folder, index)

    assert printed(deployed(folder).release) == "1.0"


def test_a_lock_is_installed_from_the_index_that_it_names(source, deployed, printed):
    with PackageIndex() as other:
        other.add("thing", "7.0")
        folder = source({"pyproject.toml": PROJECT})
        uv_lock(folder, other)

        assert printed(deployed(folder, index=None).release) == "7.0"


def test_the_time_in_a_scripts_metadata_counts(index, source, deployed):
    index.add("thing")
    script = "# /// script\n# dependencies = ['thing']\n# [tool.uv]\n# exclude-newer = '2020-01-01'\n# ///\n"

    with pytest.raises(LockingError, match="(?s)filtered by `exclude-newer`"):
        deployed(source(script=script))


def test_an_index_that_a_line_names_gives_way_to_the_connections_and_that_is_told(
    index, source, deployed, printed, caplog
):
    index.add("thing")
    folder = source({"requirements.txt": "--index-url https://packages.example/simple\nthing\n"})

    assert printed(deployed(folder).release) == "1.0"
    assert "names the index https://packages.example/simple: http://127.0.0.1" in caplog.text


def test_a_stale_uv_lock_is_refused(index, source, deployed):
    index.add("thing", "1.0")
    index.add("other", "1.0")
    folder = source({"pyproject.toml": PROJECT})
    uv_lock(folder, index)
    source({"pyproject.toml": PROJECT.replace('"thing"', '"thing", "other"')})

    with pytest.raises(LockingError, match=r"The lockfile at `uv.lock` needs to be updated"):
        deployed(folder)


POETRY = "[tool.poetry.dependencies]\npython = '>=3.10'\nthing = '^1.0'\n"


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": PROJECT.replace('"thing"', '"thing<2"')},
        {"pyproject.toml": POETRY},
        {"Pipfile": "[packages]\nthing = '~=1.0'\n"},
        {"setup.cfg": "[options]\ninstall_requires =\n  thing<2\n"},
        {"setup.py": "from setuptools import setup\nsetup(name='report', install_requires=['thing<2'])\n"},
        {"environment.yml": "dependencies:\n  - pip\n  - pip: ['thing<2']\n"},
        {"environment.yml": "dependencies:\n  - thing=1\n"},
        {"requirements.in": "thing<2\n"},
    ],
    ids=",".join,
)
def test_each_way_of_saying_what_is_needed_is_locked_and_runs(index, source, deployed, printed, files):
    index.add("thing", "1.0")
    index.add("thing", "2.0")

    assert printed(deployed(source(files)).release) == "1.0"


LOCKED = '[[package]]\nname = "thing"\nversion = "1.0"\nfiles = [{{file = "thing-1.0-py3-none-any.whl", hash = "{}"}}]\n'


@pytest.mark.parametrize("name", ["poetry.lock", "pdm.lock"])
def test_the_lock_of_another_tool_holds_with_its_hashes(index, source, deployed, printed, name):
    digest = index.add("thing", "1.0")
    index.add("thing", "1.1")
    project = POETRY if name == "poetry.lock" else PROJECT
    release = deployed(source({"pyproject.toml": project, name: LOCKED.format(digest)})).release

    assert printed(release) == "1.0"
    assert (release.path / LOCK_NAME).read_text() == f"thing==1.0 --hash={digest}\n"
    with pytest.raises(RequirementRefusedError, match="no file of it with the hash that the lock says"):
        deployed(source({name: LOCKED.format(f"sha256:{'0' * 64}")}))


def test_a_lock_that_lacks_what_the_project_asks_for_is_refused(index, source, deployed):
    digest = index.add("thing", "1.0", requires=["other"])
    index.add("other")

    with pytest.raises(LockingError, match="other==1.0 is not in '.*poetry.lock'. Lock again"):
        deployed(source({"pyproject.toml": POETRY, "poetry.lock": LOCKED.format(digest)}))


def test_an_extra_and_a_group_of_a_uv_lock_are_installed_where_they_are_chosen(index, source, deployed):
    for name in ("thing", "more", "mail"):
        index.add(name)
    project = (
        PROJECT + "[project.optional-dependencies]\npdf = ['more']\n[dependency-groups]\nmail = ['mail']\n"
    )
    folder = source({"pyproject.toml": project})
    uv_lock(folder, index)

    plain = deployed(folder).release
    chosen = deployed(folder, requirements="uv.lock[pdf,mail]").release

    assert len((plain.path / LOCK_NAME).read_text().splitlines()) == 1
    assert len((chosen.path / LOCK_NAME).read_text().splitlines()) == 3
    with pytest.raises(RequirementsError, match="no extra or group 'xls'. There are: mail, pdf"):
        deployed(folder, requirements="uv.lock[xls]")


def test_groups_alone_are_not_dropped_from_a_lock(source, deployed):
    folder = source({"pyproject.toml": "[dependency-groups]\nmain = ['thing']\n", "uv.lock": "version = 1\n"})

    with pytest.raises(
        RequirementsError, match=r"groups alone. Choose from them: requirements='uv.lock\[main\]'"
    ):
        deployed(folder)


def test_the_python_that_a_source_says_is_honoured(source, deployed):
    with pytest.raises(InterpreterError, match=r"3\.99"):
        deployed(source({".python-version": "3.99\n", "requirements.txt": ""}))


LIBRARY = '[project]\nname = "thing"\nversion = "1"\ndependencies = ["other"]\n[build-system]\nrequires = []\nbuild-backend = "uv_build"\n'


@pytest.mark.parametrize("locked", [True, False])
@pytest.mark.parametrize("root", ["", "src/"])
@pytest.mark.parametrize(
    "source_of",
    [
        '[tool.uv.sources]\nthing = { path = "libs/thing" }\n',
        '[tool.uv.sources]\nthing = { workspace = true }\n[tool.uv.workspace]\nmembers = ["libs/*"]\n',
    ],
    ids=["path", "workspace"],
)
def test_a_package_of_the_source_is_in_the_release_and_not_asked_of_an_index(
    index, source, deployed, printed, locked, root, source_of
):
    index.add("other", "3.0")
    index.add("thing", "9.0")
    folder = source(
        {
            "pyproject.toml": PROJECT + source_of,
            "libs/thing/pyproject.toml": LIBRARY,
            f"libs/thing/{root}thing/__init__.py": "import other\n__version__ = f'own {other.__version__}'\n",
        },
        script="import thing, importlib.metadata as m; print(thing.__version__, m.version('thing'))\n",
    )
    if locked:
        uv_lock(folder, index)

    release = deployed(folder).release

    assert printed(release) == "own 3.0 1"
    assert "thing" not in (release.path / LOCK_NAME).read_text()


def test_an_editable_project_in_the_requirements_is_in_the_release(index, source, deployed, printed):
    index.add("other", "3.0")
    folder = source(
        {
            "requirements.txt": "-e ./libs/thing\n",
            "libs/thing/pyproject.toml": LIBRARY,
            "libs/thing/thing/__init__.py": "import other\n__version__ = f'own {other.__version__}'\n",
        }
    )

    assert printed(deployed(folder).release) == "own 3.0"


def test_a_package_from_outside_of_the_source_is_refused_with_its_line(index, source, deployed, tmp_path):
    (tmp_path / "thing").mkdir()
    (tmp_path / "thing" / "pyproject.toml").write_text('[project]\nname = "thing"\nversion = "1"\n')
    folder = source({"pyproject.toml": PROJECT + '[tool.uv.sources]\nthing = { path = "../thing" }\n'})
    uv_lock(folder, index)

    with pytest.raises(
        RequirementRefusedError, match=r"'thing' \(.*uv.lock' line \d+\): it is taken from a path"
    ):
        deployed(folder)


def test_a_release_and_its_build_for_a_processor_are_told_apart_by_their_hashes(
    index, source, deployed, printed
):
    digest = index.add("thing", "2.0")
    index.add("thing", "2.0+cpu")

    assert printed(deployed(source({"requirements.txt": f"thing==2.0 --hash={digest}\n"})).release) == "2.0"


def test_the_constraints_at_an_address_count(index, source, deployed, printed, monkeypatch):
    for version in ("1.0", "2.0"):
        index.add("thing", version)
    monkeypatch.setattr(
        "airflow_provider_daybreak.releases.requirements.remote._get", lambda _url: b"thing<2  # why\n"
    )

    folder = source({"requirements.txt": "-c https://packages.example/constraints.txt\nthing\n"})

    assert printed(deployed(folder).release) == "1.0"


def test_a_pylock_is_taken_as_it_is(index, source, deployed, printed):
    index.add("thing", "1.0")
    folder = source({"pyproject.toml": PROJECT})
    uv_lock(folder, index)
    uv_lock(folder, index, "export", "--format", "pylock.toml", "--no-emit-project", "-o", "pylock.toml")
    (folder / "uv.lock").unlink()
    index.add("thing", "2.0")

    assert printed(deployed(folder).release) == "1.0"


def test_a_scripts_own_metadata_is_enough(index, source, deployed, printed):
    index.add("thing")
    script = "# /// script\n# dependencies = ['thing']\n# ///\nimport thing; print('own', thing.__version__)\n"

    assert printed(deployed(source(script=script) / "report.py").release) == "own 1.0"


def test_a_python_that_the_source_does_not_allow_is_refused(source, deployed):
    script = "# /// script\n# requires-python = '>=3.99'\n# ///\n"

    with pytest.raises(InterpreterError, match=r"3\.99"):
        deployed(source(script=script))


def test_conflicting_requirements_show_why_and_leave_the_old_release(index, layout, source, deployed):
    index.add("thing", "1.0")
    index.add("other", requires=["thing>1"])
    old = deployed(source({"requirements.txt": "thing\n"})).release

    with pytest.raises(LockingError, match="(?s)uv says:.*because you require thing==1.0.*unsatisfiable"):
        deployed(source({"requirements.txt": "thing==1.0\nother\n"}))

    assert current_id(layout) == old.id


def test_a_package_that_is_not_there_is_an_error(source, deployed):
    with pytest.raises(LockingError, match="(?s)no-such-thing was not found in the package registry"):
        deployed(source({"requirements.txt": "no-such-thing\n"}))


def test_a_wrong_hash_is_an_error(index, source, deployed, layout):
    index.add("thing")

    with pytest.raises(InstallError, match="(?s)Hash mismatch for `thing==1.0`"):
        deployed(source({"requirements.txt": f"thing==1.0 --hash=sha256:{'0' * 64}\n"}))

    assert current_id(layout) is None


def test_a_lock_that_lacks_a_package_is_an_error(index, source, deployed):
    digest = index.add("thing", requires=["missing"])

    with pytest.raises(VerificationError, match="(?s)did not pass 'uv pip check'.*missing"):
        deployed(source({"requirements.txt": f"thing==1.0 --hash={digest}\n"}))


SETUP = "from setuptools import setup\nopen({path!r}, 'w').close()\nsetup(name='thing', version='1.0', py_modules=[])\n"


def test_a_package_without_a_wheel_is_refused_and_its_setup_never_runs(index, source, deployed, tmp_path):
    index.add_file(
        "thing-1.0.tar.gz", sdist("thing", "1.0", {"setup.py": SETUP.format(path=str(tmp_path / "ran"))})
    )

    with pytest.raises(
        LockingError,
        match=r"(?s)thing has no wheel that fits.*VenvDeployOperator\(only_binary=\{'thing': False\}\)",
    ):
        deployed(source({"requirements.txt": "thing\n"}))

    assert not (tmp_path / "ran").exists()


def test_a_hidden_setup_never_runs_though_the_lock_allows_its_archive(index, source, deployed, tmp_path):
    archive = sdist("thing", "1.0", {"setup.py": SETUP.format(path=str(tmp_path / "ran"))})
    digest = index.add_file("thing-1.0.tar.gz", archive)

    with pytest.raises(
        InstallError,
        match=r"(?s)thing has no wheel that fits.*VenvDeployOperator\(only_binary=\{'thing': False\}\)",
    ):
        deployed(source({"requirements.txt": f"thing==1.0 --hash={digest}\n"}))

    assert not (tmp_path / "ran").exists()


def test_a_package_that_cannot_be_imported_is_an_error_where_the_script_needs_it(
    index, source, deployed, layout
):
    index.add("thing", text="raise ImportError('libGL.so.1 is missing')")
    folder = source({"requirements.txt": "thing\n"})

    with pytest.raises(
        VerificationError, match="(?s)import of thing, which report.py line 1 needs.*libGL.so.1 is missing"
    ):
        deployed(folder)

    assert current_id(layout) is None


def test_a_package_whose_import_never_ends_is_an_error(index, source, deployed, layout, monkeypatch):
    monkeypatch.setattr("airflow_provider_daybreak.releases.environments.verify._SMOKE_SECONDS", 1)
    index.add("thing", text="import time; time.sleep(600)")

    with pytest.raises(VerificationError, match="(?s)the imports of its packages:.*not ended after 1 seconds"):
        deployed(source({"requirements.txt": "thing\n"}))

    assert current_id(layout) is None


def test_an_import_that_nothing_installs_is_told_beforehand(source, deployed, caplog):
    deployed(source())

    assert "report.py line 1 imports thing, which is neither in the source nor installed" in caplog.text


def test_a_file_that_was_changed_in_uvs_cache_does_not_get_into_a_release(index, source, deployed, tmp_path):
    digest = index.add("thing")
    folder = source({"requirements.txt": f"thing==1.0 --hash={digest}\n"})
    release = deployed(folder).release
    cached = [path for path in (tmp_path / "uv-cache").rglob("thing.py") if path.is_file()]
    assert cached
    for path in cached:
        path.chmod(0o644)
        path.write_text("__version__ = 'tampered'\n")
    remove_tree(release.environment)

    with pytest.raises(VerificationError, match="(?s)comparison with the hashes of its packages:.*thing.py"):
        deployed(folder)


def test_importing_an_environment_leaves_its_bytecode(index, source, deployed):
    index.add_file(
        "thing-1.0-py3-none-any.whl",
        wheel("thing", "1.0", {"thing/__init__.py": "import thing.more\n", "thing/more.py": ""}),
    )

    release = deployed(source({"requirements.txt": "thing\n"}, script="import thing\n")).release

    assert {path.name.split(".")[0] for path in release.environment.rglob("thing/__pycache__/*.pyc")} == {
        "__init__",
        "more",
    }


def test_a_package_that_another_asks_for_by_an_extra_alone_is_imported_too(index, source, deployed):
    index.add("thing")
    index.add("other", requires=["thing ; extra == 'more'"])

    release = deployed(source({"requirements.txt": "thing\nother\n"})).release

    found = release.environment.rglob("__pycache__/*.pyc")
    assert {path.name.split(".")[0] for path in found} == {"other", "thing"}


def test_an_index_that_a_line_names_is_used(source, deployed, printed):
    with PackageIndex() as other:
        other.add("thing", "7.0")
        folder = source({"requirements.txt": f"--index-url {other.url}\nthing\n"})

        assert printed(deployed(folder, index=None).release) == "7.0"


NAMED = '[[tool.uv.index]]\nname = "{}"\nurl = "{}"\n'


@pytest.mark.parametrize("names", [("company", "Company"), ("daybreak",)])
def test_two_indexes_that_share_a_name_are_refused_before_either_is_asked(index, source, deployed, names):
    index.add("thing")
    folder = source({"pyproject.toml": PROJECT})
    uv_lock(folder, index)
    with PackageIndex("robot:canary") as other:
        named = "".join(NAMED.format(name, other.url) for name in names)
        (folder / "pyproject.toml").write_text(PROJECT + named)

        with pytest.raises(
            RequirementRefusedError, match=r"pyproject.toml' line \d+\): another index has that name"
        ):
            deployed(folder, index=uv.Index(index.url, "robot", "canary"))

        assert other.requests == []


def test_credentials_of_an_index_in_a_project_are_refused_and_not_shown(index, source, deployed):
    index.add("thing")
    folder = source({"pyproject.toml": PROJECT})
    uv_lock(folder, index)
    (folder / "pyproject.toml").write_text(
        PROJECT + NAMED.format("company", "https://robot:canary@packages.example")
    )

    with pytest.raises(RequirementRefusedError, match="stand in clear") as caught:
        deployed(folder)

    assert "canary" not in str(caught.value) + repr(caught.value)
