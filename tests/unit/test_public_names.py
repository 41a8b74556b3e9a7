"""What the package says is public, what docs/reference.md lists, and what there is, are one."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import airflow_provider_daybreak as package

PARAM = re.compile(r"^ *:param \*?(\w+):", re.MULTILINE)
ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "docs" / "reference.md").read_text()


def takes_something(thing):
    """Whether it is a function or class that is called, and not a type of what is returned."""
    return inspect.isfunction(thing) or (
        isinstance(thing, type) and not issubclass(thing, dict) and not getattr(thing, "_is_protocol", False)
    )


MODULES = [
    package.__name__,
    *(f"{package.__name__}.{line.strip()}" for line in package.__doc__.splitlines() if line.startswith("    ")),
]
LISTED = {
    module: re.findall(r"`(\w+)`", names)
    for module, names in re.findall(
        r"^\| `(airflow_provider_daybreak[\w.]*)` \| (.+?) \|", REFERENCE, re.MULTILINE
    )
}
PUBLIC = [
    pytest.param(getattr(import_module(module), name), id=f"{module.partition('.')[2]}.{name}")
    for module in MODULES
    if not module.endswith((".exceptions", ".version_compat"))
    for name in import_module(module).__all__
    if takes_something(getattr(import_module(module), name))
]


def test_the_reference_lists_the_modules_that_the_package_names():
    assert list(LISTED) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_the_reference_lists_the_names_that_a_module_has(module):
    names = import_module(module).__all__

    if module.endswith(".exceptions"):
        assert "every error" in REFERENCE
    else:
        assert sorted(LISTED[module]) == sorted(names)
    for name in names:
        assert getattr(import_module(module), name) is not None


def shown():
    """Yield each file that shows how the package is used: documents, Dags and what is copied from them."""
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for number, block in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL), 1):
            yield pytest.param(block, id=f"{path.name}-{number}")
    for path in sorted((ROOT / "dags").glob("*.py")):
        yield pytest.param(path.read_text(), id=path.name)


@pytest.mark.parametrize("text", shown())
def test_what_documents_and_dags_import_is_public(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package.__name__:
            assert node.module in MODULES
            assert {alias.name for alias in node.names} <= set(import_module(node.module).__all__)


def parameters_of(thing):
    kinds = inspect.signature(thing).parameters.values()
    return {each.name for each in kinds if each.kind is not each.VAR_KEYWORD and not each.name.startswith("_")}


@pytest.mark.parametrize("thing", PUBLIC)
def test_a_public_name_documents_what_it_takes_and_nothing_else(thing):
    bases = inspect.getmro(thing)[1:-1] if isinstance(thing, type) else ()
    said = set(PARAM.findall(thing.__doc__ or ""))
    said_by_bases = {name for base in bases for name in PARAM.findall(base.__doc__ or "")}

    assert said <= parameters_of(thing).union(*map(parameters_of, bases))
    assert parameters_of(thing) <= said | said_by_bases


def test_a_name_that_there_is_not_is_an_error_that_names_it():
    with pytest.raises(AttributeError, match="module 'airflow_provider_daybreak' has no attribute 'archives'"):
        getattr(package, "archives")  # noqa: B009 - as a statement it would be a useless one


def test_importing_the_package_imports_nothing_more():
    code = "import sys; before = set(sys.modules); import airflow_provider_daybreak; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not [name for name in done.stdout.split() if name.startswith(("airflow.", f"{package.__name__}."))]
