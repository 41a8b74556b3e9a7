"""What other packages keep to themselves changes with any version of theirs: only version_compat may use it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("airflow_provider_daybreak", "demo")
COMPAT = ROOT / "provider" / "airflow_provider_daybreak" / "version_compat.py"
BOOT = COMPAT.parent / "releases" / "running" / "boot"
"""Stands in the scripts' own Pythons, whose smtplib offers no other way in; it is shown with each Python there is."""
FILES = sorted(
    path
    for folder in ("provider", "plugins", "dags", "demo")
    for path in (ROOT / folder).rglob("*.py")
    if path.parent != BOOT
)
NAMED_TUPLE = (
    "_asdict",
    "_fields",
    "_make",
    "_replace",
)  # begin so lest they are fields' names, and are documented
BY_NAME = ("getattr", "setattr", "hasattr", "delattr", "attrgetter", "methodcaller", "import_module")


def is_private(name):
    """Whether a name, or a part of a dotted one, is private: ``_x`` and ``__x``; ``__x__`` and ``_x_`` are no secrets."""
    parts = [part for part in name.split(".") if part not in NAMED_TUPLE]
    return any(part.startswith("_") and not part.endswith("_") for part in parts)


def is_ours(module):
    return module.split(".")[0] in OURS


def declared(module):
    """Return the names that a public module says are public, such as ``os._exit``."""
    return () if is_private(getattr(module, "__name__", "")) else getattr(module, "__all__", ())


def imports(tree):
    """Return what each imported name of a file stands for, wherever in it the import is."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.asname or alias.name.split(".")[0]: (alias.name, None) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
    return found


def resolved(node, known):
    """Return the object that an expression such as ``smtplib.SMTP`` names, or None."""
    if isinstance(node, ast.Subscript):
        return resolved(node.value, known)
    if isinstance(node, ast.Attribute):
        return getattr(resolved(node.value, known), node.attr, None)
    if not isinstance(node, ast.Name) or node.id not in known:
        return None
    module, name = known[node.id]
    if name is None:
        return import_module(module if module.split(".")[0] != node.id else node.id)
    return getattr(import_module(module), name, None)


def own_names(tree):
    """Return the private names that a class makes: methods, fields, and what it puts on ``self``."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            names.add(node.attr)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return {name for name in names if is_private(name)}


def is_self(node):
    is_super = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
    return is_super or (isinstance(node, ast.Name) and node.id in ("self", "cls"))


def foreign_names(cls):
    """Return the private names of a class of another package, and of those that it derives from."""
    names = set()
    for base in cls.__mro__[:-1]:
        names |= {name for name in vars(base) if is_private(name)}
        try:
            names |= own_names(ast.parse(textwrap.dedent(inspect.getsource(base))))
        except (OSError, TypeError):  # it is written in C
            continue
    return names


def bases(tree, known):
    """Return, for each class of a file, the private names that it has of ours and those of others."""
    classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    found = {}

    def look(node):
        if node.name not in found:
            ours, theirs = own_names(node), set()
            for base in node.bases:
                if isinstance(base, ast.Name) and base.id in classes and base.id != node.name:
                    more, others = look(classes[base.id])
                else:
                    more, others = of_class(resolved(base, known))
                ours, theirs = ours | more, theirs | others
            found[node.name] = ours, theirs
        return found[node.name]

    return {node: look(node) for node in classes.values()}


def of_class(cls):
    """Return the private names of ours, and those of others, that deriving from a class gives."""
    ours, theirs = set(), set()
    for base in inspect.getmro(cls)[:-1] if isinstance(cls, type) else ():
        if is_ours(base.__module__):
            ours |= own_names(ast.parse(textwrap.dedent(inspect.getsource(base))))
        else:
            theirs |= foreign_names(base)
    return ours, theirs


