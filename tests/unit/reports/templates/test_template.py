from __future__ import annotations

import pickle
import re
from datetime import date
from html import unescape

import pytest

from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    TemplateError,
    TemplateLimitError,
    TemplateUnreadableError,
)
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.period import period_of, zone
from airflow_provider_daybreak.reports.templates.limits import Limits, Meter
from airflow_provider_daybreak.reports.templates.template import Subject, render

ROWS = [{"city": "Berlin", "late": 3}, {"city": "Rome", "late": 40}]


def test_prose_is_markdown(html_of):
    html = html_of("## Sales\n\nThey were **good**: see [the shop](https://example.org/).\n")

    assert ">Sales</h2>" in html
    assert ">good</strong>" in html
    assert 'href="https://example.org/"' in html


@pytest.mark.parametrize(
    "value",
    ["**bold**", "# no heading", "[x](https://evil.example)", "<script>alert(1)</script>", "a | b", "`code`"],
)
def test_a_value_stays_text_whatever_it_looks_like(html_of, text_of, value):
    source = "| a | b |\n| --- | --- |\n| {{ value }} | 1 |\n\n{{ value }}\n"

    html = html_of(source, {"value": value})
    text = text_of(source, {"value": value})

    assert "<script" not in html
    assert "evil.example<" not in html
    assert 'href="https://evil' not in html
    assert html.count("<td") == 5  # three of the layout, one of them for Word, and two of the table
    assert text.count(value) == 2


@pytest.mark.parametrize(
    "expression",
    [
        "value | e",
        "value | escape",
        "[value] | tojson",
        "bold() ~ value",
        "value ~ bold()",
        "bold() + value",
        "[bold(), value] | join(', ')",
        "[{'of': value}, {'of': bold()}] | join(', ', attribute='of')",
    ],
)
def test_a_value_stays_text_however_it_is_joined_or_escaped(html_of, expression):
    source = "{% macro bold() %}**big**{% endmacro %}\n{{ " + expression + " }}\n"

    html = html_of(source, {"value": "**x** [y](https://evil.example) <b>&amp;"})

    assert "**x** [y](https://evil.example) &lt;b&gt;&amp;amp;" in html
    assert ("<strong>big</strong>" in html.replace(' style=""', "")) == ("bold()" in expression)
    assert 'href="https://evil' not in html


def test_markdown_that_the_author_calls_safe_is_markdown(html_of):
    html = html_of("{{ value | safe }}\n", {"value": "**x** \ue00099\ue002 \ue00199\ue002"})

    assert ">x</strong> 99 99" in html


@pytest.mark.parametrize("name", ["report.md.j2", "report.html.j2"])
def test_what_a_macro_or_a_block_wrote_is_text_for_a_component(text_of, name):
    source = """
{% macro money(x) %}{{ x | currency("EUR") }}{% endmacro %}
{% set late %}{{ count }} < 5 late{% endset %}
{{ metric("Sales", 3, note=money(7)) }}

{{ table([{"a": money(8)}], {"a": {"title": late}}, caption=money(9)) }}

{{ notice(late) }}
"""
    text = text_of(source, {"count": 4}, name=name)

    for said in ("€7.00", "€8.00", "€9.00"):
        assert said in text
    assert text.count("4 < 5 late") == 2


def test_a_component_in_the_text_of_another_is_refused(make_document):
    source = "{% set block %}{{ metric('a', 1) }}{% endset %}\n{{ notice(block) }}\n"

    with pytest.raises(TemplateError, match="text of a component"):
        make_document(source)


@pytest.mark.parametrize("name", ["previous", "report", "metric"])
def test_data_cannot_take_the_name_of_a_part_of_templates(make_document, name):
    with pytest.raises(InvalidValueError, match=f"name of data '{name}'"):
        make_document("", {name: 1}, previous=lambda *_: [])


def test_an_encoded_address_stays_as_it_is(html_of):
    url = "https://example.org/a%20b?token=a%2Bb%2F%3D&q=AT%26T"

    assert f'href="{url.replace("&", "&amp;")}"' in html_of("[x]({{ url }})\n", {"url": url})


@pytest.mark.parametrize("text", ['element <div class="price"> missing', 'say class="x" now', "class='x' > 1"])
def test_words_that_look_like_markup_are_all_in_the_mail(html_of, text):
    html = html_of("Say {{ text }}\n\n{{ table(rows) }}\n", {"text": text, "rows": [{"fault": text}]})

    said = unescape(re.sub(r"<[^>]*>", "\n", html)).splitlines()
    assert f"Say {text}" in said
    assert text in said


