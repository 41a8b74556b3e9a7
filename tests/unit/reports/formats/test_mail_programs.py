"""
What mails use of HTML and CSS, held against what mail programs know of it. There is none of them here.

The table is ours: of each property that our mails have, where it holds, and what takes its place where it doesn't. "word"
is Outlook on Windows, which draws with Word; "gmail" its web page and apps; "outlook" the web page of Outlook; "apple"
Apple's Mail, and what else is made of WebKit, such as most programs on phones.
"""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser

import pytest

ALL = {"word", "gmail", "outlook", "apple"}
NOT_WORD = ALL - {"word"}
HOLDS = {
    **dict.fromkeys(
        (
            *("color", "background", "font-family", "font-size", "font-weight", "line-height", "text-align"),
            *("margin", "padding", "padding-left", "padding-right", "width", "height", "vertical-align"),
            *("border", "border-top", "border-bottom", "border-left", "border-right", "border-collapse"),
            *("table-layout", "display", "white-space"),
        ),
        ALL,
    ),
    **dict.fromkeys(("max-width", "max-height", "overflow", "overflow-x", "border-radius"), NOT_WORD),
    "overflow-wrap": {"gmail", "apple"},
    "-webkit-text-size-adjust": {"apple"},
    "mso-hide": {"word"},
}
"""By property, which programs know it."""
ONLY_VALUES = {
    "display": {"none", "block"},  # Word knows no others, and Gmail's app for other accounts no flex and grid
    "text-align": {"start", "left", "right", "center"},
    "white-space": {"nowrap", "pre-wrap"},
    "overflow": {"hidden", "auto"},
    "overflow-x": {"auto"},
    "table-layout": {"fixed"},
}
WITHOUT = {
    "max-width": "a table in a comment that Word reads, and the width of a picture as its attribute",
    "max-height": "mso-hide, in Word",
    "overflow": "mso-hide for what is hidden; else what is too wide makes the mail wider",
    "overflow-x": "a table that is too wide makes the mail wider",
    "border-radius": "corners are square",
    "overflow-wrap": "a long word makes its cell wider, or the mail",
    "-webkit-text-size-adjust": "only phones of Apple make text larger",
    "mso-hide": "display: none hides it elsewhere",
}
"""What a property that some don't know is replaced by there: nothing is lost."""
TAGS = {
    *("html", "head", "meta", "title", "body", "div", "span", "a", "img", "br", "hr"),
    *("table", "thead", "tbody", "tfoot", "tr", "th", "td"),
    *("p", "h1", "h2", "h3", "ul", "ol", "li", "strong", "em", "s", "code", "pre", "blockquote"),
}
SOURCE = """
# Sales

Prose with *emphasis*, `code` and [a link](https://example.org/).

- one

> quoted

```
fenced
```

---

{{ metric("Sold", 12, previous=10, good="up", trend=[1, 2, 3], note="so far") }}
{{ metric("Late", 3, unit="days") }}
{{ notice("Closed", "warning") }}
{{ chart(rows, "day", "n", title="By day") }}
{{ table(rows, totals=["n"], highlight={"n": {"danger": "> 5"}}, limit=5, caption="All") }}
{{ table(wide) }}

| a | b |
| --- | ---: |
| 1 | 2 |
"""


