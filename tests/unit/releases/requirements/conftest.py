from __future__ import annotations

import pytest

from airflow_provider_daybreak.releases.requirements.declared import read_requirements
from airflow_provider_daybreak.releases.source import read_source


@pytest.fixture(autouse=True)
def _no_conda(monkeypatch):
    """What a machine has of conda's programs changes nothing here."""
    monkeypatch.setattr("airflow_provider_daybreak.releases.requirements.conda.program", lambda: "")


@pytest.fixture
def read(folder):
    """Return a function that reads what a source with these files, by path, asks for."""

    def read_files(files, wanted="auto"):
        source = folder(report_py="print(1)\n")
        for name, text in files.items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text)
        return read_requirements(read_source(source), wanted)

    return read_files
