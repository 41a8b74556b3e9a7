"""What docs/reports.md shows runs."""

from __future__ import annotations

import math
import os
import re
from datetime import date
from pathlib import Path

import pytest

from airflow_provider_daybreak.exceptions import TemplateError
from airflow_provider_daybreak.reports.theme import Theme
from tests.mail import png

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")
SALES = [
    {"day": date(2026, 3, day), "shop": shop, "amount": day * 1.5}
    for day in (23, 24)
    for shop in ("Rome", "Oslo")
]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
CORNERS = [
    (10.0, 53.5),
    (10.2, 53.56),
    (10.3, 53.47),
    (10.14, 53.41),
    (9.93, 53.43),
    (9.9, 53.55),
    (10.11, 53.62),
]
OUTLINES = {"Harbour": (0, 3, 4), "Mill": (0, 1, 2, 3), "Hill": (0, 4, 5), "Old town": (0, 5, 6, 1)}
DATA = {
    "sales": SALES,
    "calls": [
        {
            "hour": hour,
            "weekday": day,
            "calls": round((90 - 25 * (at > 4) - 20 * (at > 5)) * math.exp(-((hour - 10 - at / 3) ** 2) / 30)),
        }
        for at, day in enumerate(DAYS)
        for hour in range(24)
    ],
    "delays": [
        {"line": line, "minutes": round(base * math.exp(at / 12 - 1.5), 1)}
        for line, base in (("A", 4), ("B", 7), ("C", 12))
        for at in range(36)
    ],
    "districts": [
        {
            "type": "Feature",
            "properties": {"name": name, "visits": 900 - 240 * at},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[CORNERS[corner] for corner in (*corners, corners[0])]],
            },
        }
        for at, (name, corners) in enumerate(OUTLINES.items())
    ],
}
PICTURES = {
    "calls_by_weekday_and_hour": "vega-heat-map",
    "delays": "vega-box-plot",
    "visits_by_district": "vega-map",
}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs(code):
    exec(compile(code, "docs/reports.md", "exec"), {})


@pytest.mark.parametrize("template", blocks("jinja"))
def test_templates_render(render_files, template):
    files = render_files(template, DATA, previous=lambda *_: [])
    text = files["report.txt"].decode()

    assert "▲" not in text  # there was no report before
    said = ("€", "1,234.50 · 25.7% · Sunday, March 29, 2026 · 7", "Most calls come on weekdays at 10")
    assert any(each in text for each in said)
    keep(files)


def keep(files):
    """Keep the pictures that the document shows, where ``DAYBREAK_PICTURES`` says a folder."""
    for name, kept in PICTURES.items():
        if os.environ.get("DAYBREAK_PICTURES") and (content := files.get(f"charts/{name}.png")):
            (Path(os.environ["DAYBREAK_PICTURES"]) / f"{kept}.png").write_bytes(content)


def test_the_theme_loads(tmp_path):
    (code,) = blocks("toml")
    (tmp_path / "logo.png").write_bytes(png())
    (tmp_path / "theme.toml").write_text(code)

    assert Theme.load(tmp_path / "theme.toml").footer == "Questions? sales@example.org"


def test_the_error_reads_like_that(make_document):
    (shown,) = blocks("text")

    with pytest.raises(TemplateError) as caught:
        make_document("\n\nWe sold {{ slaes }} pieces.\n", {"sales": SALES})

    assert re.sub(r"'/[^']*'", "'/dags/sales.md.j2'", str(caught.value)) == shown.strip()


def test_every_picture_is_there():
    assert all((ROOT / "docs" / name).is_file() for name in re.findall(r"!\[.*?\]\((.*?)\)", TEXT))
