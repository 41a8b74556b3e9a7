"""
Any chart there is: a specification of Vega-Lite, drawn without fetching anything, in the theme's colours.

It is drawn once, in colours that stand for others, which each format puts in their places. One that lies between two
is told by its parts: red says which ramp, green and blue how far along it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from airflow_provider_daybreak.exceptions import InvalidSpecificationError, InvalidValueError
from airflow_provider_daybreak.reports.charts.colours import mixed
from airflow_provider_daybreak.reports.charts.locales import numbers_of, times_of, units_of
from airflow_provider_daybreak.reports.charts.specification import parsed, with_data
from airflow_provider_daybreak.reports.document import Drawing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_daybreak.reports.charts.colours import Colours
    from airflow_provider_daybreak.reports.language import Language

_WIDTH = 600
_WIDEST = 1200  # pixels: shown at half its size, its text can be read still
_HIGHEST = 800
_PROGRAM = Path(__file__).with_name("vega_program.py")
_SECONDS = 60
_MAX_SVG = 2_000_000  # bytes, which a page holds
_FONT = "Liberation Sans"  # the drawing library's own, by which it measures
_TEXT, _RULE, _GROUND, _SURFACE, _REFERENCE = (f"#0d0a0{number}" for number in range(1, 6))
_SERIES = tuple(f"#0d0b{number:02x}" for number in range(24))
_RAMP, _BOTH_WAYS = ["#010000", "#01ffff"], ["#020000", "#028080", "#02ffff"]
_STEPS = [f"#01{share:02x}{share:02x}" for share in (48, 96, 144, 192, 255)]
_FAINTEST = 0.08  # of a ramp's colour at its beginning
_STAND_IN = re.compile(
    r'="(?:#0d0a0(?P<role>[1-5])|#0d0b(?P<series>[01][0-9a-f])|'
    r'rgb\((?P<ramp>[12]), (?P<share>\d+), \d+\)|#0(?P<hex_ramp>[12])(?P<hex_share>[0-9a-f]{2})(?P=hex_share))"'
)
_SCHEMA = re.compile(r"/vega-lite/v(\d+)")
_VIEWS = ("hconcat", "vconcat", "concat", "repeat", "facet", "spec")
_OF_ALTAIR = {"continuousWidth": 300, "continuousHeight": 300}  # that it writes into each specification
_SVG = "{http://www.w3.org/2000/svg}"
_SHAPES = ("svg", "g", "path", "text", "tspan", "rect", "line", "circle")
_TAGS = frozenset({*_SHAPES, "defs", "linearGradient", "radialGradient", "stop", "clipPath"})
_PLACES = (
    "d",
    "x",
    "y",
    "x1",
    "x2",
    "y1",
    "y2",
    "cx",
    "cy",
    "r",
    "rx",
    "ry",
    "dx",
    "dy",
    "width",
    "height",
    "transform",
)
_FILLS = (
    "fill",
    "fill-opacity",
    "opacity",
    "offset",
    "stop-color",
    "stop-opacity",
    "gradientUnits",
    "r1",
    "r2",
    "fx",
    "fy",
)
_STROKES = tuple(
    f"stroke{part}"
    for part in ("", "-width", "-opacity", "-dasharray", "-dashoffset", "-linecap", "-linejoin", "-miterlimit")
)
_WORDS = ("text-anchor", "font-size", "font-weight", "font-style")
_ATTRIBUTES = frozenset({"id", "clip-path", *_PLACES, *_FILLS, *_STROKES, *_WORDS})
_LOCAL = re.compile(r"url\(#([\w-]+)\)\Z")
_LONG_NUMBER = re.compile(r"(\.\d\d)\d+")


def drawn(
    spec: object, data: object, language: Language, *, alt: str, title: str = "", name: str, height: int = 280
) -> Drawing:
    """
    Return the picture of a specification.

    :param spec: of Vega-Lite: a mapping, such as Altair's ``to_dict()``, or its JSON.
    :param data: rows, rows by the names that the specification has for them, or GeoJSON; None where it holds its own.
    :param language: numbers, months and days are written in it, and its zone's clock places instants.
    :param alt: what it shows, in words with numbers.
    :param name: names its file, and what only parts of it refer to.
    :param height: in CSS pixels, of a specification that says none.
    :raises InvalidSpecificationError: it can't be drawn, or would fetch something.
    :raises InvalidValueError: the text, the data or the size can't be used.
    :raises MissingColumnError: it names a column that the rows don't have.
    """
    if not alt.strip():
        expected = "what it shows, in words with its numbers: nobody else can say that of a specification"
        raise InvalidValueError("alt of a chart by vega()", alt, expected)
    whole = parsed(spec)
    found = _SCHEMA.search(str(whole.get("$schema", "")))
    whole = with_data(whole, data, language)
    request = {
        "spec": _themed(whole, height),
        "major": found[1] if found else None,
        "numbers": numbers_of(language),
        "times": times_of(language),
        "units": units_of(language),
        "path": sys.path,
    }
    svg = _answer(request, getattr(language.zone, "key", "UTC"))
    if len(svg.encode()) > _MAX_SVG:
        raise InvalidValueError(
            "bytes of a chart's picture", len(svg), f"at most {_MAX_SVG:,}; aggregate the data"
        )
    root = ET.fromstring(svg)  # noqa: S314 - written by the library, not by strangers
    wide, high = (float(root.get(side, "0")) for side in ("width", "height"))
    scale = _WIDTH / max(wide, _WIDTH)
    if wide > _WIDEST or high * scale > _HIGHEST:
        expected = f"at most {_WIDEST} wide, and {_HIGHEST} high when shown at {_WIDTH}"
        raise InvalidValueError("size of a chart in pixels", f"{wide:.0f} x {high:.0f}", expected)
    parts = "".join(_clean(part, name) for part in root if part.tag != f"{_SVG}rect")
    left = min(wide - _WIDTH, 0) / 2  # what is narrower stands in the middle
    box = (left, 0.0, max(wide, _WIDTH), high)
    return Drawing(name, parts, box, _WIDTH, round(high * scale), title, alt)


def coloured(drawing: Drawing, colours: Colours) -> str:
    """Return the parts of the picture in these colours."""

    def colour(found: re.Match[str]) -> str:
        if (role := found["role"]) is not None:
            names = (colours.text, colours.rule, colours.background, colours.surface, colours.reference)
            return f'="{names[int(role) - 1]}"'
        if (series := found["series"]) is not None:
            round_, index = divmod(int(series, 16), len(colours.series))
            return f'="{mixed(colours.series[index], colours.background, 0.5**round_)}"'
        share = int(found["share"]) / 255 if found["share"] else int(found["hex_share"], 16) / 255
        one, other = colours.series_at(0), colours.series_at(1)
        if (found["ramp"] or found["hex_ramp"]) == "2":
            one, share = (one, 2 * share - 1) if share >= 0.5 else (other, 1 - 2 * share)  # noqa: PLR2004 - the middle
        return f'="{mixed(one, colours.background, _FAINTEST + (1 - _FAINTEST) * share)}"'

    return _STAND_IN.sub(colour, drawing.svg)


def _themed(whole: dict[str, Any], height: int) -> dict[str, Any]:
    """Return the specification in our look, where it doesn't ask for another."""
    alone = not any(view in whole for view in _VIEWS) and not {"row", "column", "facet"} & set(
        whole.get("encoding") or ()
    )
    size = {"width": _WIDTH, "height": height} if alone else {}
    fit = {"autosize": {"type": "fit", "contains": "padding"}} if alone else {}
    own = {key: each for key, each in (whole.get("config") or {}).items() if isinstance(each, dict)}
    if own.get("view") == _OF_ALTAIR:
        del own["view"]
    config = _look()
    for key, each in own.items():
        config[key] = {**config.get(key, {}), **each}
    rest = {
        key: each
        for key, each in (whole.get("config") or {}).items()
        if key not in own and not isinstance(each, dict)
    }
    return {
        **size,
        **fit,
        **{key: each for key, each in whole.items() if key != "usermeta"},
        "config": {**config, **rest},
    }


