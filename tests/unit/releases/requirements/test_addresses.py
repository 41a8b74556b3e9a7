"""No credential of an address gets into an error, a log or what is kept, however it is written and wherever it stands."""

from __future__ import annotations

import pickle
import traceback

import pytest

from airflow_provider_daybreak.exceptions import DaybreakError
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.requirements.addresses import (
    has_credentials,
    is_clean,
    without_credentials,
)
from airflow_provider_daybreak.releases.requirements.declared import read_requirements
from airflow_provider_daybreak.releases.source import read_source

ADDRESSES = [
    "https://robot:canary@packages.example/simple",
    "https://canary@packages.example/simple",
    "https://canary:@packages.example/simple",
    "https://:canary@packages.example/simple",
    "HTTPS://robot:canary@packages.example/simple",
    "http:robot:canary@packages.example",
    "https:/robot:canary@packages.example/simple",
    "https:///robot:canary@packages.example/simple",
    "https:////robot:canary@packages.example",
    "https:\\\\robot:canary@packages.example\\simple",
    "https:\\/robot:canary@packages.example",
    "//robot:canary@packages.example/simple",
    "robot:canary@packages.example",
    "https://robot:can/canary@packages.example/simple",
    "https://robot:can?canary@packages.example/simple",
    "https://robot:can#canary@packages.example/simple",
    "https://robot:c@nary-canary@packages.example/simple",
    "https://robot:canary@canary@packages.example/simple",
    "https://robot: canary @packages.example/simple",
    "https://robot:can canary@packages.example/simple",
    "https://robot:canary%40packages.example/simple",
    "https://robot:canary\uff20packages.example/simple",
    "https://robot:canary\ufe6bpackages.example/simple",
    "https://robot:canary/simple",
    "https:robot:canary",
    "https://packages.example:canary/simple",
    "https://packages.example/simple?token=canary",
    "https://packages.example/simple?X-Signature=canary&a=b",
    "https://packages.example/simple#canary",
    "https://packages.example/simple#egg=thing&token=canary",
    "https://packages.example/simple;token=canary?canary",
    "https://[::1]:canary@packages.example/simple",
    "https://robot:canary@[::1]:8080/simple",
    "ftp://robot:canary@packages.example/simple",
    "git+https://robot:canary@packages.example/thing.git@v1",
    "git+ssh://robot:canary@packages.example/thing.git",
    "git+https://canary@packages.example/thing.git#egg=thing",
    "svn+http://robot:canary@packages.example/thing",
    "s3://robot:canary@bucket/simple",
    "file://robot:canary@packages.example/simple",
    "https://robot:${canary}canary@packages.example",
    "https://'robot:canary'@packages.example",
    '"https://robot:canary@packages.example"',
    "<https://robot:canary@packages.example>",
    "https://robot:canary@packages.example https://robot:canary@other.example",
    "https://robot:canary@packages.example/a@b/thing-1-py3-none-any.whl",
    "https://robot:canary@packages.example/thing-1-py3-none-any.whl",
    "https\uff1a//robot:canary@packages.example",
    "https://robot%3Acanary@packages.example",
    "https://robot:canary@",
    "https://robot:canary@/simple",
    "http://robot:canary@http://packages.example",
    "https://robot:canary\t@packages.example",
    "packages.example/robot:canary@thing",
]
PLACES = [
    "{}", "-i {}", "--index-url={}", "--index-url  {}", "--extra-index-url {}", "--extra-index-url={}", "-f {}", "--find-links={}",
    "-c {}", "-r {}", "--constraint={}", "-e {}", "--trusted-host {}", "--proxy {}", "thing @ {}", "thing@{}",
    "thing[more] @ {} ; python_version > '3'", "thing=={}", "-i {} --pre", "thing --index-url {}", "--hash {}",
]  # fmt: skip


def assert_kept_secret(error, log):
    said = str(error) + repr(error) + str(vars(error)) + "".join(traceback.format_exception(error)) + log
    assert "canary" not in said + str(pickle.loads(pickle.dumps(error)))


@pytest.mark.attack("lines of requirements")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("address", ADDRESSES)
def test_no_line_of_requirements_shows_the_credential_in_it(folder, address, place, caplog):
    source = folder(report_py="", requirements_txt=f"idna\n{place.format(address)}\n")

    with pytest.raises(DaybreakError) as caught:
        read_requirements(read_source(source))

    assert_kept_secret(caught.value, caplog.text)


