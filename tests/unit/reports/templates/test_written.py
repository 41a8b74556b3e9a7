"""Data never becomes markup, whatever a template makes of it."""

from __future__ import annotations

import copy
import pickle
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markupsafe import Markup

from airflow_provider_daybreak.reports.formats import html as mail
from airflow_provider_daybreak.reports.templates.written import Written, markdown_of

INLINE = (
    "C4N **C4N** _C4N_ ~~C4N~~ `C4N` [C4N](https://canary.example) ![C4N](https://canary.example/i.png) "
    "(<https://canary.example>) <b>C4N</b> &amp; &#42; \\* [C4N][x] | {{ 7 }} {1} {x.y} %s "
    "\ue0000\ue002 \ue001\ue100\ue002 \U000f002a\U000f002aC4N\U000f002a\U000f002a \u2028# C4N\r> C4N\x0b- C4N \U0010ffff🙂"
)
LINES = (
    "C4N\n===\n\n## C4N\n\n- C4N\n* C4N\n\n7. C4N\n\n> C4N\n\n***\n\n    C4N\n\n"
    "| C4N | b |\n| --- | --- |\n| c | d |\n\n[x]: https://canary.example\n\n<div>C4N</div>\n\n```\nC4N\n\n~~~"
)
PLAIN = "canary C4N"

