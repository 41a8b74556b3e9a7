"""Read ``.env`` files: one parser for the secrets backend, for deployed scripts and for checks."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from io import StringIO
from shlex import quote
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import DotenvSyntaxError, DotenvUnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HARMLESS = ("HOME", "LANG", "LOGNAME", "TZ", "USER")
"""Variables that a ``.env`` may name though it does not set them."""
_EXAMPLE_ENDS = (".example", ".sample", ".template", ".dist")
_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(['\"]?)")


@dataclass(frozen=True)
class Dotenv:
    """What a ``.env`` file sets, with the line that each key stands on. Its repr shows no value."""

    path: Path
    values: Mapping[str, str]
    lines: Mapping[str, int]

    def __repr__(self) -> str:
        return f"Dotenv(path={str(self.path)!r}, keys={sorted(self.values)})"


def read_dotenv(path: Path, environment: Mapping[str, str] | None = None) -> Dotenv:
    """
    Return what the file sets, without changing the process's environment.

    Values are what python-dotenv makes of them, so a script that reads the file by itself sees the same: ``${NAME}`` and
    ``${NAME:-default}`` stand for what is set above, or for HOME, LANG, LOGNAME, TZ and USER; nothing else of the
    environment can be had. A key without ``=`` sets nothing, and stands for nothing, whatever the default.

    :param environment: whose HOME and so on they are: that of the script that reads it; this process's when None.
    :raises DotenvUnreadableError: the file is missing, unreadable, not UTF-8, readable by everybody, or
        somebody else's.
    :raises DotenvSyntaxError: a line can't be understood, sets a key a second time, or names what is not set.
    """
    try:
        with path.open(encoding="utf-8") as file:
            _refuse_public(path, os.fstat(file.fileno()))
            text = file.read()
    except UnicodeDecodeError:  # no cause: its text holds bytes of the file
        raise DotenvUnreadableError(str(path), "it is not UTF-8 text; save it as UTF-8") from None
    except ValueError as error:
        raise DotenvUnreadableError(str(path), f"no file can have such a path ({error})") from error
    except FileNotFoundError as error:
        raise DotenvUnreadableError(str(path), missing_file(path)) from error
    except OSError as error:
        problem = f"{error.strerror or error}; expected a readable file of KEY=value lines"
        raise DotenvUnreadableError(str(path), problem) from error
    return dotenv_of(text, path, environment)


def dotenv_of(text: str, path: Path, environment: Mapping[str, str] | None = None) -> Dotenv:
    """
    Return what the text of a file sets, as :func:`read_dotenv` does.

    :raises DotenvSyntaxError: so.
    """
    from dotenv.parser import parse_stream

    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    environment = os.environ if environment is None else environment
    known: dict[str, str | None] = {name: environment[name] for name in HARMLESS if name in environment}
    for binding in parse_stream(StringIO(text)):
        # A binding's text begins with the blank lines before it.
        blank = len(binding.original.string) - len(binding.original.string.lstrip())
        line = binding.original.line + binding.original.string[:blank].count("\n")
        if binding.error:
            raise DotenvSyntaxError(str(path), line, _explain(binding.original.string))
        if binding.key is None:
            continue
        if binding.key in lines:
            problem = f"{binding.key} was set on line {lines[binding.key]} already. Keep one of them."
            raise DotenvSyntaxError(str(path), line, problem)
        if binding.value is None:
            known[binding.key] = None
            continue
        values[binding.key] = known[binding.key] = _interpolated(path, line, binding.key, binding.value, known)
        lines[binding.key] = line
    return Dotenv(path, values, lines)


def example_of(path: Path) -> Path | None:
    """Return the example of a ``.env`` file that lies where it should be, as projects ship one, or None."""
    names = [f"{path.name}{end}" for end in _EXAMPLE_ENDS]
    names += [f"{end[1:]}.env" for end in _EXAMPLE_ENDS] + [f"env{end}" for end in _EXAMPLE_ENDS]
    return next((found for name in names if (found := path.with_name(name)).is_file()), None)


def missing_file(path: Path) -> str:
    """Say what is expected where there is no such ``.env`` file."""
    example = example_of(path)
    if example is None:
        return "there is no such file; expected one of KEY=value lines that this user can read"
    copy = f"install -m 600 {quote(str(example))} {quote(str(path))}"
    return f"there is no such file. Copy the example {example.name!r} beside it ({copy}), and write your values into the copy"


def _interpolated(path: Path, line: int, key: str, value: str, known: Mapping[str, str | None]) -> str:
    """Return the value with what its ``${NAME}`` stand for. What came of that is not looked through again."""
    from dotenv.variables import Variable, parse_variables

    atoms = list(parse_variables(value))
    for atom in atoms:
        if isinstance(atom, Variable) and atom.name not in known and atom.default is None:
            problem = (
                f"the value of {key} names ${{{atom.name}}}, which no line above sets. Set it, give a default as in "
                f"${{{atom.name}:-}}, or, where the characters themselves are meant, write DOLLAR=$ above and "
                f"${{DOLLAR}}{{{atom.name}}}."
            )
            raise DotenvSyntaxError(str(path), line, problem)
    return "".join(atom.resolve(known) for atom in atoms)


def _refuse_public(path: Path, status: os.stat_result) -> None:
    """Refuse a file whose secrets others can read, or that another user can change under us."""
    if status.st_mode & stat.S_IRWXO:
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        problem = f"every user of this machine can read it (mode {mode}); run: chmod 600 {quote(str(path).encode(errors='backslashreplace').decode())}"
        raise DotenvUnreadableError(str(path), problem)
    if status.st_uid not in (os.geteuid(), 0):
        problem = f"it belongs to user {status.st_uid}; expected this user ({os.geteuid()}) or root: chown it"
        raise DotenvUnreadableError(str(path), problem)


def _explain(text: str) -> str:
    """Say what is wrong with a line, naming its key, and nothing of its value."""
    match = _ASSIGNMENT.match(text)
    if match is None:
        return "expected KEY=value, a comment or nothing."
    key, quote = match.groups()
    if quote:
        other = "''" if quote == '"' else '""'
        return f"the quote opened at {key} is never closed. Close it, or quote the whole value with {other}."
    return f"the value of {key} can't be read. Quote the whole value with ''."
