"""Where a source asks for the time of day, read without running it: a backfilled day would get today's."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_ALWAYS = {
    "datetime.date.today", "datetime.datetime.now", "datetime.datetime.today", "datetime.datetime.utcnow",
    "pandas.Timestamp.now", "pandas.Timestamp.today", "pandas.Timestamp.utcnow",
    "pendulum.now", "pendulum.today", "pendulum.tomorrow", "pendulum.yesterday",
    "time.time", "time.time_ns",
}  # fmt: skip
_WITHOUT_A_TIME = {
    "time.asctime": 0,
    "time.ctime": 0,
    "time.gmtime": 0,
    "time.localtime": 0,
    "time.strftime": 1,
}
_WITH_A_WORD = {"pandas.Timestamp", "pandas.to_datetime"}
# Most files have none of these, and need not be parsed.
_WORTH_PARSING = re.compile(
    rb"now\b|today\b|tomorrow\b|yesterday\b|\btime_ns\b|\btime\s*\(|\btime\s*\.|\b(asctime|ctime|gmtime|localtime|strftime)\b"
)


def wall_clock_calls(folder: Path, files: Sequence[str]) -> list[str]:
    """
    Return where a source asks for the time, such as ``report.py line 12: datetime.date.today``.

    :param files: paths of the source's files, relative to the folder.
    """
    found = []
    for path in files:
        if not path.endswith(".py"):
            continue
        text = (folder / path).read_bytes()
        if not _WORTH_PARSING.search(text):
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue  # Python itself will say what is wrong with it
        found += [f"{path} line {line}: {name}" for line, name in sorted(set(_calls(tree)))]
    return found


def _calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    known = dict(_imported(tree))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)):
            name = _name_of(node, known)
            if name in _ALWAYS:  # called here, or given to what calls it
                yield node.lineno, name
        elif isinstance(node, ast.Call):
            name = _name_of(node.func, known)
            if len(node.args) == _WITHOUT_A_TIME.get(name) or (name in _WITH_A_WORD and _says_now(node)):
                yield node.lineno, name


def _says_now(call: ast.Call) -> bool:
    return bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value in ("now", "today")


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield each imported name as the module has it, and what it stands for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield (alias.asname, alias.name) if alias.asname else (alias.name.split(".")[0],) * 2
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _name_of(node: ast.AST, known: dict[str, str]) -> str:
    """Return what a dotted name stands for, from its module on, or ""."""
    if isinstance(node, ast.Attribute):
        head = _name_of(node.value, known)
        return f"{head}.{node.attr}" if head else ""
    return known.get(node.id, "") if isinstance(node, ast.Name) else ""
