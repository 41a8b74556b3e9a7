from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_daybreak.reports import rendering
from airflow_provider_daybreak.reports.theme import Theme
from airflow_provider_daybreak.reports.translations import TRANSLATIONS

ADDRESS = "https://airflow.example.org/daybreak/reports/daily_report/2026-03-29"


@pytest.fixture
def files_of(make_document):
    """Return a function that renders a report that has an address."""

    def render(address=ADDRESS, *, footer="", **options):
        document = replace(make_document("Sold: 2\n", **options), address=address)
        files = rendering.render(document, ("html", "text", "page"), Theme(footer=footer))
        return {file.name: file.content.decode() for file in files}

    return render


def test_mail_page_and_text_say_which_report_it_is_and_lead_to_it(files_of):
    files = files_of(footer="Sales team")

    for name in ("report.html", "page.html"):
        foot = files[name].rpartition("Sales team<br>")[2]
        assert '<span dir="ltr">daily_report</span> · Sunday, March 29, 2026 · <a href="' + ADDRESS in foot
        assert ">Open this report in a browser</a>" in foot
    assert files["report.txt"].endswith(
        f"\n\ndaily_report · Sunday, March 29, 2026\nOpen this report in a browser:\n{ADDRESS}\n"
    )


def test_a_report_without_an_address_ends_as_it_is_written(files_of):
    files = files_of("")

    assert files["report.txt"].endswith("Sold: 2\n")
    for name in ("report.html", "page.html"):
        assert "<a " not in files[name]
        assert "daily_report" not in files[name]


@pytest.mark.parametrize("locale", sorted(TRANSLATIONS))
def test_the_link_is_in_the_reports_language(files_of, locale):
    words = TRANSLATIONS[locale]["open_report"]

    files = files_of(locale=locale)

    assert all(words in content for content in files.values())


def test_nothing_in_an_address_is_markup(files_of):
    files = files_of('https://x/"><script>')

    assert 'href="https://x/&quot;&gt;&lt;script&gt;"' in files["page.html"]
    assert 'href="https://x/&quot;><script>"' in files["report.html"]  # within quotes it is text
