"""What is published is made of a commit, by one command, and is the same bytes whoever makes it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from uv import find_uv_bin

from airflow_provider_daybreak import __version__
from tests.conftest import FAKETIME

ROOT = Path(__file__).parent.parent


class Checkout:
    """A clone of what is committed here, as somebody has it."""

    def __init__(self, folder, *, umask=0o022, **env):
        self.folder, self.umask = folder, umask
        self.env = {**os.environ, "UV": find_uv_bin(), "PYTHON": sys.executable, **env}
        self.run("git", "clone", "--quiet", ROOT.as_uri(), folder, cwd=ROOT)

    def run(self, *command, cwd=None):
        done = subprocess.run(
            list(map(str, command)), cwd=cwd or self.folder, env=self.env, umask=self.umask, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def refused(self, *options):
        done = subprocess.run(
            ["bash", ".ci/release", *options],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stdout
        return done.stderr


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return Checkout(tmp_path_factory.mktemp("release") / "here")


@pytest.fixture(scope="module")
def released(checkout):
    checkout.run("bash", ".ci/release", "--trial")
    return checkout.folder / "dist"


def test_two_people_make_the_same_wheel_of_a_commit(released, tmp_path):
    other = Checkout(tmp_path / "there", umask=0o077, TZ="Asia/Tokyo", PYTHONHASHSEED="7")
    for path in other.folder.rglob("*.py"):
        os.utime(path, (1, 1))

    said = other.run("bash", ".ci/release", "--trial", "--wheel")

    assert said.split()[0] in (released / "SHA256SUMS").read_text()


@pytest.mark.cron
def test_two_wheels_that_are_built_an_hour_apart_are_the_same_bytes(tmp_path):
    now = Checkout(tmp_path / "now")
    later = Checkout(tmp_path / "later", LD_PRELOAD=FAKETIME, FAKETIME="+1h")
    apart = int(later.run(sys.executable, "-c", "import time; print(int(time.time()))")) - time.time()
    assert 3500 < apart < 3700

    one, other = (each.run("bash", ".ci/release", "--trial", "--wheel") for each in (now, later))

    assert one == other


def test_the_bill_of_materials_names_what_is_asked_for_and_what_that_asks_for(released):
    [path] = released.glob("*.cdx.json")
    bill = json.loads(path.read_text())
    component = bill["metadata"]["component"]
    needs = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}
    pinned = (ROOT / "constraints.txt").read_text()

    assert (bill["bomFormat"], component["name"], component["version"]) == (
        "CycloneDX", "airflow-provider-daybreak", __version__,
    )  # fmt: skip
    asked = {ref.partition("==")[0].lower() for ref in needs[component["bom-ref"]]}
    assert {"apache-airflow", "uv", "jinja2", "weasyprint", "paramiko"} <= asked
    assert len(bill["components"]) > 100
    assert [one["name"] for one in bill["components"] if f"=={one['version']}" not in pinned] == []
    assert all(re.match("pkg:pypi/", one["purl"]) for one in bill["components"])


def test_what_is_not_committed_is_not_released(checkout):
    (checkout.folder / "left.py").touch()

    try:
        assert "There are changes that are not committed" in checkout.refused("--trial")
    finally:
        (checkout.folder / "left.py").unlink()


def test_a_version_that_the_changelog_calls_unreleased_is_released_for_a_trial_alone(checkout):
    text = (ROOT / "CHANGELOG.md").read_text()
    if f"## {__version__} (unreleased)" in text:
        assert f"Expected '## {__version__} (the day)'" in checkout.refused()
    assert "Unknown option '--all'" in checkout.refused("--all")


def test_the_version_stands_in_one_place():
    files = ["*.py", "*.cfg", "*.toml", "Dockerfile", "*.yaml", "Makefile", ":!tests"]
    lines = subprocess.run(
        ["git", "grep", "-F", f'"{__version__}"', "--", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    [place] = [
        line for line in lines if "version_added" not in line
    ]  # when a setting came is a fact of its own
    assert place == f'provider/airflow_provider_daybreak/__init__.py:__version__ = "{__version__}"'
