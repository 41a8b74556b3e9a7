"""
How Sphinx makes the site of the Markdown that lies in this repository: ``make docs``.

The pages stay where they are and read as well in the repository: their links are relative, an ``index.md`` of each language lists
them in their four kinds, and what is no page (a Dag, a Dockerfile) is copied to where its link leads. Each language is a build of its
own, with its own search; a page that has no French twin is in the French site as it is.
"""

# ruff: noqa: INP001 - Sphinx reads it by its path

from __future__ import annotations

import os
import re
from pathlib import Path
from posixpath import normpath, relpath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

from docs.site import diagrams, french

ROOT = Path(__file__).parents[2]
FRENCH = os.environ.get("DAYBREAK_DOCS_LANGUAGE") == "fr"
PAGES = {str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))}


TWINS = french.twins()
ENGLISH = {translated: page for page, translated in TWINS.items()}
LEFT_OUT = set(TWINS) if FRENCH else {page for page in PAGES if page.startswith("docs/fr/")} | set(ENGLISH)

project = "Daybreak"
author = "Daybreak"
version = release = re.search(
    r'^__version__ = "(.+)"',
    (ROOT / "provider/airflow_provider_daybreak/__init__.py").read_text(),
    re.MULTILINE,
)[1]
language = "fr" if FRENCH else "en"
extensions = ["myst_parser"]
root_doc = "docs/fr/index" if FRENCH else "docs/index"
include_patterns = sorted(PAGES - LEFT_OUT)
# Nothing else is looked through: a checkout holds environments and what the demo makes.
exclude_patterns = [each.name for each in ROOT.iterdir() if each.is_dir() and each.name != "docs"]
myst_heading_anchors = 4
myst_enable_extensions = ["html_image"]
suppress_warnings: list[str] = []

html_theme = "furo"
html_title = f"Daybreak {version}"
html_static_path: list[str] = []
html_copy_source = False
html_show_copyright = False
templates_path = ["templates"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "languages.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}

_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(((?!https?:|mailto:|#)[^)\s#]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"^(```.*?^```)$", re.DOTALL | re.MULTILINE)
_ENTRY = re.compile(r"^[-*] \[[^\]]+\]\(([^)#]+)\.md\)", re.MULTILINE)


def link_in_this_site(page: str, text: str, target: str, anchor: str) -> str:
    """Return a Markdown link of a page as it leads in this language's site."""
    place = normpath(f"{Path(page).parent}/{target}")
    if (ROOT / place).is_dir():  # a folder has no page; its files are named beside it
        return text
    if place not in LEFT_OUT:
        return f"[{text}]({target}{anchor})"
    if FRENCH:
        return f"[{text}]({relpath(TWINS[place], str(Path(page).parent))})"
    away = relpath(f"../fr/{place.removesuffix('.md')}.html", str(Path(page).parent))
    return f'<a href="{away}">{text}</a>'


def rewrite(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Lead links to where they lead in this site, show diagrams, and make the list of pages the site's navigation."""
    page = f"{docname}.md"
    images = relpath(diagrams.PICTURES.relative_to(ROOT), str(Path(page).parent))
    parts = _FENCE.split(diagrams.with_pictures(source[0], images))
    parts[::2] = [
        _LINK.sub(lambda found: link_in_this_site(page, found[1], found[2], found[3] or ""), part)
        for part in parts[::2]
    ]
    text = "".join(parts)
    if FRENCH and page in ENGLISH and (changed := french.outdated(ENGLISH[page])):
        heading, _, rest = text.partition("\n")
        text = f"{heading}\n\n> En anglais, ceci a changé depuis la traduction : {', '.join(changed)}.\n{rest}"
    if docname == root_doc:
        text += "".join(_trees(page, text))
    source[0] = text


def _trees(page: str, text: str) -> Iterator[str]:
    """Yield what makes the list of pages the navigation, and then the pages that it lacks: in French, those in English alone."""
    here, known = str(Path(page).parent), {page}
    for section in text.split("\n## ")[1:]:
        if entries := _ENTRY.findall(section):
            known |= {f"{normpath(f'{here}/{entry}')}.md" for entry in entries}
            yield _tree(section.partition("\n")[0].strip(), entries)
    if others := sorted(PAGES - LEFT_OUT - known):
        yield _tree(
            "En anglais" if FRENCH else "More", [relpath(other.removesuffix(".md"), here) for other in others]
        )


def _tree(caption: str, entries: list[str]) -> str:
    listed = "\n".join(entries)
    return f"\n\n```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{listed}\n```\n"


def twin_of(_app: Sphinx, docname: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Give a page's template where the page is in the other language, and the language that it is in itself."""
    page = f"{docname}.md"
    if FRENCH and page in PAGES and page not in ENGLISH:
        context["language"] = "en"
    other = ENGLISH.get(page, page if page in PAGES else "docs/index.md") if FRENCH else TWINS.get(page, page)
    if other not in PAGES:  # the page of the search, the index
        other = TWINS["docs/index.md"] if not FRENCH else "docs/index.md"
    name = "fr" if not FRENCH else "en"
    context["other_language"] = {
        "name": "Français" if name == "fr" else "English",
        "code": name,
        "href": relpath(f"../{name}/{other.removesuffix('.md')}.html", str(Path(docname).parent)),
    }


def setup(app: Sphinx) -> None:
    """Connect what is above."""
    from pygments.lexers.special import TextLexer

    app.add_lexer("crontab", TextLexer)  # which a repository colours
    app.connect("source-read", rewrite)
    app.connect("html-page-context", twin_of)
