from __future__ import annotations

import re
from pathlib import Path

import pytest

from airflow_provider_daybreak.reports.formats import styles
from airflow_provider_daybreak.reports.theme import Theme


@pytest.mark.parametrize("name", ["mail", "pdf"])
def test_a_stylesheet_has_no_variable_that_mail_programs_would_have_to_know(name):
    values = {**styles.theme_values(Theme()), "edge": "4px solid", "title": '"x"'}

    css = styles.stylesheet(name, values)

    assert "var(" not in css
    assert Theme().danger in css


def test_what_stylesheets_share_is_written_once():
    folder = Path(styles.__file__).parent
    rules = [
        re.sub(r"\s+", "", rule)
        for file in ("tones", "print")
        for rule in re.findall(r"[^{}]+\{[^}]*\}", (folder / f"{file}.css").read_text().partition("*/")[2])
    ]

    own = "".join(re.sub(r"\s+", "", (folder / f"{name}.css").read_text()) for name in ("mail", "page", "pdf"))

    assert rules
    assert not [rule for rule in rules if rule in own]


def test_a_small_stylesheet_says_what_the_file_says():
    tinycss2 = pytest.importorskip("tinycss2")
    text = (Path(styles.__file__).parent / "print.css").read_text()

    def rules(css):
        parsed = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
        return [
            (
                re.sub(r"\s", "", tinycss2.serialize(rule.prelude)),
                [
                    (one.name, tinycss2.serialize(one.value).strip())
                    for one in tinycss2.parse_blocks_contents(rule.content, skip_whitespace=True)
                ],
            )
            for rule in parsed
        ]

    assert rules(styles.stylesheet("print", {})) == rules(text)
