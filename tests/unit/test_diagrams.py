"""What the pages draw is shown by the site as pictures of the text as it is now."""

from __future__ import annotations

import pytest

from docs.site import diagrams

PAGES = [path for path in (diagrams.ROOT / "docs").rglob("*.md") if diagrams.texts(path.read_text())]


def test_each_drawing_has_its_pictures_and_there_are_no_others():
    wanted = {
        diagrams.picture(text, scheme)
        for path in PAGES
        for text in diagrams.texts(path.read_text())
        for scheme in diagrams.SCHEMES
    }

    assert len(wanted) > 2
    assert set(diagrams.PICTURES.iterdir()) == wanted, "make pictures draws them"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_picture_asks_nobody_for_anything_and_runs_nothing(path):
    for text in diagrams.texts(path.read_text()):
        for scheme in diagrams.SCHEMES:
            picture = diagrams.picture(text, scheme).read_text().replace("http://www.w3.org/", "")

            assert "http" not in picture
            assert "<script" not in picture
            assert "foreignObject" not in picture  # which a picture does not show


def test_a_drawing_is_shown_in_each_scheme_and_says_its_arrows():
    text = (diagrams.ROOT / "docs" / "scaling.md").read_text()

    shown = diagrams.with_pictures(text, "images/diagrams")

    assert "mermaid" not in shown
    assert shown.count(":class: only-dark") == shown.count(":class: only-light") == 1
    assert ":alt: Scheduler, API server, Dag processor to Redis; " in shown


def test_a_drawing_that_has_changed_has_no_picture_and_the_build_says_so():
    with pytest.raises(FileNotFoundError, match="a diagram has changed. Draw it: make pictures"):
        diagrams.with_pictures("```mermaid\nflowchart LR\n  a --> b\n```\n", "images")
