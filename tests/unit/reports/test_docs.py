"""What docs/reports.md shows runs."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from airflow_provider_daybreak.exceptions import TemplateError
from airflow_provider_daybreak.reports.picture import SIGNATURE
from airflow_provider_daybreak.reports.theme import Theme

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")
SALES = [
    {"day": date(2026, 3, day), "shop": shop, "amount": day * 1.5}
    for day in (23, 24)
    for shop in ("Rome", "Oslo")
]


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs(code):
    exec(compile(code, "docs/reports.md", "exec"), {})


@pytest.mark.parametrize("template", blocks("jinja"))
def test_templates_render(text_of, template):
    text = text_of(template, {"sales": SALES}, previous=lambda _: [])

    assert "▲" not in text  # there was no report before
    assert "€" in text or "1,234.50 · 25.7% · Sunday, March 29, 2026 · 7" in text


def test_the_theme_loads(tmp_path):
    (code,) = blocks("toml")
    (tmp_path / "logo.png").write_bytes(SIGNATURE)
    (tmp_path / "theme.toml").write_text(code)

    assert Theme.load(tmp_path / "theme.toml").footer == "Questions? sales@example.org"


def test_the_error_reads_like_that(make_document):
    (shown,) = blocks("text")

    with pytest.raises(TemplateError) as caught:
        make_document("\n\nWe sold {{ slaes }} pieces.\n", {"sales": SALES})

    assert re.sub(r"'/[^']*'", "'/dags/sales.md.j2'", str(caught.value)) == shown.strip()


def test_every_picture_is_there():
    assert all((ROOT / "docs" / name).is_file() for name in re.findall(r"!\[.*?\]\((.*?)\)", TEXT))
