"""What a source does, read from its syntax trees without running it: imports, calls of the clock, mail."""

from __future__ import annotations

import ast
import json
import logging
import re
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

_SHOWN_CALLS = 10
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
_PAST_US = (
    re.compile(r"(?<![\w.])/usr/(?:s?bin|lib)/(?:sendmail|mailx?)\b"),
    re.compile(r"\b(?:msmtp|mutt|swaks|ssmtp|sendemail)\s+-"),
    re.compile(r"\bcurl\b.*\bsmtps?://"),
    re.compile(r"\bpython[\d.]*\s+(?:-[A-Za-z]+\s+)*-[a-zA-Z]*[IES][a-zA-Z]*\b"),
)
_MAILERS = (
    "smtplib",
    "django.core.mail",
    "yagmail",
    "redmail",
    "flask_mail",
    "emails",
    "envelopes",
    "aiosmtplib",
)
"""Modules that a script mails by: Python's own, and libraries that build on it, or read its variables."""
_MAGIC = re.compile(r"\s*[%!?]")
_WITH_A_WORD = {"pandas.Timestamp", "pandas.to_datetime"}


@dataclass
class Findings:
    """
    What a source does.

    :param imports: the top-level modules that it can't do without, each with a place that imports it. Imports in a ``try``
        are left out, since the script goes on without them; so are the source's own modules and those of Python itself.
    :param clock_calls: where it asks for the time, such as ``report.py line 12: datetime.date.today``: a backfilled
        day would get today's.
    :param mails: a place that imports smtplib, or a library that mails, the nearest to the top of the source, or "".
    :param example: name of an example of a ``.env`` that the source has, where it has no such file itself, or "".
    :param escapes: where it mails, or starts Python, in a way that ``mail=`` and ``clock=`` don't reach, with what is meant.
    """

    imports: dict[str, str] = field(default_factory=dict)
    clock_calls: list[str] = field(default_factory=list)
    mails: str = ""
    example: str = ""
    escapes: list[str] = field(default_factory=list)


def scan(folder: Path, files: Sequence[str], roots: Sequence[str] = ()) -> Findings:
    """
    Return what a source does: its Python, its notebooks cell by cell, and its shell scripts.

    Each file is read once. What is no Python is left out: Python itself will say so.

    :param files: paths of the source's files, relative to the folder.
    :param roots: folders of it that its packages lie in.
    """
    tops = [path[len(root) + 1 :] for root in roots for path in files if path.startswith(f"{root}/")]
    own = {path.split("/")[0].removesuffix(".py") for path in (*files, *tops)}
    found = Findings()
    mailers: list[tuple[int, str, int]] = []
    for path in files:
        for place, tree in _trees(folder, path):
            for module, line in _needed(tree):
                if module not in own and module not in sys.stdlib_module_names:
                    found.imports.setdefault(module, f"{place} line {line}")
            found.clock_calls += [
                f"{place} line {line}: {name}" for line, name in sorted(set(clock_calls(tree)))
            ]
            if line := _line_of_import(tree, _MAILERS):
                mailers.append((path.count("/"), place, line))
            found.escapes += [f"{place} line {line}: {what}" for line, what in _told_past_us(tree)]
        if path.endswith((".sh", ".bash")):
            text = (folder / path).read_text(encoding="utf-8", errors="replace")
            for line, written in enumerate(text.splitlines(), 1):
                found.escapes += [f"{path} line {line}: {what}" for what in _past_us(written.partition("#")[0])]
    if mailers:
        _, path, line = min(mailers)
        found.mails = f"{path} line {line}"
    return found


def warn_of(found: Findings, name: str) -> None:
    """Say what a new release does by itself that a second run, or one of another day, would do wrong."""
    if calls := found.clock_calls:
        more = f"\n… and {len(calls) - _SHOWN_CALLS} more" if len(calls) > _SHOWN_CALLS else ""
        log.warning(
            "%s asks for the time of day, so on backfilled days it says today, unless clock='report_date' is set where "
            "it runs:\n%s%s", name, "\n".join(calls[:_SHOWN_CALLS]), more,
        )  # fmt: skip
    if found.mails:
        log.warning(
            "%s imports what mails: what the script mails by itself goes out again with each retry, clear and backfill, "
            "unless mail='once' is set where it runs, which sends it once for its day.",
            found.mails,
        )
    if found.example:
        log.warning(
            "%s has %s, and no .env: what the script reads of it is not set. Copy the example to .env beside it, with mode 600, "
            "write your values into the copy, and deploy again; or name the file in env_file.",
            name, found.example,
        )  # fmt: skip
    if found.escapes:
        more = f"\n… and {len(found.escapes) - _SHOWN_CALLS} more" if len(found.escapes) > _SHOWN_CALLS else ""
        log.warning(
            "What %s mails here is not kept by mail='once', and Pythons that are started so have no clock of their run. Write the "
            "program without its folder (sendmail), which finds ours first, and Python without -I, -E and -S:\n%s%s",
            name, "\n".join(found.escapes[:_SHOWN_CALLS]), more,
        )  # fmt: skip


def _trees(folder: Path, path: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield the syntax trees of a file, each with what its place is called: one of a script, one of each cell of a notebook."""
    codes: list[tuple[str, str | bytes]] = []
    if path.endswith(".py"):
        codes = [(path, (folder / path).read_bytes())]
    elif path.endswith(".ipynb"):
        codes = [(f"{path} cell {number}", text) for number, text in _cells((folder / path).read_bytes())]
    for place, code in codes:
        with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
            yield place, ast.parse(code)


def _cells(data: bytes) -> Iterator[tuple[int, str]]:
    """Yield the cells of Python in a notebook, by their place in it, with IPython's own lines made empty ones."""
    try:
        cells = json.loads(data)["cells"]
        codes = [
            (number, "".join(cell["source"]))
            for number, cell in enumerate(cells, 1)
            if cell["cell_type"] == "code"
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        return  # who runs it is told
    for number, text in codes:
        if not text.lstrip().startswith("%%"):
            yield number, "\n".join("" if _MAGIC.match(line) else line for line in text.split("\n"))


def _told_past_us(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield where a text, or a list of words such as subprocess takes, is a command that goes past us."""
    listed: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.List, ast.Tuple)):
            words = [each for each in node.elts if isinstance(each, ast.Constant)]
            listed.update(map(id, words))
            names = [ast.unparse(each) for each in node.elts[:1] if not isinstance(each, ast.Constant)]
            executable = ["python" for name in names if name == "sys.executable"]
            text = " ".join([*executable, *(str(each.value) for each in words)])
            yield from ((node.lineno, what) for what in _past_us(text))
        elif isinstance(node, ast.Call) and id(node) not in listed:
            texts = [
                each.value
                for each in node.args
                if isinstance(each, ast.Constant) and isinstance(each.value, str)
            ]
            yield from ((node.lineno, what) for text in texts for what in _past_us(text))


def _past_us(text: str) -> Iterator[str]:
    yield from (match[0].strip() for pattern in _PAST_US for match in [pattern.search(text)] if match)


def _line_of_import(tree: ast.AST, modules: Collection[str]) -> int:
    """Return a line that imports one of the modules, wherever in the file, or 0."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        if any(name in modules for name in names) and isinstance(node, ast.stmt):
            return node.lineno
    return 0


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


def clock_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield where a syntax tree asks for the time of day: the line, and what it asks."""
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