MACROS = """
{% macro bold(x) %}**{{ x }}**{% endmacro %}
{% macro place() %}**X** and X{% endmacro %}
{% macro around() %}_{{ caller() }}_{% endmacro %}
{% macro many(x) %}{{ varargs | join("*") }}{{ kwargs.z }}{% endmacro %}
{% macro tree(x) %}{% for each in x recursive %}{{ each if each is string else loop(each) }}{% endfor %}{% endmacro %}
{% set block %}*{{ e }}*{% endset %}
{% set filtered | upper %}*{{ e }}*{% endset %}
{% set box = namespace(x="") %}
"""
EXPRESSIONS = [
    "e",
    "e ~ e",
    "'**' ~ e ~ '**'",
    "'[x](https://canary.example/' ~ e ~ ')'",
    "e + '**b**'",
    "e * 3",
    "place() | replace('X', e)",
    "place() | replace('X', '**C4N**')",
    "place() | replace(e, 'X') | replace('*', e)",
    "place().replace('X', e)",
    "e | replace('a', '**C4N**')",
    "bold(e) | replace('*', '[x](https://canary.example)')",
    "('**X**' | safe).replace('X', e)",
    "('**{}**' | safe).format(e)",
    "('**{0}** {x}' | safe).format(e, x=e)",
    "('{x}' | safe).format_map({'x': e})",
    "('{0:>9}' | safe).format(e)",
    "('{0.x}' | safe).format({'x': e})",
    "'{}'.format(e)",
    "e.format(e, e, x={'y': e})",
    "bold('{}').format(e)",
    "'**%s**' | format(e)",
    "('**%s**' | safe) | format(e)",
    "bold('x').join([e, e])",
    "('**b**' | safe).join([e, e])",
    "'**'.join([e, bold(e), e])",
    "e.join(['a', 'b'])",
    "[e, e] | join",
    "[e, bold(e)] | join('*')",
    "[bold(e), e] | join(e)",
    "[{'of': e}, {'of': bold('x')}] | join('_', attribute='of')",
    "[('**b**' | safe), e] | join(bold('-'))",
    "e | e",
    "e | escape",
    "e | forceescape",
    "bold(e) | e",
    "e | string",
    "bold(e) | string",
    "e | list | join",
    "bold(e) | list | join",
    "e | list",
    "{'x': e}",
    "[e, {'y': [e]}]",
    "(e, e)",
    "{e: e} | dictsort",
    "{'x': e} | items | list",
    "e | first",
    "e | last",
    "bold(e) | first ~ e | last",
    "e[:7]",
    "e[::-1]",
    "bold(e)[2:-2]",
    "bold(e)[::-1]",
    "bold(e)[0] ~ e ~ bold(e)[0]",
    "e | reverse",
    "bold(e) | reverse",
    "e | upper | lower | title | capitalize",
    "bold(e) | upper",
    "bold(e).upper().lower().title().swapcase()",
    "bold(e).casefold().zfill(80)",
    "bold(e).strip('*')",
    "bold(e) | trim",
    "bold(e) | trim('*')",
    "('**' ~ bold('x')) | trim('*') ~ e",
    "bold(e).removeprefix('**').removesuffix('**')",
    "bold(e).partition('C4N') | join('**')",
    "bold(e).split() | join('**')",
    "bold(e).splitlines() | join('\n')",
    "bold(e).translate({97: '**'})",
    "bold(e).ljust(90, '*').rjust(99, '_').center(120, '`')",
    "e | center(120)",
    "bold(e) | center(120)",
    "e | indent(8)",
    "bold(e) | indent(8, true, true)",
    "bold(e) | indent('> ')",
    "bold(e) | indent(e[:9], true)",
    "('{0:{1}}' | safe).format(e, '*^9')",
    "e | wordwrap(10)",
    "bold(e) | wordwrap(10, wrapstring='\n# ')",
    "e | truncate(40, true)",
    "e | truncate(40, true, '**C4N**')",
    "bold(e) | truncate(40)",
    "e | striptags",
    "bold(e) | striptags",
    "e | urlencode",
    "bold(e) | urlencode",
    "e | pprint",
    "e | tojson",
    "[bold(e)] | tojson",
    "e | default('x')",
    "nothing | default(e)",
    "'' | default(bold(e), true)",
    "[e, 'x'] | batch(1) | list",
    "[e, 'x'] | slice(2) | list",
    "[e, bold(e)] | map('upper') | join",
    "[e] | map('replace', 'a', '**b**') | join",
    "[bold('X')] | map('replace', 'X', e) | first",
    "['**b**' | safe] | map('join', e) | join",
    "[e, e] | unique | list",
    "[e, 'a'] | sort | join('*')",
    "[{'g': e, 'v': e}] | groupby('g') | list",
    "[e, 'a'] | max",
    "[[e], ['x']] | sum(start=[])",
    "many(e, e, e, z=e)",
    "tree([[e, [e]], e])",
    "block",
    "block ~ e",
    "block | replace('*', e)",
    "filtered",
    "block if block == e else e ~ block",
    "cycler(e, bold(e)).next()",
    "joiner(e)() ~ e",
    "dict(x=e).x",
    "dict(x=bold(e))",
    "namespace(x=bold(e)).x + e",
    "self.part()",
    "self.part() | replace('*', e)",
    "self.part() ~ e",
    "shared.hello(e)",
    "shared.hello(e) | replace('X', e)",
    "shared",
    "shared ~ e",
    "shared | string",
    "e | number | default(e) if false else e",
    "report.title ~ e",
    "e is string",
    "bold(bold(e))",
    "bold(bold(e) ~ e)",
    "bold('x') * 2 + e",
    "e + bold('x') + e",
]
STATEMENTS = [
    "{% call around() %}{{ e }}{% endcall %}",
    "{% call '{}'.format(e) %}{% endcall %}",
    "{% filter upper %}*{{ e }}*{% endfilter %}",
    "{% filter replace('X', e) %}**X**{% endfilter %}",
    "{% filter replace('a', '**b**') %}{{ e }}{% endfilter %}",
    "{% filter trim('*') %}*{{ e }}*{% endfilter %}",
    "{% for c in e %}{{ c }}{% endfor %}",
    "{% for c in bold(e) %}{{ c }}{% endfor %}",
    "{% for k, v in {e: e}.items() %}{{ k }}{{ v }}{% endfor %}",
    "{% set box.x = '**' ~ e ~ bold(e) %}{{ box.x }}",
    "{% set box.x | upper %}*{{ e }}*{% endset %}{{ box.x }}",
    "{% with y = e ~ bold(e) %}{{ y }}{% endwith %}",
    "{% include 'part.md.j2' %}",
    "{% autoescape false %}{{ e }}{{ bold(e) }}{{ block ~ e }}{% endautoescape %}",
    "{% if block > e %}{{ block }}{% else %}{{ e }}{% endif %}",
    "{% set y %}{{ block }}{{ e }}{% endset %}{{ y | replace('\N{SNOWMAN}', y) }}",
    "{% set y | replace('X', e) %}**X**{% endset %}{{ y }}",
]
POSITIONS = """
{0}

{0} after, and before {0}

a{0}b **{0}** _{0}_ `{0}` ~~{0}~~ \\{0} &{0}; <{0}> !{0}

# {0}

## {0} ##

- {0}
- x
  {0}

1. {0}

> {0}

| a{0} | b |
| --- | --- |
| {0} | x |
| **{0}** | `{0}` |

[{0}](https://example.org/) [x](https://example.org/?q={0} "{0}") [x](<https://example.org/{0}>) [{0}][there] [{0}]

{{% call notice(title=e) %}}
{0}
{{% endcall %}}

```
{0}
```

{0}
---

[there]: https://example.org/there
"""