def test_a_value_in_an_address_is_encoded(html_of):
    html = html_of("[x](https://example.org/?q={{ q }})\n", {"q": "a b&c=1"})

    assert 'href="https://example.org/?q=a%20b%26c%3D1"' in html


def test_a_value_may_be_a_whole_address_of_the_web_only(html_of):
    source = "[x]({{ url }})\n"

    assert 'href="https://example.org/a?b=1"' in html_of(source, {"url": "https://example.org/a?b=1"})
    assert "href" not in html_of(source, {"url": "javascript:alert(1)"})


def test_values_of_html_templates_are_escaped(html_of):
    html = html_of("<p>{{ value }}</p>", {"value": "<b>&"}, name="report.html.j2")

    assert "&lt;b&gt;&amp;" in html


def test_indented_prose_is_no_code(html_of):
    assert "<code" not in html_of("{% if true %}\n    Hello\n{% endif %}\n")


def test_a_heading_that_says_the_title_stands_once(make_document):
    document = make_document("# Sales of {{ city }}\n\nGood.\n", {"city": "Rome"}, title="")

    assert document.title == "Sales of Rome"
    assert "Sales" not in "".join(token.content for token in document.body)


def test_macros_and_partials_come_from_the_folder_above_too(html_of, tmp_path):
    folder = tmp_path / "report"
    folder.mkdir()
    (tmp_path / "shared.md.j2").write_text("{% macro hello(name) %}Hello **{{ name }}**!{% endmacro %}")
    (folder / "part.md.j2").write_text("A part.")

    html = html_of(
        '{% from "shared.md.j2" import hello %}\n{{ hello("*you*") }}\n\n{% include "part.md.j2" %}\n',
        name="report/report.md.j2",
    )

    assert "Hello <strong>*you*</strong>!" in html
    assert "A part." in html


def test_an_edited_template_and_an_edited_macro_are_read_anew(text_of, tmp_path):
    macros = tmp_path / "macros.j2"
    source = '{% from "macros.j2" import signed %}\n{{ signed() }} FIRST\n'

    macros.write_text("{% macro signed() %}Night desk{% endmacro %}")
    first = text_of(source)
    macros.write_text("{% macro signed() %}Morning desk{% endmacro %}")
    second = text_of(source.replace("FIRST", "SECOND"))

    assert "Night desk FIRST" in first
    assert "Morning desk SECOND" in second


def test_a_number_in_a_template_is_written_in_each_reports_language(text_of):
    source = "{{ 1234.5 | number }}\n"

    assert "1,234.5" in text_of(source, locale="en")
    assert "1.234,5" in text_of(source, locale="de")
    assert "1,234.5" in text_of(source, locale="en")


def test_a_template_is_not_taken_from_the_folder_above(tmp_path):
    (tmp_path / "report.md.j2").write_text("Another report")
    day = date(2026, 3, 29)
    subject = Subject("sales", day, period_of(day, timezone=zone("UTC")), Language("en"))

    with pytest.raises(TemplateUnreadableError, match="No such file"):
        render(tmp_path / "templates" / "report.md.j2", subject, {})


def test_a_byte_order_mark_is_no_text(html_of):
    assert ">Sales</h2>" in html_of("\ufeff## Sales\n")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ slaes }}", "'slaes' is undefined; perhaps 'sales' is meant"),
        ("{{ tabel(sales) }}", "'tabel' is undefined; perhaps 'table' is meant"),
        ("{{ 1 | curency }}", "No filter named 'curency'; perhaps 'currency' is meant"),
        ("{{ sales[0].amuont }}", "no 'amuont' there: expected one of amount, shop"),
        ("{{ report.perod }}", "no 'perod' there: expected one of name, title, date"),
        ("{% include 'nix.md.j2' %}", "no file 'nix.md.j2' in the template's folder or in the one above"),
        ("{{ metric('a', 1, chnage='absolute') }}", "metric() got an unexpected keyword argument 'chnage'"),
        ("{{ metric('a', 1, unit='x', unit='y') }}", "keyword argument repeated: unit"),
        ("{% set days = [] %}{{ days.append(1) }}", "templates show data: let the query"),
        ("{{ report.date.today() }}", "'today' of 'date' object is unsafe"),
        ("{{ [1, 2] | random }}", "No filter named 'random'"),
        ("{% for a in x %}" * 25 + "{% endfor %}" * 25, "too many statically nested blocks"),
        ("{{ 'x' | truncate(0) }}", "expected length >= 3, got 0"),
    ],
)
def test_what_is_wrong_is_said_with_what_is_meant(make_document, source, message):
    with pytest.raises(TemplateError) as caught:
        make_document(source, {"sales": [{"amount": 1, "shop": "Rome"}]})

    assert message in str(caught.value)


