"""Letters that no font here has are said, once, with the fonts that have them."""

from __future__ import annotations

import logging
import re

import pytest

from airflow_provider_daybreak.reports import fonts

CHART = '{{ chart(rows, "x", "y", kind="bar", title="T") }}\n'


def rows(*names):
    return {"rows": [{"x": name, "y": at} for at, name in enumerate(names, 1)]}


@pytest.fixture
def said(caplog):
    def messages():
        return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]

    caplog.set_level(logging.WARNING)
    return messages


def test_a_picture_says_which_letters_no_font_has(render_files, said):
    render_files(CHART, rows("ok", "a\u05ff"), formats=("html",))

    (message,) = said()
    assert re.match(
        r"The picture 't' has letters .* stand as boxes: \u05ff \(U\+05FF\)\. Install fonts", message
    )
    assert message.endswith("fonts-noto-core")


def test_a_picture_whose_letters_are_all_there_says_nothing(render_files, said):
    render_files(CHART, rows("Übersicht", "Жук", "Ωμέγα", "مرحبا", "שלום", "€ “x”"), formats=("html",))

    assert said() == []


@pytest.mark.pango
def test_a_pdf_says_each_letter_once_and_in_one_sentence(render_files, said):
    table = "{{ table(rows) }}\n"

    render_files(table, rows(*["a\u0378\u0379"] * 30), formats=("pdf",))

    (message,) = said()
    assert message.startswith("The PDF has letters that no font of this machine has, and that stand as boxes: ")
    assert "\u0378 (U+0378), \u0379 (U+0379). Install fonts" in message


@pytest.mark.pango
def test_what_is_said_of_another_rendering_at_the_same_time_is_left_to_that():
    logger = logging.getLogger("weasyprint")
    heard = []
    handler = logging.Handler()
    handler.emit = heard.append
    record = logger.makeRecord(
        "weasyprint", logging.WARNING, "", 0, '.notdef glyph "%s" (U+%04X)', ("x", 120), None
    )
    record.thread += 1
    logger.addHandler(handler)

    with fonts.heard_of(logger) as letters:
        logger.handle(record)
    logger.removeHandler(handler)

    assert (letters, heard) == (set(), [record])


@pytest.mark.parametrize(
    ("letters", "packages"),
    [
        ("日", "fonts-noto-cjk"),
        ("한ア", "fonts-noto-cjk"),
        ("\u1200", "fonts-noto-core"),
        ("😀", "fonts-noto-color-emoji"),
        ("अ日😀", "fonts-noto-cjk, fonts-noto-color-emoji, fonts-noto-core"),
    ],
)
def test_the_packages_are_those_that_have_the_letters(letters, packages, said):
    fonts.say_missing("It", letters)

    (message,) = said()
    assert message.endswith(f"such as Debian's {packages}")


def test_of_many_letters_the_first_are_named_and_the_others_counted(said):
    fonts.say_missing("It", map(chr, range(0x4E00, 0x4E10)))

    (message,) = said()
    assert "一 (U+4E00)" in message
    assert "and 11 more" in message