FILES = {
    "pyproject.toml": [
        "[project]\nname = 'a'\ndependencies = ['thing @ {}']\n",
        "[project]\nname = 'a'\ndependencies = ['{}']\n",
        "[project]\nname = 'a'\ndependencies = ['thing']\n[[tool.uv.index]]\nurl = '{}'\n",
        "[project]\nname = 'a'\ndependencies = ['thing']\n[[tool.uv.index]]\nurl = '{}'\nexplicit = true\n",
        "[project]\nname = 'a'\ndependencies = ['thing']\n[tool.uv]\nindex-url = '{}'\n",
        "[project]\nname = 'a'\ndependencies = ['thing']\n[tool.uv]\nextra-index-url = ['{}']\n",
        "[project]\nname = 'a'\ndependencies = ['thing']\n[tool.uv]\nconstraint-dependencies = ['thing @ {}']\n",
        "[project]\nname = 'a'\ndependencies = ['thing']\n[tool.uv.sources]\nthing = {{ url = '{}' }}\n",
        "[project]\nname = 'a'\ndependencies = ['thing']\n[tool.uv.sources]\nthing = {{ git = '{}' }}\n",
        "[project]\nname = 'a'\ndependencies = ['thing']\n[[tool.pdm.source]]\nurl = '{}'\n",
        "[tool.poetry.dependencies]\nthing = '*'\n[[tool.poetry.source]]\nname = 'own'\nurl = '{}'\n",
        "[tool.poetry.dependencies]\nthing = '{}'\n",
        "[tool.poetry.dependencies]\nthing = {{ url = '{}' }}\n",
    ],
    "Pipfile": [
        "[[source]]\nurl = '{}'\n[packages]\nthing = '*'\n",
        "[packages]\nthing = '{}'\n",
        "[packages]\nthing = {{ file = '{}' }}\n",
    ],
    "environment.yml": [
        "dependencies:\n- pip:\n  - thing @ {}\n",
        "dependencies:\n- pip: ['{}']\n",
        "dependencies:\n- '{}'\n",
        "dependencies:\n- pip: {}\n   x: [\n",
    ],
    "setup.cfg": ["[options]\ninstall_requires =\n    thing @ {}\n", "{}\n[options]\n"],
    "setup.py": ["from setuptools import setup\nsetup(install_requires=['thing @ {}'])\n"],
    "report.py": [
        "# /// script\n# dependencies = ['thing @ {}']\n# ///\n",
        "# /// script\n# dependencies = ['thing']\n# [[tool.uv.index]]\n# url = '{}'\n# ///\n",
    ],
    ".python-version": ["{}\n"],
    "pylock.toml": ["lock-version = '1.0'\n[[packages]]\nname = 'thing'\nversion = '1'\nindex = '{}'\n"],
}  # fmt: skip
IN_FILES = [
    address for address in ADDRESSES if not set(address) & set("'\"\\\t ")
]  # which would end the text that they stand in


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in FILES.items() for text in texts])
def test_no_other_file_shows_a_credential_in_it(layout, tmp_path, name, text, caplog):
    shown = []
    for number, address in enumerate(IN_FILES):
        source = tmp_path / f"source{number}"
        source.mkdir()
        (source / "report.py").write_text("")
        (source / name).write_text(text.format(address))
        caplog.clear()
        try:
            found = read_requirements(read_source(source))
        except DaybreakError as error:
            said = str(error) + repr(error) + "".join(traceback.format_exception(error)) + caplog.text
        else:
            said = repr(found) + caplog.text
            if name == ".python-version":
                with pytest.raises(DaybreakError) as caught:
                    deploy(layout, Plan(source))
                said += str(caught.value)
        shown += [address] if "canary" in said else []

    assert shown == []


@pytest.mark.parametrize(
    "line",
    [
        "attrs=>1", "requests >= 2 ; python_version > '3'", "thing @ https://packages.example/thing-1.0%2Bcpu-py3-none-any.whl",
        "git+https://example.com/thing.git@v1", "thing @ git+ssh://example.com/a/thing.git@feature/x#egg=thing&subdirectory=lib",
        "--index-url https://packages.example:8443/root/pypi/+simple", "-f wheels", "-e ./lib[more]", "thing @ file:///opt/thing.whl",
        "-i http://[::1]:8080/simple", "-c constraints.txt",
    ],
)  # fmt: skip
def test_what_holds_no_credential_is_shown_as_it_is_written(line):
    assert without_credentials(line) == line
    assert not has_credentials(line)


def test_the_place_of_an_address_is_shown_without_who_may_come_to_it():
    line = "--index-url https://robot:canary@packages.example/simple"

    assert without_credentials(line) == "--index-url https://***@packages.example/simple"
    assert is_clean("https://packages.example/simple")
    assert not is_clean("https://robot@packages.example/simple")