def test_a_name_that_no_file_can_have_is_refused(make_document):
    with pytest.raises(TemplateUnreadableError, match="too long"):
        make_document("{% include 'a' * 5000 ~ '.j2' %}")


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("one() | int + 1", "6"),
        ("one() | number(2)", "5.00"),
        ("'%s!' | format(money(9))", "€9.00!"),
        ("word() | upper", "NIGHT"),
        ("word() | length", "5"),
    ],
)
def test_filters_make_values_of_what_a_macro_wrote(text_of, expression, said):
    macros = (
        "{% macro one() %}{{ 5 }}{% endmacro %}{% macro word() %}{{ 'night' }}{% endmacro %}"
        "{% macro money(x) %}{{ x | currency('EUR') }}{% endmacro %}\n"
    )

    assert f"<{said}>" in text_of(macros + "<{{ " + expression + " }}>\n")


@pytest.mark.parametrize(
    ("address", "href"),
    [
        ("mailto:{{ 'ann@example.org' }}", "mailto:ann@example.org"),
        ("https://{{ 'shop.example.org:8080' }}/x", "https://shop.example.org:8080/x"),
        ("https://{{ 'evil.example/' }}.example.org/", "https://evil.example%2F.example.org/"),
        ("https://example.org/{{ 'a/b?c' }}#{{ 'd' }}", "https://example.org/a%2Fb%3Fc#d"),
    ],
)
def test_a_value_may_be_any_part_of_an_address(html_of, address, href):
    assert f'href="{href}"' in html_of(f"[x]({address})\n")


def test_nothing_outside_of_both_folders_is_included(html_of, tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "secret.md.j2").write_text("secret")

    with pytest.raises(TemplateError, match="secret"):
        html_of('{% include "../../secret.md.j2" %}', name="a/b/report.md.j2")


@pytest.mark.parametrize("name", ["script/.env", ".env", "script/run.py", ".hidden/part.md.j2", "/etc/passwd"])
@pytest.mark.parametrize("tag", ["include", "import", "extends", "from"])
def test_nothing_but_templates_in_sight_is_included(make_document, tmp_path, tag, name):
    for made in ("script/.env", ".env", "script/run.py", ".hidden/part.md.j2"):
        (tmp_path / made).parent.mkdir(exist_ok=True)
        (tmp_path / made).write_text("EMAIL_PASSWORD=hunter2")
    rest = {"import": " as it", "from": " import it"}.get(tag, "")

    with pytest.raises(TemplateError) as refused:
        make_document(f"First.\n\n{{% {tag} '{name}'{rest} %}}\n")

    assert refused.value.line == 3
    assert f"Invalid included template '{name}': expected a file whose name ends with .j2" in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("target", ["script/.env", "../outside.md.j2"])
def test_a_link_to_what_is_no_template_of_the_folder_is_not_followed(html_of, tmp_path, target):
    (tmp_path / "a" / "script").mkdir(parents=True)
    (tmp_path / "a" / "script" / ".env").write_text("EMAIL_PASSWORD=hunter2")
    (tmp_path / "outside.md.j2").write_text("EMAIL_PASSWORD=hunter2")
    (tmp_path / "a" / "part.md.j2").symlink_to(target)

    with pytest.raises(TemplateError, match=r"no file 'part\.md\.j2'"):
        html_of("{% include 'part.md.j2' %}", name="a/report.md.j2")


def test_a_folder_that_is_mounted_by_links_is_one_of_templates(html_of, tmp_path):
    """As Kubernetes mounts a ConfigMap."""
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..data").symlink_to("..2026")
    for name in ("report.md.j2", "part.md.j2"):
        (tmp_path / "..2026" / name).write_text("It is here.")
        (tmp_path / name).symlink_to(f"..data/{name}")

    assert "It is here." in html_of("{% include 'part.md.j2' %}")