class Reader(HTMLParser):
    """Collects tags with their attributes and styles, and comments."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.comments = [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        pairs = [part.partition(":") for part in (given.get("style") or "").split(";") if part.strip()]
        self.tags.append((tag, given, {name.strip(): value.strip() for name, _, value in pairs}))

    def handle_comment(self, text):
        self.comments.append(text)


@pytest.fixture(params=["en", "ar"])
def mail(request, html_of):
    rows = [{"day": date(2026, 3, day), "n": day, "name": "שלום"} for day in range(1, 9)]
    wide = [{f"column_{at}": at for at in range(12)}]
    return Reader(html_of(SOURCE, {"rows": rows, "wide": wide}, locale=request.param))


def test_each_property_is_one_that_programs_know_or_do_well_without(mail):
    for tag, _, style in mail.tags:
        for name, value in style.items():
            assert name in HOLDS, f"{name} of <{tag}>: say in the table where it holds"
            assert HOLDS[name] == ALL or name in WITHOUT
            assert value in ONLY_VALUES.get(name, {value}), f"{name}: {value} of <{tag}>"
            assert not re.search(r"var\(|calc\(|url\(|!important|\d(rem|vw|vh|ch)\b|#[0-9a-fA-F]{8}\b", value)


def test_tags_are_those_that_no_program_takes_away(mail):
    assert {tag for tag, _, _ in mail.tags} <= TAGS
    assert not [attributes for _, attributes, _ in mail.tags if {"class", "id", "onclick"} & attributes.keys()]


def test_pictures_have_their_size_as_attributes_for_word_which_scales_by_nothing_else(mail):
    pictures = [attributes for tag, attributes, _ in mail.tags if tag == "img"]

    assert len(pictures) == 2
    assert all(one["width"].isdigit() and one["height"].isdigit() and one["alt"] for one in pictures)


def test_word_gets_the_width_that_others_have_as_the_greatest(mail):
    (widest,) = {style["max-width"] for tag, _, style in mail.tags if tag == "table" and "max-width" in style}

    opening, closing = mail.comments
    assert opening.startswith(
        f'[if mso]><table role="presentation" width="{widest.removesuffix("px")}" align="center"'
    )
    assert opening.count("<t") == closing.count("</t") == 3
    assert opening.endswith("<![endif]")
    assert closing.endswith("<![endif]")


def test_tables_lay_out_by_attributes_and_cells_have_room_by_padding(mail):
    tables = [attributes for tag, attributes, _ in mail.tags if tag == "table"]

    assert all(one["cellpadding"] == one["cellspacing"] == one["border"] == "0" for one in tables)
    assert all(one["width"] == "100%" for one in tables)
    heads = [(attributes, style) for tag, attributes, style in mail.tags if tag == "th"]
    assert all("align" in attributes or "text-align" in style for attributes, style in heads)


@pytest.mark.parametrize("letters", ["x", "é", "ق", "東"])
def test_a_mail_is_short_enough_as_it_is_and_as_it_is_sent(html_of, letters):
    import quopri
    from base64 import encodebytes

    rows = [{"name": f"{n} " + letters * 30, "n": n} for n in range(2000)]

    html = html_of("{{ table(rows, limit=2000) }}\n", {"rows": rows}).encode()

    assert len(html) <= 90_000
    assert min(len(quopri.encodestring(html)), len(encodebytes(html))) <= 102_000
    assert len(html) > 40_000  # and no shorter than it must be
    assert b"more rows" in html


def scrolled(html):
    """Return what a keyboard reaches of what scrolls, by what it is called, in order."""
    tags = [attributes for tag, attributes, _ in Reader(html).tags if tag == "div" and "tabindex" in attributes]
    assert all((one["tabindex"], one["role"]) == ("0", "group") for one in tags)
    return [one["aria-label"] for one in tags]


TABLES = """
{{ table([{"a": 1}], caption="Narrow") }}

{{ table(wide, caption="Of <twelve> & more") }}

{{ table(wide) }}

| {{ name }} | `of` | **Markdown** |
| --- | --- | --- |
| 1 | {{ "w" * 50 }} | 3 |

| narrow | Markdown |
| --- | --- |
| 1 | 2 |

- in a list

  | only | here |
  | --- | --- |
  | {{ "1" * 30 }} | {{ "2" * 30 }} |
"""


def test_a_table_that_scrolls_in_a_mail_is_reached_by_keyboard_and_has_a_name(render_files):
    rows = [{f"column_{at}": at for at in range(12)}]

    files = render_files(TABLES, {"wide": rows, "name": "Name"}, formats=("html", "page"))

    wide = [
        "Of <twelve> & more",
        "Column 0, Column 1, Column 2, Column 3, Column 4, Column 5,…",
        "Name, of, Markdown",
    ]
    assert scrolled(files["report.html"].decode()) == [*wide, "only, here"]
    assert scrolled(files["page.html"].decode()) == ["Narrow", *wide, "narrow, Markdown", "only, here"]
    assert files["report.html"].decode().count("columns scroll sideways") == 4
