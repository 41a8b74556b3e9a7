from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_daybreak.delivery.script_mail import VARIABLES

PAGE = Path(__file__).parents[3] / "docs" / "scripts.md"


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
def test_the_code_in_the_documentation_runs(code):
    exec(compile(code, str(PAGE), "exec"), {"__file__": str(PAGE)})


def test_every_variable_is_named_in_the_documentation():
    section = PAGE.read_text().partition("- by variables")[2].partition("The script is told")[0]
    named = set(re.findall(r"`([A-Z_]+)`", section))

    assert named - {"PATH"} == set(VARIABLES)
