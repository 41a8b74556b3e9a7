"""What ``[tool.uv]`` says of how packages are chosen, in a project and in a script's own metadata."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.choosing import (
    AS_USUAL,
    PYPI,
    STRATEGIES,
    Choosing,
    FromIndex,
    NamedIndex,
)
from airflow_provider_daybreak.releases.requirements.lines import Line, index_url, requirement
from airflow_provider_daybreak.releases.requirements.needs import line_with, required, strings, table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_PRERELEASES = ("allow", "disallow", "explicit", "if-necessary", "if-necessary-or-explicit")
_RESOLUTIONS = ("highest", "lowest", "lowest-direct")
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\s*\[[^\]]*\])?")
_NO_GIT = (
    "what a repository gives today it may not give tomorrow. Publish the package, or copy it into the source."
)


@dataclass(frozen=True)
class UvSettings:
    """
    What ``[tool.uv]`` says.

    :param index: address of the default index, or "" where that is PyPI or the worker's.
    :param exclude_newer: the time after which nothing that was published counts, as uv reads it, or "".
    :param urls: packages that are taken from an address, as addresses by canonical name.
    :param paths: packages that are in the source, as folders relative to the file, by canonical name.
    """

    index: str = ""
    exclude_newer: str = ""
    choosing: Choosing = AS_USUAL
    urls: tuple[tuple[str, str], ...] = ()
    paths: tuple[tuple[str, str], ...] = ()


_KNOWN = frozenset(
    {"index", "sources", "exclude-newer", "index-strategy", "prerelease", "resolution", "constraint-dependencies",
     "override-dependencies", "no-binary-package", "no-build-package", "index-url", "extra-index-url", "no-build"}
)  # fmt: skip


def uv_settings(
    path: Path,
    text: str,
    settings: dict[str, Any],
    *,
    ignored: frozenset[str] = frozenset(),
    chosen: Sequence[str] = (),
    remedy: str = "",
    place: Callable[[str], int] | None = None,
) -> UvSettings:
    """
    Return what ``[tool.uv]`` of a file says. What can't be honoured is refused: it says what is installed.

    :param text: the file's text, for the numbers of lines.
    :param settings: the table.
    :param ignored: keys that change nothing of what is installed.
    :param chosen: extras and groups that are needed too.
    :param remedy: what to do where a key is not honoured.
    :param place: returns the number of the line with a text, where the file is not all TOML.
    :raises RequirementsError: it can't be read, or a key of it is not honoured.
    :raises RequirementRefusedError: an index or a package of it can't be deployed.
    """
    if unknown := sorted(settings.keys() - _KNOWN - ignored):
        known = ", ".join(sorted(_KNOWN))
        raise RequirementsError(
            str(path), f"{unknown[0]!r} in [tool.uv] is not honoured here. Known are {known}. {remedy}".rstrip()
        )
    number = place or (lambda said: line_with(text, said))
    for key, values in (
        ("index-strategy", STRATEGIES),
        ("prerelease", _PRERELEASES),
        ("resolution", _RESOLUTIONS),
    ):
        if settings.get(key, values[0]) not in values:
            raise RequirementsError(str(path), f"{key} in [tool.uv] is none of {', '.join(values)}.")
    newest = settings.get("exclude-newer", "")
    if not isinstance(newest, str):
        raise RequirementsError(
            str(path), "exclude-newer in [tool.uv] is no string, such as '2026-03-29T00:00:00Z'."
        )
    default, indexes = _indexes(path, settings, number)
    sources, urls, paths = _sources(path, settings, indexes, chosen, number)
    used = {one.url for one in sources}
    for one in indexes:
        index_url(Line(str(path), number(one.url), one.url), one.url)
    choosing = Choosing(
        indexes=tuple(one for one in indexes if one.url != default and (not one.explicit or one.url in used)),
        sources=tuple(sources),
        strategy=str(settings.get("index-strategy", "")),
        prerelease=str(settings.get("prerelease", "")),
        resolution=str(settings.get("resolution", "")),
        constraints=required(path, text, _list(path, settings, "constraint-dependencies")),
        overrides=required(path, text, _list(path, settings, "override-dependencies")),
        wheels=tuple(map(canonicalize_name, _list(path, settings, "no-build-package"))),
        built=tuple(map(canonicalize_name, _list(path, settings, "no-binary-package"))),
    )
    return UvSettings(
        "" if default.rstrip("/") == PYPI else default, newest, choosing, tuple(urls), tuple(paths)
    )


def _list(path: Path, settings: dict[str, Any], key: str) -> list[str]:
    return strings(path, settings.get(key), f"{key} in [tool.uv]")


def _indexes(
    path: Path, settings: dict[str, Any], number: Callable[[str], int]
) -> tuple[str, list[NamedIndex]]:
    """Return the address of the default index, or "", and all that are named, as they are ordered."""
    said = settings.get("index", [])
    if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        raise RequirementsError(
            str(path), "index in [tool.uv] is no list of tables. Expected [[tool.uv.index]]."
        )
    found: list[NamedIndex] = []
    default = str(settings.get("index-url", ""))
    if default:
        index_url(Line(str(path), number(default), default), default)
    for one in said:
        index = NamedIndex(str(one.get("url", "")), str(one.get("name", "")), one.get("explicit") is True)
        index_url(Line(str(path), number(index.url), index.url), index.url)
        if index.name and any(index.name == other.name for other in found):
            raise Line(str(path), number(index.name), index.name).refused("two indexes have that name.")
        found.append(index)
        if one.get("default") is True and index.explicit:
            raise Line(str(path), number(index.url), index.url).refused(
                "it is default and explicit. Say one of the two."
            )
        default = index.url if one.get("default") is True else default
    found += [NamedIndex(url) for url in strings(path, settings.get("extra-index-url"), "extra-index-url")]
    return default, found


def _sources(
    path: Path,
    settings: dict[str, Any],
    indexes: list[NamedIndex],
    chosen: Sequence[str],
    number: Callable[[str], int],
) -> tuple[list[FromIndex], list[tuple[str, str]], list[tuple[str, str]]]:
    by_name = {one.name: one.url for one in indexes if one.name}
    found: list[FromIndex] = []
    urls: list[tuple[str, str]] = []
    paths: list[tuple[str, str]] = []
    for name, said in table(path, settings, "sources").items():
        line = Line(str(path), number(name), name)
        package = canonicalize_name(name)
        for one in said if isinstance(said, list) else [said]:
            if not isinstance(one, dict):
                raise RequirementsError(str(path), f"the source of {name!r} in [tool.uv] is no table.")
            if any(one.get(kind) not in (None, *chosen) for kind in ("extra", "group")):
                continue
            if "index" in one:
                if one["index"] not in by_name:
                    raise line.refused(
                        f"there is no index {one['index']!r} in [tool.uv] that it could be from."
                    )
                found.append(FromIndex(package, by_name[one["index"]], str(one.get("marker", ""))))
            elif "url" in one:
                urls.append((package, str(one["url"])))
            elif "path" in one or one.get("workspace") is True:
                paths.append((package, str(one.get("path", ""))))
            else:
                raise line.refused(_NO_GIT)
    return found, urls, paths


def with_urls(lines: Sequence[Line], settings: UvSettings) -> tuple[Line, ...]:
    """
    Return requirements with the addresses that some of their packages are taken from.

    :raises RequirementRefusedError: an address can't be taken from.
    """
    urls = dict(settings.urls)
    found = []
    for line in lines:
        name = _PACKAGE.match(line.text)
        url = urls.get(canonicalize_name(name[0].partition("[")[0].strip())) if name else None
        if name and url:
            marker = line.text.partition(";")[2]
            asked = f"{name[0]} @ {url}" + (f" ; {marker.strip()}" if marker else "")
            found.append(requirement(Line(line.path, line.number, asked, line.options, line.included)))
        else:
            found.append(line)
    return tuple(found)
