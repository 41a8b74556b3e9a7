from __future__ import annotations

import pytest

from tests.integration.web.server import served


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server whose archive is a folder."""
    folder = tmp_path_factory.mktemp("archive") / "my reports"
    with served(tmp_path_factory.mktemp("airflow"), folder.as_uri()) as server:
        yield server
