"""``environment.yml`` of conda: its pip part as it is, and its conda part by name."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.conda_program import program
from airflow_provider_daybreak.releases.requirements.addresses import has_credentials, without_credentials
from airflow_provider_daybreak.releases.requirements.lines import Line, read_text
from airflow_provider_daybreak.releases.requirements.needs import (
    CondaNeeds,
    Needs,
    line_with,
    required,
    strings,
)
from airflow_provider_daybreak.releases.requirements.text_files import read_lines

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_daybreak.releases.source import Source

log = logging.getLogger(__name__)

_CALLED = {
    "fonts-conda-forge": "", "matplotlib-base": "matplotlib", "msgpack-python": "msgpack", "pip": "", "python-graphviz":
    "graphviz", "pytables": "tables", "pytorch": "torch", "pytorch-cpu": "torch", "setuptools": "", "wheel": "",
}  # fmt: skip
"""What a package of conda is called on a Python index; "" for what an environment has no need of."""

_ONLY_CONDA = re.compile(
    r"lib.+|cuda.*|cudatoolkit|mkl|blas|openblas|gcc.*|gxx.*|cxx-compiler|compilers|nodejs|r-.+"
)
_IN_ANY = ("python", "pip", "setuptools", "wheel")
_SPEC = re.compile(r"(?:[\w./-]+::)?(?P<name>[\w.-]+)\s*(?P<version>.*)")
_EXPORT = "pip list --format=freeze > requirements.txt (in its environment; take out what only conda has)"


def read_environment(path: Path, source: Source) -> Needs:
    """
    Return what a conda environment needs.

    Where the worker has micromamba, mamba or conda, that makes it. Else its packages are taken from a Python index by their
    names, with a warning that names them.

    :raises RequirementsError: it can't be read.
    :raises RequirementRefusedError: it asks for what no Python index has, or what can't be deployed.
    """
    text = read_text(path)
    facts = _yaml(path, text)
    said = facts.get("dependencies") if isinstance(facts, dict) else None
    if not isinstance(said, list):
        raise RequirementsError(
            str(path), "it has no list of dependencies. Expected what 'conda env export' writes."
        )
    items: list[Any] = []
    specs: list[Any] = []
    for one in said:
        if isinstance(one, dict) and set(one) == {"pip"} and isinstance(one["pip"], list):
            items += one["pip"]
        else:
            specs.append(one)
    if program() and any(_name_of(one) not in _IN_ANY for one in specs):
        texts = strings(path, specs, "dependencies")
        named = Needs(conda=CondaNeeds(_channels(path, text, facts.get("channels")), tuple(texts)))
    else:
        named = _by_name(path, text, specs)
    lines = [Line(str(path), line_with(text, one), one) for one in strings(path, items, "pip in dependencies")]
    read = read_lines(source, path, lines)
    return replace(
        named,
        lines=(*named.lines, *read.lines),
        index=read.index,
        choosing=replace(read.choosing, constraints=tuple(read.constraints)),
        projects=tuple(read.projects),
    )


def _yaml(path: Path, text: str) -> Any:
    yaml = import_module("yaml")
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        problem = f"it is no YAML: {getattr(error, 'problem', None) or 'it cannot be read'}{place}."
        raise RequirementsError(str(path), problem) from None  # its text quotes the line


def _channels(path: Path, text: str, said: Any) -> tuple[str, ...]:
    channels = strings(path, said, "channels")
    for one in channels:
        if has_credentials(one):
            problem = "its credentials stand in clear. Put them into the configuration of conda's program on the worker."
            raise Line(str(path), line_with(text, one), one).refused(problem)
    return tuple(channels)


def _name_of(said: Any) -> str:
    found = _SPEC.fullmatch(said.strip()) if isinstance(said, str) else None
    return found["name"].lower() if found else ""


def _by_name(path: Path, text: str, specs: list[Any]) -> Needs:
    """Return conda's packages as those of the same name on a Python index, with a warning that names them."""
    python, named, matched = "", [], []
    for one in specs:
        name, version = _taken_apart(path, text, one)
        if name == "python":
            python = version
        elif name:
            named.append(f"{name}{version}")
            matched.append(str(one))
    if matched:
        log.warning(
            "%s asks conda for %s: a deploy takes packages of these names from the Python index instead, since the worker has no "
            "micromamba, mamba or conda. Put one on its PATH, or choose them yourself: %s", path, ", ".join(matched), _EXPORT,
        )  # fmt: skip
    return Needs(required(path, text, named, written=matched), python)


def _taken_apart(path: Path, text: str, one: Any) -> tuple[str, str]:
    """Return a package's name on a Python index, or "", and its version as a specifier."""
    found = _SPEC.fullmatch(one.strip()) if isinstance(one, str) else None
    if found is None:
        raise RequirementsError(
            str(path), f"{without_credentials(repr(one))} is no dependency. Expected one such as pandas=2.2."
        )
    name = found["name"].lower()
    place = Line(str(path), line_with(text, one), one)
    if _ONLY_CONDA.fullmatch(name):
        raise place.refused(
            "no Python index has it, and the worker has no micromamba, mamba or conda. Put one on its PATH, or export what pip has "
            f"of the environment: {_EXPORT}."
        )
    return _CALLED.get(name, name), _specifier(place, found["version"].strip())


def _specifier(place: Line, said: str) -> str:
    if not said or said == "*":
        return ""
    single = re.fullmatch(r"=\s*([\w.]+?)(\.?\*)?(=[\w.*]+)?", said)
    if single:  # conda's = is of all that begin so, and what follows a second one is its build
        exact = single[3] is not None and single[1].count(".") > 1
        return f"=={single[1]}" if exact else f"=={single[1]}.*"
    if "|" in said or not re.fullmatch(r"[<>=!~][\w.*<>=!~, ]*|[\d.]+\*?", said):
        raise place.refused("its version can't be read. Expected one such as pandas=2.2 or pandas>=2.2,<3.")
    return said.replace(" ", "") if said[0] in "<>=!~" else f"=={said}"
