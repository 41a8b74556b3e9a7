from __future__ import annotations

import re
from pathlib import Path

from airflow.cli import cli_parser

DOCS = Path(__file__).parents[3] / "docs" / "releases.md"


def test_the_dag_in_the_documentation_is_one(tmp_path):
    [code] = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    names = {"__file__": str(tmp_path / "names.py"), "__name__": "names"}

    exec(compile(code, str(DOCS), "exec"), names)

    assert names["run"].upstream_task_ids == {"deploy"}


def test_the_commands_in_the_documentation_exist():
    lines = re.findall(r"^airflow (daybreak releases .*)$", DOCS.read_text(), re.MULTILINE)
    assert len(lines) == 8
    for line in lines:
        words = [word.strip("[]") for word in line.split()]
        words = ["3" if word == "N" else word for word in words]
        assert cli_parser.get_parser().parse_args(words).func