def test_the_folder_above_lends_its_own_templates_but_not_those_of_other_reports(html_of, tmp_path):
    for name in ("ours/report.md.j2", "theirs/part.md.j2", "shared.md.j2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"Of {name}.")

    assert "Of shared" in html_of("{% include 'shared.md.j2' %}", name="ours/report.md.j2")
    with pytest.raises(TemplateError, match="no file"):
        html_of("{% include 'theirs/part.md.j2' %}", name="ours/report.md.j2")


def test_a_syntax_error_names_line_and_shows_it(make_document):
    with pytest.raises(TemplateError) as caught:
        make_document("Fine.\n\n{% if x %}\nHello {{ 1 +  }}\n")

    assert "line 4" in str(caught.value)
    assert "Hello {{ 1 +  }}" in str(caught.value)


def test_an_unknown_name_is_pointed_at(make_document):
    with pytest.raises(TemplateError) as caught:
        make_document("Fine.\n\nWe sold {{ slaes }} pieces.\n")

    error = caught.value
    assert (error.line, error.column) == (3, 12)
    assert "'slaes' is undefined" in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_an_unknown_name_before_a_filter_is_pointed_at(make_document):
    with pytest.raises(TemplateError, match=r"line 1, column 9: 'slaes' is undefined"):
        make_document("Sold {{ slaes | number }} times.\n")


def test_an_unknown_filter_is_pointed_at(make_document):
    with pytest.raises(TemplateError, match=r"line 2, column \d+: No filter named 'nubmer'"):
        make_document("\n{{ 1 | nubmer }}\n")


def test_an_unknown_component_is_pointed_at(make_document):
    with pytest.raises(TemplateError, match=r"line 1, column 4: 'tabel' is undefined"):
        make_document("{{ tabel(rows) }}\n", {"rows": ROWS})


def test_a_column_that_is_not_there_names_those_that_are(make_document):
    with pytest.raises(TemplateError) as caught:
        make_document('\n{{ table(rows, ["town"]) }}\n', {"rows": ROWS})

    assert caught.value.line == 2
    assert "No column 'town'" in str(caught.value)
    assert "city, late" in str(caught.value)


def test_a_component_within_a_sentence_of_a_heading_is_refused(make_document):
    with pytest.raises(TemplateError, match="put it on a line of its own"):
        make_document("## A {{ notice('x') }}\n")


def test_a_missing_template_is_named(make_document, tmp_path):
    make_document("x", name="other.md.j2")
    (tmp_path / "other.md.j2").rename(tmp_path / "moved.md.j2")

    with pytest.raises(TemplateError, match="other.md.j2"):
        make_document('{% include "other.md.j2" %}')


def test_a_template_must_say_what_it_is(make_document):
    with pytest.raises(InvalidValueError, match="ends with .md.j2 or .html.j2"):
        make_document("x", name="report.txt")


@pytest.mark.attack("ways out of a template")
@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ rows.append(1) }}",
        "{{ table.__globals__ }}",
        "{{ ti }}",
        "{{ conn }}",
        "{{ (1).__class__ }}",
        "{{ lipsum.__globals__ }}",
        "{{ table.func }}",
        "{{ report.clear() }}",
        "{{ rows.__class__ }}",
        "{{ '%1000000s' % 1 }}",
    ],
)
def test_templates_reach_nothing_but_their_data(make_document, source):
    with pytest.raises(TemplateError):
        make_document(source, {"rows": [1]})


@pytest.mark.parametrize(
    "source",
    [
        "{{ rows | select('in', rows) | list | length }}",
        "{{ rows | rejectattr('real', 'in', rows) | list | length }}",
        "{{ rows | map('string') | join }}",
    ],
)
def test_a_filter_is_stopped_at_any_of_its_items(make_document, monkeypatch, source):
    turns = iter(range(50))

    def tick(meter):
        if next(turns, None) is None:
            raise TemplateLimitError(meter.template, "ran for more than 50 turns")

    monkeypatch.setattr(Meter, "tick", tick)

    with pytest.raises(TemplateLimitError, match="50 turns"):
        make_document(source, {"rows": list(range(99))})


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        (
            "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{% macro g(n) %}{% if n %}{{ g(n - 1) }}{{ g(n - 1) }}{% endif %}"
            "{% endmacro %}{{ g(60) }}"
        ),
    ],
)
def test_an_endless_template_is_stopped(make_document, source):
    with pytest.raises(TemplateLimitError, match="ran for more than 0.2 seconds"):
        make_document(source, limits=Limits(seconds=0.2))


@pytest.mark.parametrize(
    "source",
    [
        "'a' * 2000000000",
        "'a' | center(2000000000)",
        "'{:2000000000}'.format(1)",
        "1 %}{% set n = namespace(x='abcdefgh') %}{% for i in range(40) %}{% set n.x = n.x ~ n.x %}{% endfor %}{% set x = 1",
    ],
)
def test_two_gigabytes_are_stopped_before_they_are_made(make_document, source):
    with pytest.raises(TemplateLimitError, match="of memory"):
        make_document("{% set text = " + source + " %}", limits=Limits(memory=256 * 1024 * 1024))


def test_a_template_that_writes_too_much_is_stopped(make_document):
    with pytest.raises(TemplateLimitError, match="wrote more than 1,000 bytes"):
        make_document("{% for i in range(9999) %}hello {% endfor %}", limits=Limits(output=1000))


def test_control_characters_and_marks_of_ours_in_data_vanish(text_of):
    assert "abc" in text_of("{{ value }}\n", {"value": "a\x00\x1bb\ue0000\ue002c"}).replace("0", "")