def _look() -> dict[str, Any]:
    words = {
        "labelColor": _TEXT,
        "labelFontSize": 18,
        "titleColor": _TEXT,
        "titleFontSize": 18,
        "titleFontWeight": "normal",
    }
    return {
        "background": _GROUND,
        "font": _FONT,
        "view": {"stroke": None, "continuousWidth": 220, "continuousHeight": 180},
        "axis": {
            **words,
            "labelSeparation": 8,
            "domainColor": _RULE,
            "tickColor": _RULE,
            "gridColor": _RULE,
            "labelLimit": 180,
        },
        "legend": {**words, "symbolStrokeColor": _TEXT, "gradientStrokeColor": _RULE, "labelLimit": 200},
        "header": words,
        "title": {
            "color": _TEXT,
            "subtitleColor": _TEXT,
            "fontSize": 18,
            "fontWeight": "bold",
            "anchor": "start",
        },
        "mark": {"color": _SERIES[0], "tooltip": None},
        "line": {"strokeWidth": 2},
        "rule": {"color": _TEXT},
        "text": {"color": _TEXT, "fontSize": 18},
        "geoshape": {"fill": _SURFACE, "stroke": _TEXT, "strokeWidth": 0.7},
        "boxplot": {"median": {"color": _GROUND}, "rule": {"color": _TEXT}, "outliers": {"color": _SERIES[0]}},
        "errorbar": {"rule": {"color": _TEXT}},
        "range": {
            "category": list(_SERIES),
            "ordinal": _STEPS,
            "ramp": _RAMP,
            "heatmap": _RAMP,
            "diverging": _BOTH_WAYS,
        },
    }


