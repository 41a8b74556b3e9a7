"""Has Dag files parsed, apart from this process, and tells what came of each."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.cli.command import lines_in
from airflow_provider_daybreak.cli.dag_checks.finding import Finding
from airflow_provider_daybreak.exceptions import DagCheckError, InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_PROGRAM = (
    "import sys; sys.path[:] = [path for path in sys.path if path]; "  # this folder may hold a logging.py
    "from airflow_provider_daybreak.cli.dag_checks.program import main; main(sys.argv[1])"
)
_STARTING = 300  # seconds that loading Airflow may take, on a machine that does much else
_MEBIBYTE = 1 << 20
_LONGEST = 86_400  # seconds
_LEAST = 512  # MiB
_WITHOUT_VALUE = re.compile(
    r"\b(Variable|VARIABLE_NOT_FOUND|CONNECTION_NOT_FOUND|conn_id)\b|no such table: (variable|connection)"
)


@dataclass(frozen=True)
class Limits:
    """
    What parsing one Dag file may take.

    :param seconds: of the clock.
    :param mebibytes: of address space.
    :param jobs: how many files are parsed at once.
    """

    seconds: float = 30
    mebibytes: int = 4096
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)

    @classmethod
    def of(cls, seconds: float, mebibytes: int) -> Limits:
        """
        Return such limits.

        :raises InvalidValueError: nothing could be parsed within one of them.
        """
        if not 0 < seconds < _LONGEST:
            raise InvalidValueError("--timeout", seconds, f"seconds, more than 0 and less than {_LONGEST}")
        if mebibytes < _LEAST:
            raise InvalidValueError("--memory", mebibytes, f"{_LEAST} MiB or more, which Airflow itself takes")
        return cls(seconds, mebibytes)


@dataclass(frozen=True)
class Parsed:
    """
    What came of the Dag files.

    :param dags: the facts of each Dag (see ``facts``).
    :param findings: files that could not be parsed.
    """

    dags: tuple[dict[str, Any], ...]
    findings: tuple[Finding, ...]


def parse(folder: Path, files: Sequence[Path], limits: Limits) -> Parsed:
    """
    Parse the files, each in a process of its own.

    :raises DagCheckError: Airflow itself could not be loaded for it.
    """
    if not files:
        return Parsed((), ())
    top = folder if folder.is_dir() else folder.parent
    with TemporaryDirectory(prefix="daybreak-check-") as scratch:
        out = Path(scratch, "out")
        out.mkdir()
        request = {
            "folder": str(top),
            "files": [str(path) for path in files],
            "out": str(out),
            "seconds": limits.seconds,
            "bytes": limits.mebibytes * _MEBIBYTE,
            "jobs": limits.jobs,
        }
        asked = Path(scratch, "request.json")
        asked.write_text(json.dumps(request))
        _run(
            asked, _environment(Path(scratch), top), _STARTING + limits.seconds * (len(files) / limits.jobs + 1)
        )
        dags: list[dict[str, Any]] = []
        findings: list[Finding] = []
        for number, path in enumerate(files):
            for found in _of_file(path, out, number, limits):
                if isinstance(found, Finding):
                    findings.append(found)
                else:
                    dags.append(found)
        return Parsed(tuple(dags), tuple(findings))


def _environment(scratch: Path, folder: Path) -> dict[str, str]:
    """Return the variables of this process, with which Airflow has no database but an empty one of its own."""
    own = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{scratch}/airflow.db",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "0",  # the process has its own
        "AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACK_DEPTH": "100",  # the file's own line is far up
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(scratch / "logs"),
        "PYTHONDONTWRITEBYTECODE": "1",  # what was looked at is left as it was
    }
    # what Airflow is told by a command or a secrets backend has no say: the database is another
    others = tuple(f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_{how}" for how in ("CMD", "SECRET"))
    return {name: value for name, value in os.environ.items() if name not in others} | own


def _run(request: Path, environment: dict[str, str], patience: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(request)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as program:
        try:
            _, said = program.communicate(timeout=patience)
        except subprocess.TimeoutExpired as error:
            raise DagCheckError(f"it has not ended after {patience:.0f} s") from error
        finally:
            program.kill()  # after Ctrl-C too: what it has started ends with it
    if program.returncode:
        last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")
        raise DagCheckError(last or f"it ended with {program.returncode}")


def _of_file(path: Path, out: Path, number: int, limits: Limits) -> Iterator[Finding | dict[str, Any]]:
    """Yield the Dags of a file, or why there are none."""
    result = out / f"{number}.json"
    found = json.loads(result.read_text(encoding="utf-8")) if result.exists() else None
    if found is None:
        yield _not_parsed(path, out, number, limits)
    elif "exit" in found:
        yield _exits(path, found["line"], found["exit"])
    elif "memory" in found:
        yield _too_big(path, limits)
    elif found["problem"]:
        made = found["lost"][0][1] if found["lost"] else 0
        yield _import_error(path, found["problem"], limits, made)
    else:
        yield from found["dags"]
        for dag_id, line in found["lost"]:
            message = f"The Dag {dag_id!r} is made here, and Airflow does not find it: no name at the top of the file holds it."
            step = f"Give it one, such as dag = DAG({dag_id!r}, …), or use it in a with"
            yield Finding("no-dag", path, line, message, step)


def _not_parsed(path: Path, out: Path, number: int, limits: Limits) -> Finding:
    ending = json.loads((out / f"{number}.end").read_text(encoding="utf-8"))
    if ending["late"]:
        where = out / f"{number}.where"
        said = where.read_text(encoding="utf-8", errors="replace") if where.exists() else ""
        message = f"It is not loaded after {limits.seconds:g} s."
        step = "Move what takes long into a task, or give it more time with --timeout"
        return Finding("parse-limit", path, next(iter(lines_in(path, said)), 0), message, step)
    code = ending["code"]
    by = f"signal {-code}" if code < 0 else f"exit code {code}"
    message = f"It ends the process that loads it, by {by}."
    return Finding(
        "parse-exit",
        path,
        0,
        message,
        "Leave out the call that does, such as os._exit, or have it raise an error",
    )


def _exits(path: Path, line: int, code: str) -> Finding:
    message = f"It ends the process that loads it: sys.exit({code})."
    return Finding("parse-exit", path, line, message, "Leave out the call, or have it raise an error")


def _too_big(path: Path, limits: Limits) -> Finding:
    message = f"It takes more than {limits.mebibytes} MiB of memory to be loaded."
    step = "Move what is big into a task, or allow more with --memory"
    return Finding("parse-limit", path, 0, message, step)


def _import_error(path: Path, problem: str, limits: Limits, made: int) -> Finding:
    lines = [line.strip() for line in problem.splitlines() if line.strip()]
    if lines[-1].startswith("SystemExit"):
        return _exits(path, _last_line(path, problem), lines[-1].partition(": ")[2])
    if re.fullmatch(r"MemoryError.*", lines[-1]):
        return _too_big(path, limits)
    said = re.sub(r"^(?:[\w]+\.)+(?=\w+: )", "", lines[-1])
    if lines[-1].startswith(("SyntaxError", "IndentationError", "TabError")):
        numbers = re.findall(r'File ".*?", line (\d+)', problem)
        return Finding("syntax-error", path, int(numbers[-1]) if numbers else 0, f"{said}.", "Mend the line")
    step = "Mend it; airflow dags list-import-errors shows the same once it is deployed"
    if said.startswith(("ModuleNotFoundError", "ImportError")):
        step = "Install what is missing where Dags are checked and where they run, or import it in the task that needs it"
    elif _WITHOUT_VALUE.search(problem):
        step = "Read it in a task, or in a template; where it must be, set AIRFLOW_VAR_… or AIRFLOW_CONN_… for this check"
    return Finding("import-error", path, _last_line(path, problem) or made, f"{said.rstrip('.')}.", step)


def _last_line(path: Path, problem: str) -> int:
    return next(reversed(lines_in(path, problem)), 0)
