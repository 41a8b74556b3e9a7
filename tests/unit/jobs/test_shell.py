from __future__ import annotations

import shlex

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from airflow_provider_daybreak.jobs.job import LineError
from airflow_provider_daybreak.jobs.shell import read_line, with_report_date


def commands_of(text, **variables):
    return [
        (each.before, each.values, [one.raw for one in each.redirections])
        for each in read_line(text, variables).commands
    ]


def test_commands_are_told_apart_by_what_joins_them():
    assert commands_of("a && b || c; d | e & f") == [
        ("", ("a",), []),
        ("&&", ("b",), []),
        ("||", ("c",), []),
        (";", ("d",), []),
        ("|", ("e",), []),
        ("&", ("f",), []),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a > b 2>&1", [("", ("a",), ["> b", "2>&1"])]),
        ("a >>b 2>>c", [("", ("a",), [">> b", "2>> c"])]),
        ("a &>b", [("", ("a",), ["&>b"])]),
        ("> b a", [("", ("a",), ["> b"])]),
        ("a b2>c", [("", ("a", "b2"), ["> c"])]),
        ("a 'x && y' \"z; w\" q\\;r", [("", ("a", "x && y", "z; w", "q;r"), [])]),
        ("a # b", [("", ("a",), [])]),
        ("a b#c", [("", ("a", "b#c"), [])]),
        ("a &", [("", ("a",), [])]),
        ("", []),
        ("a\nb", [("", ("a",), []), (";", ("b",), [])]),
    ],
)
def test_words_and_redirections_are_told_apart(text, said):
    assert commands_of(text) == said


@pytest.mark.parametrize(
    "text", ["(a)", "if a; then b; fi", "a <<X", "a && ", "&& a", "a >", "{ a; }", "a ;; b"]
)
def test_only_a_shell_understands_the_rest(text):
    found = read_line(text).commands

    assert not found or text == "a && "


@pytest.mark.parametrize(
    "word", ["$x", "${x}", "`x`", "$(x)", "*.csv", "a?", "{a,b}", "{1..3}", '"$x"', "~", "~ann/x", "$1", "$?"]
)
def test_a_word_that_a_shell_expands_has_no_value(word):
    [command] = read_line(f"a {word}").commands

    assert not command.plain


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("$x", "1 2"),
        ('"${x}y"', "1 2y"),
        ("'$x'", "$x"),
        ("\\$x", "$x"),
        ("~/y", "/home/ann/y"),
        ("'*.csv'", "*.csv"),
        ("'{a,b}'", "{a,b}"),
    ],
)
def test_a_word_says_what_it_says_where_all_is_known(word, value):
    [command] = read_line(f"a {word}", {"x": "1 2", "HOME": "/home/ann"}).commands

    assert command.values[1] == value


@pytest.mark.parametrize("text", ["a 'b", 'a "b', "a $(b", "a `b", 'a "$(b"'])
def test_what_is_never_closed_is_said(text):
    with pytest.raises(LineError, match="never closed|No closing"):
        read_line(text)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a machine may be busy
@given(
    st.lists(
        st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=12),
        min_size=1,
        max_size=5,
    )
)
@example(["'?"])
@example(['"$HOME', "it's $5 or `more`"])
def test_what_is_quoted_is_read_as_it_was(words):
    [command] = read_line(shlex.join(["a", *words])).commands

    assert command.values == ("a", *words)


@given(st.text("ab '\"\\$(){}`;|&<>#\n=~*", max_size=30))
def test_no_line_is_more_than_a_line_error(text):
    try:
        line = read_line(text, {"a": "b"})
    except LineError:
        return
    assert all(each.words or each.redirections for each in line.commands)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("$(date +%F)", '$(date -d "$DAYBREAK_REPORT_DATE" +%F)'),
        ("`date +%F`", '$(date -d "$DAYBREAK_REPORT_DATE" +%F)'),
        ("$(date -d yesterday +%F)", '$(date -d "$DAYBREAK_REPORT_DATE -1 day" +%F)'),
        (
            "$(/bin/date --date='3 days ago' '+%d %m')",
            "$(date -d \"$DAYBREAK_REPORT_DATE 3 days ago\" '+%d %m')",
        ),
    ],
)
def test_today_is_the_report_date(text, said):
    assert with_report_date(text) == (said, [])


@pytest.mark.parametrize(
    "text", ["$(date)", "$(date +%H:%M)", "$(date +%s)", "$(date -u +%F)", "$(date -r x +%F)"]
)
def test_a_time_of_day_is_left_alone_and_told(text):
    assert with_report_date(text) == (text, [text])