def _answer(request: Mapping[str, Any], zone: str) -> str:
    """Return the picture, drawn by a process that gets nothing of this one's environment but the path of packages."""
    try:
        done = subprocess.run(
            [sys.executable, str(_PROGRAM)],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_SECONDS,
            check=False,
            env={"TZ": zone, "LANG": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired as error:
        raise InvalidSpecificationError(
            f"drawing took more than {_SECONDS} seconds; give it fewer rows"
        ) from error
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        raise InvalidSpecificationError(
            f"drawing ended with {done.returncode}, most often for want of memory; give it fewer rows"
        ) from error
    if "svg" not in answer:
        raise InvalidSpecificationError(_said(answer["problem"]))
    return str(answer["svg"])


def _said(problem: str) -> str:
    """Return the sentence of the library's error, without where in its code it was raised."""
    lines = [
        line.strip() for line in problem.split("\n") if line.strip() and not line.strip().startswith("at ")
    ]
    return re.sub(r"^\w*Error: ", "", lines[-1] if lines else "drawing failed").rstrip(".")


def _clean(element: ET.Element, name: str) -> str:
    """Return an element with nothing but what is drawn, what parts refer to under names that no other picture has."""
    tag = element.tag.removeprefix(_SVG)
    if tag not in _TAGS:
        raise InvalidSpecificationError(
            f"its picture has <{tag.rpartition('}')[2]}>, which none in a report has"
        )
    if element.get("display") == "none":
        return ""
    kept = ET.Element(tag)
    drops = {"stroke"} if element.get("stroke-width") == "0" else set()  # which paper has as its thinnest line
    for key, value in element.attrib.items():
        if key not in _ATTRIBUTES or key in drops or (key == "opacity" and value == "1"):
            continue
        if key == "id":
            value = f"{name}-{value}"  # noqa: PLW2901 - the same, told from others
        elif "url(" in value:
            if (match := _LOCAL.match(value)) is None:
                raise InvalidSpecificationError(f"its picture refers to {value!r}, which lies elsewhere")
            value = f"url(#{name}-{match[1]})"  # noqa: PLW2901 - the same, told from others
        elif key in ("d", "transform"):
            value = _LONG_NUMBER.sub(r"\1", value)  # noqa: PLW2901 - no eye sees less than a hundredth of a pixel
        kept.set(key, value)
    kept.text = element.text
    inside = "".join(_clean(child, name) for child in element)
    head = ET.tostring(kept, encoding="unicode", short_empty_elements=False)
    opening, closing = head[: -len(f"</{tag}>")], f"</{tag}>"
    return "" if tag == "g" and not inside else opening + inside + closing
