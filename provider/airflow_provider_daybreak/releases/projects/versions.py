"""The version of a project whose metadata leaves it to a file, a module or version control."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

UNKNOWN = "0+unknown"
"""What stands for a version that only version control knows: a deploy leaves that out."""

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+!_-]*")
_SAID = re.compile(r"""^\s*(?:__version__|version|VERSION)\b[^=\n]*=\s*["']([^"'\n]+)["']""", re.MULTILINE)
_USUAL = ("_version.py", "version.py", "__about__.py", "__version__.py", "__init__.py")
_PLAIN = ("VERSION", "VERSION.txt", "version.txt", "version")


def version_of(
    said: str,
    somewhere: str,
    *,
    packages: Iterable[str],
    roots: Iterable[str],
    text_of: Callable[[str], str | None],
) -> str:
    """
    Return a project's version, as its metadata would have it, or :data:`UNKNOWN`.

    :param said: the version that stands there, or "".
    :param somewhere: where it is: ``attr:`` or ``file:``, with a module's attribute or paths.
    :param packages: paths of its packages, which may say it.
    :param roots: folders that its modules lie in.
    :param text_of: returns the text of a file of the project by its path, or None.
    """
    for candidate in _candidates(said, somewhere, packages, roots, text_of):
        if _VERSION.fullmatch(candidate.strip()):
            return _normal(candidate.strip())
    return UNKNOWN


def _candidates(
    said: str,
    somewhere: str,
    packages: Iterable[str],
    roots: Iterable[str],
    text_of: Callable[[str], str | None],
) -> Iterator[str]:
    if said:
        yield said
        return
    kind, _, where = somewhere.partition(":")
    if kind == "attr":
        yield from _of_attribute(where.strip(), roots, text_of)
    elif kind == "file":
        for path in re.split(r"[,\s]+", where.strip()):
            text = text_of(path) or ""
            yield from (*_SAID.findall(text), text)
    for line in (text_of("PKG-INFO") or "").splitlines():
        if line.startswith("Version: "):
            yield line.partition(": ")[2]
    for package in packages:
        for name in _USUAL:
            yield from _SAID.findall(text_of(_below(package, name)) or "")
    yield from (text_of(name) or "" for name in _PLAIN)


def _of_attribute(said: str, roots: Iterable[str], text_of: Callable[[str], str | None]) -> Iterator[str]:
    module, _, name = said.rpartition(".")
    place = module.replace(".", "/")
    for root in dict.fromkeys([*roots, ""]):
        for path in (f"{place}.py", f"{place}/__init__.py"):
            yield _assigned(text_of(_below(root, path)), name)


def _assigned(text: str | None, name: str) -> str:
    """Return the text that a module binds a name to at its top, or ""."""
    try:
        tree = ast.parse(text or "")
    except (SyntaxError, ValueError):
        return ""
    for node in tree.body:
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(one, ast.Name) and one.id == name for one in targets):
            return _written(node.value)
    return ""


def _written(value: ast.expr | None) -> str:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    if isinstance(value, ast.Tuple):
        return ".".join(str(one.value) for one in value.elts if isinstance(one, ast.Constant))
    return ""


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _normal(version: str) -> str:
    from packaging.version import InvalidVersion, Version

    try:
        return str(Version(version))
    except InvalidVersion:
        return UNKNOWN