class _Structure(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links, self.words = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag != "br":  # a data's line in a cell of a component
            self.tags.append((tag, *sorted(name for name, _ in attrs)))
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data):
        self.words.append(data)


def structure(html):
    parser = _Structure()
    parser.feed(html)
    parser.close()
    return parser


@pytest.fixture
def files_of(render_files, tmp_path, monkeypatch):
    # Whether a table says that it scrolls depends on the data's length.
    monkeypatch.setattr(mail, "_ATTRIBUTES", replace(mail._ATTRIBUTES, narrow=0))
    (tmp_path / "part.md.j2").write_text("*{{ e }}* {{ bold(e) }}")
    (tmp_path / "shared.md.j2").write_text("{% macro hello(x) %}*X* {{ x }}{% endmacro %}Body **X** ")

    def render(statement, value, positions=POSITIONS):
        source = (
            '{% import "shared.md.j2" as shared %}'
            + MACROS
            + "\n{% block part %}_p{{ e }}_{% endblock %}\n\n"
            + positions.format(statement)
        )
        files = render_files(source, {"e": value})
        return files["report.html"].decode(), files["report.txt"].decode()

    return render


@pytest.mark.attack("injections")
@pytest.mark.parametrize("statement", [*(f"{{{{ {each} }}}}" for each in EXPRESSIONS), *STATEMENTS])
def test_data_never_becomes_markup(files_of, statement, tried):
    """The parts of a mail are the same, whatever is in the data."""
    plain, _ = files_of(statement, PLAIN)

    tried(2)
    for value in (INLINE, LINES):
        html, text = files_of(statement, value)
        found, expected = structure(html), structure(plain)
        assert found.tags == expected.tags
        assert not [link for link in found.links if not link.startswith("https://example.org/")]
        assert " <https://canary" not in text


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("{{ place() | replace('X', e) }}", "<strong>&lt;*&gt;</strong> and &lt;*&gt;"),
        ("{{ ('_{}_' | safe).format(e) }}", "<em>&lt;*&gt;</em>"),
        ("{{ bold(e) | trim ~ ' ' ~ e }}", "<strong>&lt;*&gt;</strong> &lt;*&gt;"),
        ("{{ bold(e) | replace('<*', '[') }}", "<strong>[&gt;</strong>"),
        ("{{ bold(e) | replace('*<', '[') }}", "<em>[*&gt;</em>*"),
        ("{{ ('_a_ ' | safe) * 2 }}", "<em>a</em> <em>a</em>"),
        ("- a\n{{ '- b\n- c' | safe | indent(2, true) }}", "<ul><li>a<ul><li>b</li><li>c</li></ul></li></ul>"),
        ("{% filter replace('X', e) %}**X**{% endfilter %}", "<strong>&lt;*&gt;</strong>"),
        ("{% call around() %}**{{ e }}**{% endcall %}", "<em><strong>&lt;*&gt;</strong></em>"),
        ("{{ shared ~ shared.hello(e) }}", "Body <strong>X</strong> <em>X</em> &lt;*&gt;"),
        ("{{ tree(['**a**', ['b']]) }}", "**a**b"),
    ],
)
def test_what_a_template_wrote_stays_markdown(files_of, statement, expected):
    html, _ = files_of(statement, "<*>", "BEGIN {0} END" if "\n" not in statement else "BEGIN\n\n{0}\n\nEND")

    inside = html.partition("BEGIN")[2].partition("END")[0].replace(' style=""', "")
    plain = "".join(re.sub(r' style="[^"]*"', "", part) for part in inside.split("\n")).strip()
    assert plain.removeprefix("</p>").removesuffix("<p>") == expected


