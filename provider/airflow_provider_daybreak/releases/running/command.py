"""What a command means: its words, without a shell, and the program that they name."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import InvalidValueError, ScriptNotStartedError, ShellSyntaxError
from airflow_provider_daybreak.releases.running.booting import BOOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airflow_provider_daybreak.releases.release import Release

_SHELLS = ("bash", "sh", "dash", "zsh", "ksh")
# As words of their own these are no arguments of anything: 2>&1, &>, >>.
_REDIRECTION = re.compile(r"\d*>&(\d|-)|&>>?|\d>>?|>>|\d+>>?[^\s>&=]\S*|>>[^\s>&=]\S*|<<<?\S*")
_MAYBE_ARGUMENT = (">", "<", "|", ";", "&")  # such as a column's separator, after an option
_VARIABLE = re.compile(r"(?<![\\\w])\$(\{[A-Za-z_]\w*[^}]*\}|[A-Z_][A-Z0-9_]*\b)")
_SUBSTITUTION = re.compile(r"[\w./=:-]*(\$\(.+\)|`.+`)[\w./-]*")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_NOTEBOOK = BOOT / "daybreak_notebook.py"
_SHEBANG_BYTES = 256  # as many as the kernel reads (BINPRM_BUF_SIZE)


def split_command(name: str, command: Sequence[str] | str) -> tuple[str, ...]:
    """
    Return a command's program and arguments, of a list or as a shell would read them.

    No shell runs it: what only one would do, such as ``>``, ``|``, ``&&``, ``$HOME`` and ``~``, is refused where it is
    not quoted. In a list the words are taken as they are, and refused where they can hardly be arguments.

    :param name: what the command is for, for the message.
    :raises InvalidValueError: it is empty, or a quote in it is never closed.
    :raises ShellSyntaxError: something in it is for a shell.
    """
    expected = "a program and its arguments, such as ['report.py', '--verbose']"
    if isinstance(command, str):
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise InvalidValueError(name, command, f"{expected} ({error})") from error
        found = next(_unquoted(command), None)
    else:
        words = [str(word) for word in command]
        found = next(_of_a_shell(words), None)
    if not words:
        raise InvalidValueError(name, command, expected)
    if _ASSIGNMENT.match(words[0]):
        variable = words[0].partition("=")[0]
        raise ShellSyntaxError(name, f"{variable}=", f"Set it by env={{{variable!r}: …}}.")
    if found and Path(words[0]).name not in _SHELLS:
        raise ShellSyntaxError(name, *found)
    return tuple(words)


def program_of(release: Release, command: Sequence[str], path: str, source: Path) -> list[str]:
    """
    Return the program and its arguments, with the release's scripts in the folder that holds its source.

    A notebook is run by the release's Python, and each ``-p NAME VALUE`` is a parameter of it. A script of a shell, or of
    any interpreter that its first line names, is given to that: it needs no execute bit.

    :param command: program and arguments.
    :param path: the ``PATH`` on which programs are looked for.
    :param source: where the release's files are: itself, or a copy.
    :raises ScriptNotStartedError: there is no such program.
    """
    if not command:
        raise ScriptNotStartedError(
            "", "the command is empty", "Give a script of the release, such as report.py."
        )
    first, *rest = command
    if first == "-m":
        return [str(release.python), first, *rest]
    script = _script(release, first)
    if script is None and not _is_bare(first) and not (first.startswith("/") and Path(first).suffix != ".py"):
        raise _no_script(release, first)
    if script is not None and first.endswith(".py"):
        return [str(release.python), str(source / script), *rest]
    if script is not None and first.endswith(".ipynb"):
        return [str(release.python), *_notebook_runner(release, first, source), str(source / script), *rest]
    # A program goes before a file of its name that is not asked for as ./name, as it does by hand.
    found = shutil.which(first, path=path) if script is None or _is_bare(first) else None
    if found is not None:
        return [found, *rest]
    if script is not None:
        return [*_interpreter(release.src / script, first, path), str(source / script), *rest]
    problem = f"there is no such program in {path}, nor a file of the release"
    step = "Correct the name; or install it on every worker, or name the package that brings it in the requirements."
    raise ScriptNotStartedError(first, problem, step)


def _unquoted(command: str) -> Iterator[tuple[str, str]]:
    """Yield what a shell would act on in a text, with the next step: outside of quotes, and ``$`` in double ones too."""
    quote, start = "", True
    position = 0
    while position < len(command):
        letter, rest = command[position], command[position:]
        if letter == "\\" and quote != "'":
            position += 2
            start = False
            continue
        if letter in "'\"" and quote in ("", letter):
            quote = "" if quote else letter
        elif quote != "'" and letter == "$" and (match := re.match(r"\$(\{|\(|[A-Za-z_]\w*)", rest)):
            name = re.match(r"\$\{?(\w+)", rest)
            yield (f"${name[1]}", _for_variable(name[1])) if name else (match[0], _FOR_SUBSTITUTION)
        elif quote != "'" and letter == "`":
            yield "`", _FOR_SUBSTITUTION
        elif (
            not quote
            and (match := re.match(r"\d*>>?(&[\d-])?|<<?|&>>?|&&|\|\|?|;|&", rest))
            and (start or not match[0][0].isdigit())
        ):
            yield match[0].strip(), _next_step(match[0])
        elif not quote and start and re.match(r"~(/|\s|$)", rest):
            yield "~", _FOR_HOME
        elif (
            not quote and start and (match := re.match(r"[^\s'\"\\-][^\s'\"\\]*", rest)) and _is_glob(match[0])
        ):
            yield match[0], f"{_FOR_SHELL} What is meant as it stands is quoted."
        start = letter.isspace() and not quote
        position += 1


def _is_glob(word: str) -> bool:
    return ("*" in word or "?" in word) and "://" not in word and "=" not in word


def _of_a_shell(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the words of a list that are for a shell, with the next step."""
    for before, word in zip(["", *words], words, strict=False):
        maybe = word in _MAYBE_ARGUMENT and not before.startswith("-") and not _ends_exec(word, words)
        if maybe or word in ("&&", "||") or _REDIRECTION.fullmatch(word):
            yield word, _next_step(word)
        elif _SUBSTITUTION.fullmatch(word):
            yield "$(" if "$(" in word else "`", _FOR_SUBSTITUTION
        elif not re.search(r"\s", word) and (match := _VARIABLE.search(word)):
            name = re.sub(r"\W.*", "", match[1].lstrip("{"))
            yield f"${name}", _for_variable(name)
        elif re.match(r"~(/|$)", word):
            yield "~", _FOR_HOME


