"""What is read from the syntax trees of Python files, which are not run for it."""

from __future__ import annotations

import ast
import re
import tokenize
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_daybreak.cli.dag_checks.finding import Finding
from airflow_provider_daybreak.releases.scan import clock_calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAMES = re.compile(r"(.*_)?(password|passwd|passphrase|pwd)", re.IGNORECASE)
_KEY_NAMES = re.compile(
    r"(.*_)?(api_?key|access_?key|secret_?key|client_?secret|private_?key|auth_?token|access_?token|token)",
    re.IGNORECASE,
)
_LOOKS_RANDOM = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w+/=.~-]{12,}")
_NO_VALUE = re.compile(
    r"(change|replace)[-_ ]?me|x+|\*+|\.+|…|none|null|todo|example|dummy|test|password|secret", re.IGNORECASE
)
_TEMPLATE = re.compile(r"\{|<.*>|^\$|\$\(|%\(")
_KNOWN = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"), "an access key of AWS"),
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b"), "a token of GitHub"),
    (re.compile(r"\bglpat-[\w-]{20,}\b"), "a token of GitLab"),
    (re.compile(r"\bxox[abprs]-[\w-]{10,}\b"), "a token of Slack"),
    (re.compile(r"\bsk_live_[A-Za-z0-9]{16,}\b"), "a key of Stripe"),
    (re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@{}$<]+:(?P<value>[^\s/:@{}$<]+)@"), "a password in an address"),
)


@dataclass(frozen=True)
class Code:
    """
    A Python file that was read.

    :param tree: its syntax tree.
    """

    path: Path
    tree: ast.Module


def read_code(path: Path) -> Code | Finding:
    """Return a file's syntax tree, or why it has none."""
    try:
        return Code(path, ast.parse(path.read_bytes(), str(path)))
    except SyntaxError as error:
        return Finding(
            "syntax-error", path, error.lineno or 0, f"{error.msg}.", "Mend the line, or save the file as UTF-8"
        )
    except (ValueError, RecursionError, MemoryError, OSError) as error:
        return Finding(
            "syntax-error", path, 0, f"It is no Python: {error}.", "Mend the file, or save it as UTF-8"
        )


def secrets_in_code(code: Code) -> Iterator[Finding]:
    """Yield the lines that say a password, a token or a key. None of them is shown."""
    said: dict[int, str] = {}
    for node in ast.walk(code.tree):
        for name, given in _named(node):
            # Param("…") is as good as its value
            value = given.args[0] if isinstance(given, ast.Call) and given.args else given
            if (
                isinstance(value, ast.Constant)
                and isinstance(value.value, str)
                and _is_secret(name, value.value)
            ):
                said.setdefault(value.lineno, f"the value of {name}")
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for pattern, what in _KNOWN:
                found = pattern.search(node.value)
                if found and not _NO_VALUE.fullmatch(found.groupdict().get("value") or "-"):
                    said.setdefault(node.lineno, what)
    for line, what in sorted(said.items()):
        yield Finding(
            "secret-in-code",
            code.path,
            line,
            f"This holds {what}: everybody who can read the repository, now or ever, has it.",
            "Put it into a connection or a variable of Airflow's, or a .env that git ignores, and change it",
        )


