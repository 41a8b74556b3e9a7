"""
Environments of conda's program, as any other: locked, verified, shared.

The program is a stand-in: the real one is no package of Debian or of a Python index, and no channel is reached from here.
"""

from __future__ import annotations

import io
import platform
import sys
import tarfile
from pathlib import Path

import pytest

from airflow_provider_daybreak.exceptions import (
    CondaError,
    CondaMissingError,
    RequirementRefusedError,
    VerificationError,
)
from airflow_provider_daybreak.releases.environments.environment import LOCK_NAME
from airflow_provider_daybreak.releases.environments.verify import check_record
from airflow_provider_daybreak.releases.files import remove_tree
from airflow_provider_daybreak.releases.making import rebuild

STAND_IN = Path(__file__).with_name("micromamba_stand_in.py")
INFO = "Metadata-Version: 2.1\nName: {}\nVersion: {}\n"
ENVIRONMENT = (
    "channels: [conda-forge]\ndependencies:\n  - python=3\n  - libthing=1\n  - pip\n  - pip:\n    - other\n"
)
SAYS = (
    "import os, libthing, other; print(libthing.__version__, other.__version__, 'CONDA_PREFIX' in os.environ)\n"
)


@pytest.fixture
def channel(tmp_path, monkeypatch):
    """Return a function that adds a package with one module to the channel of a program that is on the PATH."""
    folder = tmp_path / "channel" / "linux-64"
    folder.mkdir(parents=True)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "micromamba").write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
    (tools / "micromamba").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.setenv("CONDA_STAND_IN_CHANNEL", str(folder))

    def add(name, version):
        files = {
            f"{name}.py": f"__version__ = {version!r}\n",
            f"{name}-{version}.dist-info/METADATA": INFO.format(name, version),
            f"{name}-{version}.dist-info/RECORD": f"{name}.py,,\n",
        }
        path = folder / f"{name}-{version}-h0.tar.bz2"
        with tarfile.open(path, "w:bz2") as archive:
            for file, text in ({} if name == "python" else files).items():
                entry = tarfile.TarInfo(file)
                entry.size = len(text.encode())
                archive.addfile(entry, io.BytesIO(text.encode()))
        return path

    add("python", platform.python_version())
    add("pip", "1.0")
    return add


@pytest.fixture
def folder(channel, index, source):
    channel("libthing", "1.0")
    index.add("other", "5.0", requires=["libthing"])
    index.add("libthing", "9.0")
    return source({"environment.yml": ENVIRONMENT}, script=SAYS)


def test_an_environment_of_condas_is_locked_verified_and_shared(folder, channel, deployed, printed, source):
    release = deployed(folder).release

    assert printed(release) == "1.0 5.0 True"  # what conda has is not taken from the Python index
    lock = (release.path / LOCK_NAME).read_text().splitlines()
    assert [line.partition("#")[2].split("/")[-1].split("#")[0] for line in lock[:-1]] == [
        "libthing-1.0-h0.tar.bz2", "pip-1.0-h0.tar.bz2", f"python-{platform.python_version()}-h0.tar.bz2",
    ]  # fmt: skip
    assert all(len(line.rpartition("sha256=")[2]) == 64 for line in lock[:-1])
    assert lock[-1].startswith("other==5.0 --hash=sha256:")
    channel("libthing", "1.1")

    assert not deployed(folder).changed
    other = deployed(source(script=SAYS.replace("print(", "print('new', "))).release
    assert other.environment_id == release.environment_id
    assert printed(deployed(folder, upgrade=True).release) == "new 1.1 5.0 True"


def test_an_environment_that_is_there_is_made_anew_as_it_is(folder, deployed, printed, tmp_path):
    first = deployed(folder).release
    named = tmp_path / "channel" / "envs" / "reports"
    named.parent.mkdir()
    first.environment.rename(named)
    (folder / "environment.yml").write_text("dependencies: [python, libthing=7]\n")
    (folder / "requirements.txt").write_text("other\n")

    release = deployed(folder, python="conda:reports").release
    assert printed(release) == "1.0 5.0 True"
    assert printed(deployed(folder, python=f"conda:{named}").release) == "1.0 5.0 True"

    with pytest.raises(CondaError, match="there is none of that name here"):
        deployed(folder, python="conda:nothing")


def test_a_file_of_condas_that_was_changed_is_found(folder, deployed, layout):
    release = deployed(folder).release
    module = next(release.environment.rglob("libthing.py"))
    module.chmod(0o644)
    module.write_text("__version__ = 'tampered'\n")

    with pytest.raises(VerificationError, match="libthing.py"):
        check_record(release.environment, "")

    assert rebuild(layout, None, index_of=None).id == release.id
    check_record(release.environment, "")


def test_a_package_that_is_another_one_than_the_lock_says_is_refused(folder, channel, deployed):
    release = deployed(folder).release
    remove_tree(release.environment)
    archive = channel("libthing", "1.0")
    archive.write_bytes(archive.read_bytes() + b"\n")

    with pytest.raises(CondaError, match="Hash mismatch") as caught:
        deployed(folder)

    assert "canary" not in str(caught.value)


def test_what_no_channel_has_says_so_and_a_worker_without_a_program_how_to_get_one(
    folder, deployed, monkeypatch
):
    (folder / "environment.yml").write_text(ENVIRONMENT.replace("libthing=1", "libnothing=1"))
    with pytest.raises(CondaError, match=r"micromamba says:\n.*libnothing=1 does not exist"):
        deployed(folder)

    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(RequirementRefusedError, match="no micromamba, mamba or conda. Put one on its PATH"):
        deployed(folder)
    (folder / "requirements.txt").write_text("other\n")
    with pytest.raises(CondaMissingError, match="Put micromamba there .*on every worker"):
        deployed(folder, python="conda:reports")


def test_a_channel_with_credentials_is_refused(folder, deployed):
    (folder / "environment.yml").write_text(
        ENVIRONMENT.replace("conda-forge", "https://robot:canary@channel.example")
    )

    with pytest.raises(RequirementRefusedError, match="configuration of conda's program") as caught:
        deployed(folder)

    assert "canary" not in str(caught.value)
