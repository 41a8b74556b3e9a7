# ruff: noqa: DTZ001 - clocks are written as they are

from __future__ import annotations

import pickle
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.reports.format import Format
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.period import period_of, zone
from airflow_provider_daybreak.reports.translations import TRANSLATIONS

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


def test_every_locale_counts_weeks_as_where_most_of_its_speakers_live():
    from babel import Locale
    from babel.core import get_global
    from babel.localedata import locale_identifiers

    without = [code for code in locale_identifiers() if Locale.parse(code).territory is None]
    known = set(locale_identifiers())
    likely = get_global("likely_subtags")
    days = [date(year, month, day) for year in (2020, 2026) for month, day in ((12, 28), (12, 31))]
    days += [date(2021, 1, 1), date(2027, 1, 1)]

    assert len(without) > 200
    checked = 0
    for code in without:
        home = likely.get(code) or likely.get(code.partition("_")[0], "en_001")
        there = Locale("en", home.rpartition("_")[2]) if f"en_{home[-2:]}" in known else None
        if (
            there is None or there.first_week_day != 0 or there.min_week_days != 4
        ):  # no weeks by ISO 8601, or unknown
            continue
        checked += 1
        weeks = [int(Language(code).date(day, "w")) for day in days]
        assert weeks == [53] * len(days), code
    assert checked > 20  # how many it knows of depends on Babel


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("\n{{ day | date('dd.MM.YYYY') }}\n", 2),
        ("\n\n{{ table(rows, {'day': {'format': 'date:YYYY-MM-dd'}}) }}\n", 3),
        ("{{ chart(rows, 'day', 'n', x_format='date:MMM YYYY') }}\n", 1),
        ("{% for row in rows %}\n{{ row.day | datetime(\"d 'w' YYYY\") }}\n{% endfor %}\n", 2),
    ],
)
def test_the_year_of_weeks_without_a_week_is_a_warning_with_its_line(make_document, caplog, source, line):
    rows = [{"day": date(2026, 12, day), "n": 1} for day in (30, 31)]

    make_document(source, {"rows": rows, "day": date(2026, 12, 31)})

    (said,) = [record.getMessage() for record in caplog.records]
    assert f"report.md.j2' line {line}: the pattern " in said
    assert "Write y for the year of a date" in said


@pytest.mark.parametrize("pattern", ["w/YYYY", "y-MM-dd", "'Y' y", "short"])
def test_other_patterns_of_years_are_no_warning(make_document, caplog, pattern):
    make_document("{{ day | date(pattern) }}\n", {"day": date(2026, 12, 31), "pattern": pattern})

    assert not caplog.records


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("week", {"week_start": "sunday"}, "Mar 29, 2026 to Apr 4, 2026"),
        ("year", {"fiscal_year_start": 4}, "Apr 2025 to Mar 2026"),
        ("quarter", {"fiscal_year_start": 2}, "Feb 2026 to Apr 2026"),
        ("quarter", {}, "Q1 2026"),
        ("month", {"fiscal_year_start": 4}, "March 2026"),
    ],
)
def test_a_period_of_another_calendar_is_called_by_its_ends(name, options, text):
    period = period_of(date(2026, 3, 29), timezone=zone("Europe/Berlin"), period=name, **options)

    assert Language("en").period(period) == text


def test_every_language_has_all_our_words():
    forms = (".zero", ".one", ".two", ".few", ".many")  # beside .other, which all have
    ours = {
        language: {key for key in words if not key.endswith(forms)} for language, words in TRANSLATIONS.items()
    }

    assert ours == dict.fromkeys(TRANSLATIONS, ours["en"])


@pytest.mark.parametrize(
    ("count", "form"), [(1, "صف واحد"), (2, "صفان"), (3, "صفوف"), (11, "صفًا"), (100, "صف آخر")]
)
def test_arabic_counts_in_its_five_forms(count, form):
    assert form in Language("ar").word("more_rows", count=count)


@pytest.mark.parametrize("code", ["ar", "he", "fa", "ur"])
def test_a_minus_stands_before_its_number_where_letters_run_the_other_way(code):
    language = Language(code)

    for text in (language.number(-4), language.percent(-0.125, 1), language.currency(-9.5, "EUR")):
        assert "\N{LEFT-TO-RIGHT MARK}-" in text
    assert "\N{LEFT-TO-RIGHT MARK}" not in Language("en").number(-4)


