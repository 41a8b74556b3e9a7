"""
Runs in an environment, by its Python: imports what it is for, and tells as JSON how that went.

Takes two numbers, *n* and *of*: it imports the *n*-th of so many shares, so that several can be at it. Needs no
more than Python 3.8, and nothing installed.
"""

from __future__ import annotations

import gc
import importlib
import importlib.metadata
import json
import os
import re
import sys

_EXTRA = re.compile(r";.*\bextra\s*==")  # what an extra asks for is nobody's dependency by that alone

# What distributions install beside their packages by accident
_BY_ACCIDENT = {"test", "tests", "docs", "examples", "benchmarks", "scripts"}


def main(number: int, of: int) -> None:
    """
    Import a share, and write ``[{module: "" or why not}, [every module that is there]]`` to stdout.

    The last share, which has the least to import, tells what is there; the others leave that empty.
    """
    installed = {_canonical(one.metadata["Name"]): one for one in importlib.metadata.distributions()}
    needed = {
        other
        for name, distribution in installed.items()
        for requirement in distribution.requires or ()
        if (other := _required(requirement)) != name and not _EXTRA.search(requirement)
    }
    roots = {name: one for name, one in installed.items() if name not in needed} or installed
    weights = {}
    for name, distribution in roots.items():
        modules = {one for one in _modules(distribution) if one not in _BY_ACCIDENT and one[0] != "_"}
        own = name.replace("-", "_")
        weights.update(dict.fromkeys({own} if own in modules else modules, len(_files(distribution))))
    available = set().union(*map(_modules, installed.values())) if installed and number == of - 1 else set()

    gc.disable()  # this process won't live long enough to need it
    said = os.dup(1)
    os.dup2(2, 1)  # what packages print when they are imported is no answer
    outcome = {module: _try(module) for module in _share(weights, number, of)}
    answer = json.dumps([outcome, sorted(available)]).encode()
    while answer:
        answer = answer[os.write(said, answer) :]
    os._exit(0)  # whatever threads and exit handlers the packages have started


def _share(weights: dict[str, int], number: int, of: int) -> list[str]:
    """Return the modules of a share. Dealt out from the heaviest on, the shares take about as long."""
    shares: list[list[str]] = [[] for _ in range(of)]
    for module in sorted(weights, key=lambda one: (-weights[one], one)):
        min(shares, key=lambda share: sum(map(weights.__getitem__, share))).append(module)
    return shares[number]


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
    for file in _files(distribution):
        top = file.split("/", 1)[0]
        if file.endswith((".py", ".so")) and top not in ("..", "__pycache__"):
            tops.add(top.split(".")[0])
    return {top for top in tops if top.isidentifier()}


def _files(distribution: importlib.metadata.Distribution) -> list[str]:
    """Return the paths in ``RECORD``, without the objects that its ``files`` makes of thousands."""
    return [line.split(",", 1)[0].strip('"') for line in (distribution.read_text("RECORD") or "").splitlines()]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