def _named(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield each value that has a name: of an assignment, an argument, a default, or a key of a dictionary."""
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if node.value is not None:
            yield from ((name, node.value) for target in targets for name in _names_of(target))
    elif isinstance(node, ast.keyword) and node.arg:
        yield node.arg, node.value
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value
    elif isinstance(node, ast.arguments):
        positional = [*node.posonlyargs, *node.args]
        pairs = [*zip(reversed(positional), reversed(node.defaults), strict=False)]
        pairs += [
            (one, default) for one, default in zip(node.kwonlyargs, node.kw_defaults, strict=True) if default
        ]
        yield from ((one.arg, default) for one, default in pairs)


def _names_of(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Attribute):
        yield target.attr
    elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        yield str(target.slice.value)


def _is_secret(name: str, value: str) -> bool:
    name, value = name.replace("-", "_"), value.strip()
    if not value or "\n" in value or _NO_VALUE.fullmatch(value) or _TEMPLATE.search(value):
        return False
    if _NAMES.fullmatch(value) or _KEY_NAMES.fullmatch(value):  # the name of what holds it
        return False
    if _NAMES.fullmatch(name):
        return " " not in value or len(value) > 1
    return bool(_KEY_NAMES.fullmatch(name) and _LOOKS_RANDOM.fullmatch(value))


def clock_at_import(code: Code) -> Iterator[Finding]:
    """Yield where the file asks for the time of day while it is loaded: also in functions that it calls for that."""
    calls = sorted(set(clock_calls(code.tree)))
    if not calls:
        return
    reached = _reached(code.tree)
    deferred = _deferred(code.tree, reached)
    for line, name in calls:
        if _is_in(line, reached) and not _is_in(line, deferred):
            yield Finding(
                "wall-clock",
                code.path,
                line,
                f"{name} is asked for while the file is loaded: each time it is, the Dag is another, and no run's date is meant.",
                "Take the run's own date, in a template or a task: {{ ds }}, or the report_date of a report",
            )


def clock_in_function(code: Code, first: int) -> Iterator[Finding]:
    """
    Yield where the function that makes a report's data asks for the time of day.

    :param first: its first line, that of a decorator if it has one.
    """
    for node in ast.walk(code.tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        decorators = getattr(node, "decorator_list", [])
        if min([node.lineno, *(one.lineno for one in decorators)]) != first:
            continue
        for line, name in sorted(set(clock_calls(code.tree))):
            if node.lineno <= line <= (node.end_lineno or node.lineno):
                yield Finding(
                    "wall-clock",
                    code.path,
                    line,
                    f"{name} is asked for by what makes a report's data: a backfilled day gets today's.",
                    "Ask for the report's date by an argument of the function: report_date, period_start or period_end",
                )


_Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def _reached(tree: ast.Module) -> list[ast.AST]:
    """Return what runs while the file is loaded: its statements, and the functions that they call, or that make Dags."""
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, _Function)}
    reached: dict[int, ast.AST] = {}
    waiting: list[ast.AST] = [statement for statement in tree.body if not _is_main(statement)]
    while waiting:
        node = waiting.pop()
        if id(node) in reached:
            continue
        reached[id(node)] = node
        for each in _own(node):
            if isinstance(each, _Function) and _decorator(each) in ("dag", "task_group"):
                waiting.extend(each.body)
            if isinstance(each, ast.Call) and isinstance(each.func, ast.Name):
                called = functions.get(each.func.id)
                if called is not None and not _is_task(called):
                    waiting.extend(called.body)
    return list(reached.values())


def _deferred(tree: ast.Module, reached: list[ast.AST]) -> list[ast.AST]:
    """Return the functions that what is reached only defines."""
    bodies = {id(node) for node in reached}
    return [
        node
        for node in ast.walk(tree)
        if (isinstance(node, _Function) and not any(id(statement) in bodies for statement in node.body))
        or isinstance(node, ast.Lambda)
    ]


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and what is below it, without the insides of functions."""
    yield node
    if isinstance(node, (*_Function, ast.Lambda)):
        for each in getattr(node, "decorator_list", []):
            yield from _own(each)
        return
    for child in ast.iter_child_nodes(node):
        yield from _own(child)


def _decorator(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the last part of the name of the first decorator, or ""."""
    for each in node.decorator_list:
        name = each.func if isinstance(each, ast.Call) else each
        return name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
    return ""


def _is_task(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("task" in ast.unparse(each).split("(")[0].split(".") for each in node.decorator_list)


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)


def _is_in(line: int, nodes: list[ast.AST]) -> bool:
    return any(
        node.lineno <= line <= (node.end_lineno or node.lineno)
        for node in nodes
        if isinstance(node, (ast.stmt, ast.expr))
    )


def dags_never_called(code: Code) -> Iterator[Finding]:
    """Yield functions with ``@dag`` at the top of a file that nothing in it calls."""
    named = {node.id for node in ast.walk(code.tree) if isinstance(node, ast.Name)}
    for node in code.tree.body:
        if isinstance(node, _Function) and _decorator(node) == "dag" and node.name not in named:
            yield Finding(
                "no-dag",
                code.path,
                node.lineno,
                f"Nothing calls {node.name}, so that Airflow gets no Dag of it.",
                f"Call it at the end of the file: {node.name}()",
            )


def comments(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield the comments of a Python file, or the lines of any other: the line, the text, and whether it stands alone there."""
    if path.suffix != ".py":
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        yield from (
            (number, text, text.lstrip().startswith(("#", "{#"))) for number, text in enumerate(lines, 1)
        )
        return
    with suppress(SyntaxError, ValueError, tokenize.TokenError), tokenize.open(path) as file:
        for one in tokenize.generate_tokens(file.readline):
            if one.type == tokenize.COMMENT:
                yield one.start[0], one.string, one.line.lstrip().startswith("#")
