"""The site of the documents: it is built without a warning, each of its links leads somewhere, and it asks no other host for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parent.parent
LOADED = {
    ("img", "src"),
    ("script", "src"),
    ("link", "href"),
    ("iframe", "src"),
    ("source", "src"),
    ("form", "action"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "site"
    done = subprocess.run(
        [find_uv_bin(), "run", "--quiet", "--no-project", "--python", sys.executable, "--with-requirements",
         "docs/site/requirements.txt", "python", "-m", "docs.site", folder],
        cwd=ROOT, env={**os.environ, "UV_PYTHON_DOWNLOADS": "never"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


class Page(HTMLParser):
    """What a page loads, where it leads, by its navigation and by what it says itself, its text, and which places it has."""

    def __init__(self, path):
        super().__init__()
        self.path, self.loads, self.links, self.places = path, [], [], {"", "top"}
        self.said_links, self.text, self._in_article = [], "", False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.places |= {values[name] for name in ("id", "name") if values.get(name)}
        for name, value in attributes:
            if (tag, name) in LOADED and not (tag == "link" and values.get("rel") in ("author", "canonical")):
                self.loads.append(value)
            elif (tag, name) == ("a", "href"):
                self.links.append(value)
                self.said_links += [value] * self._in_article
        self._in_article |= tag == "article"

    def handle_endtag(self, tag):
        self._in_article &= tag != "article"

    def handle_data(self, data):
        self.text += data * self._in_article


@pytest.fixture(scope="module")
def pages(site):
    found = {path.resolve(): Page(path.resolve()) for path in site.rglob("*.html")}
    assert len(found) > 40
    return found


def dead(page, value, pages):
    """Return whether a link within the site leads nowhere."""
    link = urlsplit(value)
    if link.scheme or link.netloc:
        return False
    target = (page.path.parent / unquote(link.path)).resolve() if link.path else page.path
    if target.suffix != ".html":
        return not target.is_file()
    return target not in pages or unquote(link.fragment) not in pages[target].places


def test_every_link_and_every_file_of_a_page_is_there(site, pages):
    found = [
        f"{page.path.relative_to(site.resolve())}: {value}"
        for page in pages.values()
        for value in (*page.links, *page.loads)
        if dead(page, value, pages)
    ]

    assert found == []


def test_no_page_or_style_loads_anything_of_another_host(site, pages):
    styles = "\n".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))

    assert [value for page in pages.values() for value in page.loads if urlsplit(value).netloc] == []
    assert re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\s]+", styles) == []


QUESTIONS = (
    ("missed days", "jours manqués", "how-to/missed-days", "airflow daybreak fill"),
    ("password expired", "mot de passe expiré", "how-to/passwords", "EMAIL_PASSWORD"),
    ("gmail", "gmail", "how-to/mail-servers", "smtp.gmail.com"),
    ("office 365", "office 365", "how-to/mail-servers", "SMTP.SendAsApp"),
    ("approve before mailing", "approuver", "how-to/approvals", 'mode="hold"'),
    ("time zone", "fuseau horaire", "how-to/time-zones", "CronTriggerTimetable("),
    ("roll back", "version antérieure", "how-to/rolling-back", "airflow daybreak releases rollback"),
    ("send again", "renvoyer", "how-to/resending", "airflow daybreak resend"),
    ("backup restore", "sauvegarder restaurer", "how-to/backup", "airflow daybreak reports verify"),
    ("private index", "index privé", "how-to/private-index", "index_conn_id="),
    ("several workers", "plusieurs workers", "how-to/several-workers", "archive_is_shared"),
    ("kubernetes", "kubernetes", "how-to/kubernetes", "ScriptPodOperator"),
    ("new version", "nouvelle version", "how-to/upgrading", "--upgrade"),
    ("crontab", "crontab", "tutorials/crontab", "import crontab"),
    ("workbook monday", "classeur lundi", "tutorials/monday-workbook", '"xlsx"'),
    ("WRONG_VERSION_NUMBER", "WRONG_VERSION_NUMBER", "how-to/troubleshooting", "disable_ssl"),
)
"""What somebody new wants to know, as he would type it in each language, the page that answers it, and what the answer names."""
LANGUAGES = {"en": ("README.html", "docs/"), "fr": ("README.fr.html", "docs/fr/")}
"""Where somebody new begins, and where the pages of that language are."""


def asked(language):
    return {
        row[list(LANGUAGES).index(language)]: (f"{LANGUAGES[language][1]}{row[2]}.html", row[3])
        for row in QUESTIONS
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_somebody_new_asks_is_answered_within_two_clicks_of_where_he_begins(site, pages, language):
    begin = pages[(site / language / LANGUAGES[language][0]).resolve()]
    near = {begin.path: 0}
    for clicks in (1, 2):
        for page in [path for path, at in near.items() if at == clicks - 1]:
            for link in pages[page].said_links if page in pages else ():
                near.setdefault((page.parent / unquote(urlsplit(link).path)).resolve(), clicks)

    for page, answer in asked(language).values():
        path = (site / language / page).resolve()
        assert path in near, page
        assert answer in pages[path].text, page


@pytest.fixture
def search(site, browser):
    """Return a function that searches the site, from its files alone, and returns the pages that are found first."""
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    def find(language, words):
        page.goto(f"{(site / language / 'search.html').as_uri()}?q={quote(words)}")
        page.wait_for_selector("#search-results p.search-summary")
        links = page.eval_on_selector_all("#search-results ul.search li > a", "all => all.map(one => one.href)")
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        return list(dict.fromkeys(urlsplit(link).path.partition(f"/{language}/")[2] for link in links))

    return find


@pytest.mark.browser
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_somebody_new_asks_is_among_the_first_pages_that_the_search_finds(search, language):
    found = {words: search(language, words)[:6] for words in asked(language)}

    assert [
        (words, found[words]) for words, (page, _) in asked(language).items() if page not in found[words]
    ] == []
