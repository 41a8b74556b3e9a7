"""
What docs/architecture.md names is there, and nothing is missing in it.

``DAYBREAK_REFERENCE=1 make test ARGS=tests/unit/test_architecture.py`` writes its lists of modules anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "provider" / "airflow_provider_daybreak"
DOCUMENT = ROOT / "docs" / "architecture.md"
TEXT = DOCUMENT.read_text()
TOP = "The rooms"
SECTIONS = re.findall(r"^#{2,3} (?:`([\w.]+)`|The rooms)\n(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)
PACKAGES = {
    ".".join(path.parent.relative_to(PACKAGE).parts): path.parent for path in PACKAGE.rglob("__init__.py")
}
NAMES = {
    *PACKAGES,
    *(".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")),
}


def modules_of(folder):
    """Return the modules of a package; those in a folder without ``__init__`` are of the package above it."""
    inner = {path.parent for path in folder.rglob("__init__.py")} - {folder}
    paths = [path for path in folder.rglob("*.py") if not inner & set(path.parents)]
    return sorted(path.stem for path in paths if path.name != "__init__.py")


def test_every_package_is_a_room_and_every_room_a_package():
    assert sorted(name for name, _ in SECTIONS) == sorted(PACKAGES)


@pytest.mark.parametrize("name", sorted(PACKAGES))
def test_a_room_names_each_of_its_modules(name):
    wanted = f"Modules: {', '.join(f'`{module}`' for module in modules_of(PACKAGES[name]))}."
    if os.environ.get("DAYBREAK_REFERENCE"):
        head = re.escape(f"### `{name}`" if name else f"## {TOP}")
        pattern = re.compile(rf"(^{head}\n.*?^)Modules: [^\n]*$", re.MULTILINE | re.DOTALL)
        DOCUMENT.write_text(pattern.sub(lambda found: found[1] + wanted, DOCUMENT.read_text(), count=1))

    [section] = re.findall(
        rf"^#+ {re.escape(f'`{name}`' if name else TOP)}\n(.*?)(?=^#|\Z)",
        DOCUMENT.read_text(),
        re.MULTILINE | re.DOTALL,
    )

    assert wanted in section.splitlines(), "DAYBREAK_REFERENCE=1 make test ARGS=tests/unit/test_architecture.py"
    if name:
        assert "- May be touched: " in section
        assert "- Must hold: " in section


def test_what_the_walks_go_through_is_there():
    walks = TEXT.partition("## Three walks\n")[2].partition(f"## {TOP}\n")[0]
    named = re.findall(r"`([a-z_]+\.[a-z_.]+)`", walks)

    assert len(named) > 20
    assert sorted(set(named) - NAMES - {"prepared.json"}) == []  # a file of the ledger


def test_the_drawing_shows_each_part_of_the_house():
    drawing = TEXT.partition("```mermaid\n")[2].partition("```")[0]
    shown = set(re.findall(r"\b[a-z_]+\b", drawing)) - {"flowchart", "dags", "plugins"}
    tops = {name for name in PACKAGES if name and "." not in name}

    assert tops <= shown
    assert shown - tops <= NAMES