@pytest.mark.parametrize("name", ["report.md.j2", "report.html.j2"])
def test_a_set_block_compares_by_what_it_says(text_of, name):
    source = """
{% set late %}{{ e }}{% endset %}
{{ "equal" if late == e and e == late and not late != e else "differs" }}
{{ "found" if late in [e] and e in [late] and {e: 1}[late] and e[:3] in late else "missing" }}
{{ "shorter" if late < "z" and not late.startswith("z") else "longer" }}
{{ ["b", late, "a"] | sort | last == e }} {{ [late, e] | unique | list | length }}
"""
    text = text_of(source, {"e": "night & day"}, name=name)

    assert "equal found shorter yes 1" in " ".join(text.split())


@pytest.mark.attack("injections")
@pytest.mark.parametrize(
    "statement",
    [
        "{% set x | striptags %}{{ e }}{% endset %}{{ x }}",
        "{% set x | upper %}{{ e }}{% endset %}{{ x }}",
        "{% filter striptags %}{{ e }}{% endfilter %}",
        "{% call '{}'.format(e) %}{% endcall %}",
        "{{ ('<i>X</i>' | safe).replace('X', e) }}",
        "{{ ('<i>{}</i>' | safe).format(e) }}",
        "{{ ('<br>' | safe).join([e, e]) }}",
        "{{ trusted }}",
        "{{ [trusted] | first }}",
    ],
)
def test_data_never_becomes_html_in_a_template_of_html(html_of, statement):
    html = html_of(
        statement, {"e": "<b>C4N</b> &lt;b&gt;", "trusted": Markup("<b>C4N</b>")}, name="report.html.j2"
    )

    assert "<b>" not in html
    assert "C4N" in html


def test_a_mark_of_a_block_in_data_shows_no_block(html_of):
    source = "{{ metric('Sales', 7) }}\n<p>{{ ('X' | safe) | replace('X', e) }}</p>"

    html = html_of(source, {"e": "\ue0010\ue002\ue001\ue100\ue002\ue0019\ue002"}, name="report.html.j2")

    assert html.count(">Sales<") == 1


def test_a_number_that_is_replaced_is_none_of_a_block(html_of):
    source = "{% macro both() %}\n{{ metric('First', 1) }}\n\n{{ metric('Last', 2) }}\n{% endmacro %}{{ both() | replace('1', '0') }}\n"

    html = html_of(source)

    assert "First" in html
    assert "Last" in html


def test_what_a_template_wrote_is_copied_with_its_markdown():
    text = Written("*") + "b"

    for again in (copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert again == "*b"
        assert again.join(["x"]) == "x"
        assert markdown_of(again) == markdown_of(text)


def test_a_part_of_an_address_stays_a_part_after_another_value(html_of):
    html = html_of("[x]({{ base }}{{ e }})\n", {"base": "https://example.org/", "e": "../?x"})

    assert 'href="https://example.org/..%2F%3Fx"' in html
