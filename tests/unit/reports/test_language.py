from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.period import period_of, zone
from airflow_provider_daybreak.reports.words import WORDS

SPACES = str.maketrans("\u00a0\u202f", "  ")


@pytest.mark.parametrize(
    ("locale", "number", "percent", "money", "day"),
    [
        ("en", "1,234,567.89", "25.7%", "€1,234.50", "Mar 29, 2026"),
        ("de", "1.234.567,89", "25,7 %", "1.234,50 €", "29.03.2026"),
        ("fr", "1 234 567,89", "25,7 %", "1 234,50 €", "29 mars 2026"),
        ("es", "1.234.567,89", "25,7 %", "1.234,50 €", "29 mar 2026"),
    ],
)
def test_each_locale_writes_in_its_way(locale, number, percent, money, day):
    language = Language(locale)

    written = [
        language.number(Decimal("1234567.89")),
        language.percent(0.257, 1),
        language.currency(1234.5, "EUR"),
        language.date(date(2026, 3, 29)),
    ]

    assert [text.translate(SPACES) for text in written] == [number, percent, money, day]


@pytest.mark.parametrize(
    ("locale", "duration"),
    [("en", "7 hr 48 min"), ("de", "7 Std. 48 Min."), ("fr", "7 h 48 min"), ("es", "7h 48min")],
)
def test_a_duration_has_two_units(locale, duration):
    assert Language(locale).duration(28_080).translate(SPACES) == duration


def test_a_timedelta_is_a_duration_and_may_be_negative():
    assert Language("en").duration(timedelta(seconds=-90)) == "\N{MINUS SIGN}1 min 30 sec"


def test_sizes_are_decimal():
    assert [Language("en").size(n).translate(SPACES) for n in (12, 1500, 123_456_789)] == [
        "12 B",
        "1.5 kB",
        "123 MB",
    ]


def test_every_language_has_all_our_words():
    assert {language: sorted(words) for language, words in WORDS.items()} == dict.fromkeys(
        WORDS, sorted(WORDS["en"])
    )


@pytest.mark.parametrize(("count", "text"), [(1, "1 more row"), (1200, "1,200 more rows")])
def test_our_words_follow_the_count(count, text):
    assert Language("en").word("more_rows", count=count) == text


def test_a_language_we_do_not_speak_gets_our_english():
    assert Language("pt_BR").word("more_rows", count=1200) == "1.200 more rows"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("day", "Sunday, March 29, 2026"),
        ("week", "Week 13, 2026 (Mar 23, 2026 to Mar 29, 2026)"),
        ("month", "March 2026"),
        ("quarter", "Q1 2026"),
        ("year", "2026"),
    ],
)
def test_a_period_is_called_by_its_name(name, text):
    assert Language("en").period(period_of(date(2026, 3, 29), timezone=zone("UTC"), period=name)) == text


def test_clocks_are_not_moved():
    assert Language("de").time("2026-03-29T07:00:00+02:00") == "07:00"
    assert Language("de").datetime("2026-03-29T07:05") == "29.03.2026, 07:05"


@pytest.mark.parametrize("code", ["xx_YY", "", "english"])
def test_an_unknown_locale_is_refused(code):
    with pytest.raises(InvalidValueError, match="expected a locale such as en"):
        Language(code)


@pytest.mark.parametrize("value", [10**400, Decimal("1e400"), "1e400"], ids=["int", "Decimal", "text"])
def test_a_number_that_no_float_holds_is_written_too(value):
    language = Language("en")

    assert language.number(value, 2) == "1E400"
    assert language.percent(value) == "1E402 %"
    assert language.currency(value, "EUR") == "1E400 EUR"
    assert language.duration(value) == "1E400 s"
    assert language.size(value) == "1E385 PB"