def private_uses(text):
    """Yield each use of another package's private name in a file, as its line and the name."""
    tree = ast.parse(text)
    known = imports(tree)
    yield from imported(tree)
    yield from named(tree)
    yield from reached(tree, known)
    yield from inherited(tree, known)


def imported(tree):
    """Yield private modules, and private names of modules, that are imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if is_private(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module and not is_ours(node.module):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if is_private(name) and alias.name not in declared(import_module(node.module)):
                    yield node.lineno, name


def named(tree):
    """Yield private names that are given as text, as to ``getattr``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for argument in node.args if function in BY_NAME else ():
            if isinstance(argument, ast.Constant) and is_private(str(argument.value)):
                yield node.lineno, argument.value


def reached(tree, known):
    """Yield private attributes of anything but one's own ``self``, unless a class of the same file has them."""
    own = {name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for name in own_names(node)}
    for node in private_attributes(tree):
        if not is_self(node.value) and node.attr not in own | set(declared(resolved(node.value, known))):
            yield node.lineno, node.attr


def inherited(tree, known):
    """Yield private names that a class uses, or makes anew, and has from a class of another package, or from none."""
    for cls, (ours, theirs) in bases(tree, known).items():
        yield from ((cls.lineno, name) for name in own_names(cls) & theirs)
        for node in private_attributes(cls):
            if is_self(node.value) and (node.attr in theirs or node.attr not in ours):
                yield node.lineno, node.attr


def private_attributes(tree):
    return (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and is_private(node.attr))


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path,
            marks=pytest.mark.pango
            if "import weasyprint" in path.read_text() or "from weasyprint" in path.read_text()
            else (),
            id=str(path.relative_to(ROOT)),
        )
        for path in FILES
    ],
)
def test_no_private_name_of_another_package_is_used(path):
    if path == COMPAT:
        return

    assert sorted(set(private_uses(path.read_text()))) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import airflow._shared.secrets_masker", "airflow._shared.secrets_masker"),
        ("from airflow.sdk._shared.secrets_masker import redact", "airflow.sdk._shared.secrets_masker.redact"),
        ("from textwrap import _whitespace", "textwrap._whitespace"),
        ("def f():\n    from json import _default_encoder", "json._default_encoder"),
        ("import smtplib\nclient = smtplib.SMTP()\nclient._host = 'x'", "_host"),
        ("hook._get_token()", "_get_token"),
        ("getattr(hook, '_get_token')()", "_get_token"),
        ("import importlib\nimportlib.import_module('airflow._shared.logging')", "airflow._shared.logging"),
        ("import smtplib\nclass A(smtplib.SMTP):\n    def _get_socket(self): pass", "_get_socket"),
        ("from smtplib import SMTP\nclass A(SMTP):\n    def f(self): return self._host", "_host"),
        ("from smtplib import SMTP\nclass A(SMTP):\n    def f(self): super()._get_socket()", "_get_socket"),
        ("from smtplib import SMTP\nclass A(SMTP):\n    def f(self): self._host = 'mine'", "_host"),
        ("from smtplib import SMTP\nclass A(SMTP): pass\nclass B(A):\n    def f(self): self._host", "_host"),
        (
            "from smtplib import SMTP\nclass A(SMTP):\n    def f(self): self._of_a_later_version()",
            "_of_a_later_version",
        ),
        ("def f():\n    from smtplib import SMTP\n    class A(SMTP):\n        _host = 'mine'", "_host"),
    ],
)
def test_a_use_is_found(text, name):
    assert name in {found for _, found in private_uses(text)}


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos._exit(0)",
        "class A:\n    def f(self):\n        self._x = 1\n        return self._x",
        "class A:\n    _x: int\n    def f(self): return self._x\nclass B(A):\n    def g(self): return self._x",
        "from smtplib import SMTP\nclass A(SMTP):\n    def f(self): self._mine = self.__class__",
        "from airflow_provider_daybreak import __version__",
    ],
)
def test_what_is_ours_or_public_is_no_find(text):
    assert list(private_uses(text)) == []
