from __future__ import annotations

import pytest

from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.running.run import Job, run
from airflow_provider_daybreak.releases.uv import Index
from tests.integration.releases.package_index import PackageIndex


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    """Every test installs from its own index: what another one put into uv's cache must not help it."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))


@pytest.fixture
def index():
    with PackageIndex() as running:
        yield running


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path / "releases", "daily_report")


@pytest.fixture
def source(tmp_path):
    """Return a function that makes the source: a script that imports ``thing``, and the files that are given."""

    def write(files=None, script="import thing; print(thing.__version__)\n"):
        folder = tmp_path / "source"
        folder.mkdir(exist_ok=True)
        for name, text in {"report.py": script, **(files or {})}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return folder

    return write


@pytest.fixture
def deployed(layout, index):
    """Return a function that deploys a source from the test's own index."""

    def deploy_source(folder, **options):
        return deploy(layout, Plan(folder, **{"index": Index(index.url), **options}))

    return deploy_source


@pytest.fixture
def printed():
    """Return a function that runs a release's script and returns its last line."""

    def run_release(release, command=("report.py",)):
        finished = run(release, Job(command), on_line=lambda *_: None)
        assert finished.code == 0, finished.stderr
        return finished.last_line

    return run_release
