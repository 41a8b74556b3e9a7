"""
The process that draws one specification of Vega-Lite, run as a file: its specification in, its picture out, both JSON.

A process of its own, since a specification can loop and grow without end, which nothing within a process stops; and
since JavaScript takes its zone from the process.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

_NOWHERE = ["https://nowhere.invalid/"]
"""Prefixes of what may be fetched. An empty list would be taken for anything."""
_MEMORY = 2 * 1024**3  # bytes
_UNITS = '{"year-month":"%b %Y ","year-month-date":"%b %d, %Y "}'
"""How Vega-Lite has dates of a unit written in any language."""
_OF_TIME = ("time", "utc")
_RAMPS = ("ramp", "heatmap", "diverging")


def _drawn(request: dict[str, Any]) -> dict[str, str]:
    import vl_convert

    known = [version.split(".") for version in vl_convert.get_vegalite_versions()]
    major = request["major"] or max((version[0] for version in known), key=int)
    version = max((one for one in known if one[0] == major), key=lambda one: int(one[1]), default=None)
    if version is None:
        majors = ", ".join(sorted({one[0] for one in known}))
        return {"problem": f"it is of version {major} of Vega-Lite; those known here are {majors}"}
    # Compiled first, for what is wrong with the specification is said by that step, and drawing has errors of its own.
    compiled = vl_convert.vegalite_to_vega(request["spec"], vl_version=".".join(version))
    _level(compiled)
    compiled = _dated(compiled, request["units"])
    svg = vl_convert.vega_to_svg(
        compiled,
        allowed_base_urls=_NOWHERE,
        format_locale=request["numbers"],
        time_format_locale=request["times"],
    )
    return {"svg": svg}


def _level(part: Any) -> None:
    """Let colours between two be mixed of their three parts, so that their share can be told from what was drawn."""
    if isinstance(part, dict):
        if part.get("range") in _RAMPS:
            part["interpolate"] = "rgb"
        for name, each in part.items():
            if name != "values":
                _level(each)
    elif isinstance(part, list):
        for each in part:
            _level(each)


def _dated(compiled: dict[str, Any], units: dict[str, str]) -> dict[str, Any]:
    """Return what was compiled with dates as the language writes them, where the specification does not say how."""
    inside = {unit: f"{pattern} " for unit, pattern in units.items() if "-" in unit}
    compiled = _replaced(compiled, json.dumps(inside, separators=(",", ":"), ensure_ascii=False))
    alone = {unit: pattern for unit, pattern in units.items() if "-" not in unit}
    for axis in _all(compiled, "axes"):
        scales = [scale for scale in _all(compiled, "scales") if scale.get("name") == axis.get("scale")]
        own = "format" in axis or "labels" in axis.get("encode", {})
        if scales and scales[0].get("type") in _OF_TIME and not own:
            axis["format"] = alone
    return compiled


def _replaced(part: Any, units: str) -> Any:
    if isinstance(part, dict):
        return {name: each if name == "values" else _replaced(each, units) for name, each in part.items()}
    if isinstance(part, list):
        return [_replaced(each, units) for each in part]
    return part.replace(_UNITS, units) if isinstance(part, str) else part


def _all(part: Any, kind: str) -> list[dict[str, Any]]:
    """Return all axes, or scales, of what was compiled, in whichever view they stand."""
    own: list[dict[str, Any]] = part.get(kind, [])
    return own + [found for mark in part.get("marks", []) for found in _all(mark, kind)]


def main() -> None:
    """Read a request, and answer it."""
    request = json.load(sys.stdin)
    sys.path[:] = request["path"]
    # JavaScript reserves far more addresses than it uses, so that a limit on those, as templates have, would end it.
    resource.setrlimit(resource.RLIMIT_AS, (resource.getrlimit(resource.RLIMIT_AS)[1],) * 2)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    try:
        answer = _drawn(request)
    except ValueError as error:  # what the library raises for whatever is wrong
        answer = {"problem": str(error)}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
