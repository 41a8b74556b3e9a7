from __future__ import annotations

from datetime import date

import pytest

from airflow_provider_daybreak.reports import rendering
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.period import period_of, zone
from airflow_provider_daybreak.reports.templates.template import Subject, render
from airflow_provider_daybreak.reports.theme import Theme


@pytest.fixture
def make_document(tmp_path):
    """Return a function that renders a template's text to a document."""

    def make(
        source,
        data=None,
        *,
        name="report.md.j2",
        locale="en",
        period="day",
        day=date(2026, 3, 29),
        title="Report",
        **options,
    ):
        path = tmp_path / name
        path.write_text(source, encoding="utf-8")
        subject = Subject(
            report="daily_report",
            report_date=day,
            period=period_of(day, timezone=zone("Europe/Berlin"), period=period),
            language=Language(locale),
            title=title,
        )
        return render(path, subject, data or {}, **options)

    return make


@pytest.fixture
def render_files(make_document):
    """Return a function that renders a template's text to its files, by name."""

    def render_all(source, data=None, *, formats=("html", "text"), theme=None, **options):
        document = make_document(source, data, **options)
        return {file.name: file.content for file in rendering.render(document, formats, theme or Theme())}

    return render_all


@pytest.fixture
def html_of(render_files):
    return lambda *args, **options: render_files(*args, formats=("html",), **options)["report.html"].decode()


@pytest.fixture
def text_of(render_files):
    return lambda *args, **options: render_files(*args, formats=("text",), **options)["report.txt"].decode()
