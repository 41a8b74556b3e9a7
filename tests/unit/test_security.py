"""The document of what is defended names tests that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (ROOT / "docs" / "security.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_the_test_that_attacks_a_border_exists(file, test):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))

    assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_border_is_attacked():
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    borders = re.findall(
        r"^- .*?(?=^- |^#|\Z)",
        text.partition("## Borders")[2].partition("## All of it")[0],
        re.MULTILINE | re.DOTALL,
    )

    assert len(borders) > 20
    assert [border for border in borders if "::test_" not in border] == []