def _ends_exec(word: str, words: Sequence[str]) -> bool:
    """Return whether it is the end of what find runs."""
    return word == ";" and any(each in ("-exec", "-execdir", "-ok") for each in words)


_FOR_SHELL = "Let a shell run it: ['bash', '-c', '…']."
_FOR_SUBSTITUTION = (
    f"{_FOR_SHELL} For the run's date write {{{{ ds }}}}, or read DAYBREAK_REPORT_DATE in the script."
)
_FOR_HOME = "Write the whole path, or let a shell run it: ['bash', '-c', '…']."


def _for_variable(name: str) -> str:
    return f"{_FOR_SHELL} The script itself sees {name} where .env or env sets it."


def _next_step(operator: str) -> str:
    if ">" in operator:
        return f"Leave it out: what the script prints is in the task's log, and artifacts keeps files. Or: {_FOR_SHELL}"
    return f"{_FOR_SHELL} What is meant as an argument is quoted in a text."


def _notebook_runner(release: Release, first: str, source: Path) -> list[str]:
    """
    Return what the release's Python runs a notebook by.

    :raises ScriptNotStartedError: the environment lacks what it takes.
    """
    lacking = [
        name
        for name in ("nbclient", "ipykernel")
        if not any(release.environment.glob(f"lib/python*/site-packages/{name}"))
    ]
    if lacking:
        problem = f"the environment of its release has no {' and no '.join(lacking)}, which runs notebooks"
        raise ScriptNotStartedError(
            first, problem, "Add the lines nbclient and ipykernel to its requirements.txt, and deploy it again."
        )
    # As text: a user that it may run as may not come to this package. By hand it is the file.
    return [str(_NOTEBOOK)] if source == Path() else ["-c", _NOTEBOOK.read_text(encoding="utf-8")]


def _is_bare(first: str) -> bool:
    return "/" not in first and not first.endswith((".py", ".sh", ".ipynb"))


def _script(release: Release, first: str) -> Path | None:
    """Return the path of a file of the release, from its source, or None where the word names none."""
    file = Path(os.path.normpath(release.src / first))
    return file.relative_to(release.src) if file.is_relative_to(release.src) and file.is_file() else None


def _no_script(release: Release, first: str) -> ScriptNotStartedError:
    suffix = Path(first).suffix or ""
    there = [file["path"] for file in release.manifest["files"] if not suffix or file["path"].endswith(suffix)]
    held = f"; it holds {', '.join(there[:10])}{', …' if there[10:] else ''}" if there else ""
    problem = f"the release holds no such script{held}"
    return ScriptNotStartedError(
        first, problem, "Correct its name, or put it into the source and deploy again."
    )


def _interpreter(script: Path, first: str, path: str) -> list[str]:
    """
    Return what runs a file of the release: what its first line names, nothing for a binary, and a shell for the rest.

    A shell runs what has no first line of that kind in itself, and so does the best one that is there.
    """
    with script.open("rb") as file:
        head = file.read(_SHEBANG_BYTES).partition(b"\n")[0]
    if not head.startswith(b"#!"):
        if b"\0" in head:
            if script.stat().st_mode & 0o111:
                return []
            raise ScriptNotStartedError(
                first, "it is not executable", "Run chmod +x on it, and deploy it again."
            )
        if not first.endswith((".sh", ".bash")) and not script.stat().st_mode & 0o111:
            problem = "it has no first line such as #!/bin/sh that says what runs it, and is not executable"
            raise ScriptNotStartedError(first, problem, "Name its program, as in ['bash', 'report'].")
        shell = shutil.which("bash", path=path) or shutil.which("sh", path=path)
        return [shell or "/bin/sh"]
    if head.endswith(b"\r"):
        problem = "its lines end as on Windows, and its interpreter's name with them"
        raise ScriptNotStartedError(
            first, problem, f"Run sed -i 's/\\r$//' {shlex.quote(first)}, and deploy it again."
        )
    # One argument at most, as the kernel has it.
    words = head[2:].decode("utf-8", "replace").strip().split(None, 1)
    found = shutil.which(words[0], path=path) if words else None
    if found is None:
        problem = (
            f"its first line asks for {words[0] if words else 'nothing'!r}, which this machine does not have"
        )
        raise ScriptNotStartedError(
            first, problem, "Install it, or name another program, as in ['bash', 'run.sh']."
        )
    return [found, *words[1:]]