def test_our_english_stays_together_in_a_language_that_runs_the_other_way():
    assert Language("fa").word("no_rows") == "\N{FIRST STRONG ISOLATE}No rows.\N{POP DIRECTIONAL ISOLATE}"


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


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (lambda language: language.percent(0.0625, 1), "6.3%"),
        (lambda language: language.percent(Decimal("-0.0625"), 1), "-6.3%"),
        (lambda language: language.currency(12.5, "EUR", 0), "€13"),
        (lambda language: language.number(1.005, 2), "1.01"),
        (lambda language: language.number(1.0005), "1.001"),
        (lambda language: language.duration(150 * 60 + 30), "2 hr 31 min"),
        (lambda language: language.duration(2.5), "3 sec"),
        (lambda language: language.size(2250), "2.3 kB"),
    ],
)
def test_a_half_is_rounded_away_from_zero_as_in_a_workbook(written, text):
    assert written(Language("en")).translate(SPACES) == text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (lambda language: language.currency(-0.4, "JPY"), "¥0"),
        (lambda language: language.duration(-0.4), "0 sec"),
        (lambda language: language.number(-0.001, 2), "0.00"),
    ],
)
def test_what_is_rounded_to_zero_has_no_sign(written, text):
    assert written(Language("en")).translate(SPACES) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0004, "0.0004"),
        (Decimal("-0.000123456"), "-0.000123"),
        (5.5e-17, "0"),
        (10**20 + 1, "100,000,000,000,000,000,001"),
        (9.999e21, "1E22"),
        (10**400, "1E400"),
        (Decimal("sNaN"), "\N{EN DASH}"),
    ],
)
def test_a_number_shows_what_people_read_of_it(number, text):
    assert Language("en").number(number) == text


def test_a_number_may_have_all_its_digits():
    assert Language("en").number(123456789012345678, 15) == "123,456,789,012,345,678.000000000000000"


def test_a_size_is_below_a_thousand_of_its_unit():
    assert [Language("en").size(n).translate(SPACES) for n in (999_499, 999_950)] == ["999 kB", "1.0 MB"]


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [
        ("date:HH:mm", datetime(2026, 3, 29, 7, 5), "07:05"),
        ("datetime:EEE d MMM HH:mm", datetime(2026, 3, 29, 7, 5), "Sun 29 Mar 07:05"),
        ("datetime:short", datetime(2026, 3, 29, 7, 5), "3/29/26, 7:05 AM"),
        ("time:HH:mm:ss", time(7, 5), "07:05:00"),
    ],
)
def test_a_pattern_is_all_that_is_written(text, value, written):
    assert Format.parse(text).write(value, Language("en")).translate(SPACES) == written


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("date:HH:mm", date(2026, 3, 29)),
        ("datetime:HH:mm", date(2026, 3, 29)),
        ("date:%Y-%m-%d", datetime(2026, 3, 29, 7, 5)),
        ("time:d", time(7, 5)),
        ("date:eeeeeeeee", date(2026, 3, 29)),
        ("date:g", date(2026, 3, 29)),
    ],
)
def test_a_pattern_that_the_value_cannot_fill_is_refused_by_its_name(text, value):
    pattern = text.partition(":")[2]

    with pytest.raises(InvalidValueError, match=f"pattern of a date or time '{pattern}': expected short"):
        Format.parse(text).write(value, Language("en"))


def test_a_time_names_the_zone_that_it_has_and_no_other():
    language = Language("en")

    assert language.time("2026-03-29T07:05:00+02:00", "full").translate(SPACES) == "7:05:00 AM GMT+02:00"
    assert language.time(datetime(2026, 3, 29, 7, 5), "full").translate(SPACES) == "7:05:00 AM"
    assert language.time(time(7, 5), "long").translate(SPACES) == "7:05:00 AM"


def test_no_language_has_the_months_of_one_that_was_asked_before():
    for code in ("he", "ar", "ja", "de", "de_AT", "fr", "ru", "ko", "th"):
        months = Language(code).locale.months["stand-alone"]
        assert (months["wide"][3], months["abbreviated"][3]) == {
            "he": ("מרץ", "מרץ"),
            "ar": ("مارس", "مارس"),
            "ja": ("3月", "3月"),
            "de": ("März", "Mär"),
            "de_AT": ("März", "Mär"),
            "fr": ("mars", "mars"),
            "ru": ("март", "март"),
            "ko": ("3월", "3월"),
            "th": ("มีนาคม", "มี.ค."),
        }[code]
    assert Language("de").locale.months["stand-alone"]["wide"][1] == "Januar"
    assert Language("de_AT").locale.months["stand-alone"]["wide"][1] == "Jänner"
    assert pickle.loads(pickle.dumps(Language("ja"))).locale.months["stand-alone"]["wide"][3] == "3月"
