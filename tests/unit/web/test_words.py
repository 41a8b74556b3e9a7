"""What the pages say, in which language."""

from __future__ import annotations

import pytest

from airflow_provider_daybreak.web.words import WORDS, language_of


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        ("", "", "en"),
        ("fr", "en-GB,en;q=0.9", "fr"),
        ("", "fr-CA,fr;q=0.8,en;q=0.5", "fr"),
        ("", "de-DE,de;q=0.9,fr;q=0.5", "fr"),
        ("de", "ja", "en"),
        ("../../etc", "<script>", "en"),
    ],
)
def test_the_language_is_that_of_airflows_ui_or_else_of_the_browser(cookie, accepted, language):
    assert language_of(cookie, accepted) == language


def test_each_language_says_everything_with_the_same_values():
    import string

    def places(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert WORDS["fr"].keys() == WORDS["en"].keys()
    assert all(places(WORDS["fr"][name]) == places(text) for name, text in WORDS["en"].items())
