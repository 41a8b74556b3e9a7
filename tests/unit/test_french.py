"""The French pages say what the English ones say, as far as they are of the same text."""

from __future__ import annotations

import os
import re
from pathlib import Path
from posixpath import normpath

import pytest

from docs.site import french

PAGES = sorted(page for page in french.twins() if page != french.INDEX)


@pytest.fixture(scope="module", autouse=True)
def _remembered():
    if os.environ.get("DAYBREAK_FRENCH"):
        french.remember()


@pytest.mark.parametrize("page", PAGES)
def test_a_french_page_has_the_headings_the_code_and_the_figures_of_the_english_one(page):
    assert french.differences(page) == []


def test_what_is_followed_and_what_answers_a_question_is_there_in_french():
    english = {
        str(path.relative_to(french.ROOT))
        for kind in ("tutorials", "how-to")
        for path in (french.ROOT / "docs" / kind).glob("*.md")
    }

    assert english - set(PAGES) == set()


ENGLISH_ON_PURPOSE = {
    ("README.fr.md", "README.md"),
    ("docs/fr/index.md", "docs/index.md"),
    ("docs/fr/installing.md", "README.md"),
}
"""The way to the other language, and a table that the French README leaves out."""


def test_a_french_page_leads_to_the_french_one_where_there_is_one():
    twins, found = french.twins(), set()
    for page in twins.values():
        text = (french.ROOT / page).read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)#:\s]+\.md)", text):
            place = normpath(f"{Path(page).parent}/{target}")
            found |= {(page, place)} if place in twins else set()

    assert found == ENGLISH_ON_PURPOSE


@pytest.fixture
def pages(tmp_path, monkeypatch):
    """Return a function that writes a page in both languages, of which the French one is current."""
    monkeypatch.setattr(french, "ROOT", tmp_path)
    monkeypatch.setattr(french, "TRANSLATED", tmp_path / "docs" / "fr" / "translated.json")
    (tmp_path / "docs" / "fr").mkdir(parents=True)

    def write(english, translated):
        (tmp_path / "docs" / "page.md").write_text(english)
        (tmp_path / "docs" / "fr" / "page.md").write_text(translated)
        french.remember()

    return write


ENGLISH = "# Days\n\nOf 1,200 days `3` lack.\n\n## See\n\n```bash\ndaybreak today\n```\n"


@pytest.mark.parametrize(
    ("translated", "found"),
    [
        ("# Jours\n\nDe 1 200 jours, `3` manquent.\n\n## Voir\n\n```bash\ndaybreak today\n```\n", ""),
        (
            "# Jours\n\nDe 1 300 jours, `3` manquent.\n\n## Voir\n\n```bash\ndaybreak today\n```\n",
            "Days: figures",
        ),
        (
            "# Jours\n\nDe 1 200 jours, `4` manquent.\n\n## Voir\n\n```bash\ndaybreak today\n```\n",
            "Days: codes",
        ),
        (
            "# Jours\n\nDe 1 200 jours, `3` manquent.\n\n## Voir\n\n```bash\ndaybreak demain\n```\n",
            "See: blocks",
        ),
        ("# Jours\n\nDe 1 200 jours, `3` manquent.\n", "headings"),
    ],
)
def test_what_is_otherwise_in_french_is_found(pages, translated, found):
    pages(ENGLISH, translated)

    assert [each[: len(found)] for each in french.differences("docs/page.md")] == [found] * bool(found)


def test_a_section_that_has_changed_in_english_is_named_and_the_others_are_still_compared(pages, tmp_path):
    pages(ENGLISH, "# Jours\n\nDe 1 200 jours, `3` manquent.\n\n## Voir\n\n```bash\ndaybreak demain\n```\n")

    new = "## New\n\nA section.\n\n## See"
    (tmp_path / "docs" / "page.md").write_text(ENGLISH.replace("1,200", "1,300").replace("## See", new))

    assert french.outdated("docs/page.md") == ["Days", "New"]
    assert [each.partition(":")[0] for each in french.differences("docs/page.md")] == ["See"]
