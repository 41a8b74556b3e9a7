"""What a script imports, read without running it, so that a missing package shows at the deploy."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

from airflow_provider_daybreak.releases.source import has_src_layout

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST_SCRIPTS = 200


def imports_of(folder: Path, files: list[str]) -> dict[str, str]:
    """
    Return the top-level modules that a source can't do without, each with a place that imports it.

    Imports in a ``try`` are left out, since the script goes on without them; so are the source's own modules
    and those of Python itself.

    :param files: paths of the source's files, relative to the folder.
    """
    tops = [path.removeprefix("src/") for path in files] if has_src_layout(files) else []
    own = {path.split("/")[0].removesuffix(".py") for path in (*files, *tops)}
    found: dict[str, str] = {}
    for path in files:
        if not path.endswith(".py"):
            continue
        try:
            tree = ast.parse((folder / path).read_bytes())
        except (SyntaxError, ValueError):
            continue  # Python itself will say what is wrong with it
        for module, line in _needed(tree):
            if module not in own and module not in sys.stdlib_module_names:
                found.setdefault(module, f"{path} line {line}")
    return found


def importer_of(module: str, folder: Path, files: list[str]) -> str | None:
    """
    Return a place of a source that imports a module, wherever in it that is, such as ``report.py line 3``.

    What stands nearest to the top is looked at first, and no more than a script consists of.
    """
    scripts = sorted((path for path in files if path.endswith(".py")), key=lambda path: (path.count("/"), path))
    for path in scripts[:_MOST_SCRIPTS]:
        text = (folder / path).read_bytes()
        if module.encode() not in text:
            continue
        try:
            nodes = list(ast.walk(ast.parse(text)))
        except (SyntaxError, ValueError):
            continue
        for node in nodes:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            if module in names:
                return f"{path} line {node.lineno}"  # type: ignore[attr-defined]
    return None


def _needed(node: ast.AST) -> Iterator[tuple[str, int]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield alias.name.split(".")[0], child.lineno
        elif isinstance(child, ast.ImportFrom):
            if child.module and not child.level:
                yield child.module.split(".")[0], child.lineno
        elif not isinstance(child, (ast.Try, ast.FunctionDef, ast.AsyncFunctionDef)) and not _for_types(child):
            yield from _needed(child)


def _for_types(node: ast.AST) -> bool:
    """Return whether this is ``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
