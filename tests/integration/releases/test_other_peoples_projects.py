"""What people hit who install a project of somebody else: each is deployed as it is, or refused with a next step."""

from __future__ import annotations

import json

import pytest

from airflow_provider_daybreak.exceptions import InstallError, LockingError
from tests.integration.releases.package_index import sdist, wheel
from tests.integration.releases.test_requirements import uv_lock

OWN = "[project]\nname = 'own'\nversion = '2.0'\ndependencies = ['thing']\n[build-system]\nrequires = []\nbuild-backend = 'hatchling.build'\n"
SAYS = "import thing, own; print(thing.__version__, own.__name__)\n"
POETRY_LOCK = """\
[[package]]
name = "own"
version = "2.0"
files = []
[package.source]
type = "directory"
url = "libs/own"
[[package]]
name = "thing"
version = "1.0"
files = [{{ file = "thing-1.0-py3-none-any.whl", hash = "{digest}" }}]
"""
LIBRARY = {"libs/own/pyproject.toml": OWN, "libs/own/own/__init__.py": ""}

PROJECTS = {
    "a file of uv export, which names the project too": {
        "requirements.txt": "-e .\nthing==1.0 \\\n    --hash={digest}\n", "pyproject.toml": OWN, "own/__init__.py": "",
    },
    "an editable install of the folder itself": {"requirements.txt": "-e .\n", "pyproject.toml": OWN, "own/__init__.py": ""},
    "a dot": {"requirements.txt": ".\nthing<2\n", "pyproject.toml": OWN, "own/__init__.py": ""},
    "a link to a folder": {"requirements.txt": "own @ file:./libs/own\nthing<2\n", **LIBRARY},
    "what pip of Debian lists": {"requirements.txt": "pkg-resources==0.0.0\nthing==1.0\n", "own.py": ""},
    "comments in the encoding of Windows": {"requirements.txt": b"# coding: cp1252\n# pr\xeats\nthing<2\n", "own.py": ""},
    "lines that end as on Windows": {"requirements.txt": b"\xef\xbb\xbfthing<2\r\n\r\n", "own.py": ""},
    "pipenv install -e ./libs/own": {
        "Pipfile": "[packages]\nown = {{ path = './libs/own', editable = true }}\nthing = '<2'\n", **LIBRARY,
    },
    "and its lock": {
        "Pipfile.lock": '{{"_meta": {{}}, "default": {{"own": {{"editable": true, "path": "."}}, '
                        '"thing": {{"version": "==1.0", "hashes": ["{digest}"]}}}}}}',
        "Pipfile": "", "pyproject.toml": OWN, "own/__init__.py": "",
    },
    "a path of Poetry": {
        "pyproject.toml": "[tool.poetry.dependencies]\nown = {{ path = 'libs/own', develop = true }}\nthing = '^1'\n", **LIBRARY,
    },
    "a path of Poetry with its lock": {
        "pyproject.toml": "[tool.poetry.dependencies]\nown = {{ path = 'libs/own' }}\n", "poetry.lock": POETRY_LOCK, **LIBRARY,
    },
    "Poetry 2, which says the path apart": {
        "pyproject.toml": "[project]\nname = 'a'\ndependencies = ['own', 'thing<2']\n[tool.poetry.dependencies]\nown = {{ path = 'libs/own' }}\n",
        **LIBRARY,
    },
    "an environment.yml that includes": {
        "environment.yml": "dependencies:\n- python\n- pip\n- pip:\n  - -r requirements/base.txt\n  - -e ./libs/own\n",
        "requirements/base.txt": "thing<2\n", "requirements/other.txt": "", **LIBRARY,
    },
    "a namespace package": {"requirements.txt": "thing<2\n", "pyproject.toml": OWN, "src/own/part/mod.py": ""},
    "markers of other systems": {
        "requirements.txt": "thing<2 ; sys_platform != 'win32' and (python_version > '3' or extra == 'x')\nnothing ; os_name == 'nt'\n",
        "own.py": "",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", PROJECTS)
def test_it_is_deployed_as_it_is(index, tmp_path, deployed, printed, name):
    digest = index.add("thing", "1.0")
    index.add("nothing")
    if "<2" in str(PROJECTS[name]) or "^1" in str(PROJECTS[name]) or "digest" in str(PROJECTS[name]):
        index.add("thing", "2.0")
    source = tmp_path / "source"
    for path, text in {"report.py": SAYS, **PROJECTS[name]}.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        data = (
            text
            if isinstance(text, bytes)
            else text.replace("{digest}", digest).replace("{{", "{").replace("}}", "}").encode()
        )
        (source / path).write_bytes(data)

    assert printed(deployed(source).release) == "1.0 own"


@pytest.mark.parametrize(
    ("tag", "problem"),
    [
        ("py3-none-win_amd64", r"thing is for another system.*: thing==1\.0 ; sys_platform == 'win32'"),
        ("cp27-cp27m-any", "thing==1.0 has wheels for other versions of Python alone"),
    ],
)
def test_a_package_for_something_else_is_refused_with_the_marker_or_the_python(
    index, source, deployed, tag, problem
):
    index.add_file(f"thing-1.0-{tag}.whl", wheel("thing", "1.0", {"thing.py": ""}))

    with pytest.raises((InstallError, LockingError), match=f"(?s){problem}"):
        deployed(source({"requirements.txt": "thing==1.0\n"}))


def test_an_archive_at_an_address_that_must_be_built_is_refused_with_the_way_to_allow_it(
    index, source, deployed
):
    index.add_file("thing-1.0.tar.gz", sdist("thing", "1.0", {"setup.py": ""}))
    lock = {"requirements.txt": "thing\n"}

    with pytest.raises(LockingError, match=r"only_binary=\{'thing': False\}"):
        deployed(source(lock))


def test_a_release_that_was_yanked_is_taken_where_it_is_asked_for_by_its_version(
    index, source, deployed, printed, monkeypatch
):
    index.add("thing", "1.0")
    index.add("thing", "2.0")
    answer = index.answer

    def yanking(path):
        status, body = answer(path)
        return status, body.replace(b'">thing-2.0', b'" data-yanked="broken">thing-2.0')

    monkeypatch.setattr(index, "answer", yanking)

    assert printed(deployed(source({"requirements.txt": "thing\n"})).release) == "1.0"
    assert printed(deployed(source({"requirements.txt": "thing==2.0\n"})).release) == "2.0"


def test_a_script_lock_of_uv_is_exported_and_a_lock_goes_before_it(index, source, deployed, printed):
    index.add("thing", "1.0")
    folder = source(
        {
            "pyproject.toml": "[project]\nname = 'a'\nversion = '0'\nrequires-python = '>=3.9'\ndependencies = ['thing']\n"
        }
    )
    uv_lock(folder, index)
    index.add("thing", "2.0")
    uv_lock(folder, index, "export", "--format", "requirements-txt", "-o", "requirements.txt")
    (folder / "uv.lock").unlink()
    assert json.dumps((folder / "requirements.txt").read_text()).count("--hash") == 1

    assert printed(deployed(folder).release) == "1.0"
