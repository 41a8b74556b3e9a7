"""
Runs in an environment, by its Python: imports what it is for, and tells as JSON how that went.

Takes two numbers, *n* and *of*: it imports the *n*-th of so many shares, so that several can be at it. Needs no
more than Python 3.8, and nothing installed.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import re
import sys

# What distributions install beside their packages by accident
_BY_ACCIDENT = {"test", "tests", "docs", "examples", "benchmarks", "scripts"}


def main(number: int, of: int) -> None:
    """Import a share, and write ``[{module: "" or why not}, [every module that is there]]`` to stdout."""
    installed = {_canonical(one.metadata["Name"]): one for one in importlib.metadata.distributions()}
    needed = {
        other
        for name, distribution in installed.items()
        for other in map(_required, distribution.requires or ())
        if other != name
    }
    roots = {name: one for name, one in installed.items() if name not in needed} or installed
    wanted = set()
    for name, distribution in roots.items():
        modules = {one for one in _modules(distribution) if one not in _BY_ACCIDENT and one[0] != "_"}
        own = name.replace("-", "_")
        wanted |= {own} if own in modules else modules
    available = set().union(*map(_modules, installed.values())) if installed else set()

    said = os.dup(1)
    os.dup2(2, 1)  # what packages print when they are imported is no answer
    outcome = {module: _try(module) for module in sorted(wanted)[number::of]}
    answer = json.dumps([outcome, sorted(available)]).encode()
    while answer:
        answer = answer[os.write(said, answer) :]
    os._exit(0)  # whatever threads and exit handlers the packages have started


def _try(module: str) -> str:
    try:
        importlib.import_module(module)
    except BaseException as error:  # noqa: BLE001 - a package may fail in any way, exit included
        return f"{type(error).__name__}: {error}"
    return ""


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _required(requirement: str) -> str:
    return _canonical(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])


def _modules(distribution: importlib.metadata.Distribution) -> set[str]:
    tops = set()
    for file in distribution.files or ():
        if file.suffix in (".py", ".so") and file.parts[0] not in ("..", "__pycache__"):
            tops.add(file.parts[0].split(".")[0])
    return {top for top in tops if top.isidentifier()}


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
