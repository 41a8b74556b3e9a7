"""Looks at a folder of Dags, and says what was found."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.cli.dag_checks import schedules, sources, together
from airflow_provider_daybreak.cli.dag_checks.code import (
    Code,
    clock_at_import,
    clock_in_function,
    comments,
    dags_never_called,
    read_code,
    secrets_in_code,
)
from airflow_provider_daybreak.cli.dag_checks.finding import IS, RULES, Finding
from airflow_provider_daybreak.cli.dag_checks.folder import (
    dag_files,
    python_files,
    repository_of,
    tracked_secrets,
)
from airflow_provider_daybreak.cli.dag_checks.output import Result
from airflow_provider_daybreak.cli.dag_checks.parsing import parse
from airflow_provider_daybreak.exceptions import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_daybreak.cli.dag_checks.folder import Repository
    from airflow_provider_daybreak.cli.dag_checks.parsing import Limits
    from airflow_provider_daybreak.cli.dag_checks.schedules import Facts

_IGNORE = re.compile(r"daybreak:\s*(?P<what>ignore|ignore-file)\[(?P<rules>[^\]]*)\]")


def check_dags(folder: Path, limits: Limits) -> Result:
    """
    Look at the Dags of a folder, or of one file.

    :raises InvalidValueError: there is no such folder or file.
    :raises DagCheckError: Airflow could not be loaded to parse them.
    """
    begun = time.monotonic()
    if not folder.exists():
        raise InvalidValueError("--dags", str(folder), "a folder of Dags, or a Dag file")
    folder = folder.resolve()
    files, found = dag_files(folder)
    codes, broken = _read({*python_files(folder), *files})
    found += [finding for path, finding in broken.items() if path in files]
    for code in codes.values():
        found += secrets_in_code(code)
    repository = repository_of(folder)
    top = str(repository.top or folder)
    parsed = parse(folder, [path for path in files if path not in broken], limits)
    found += parsed.findings
    for path in files:
        if path in codes:
            found += [*clock_at_import(codes[path]), *dags_never_called(codes[path])]
    for dag in parsed.dags:
        found += _of_dag({**dag, "top": top}, codes)
    for look in (together.duplicates, together.writers, together.mailed_elsewhere):
        found += look(parsed.dags)
    if folder.is_dir() and not broken.keys() & set(files) and not parsed.findings:
        found += together.unknown(parsed.dags)
    found += tracked_secrets(repository)
    shown = repository.top or Path.cwd()
    unique = sorted(
        {one.said_from(shown) for one in _not_ignored(found, files)},
        key=lambda one: (str(one.path), one.line, one.rule, one.message),
    )
    return Result(
        tuple(unique),
        tuple(files),
        len(parsed.dags),
        time.monotonic() - begun,
        shown,
        tuple(_remarks(folder, repository)),
    )


def _read(paths: Iterable[Path]) -> tuple[dict[Path, Code], dict[Path, Finding]]:
    """Return the code of files, and what is wrong with those that have none."""
    read = {path: read_code(path) for path in paths}
    codes = {path: code for path, code in read.items() if isinstance(code, Code)}
    return codes, {path: finding for path, finding in read.items() if isinstance(finding, Finding)}


def _remarks(folder: Path, repository: Repository) -> Iterator[str]:
    """Yield what was not looked at."""
    if repository.top is None:
        yield "No git repository: whether it tracks secrets was not looked at."
    if archives := sorted(folder.rglob("*.zip")) if folder.is_dir() else []:
        yield f"Not looked at, since these are archives: {', '.join(path.name for path in archives)}."


def _of_dag(dag: Facts, codes: dict[Path, Code]) -> Iterator[Finding]:
    for look in (
        schedules.schedule_zone,
        schedules.images,
        schedules.fields,
        schedules.values,
        sources.deploys,
        sources.reports,
        sources.builds,
    ):
        yield from look(dag)
    for task in dag["tasks"]:
        for function in schedules.data_of(task) if schedules.is_a(task, "ReportOperator") else ():
            if isinstance(function, dict) and function.get(IS) == "function":
                code = codes.get(Path(function["path"]))
                if code is not None:
                    yield from clock_in_function(code, function["line"])


def _not_ignored(findings: Iterable[Finding], files: Iterable[Path]) -> Iterator[Finding]:
    """Yield what no comment ignores, and the comments that ignore a rule which isn't there."""
    ignored: dict[Path, dict[int, set[str]]] = {}
    for path in files:
        ignored[path] = _ignores(path)
        for line, rules in ignored[path].items():
            for rule in sorted(rules - RULES.keys()):
                message = f"There is no rule {rule!r} to ignore."
                step = f"Name one of {', '.join(RULES)}; or remove the comment"
                yield Finding("unknown-rule", path, line, message, step)
    for one in findings:
        if one.path not in ignored and one.path.is_file():
            ignored[one.path] = _ignores(one.path)
        lines = ignored.get(one.path, {})
        if one.rule not in lines.get(0, set()) | lines.get(one.line, set()):
            yield one


def _ignores(path: Path) -> dict[int, set[str]]:
    """Return the rules that comments of a file ignore, by the lines that they are ignored in; those of the whole file by 0."""
    found: dict[int, set[str]] = {}
    for line, text, alone in comments(path):
        for match in _IGNORE.finditer(text):
            rules = {rule.strip() for rule in match["rules"].split(",") if rule.strip()}
            for at in (0,) if match["what"] == "ignore-file" else (line, line + 1)[: 1 + alone]:
                found[at] = found.get(at, set()) | rules
    return found
