from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import ClockError
from airflow_provider_daybreak.releases.clock_package import clock_package

PYTHON = {
    "what": "the image's Python",
    "implementation": "CPython",
    "version": "3.12.4",
    "abi": "cpython-312-x86_64-linux-gnu",
    "machine": "x86_64",
}


@pytest.mark.parametrize(
    ("differs", "problem"),
    [
        ({"implementation": "PyPy"}, "it takes CPython 3.8 or later"),
        ({"version": "3.7.17"}, "it takes CPython 3.8 or later"),
        ({"machine": "riscv64"}, "it takes x86_64 or aarch64, and the image is for riscv64"),
    ],
)
def test_a_python_that_no_package_is_made_for_is_refused_before_anything_is_fetched(tmp_path, differs, problem):
    with pytest.raises(ClockError, match=problem):
        clock_package(tmp_path, **{**PYTHON, **differs})

    assert not list(tmp_path.iterdir())
