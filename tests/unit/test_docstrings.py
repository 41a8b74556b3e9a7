"""A docstring's fields are those of what it stands on."""

from __future__ import annotations

import ast
import builtins
import re
from pathlib import Path

import pytest

from airflow_provider_daybreak import exceptions

ROOT = Path(__file__).parents[2]
FILES = sorted(
    path for folder in ("provider", "plugins", "demo", "dags") for path in (ROOT / folder).rglob("*.py")
)
PARAM = re.compile(r"^\s*:param ([\w*]+):", re.MULTILINE)
RAISED = re.compile(r"^\s*:raises ([\w.]+):", re.MULTILINE)


KINDS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def names_known():
    """Return the errors of Python, ours, and what any of our files defines or imports."""
    names = {*dir(builtins), *exceptions.__all__}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                names |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.ClassDef):
                names.add(node.name)
    return names


@pytest.fixture(scope="module")
def errors():
    return names_known()


def arguments(function):
    every = function.args
    named = [*every.posonlyargs, *every.args, *every.kwonlyargs, *filter(None, (every.vararg, every.kwarg))]
    return [each.arg for each in named if each.arg not in ("self", "cls")]


def taken(node):
    """Return what a function, or the making of a class, takes: of a class without ``__init__``, its fields."""
    if not isinstance(node, ast.ClassDef):
        return arguments(node)
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            return arguments(each)
    return [each.target.id for each in node.body if isinstance(each, ast.AnnAssign)]


def inherits(node):
    """Return whether a class has parameters of another one: those of a base whose fields are its own too."""
    return isinstance(node, ast.ClassDef) and any(
        not (isinstance(base, ast.Name) and base.id in ("Protocol", "TypedDict", "NamedTuple"))
        for base in node.bases
    )


def faults(text, errors):
    """Yield each parameter that is documented and not taken, and each error that there isn't."""
    for node in (node for node in ast.walk(ast.parse(text)) if isinstance(node, KINDS)):
        said = ast.get_docstring(node) or ""
        for name in PARAM.findall(said):
            if name.lstrip("*") not in taken(node) and not inherits(node):
                yield f"{node.name} (line {node.lineno}) takes no {name}"
        for name in RAISED.findall(said):
            if name.rpartition(".")[2] not in errors:
                yield f"{node.name} (line {node.lineno}) raises {name}, which there isn't"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_field_of_a_docstring_is_true(path, errors):
    assert list(faults(path.read_text(), errors)) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('def f(a):\n    """\n    Do.\n\n    :param b: gone.\n    """', "f (line 1) takes no b"),
        ('class F:\n    """\n    It.\n\n    :param b: gone.\n    """\n    a: int', "F (line 1) takes no b"),
        ('def f():\n    """\n    Do.\n\n    :raises GoneError: no more.\n    """', "raises GoneError"),
    ],
    ids=["function", "dataclass", "error"],
)
def test_a_field_that_is_not_true_is_found(text, fault, errors):
    [found] = faults(text, errors)

    assert fault in found
