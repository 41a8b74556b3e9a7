from __future__ import annotations

import pytest

from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.layout import Layout


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "releases", "daily_report")


@pytest.fixture
def folder(tmp_path):
    """Return a function that writes files, by their path, into the source folder."""
    source = tmp_path / "source"

    def write(**files):
        source.mkdir(exist_ok=True)
        for name, text in files.items():
            path = source / name.replace("__", "/").replace("_py", ".py").replace("_txt", ".txt")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return source

    return write


@pytest.fixture
def deployed(layout, folder):
    """Return a function that deploys a script with that text. Nothing is installed, so it needs no network."""

    def deploy_script(text="print('hello')\n", **options):
        return deploy(layout, Plan(folder(report_py=text), **options))

    return deploy_script
