"""Colours of charts, and what they are read on."""

from __future__ import annotations

import pytest

from airflow_provider_daybreak.reports.charts.colours import Colours
from airflow_provider_daybreak.reports.theme import READABLE, Theme, contrast_of


@pytest.mark.parametrize("muted", ["#5b6675", "#1c2430", "#000000", "#4b2e83"])
def test_text_of_a_mails_chart_is_read_on_white_and_where_mail_programs_make_it_dark(muted):
    text = Colours.for_mail(Theme(muted=muted)).text

    assert contrast_of(text, "#ffffff") >= READABLE
    assert contrast_of(text, "#000000") >= READABLE


def test_a_theme_that_is_dark_itself_has_its_ground_painted():
    theme = Theme(background="#161b22", surface="#1f2630", muted="#a3aebd")

    assert Colours.for_mail(theme) == Colours.of(theme)


def test_a_series_beyond_the_palette_is_lighter_and_not_half_transparent_in_a_mail():
    colours = Colours.for_mail(Theme())

    assert colours.ink(len(colours.series)) == 'fill="#8eafe8"'
