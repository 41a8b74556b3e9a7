from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest

from airflow_provider_daybreak.exceptions import SnapshotUnreadableError
from airflow_provider_daybreak.reports import snapshot
from airflow_provider_daybreak.reports.rows import Rows, as_data


def test_rows_come_back_with_their_types():
    row = {
        "n": 1,
        "x": 1.5,
        "d": Decimal("1.10"),
        "day": date(2026, 3, 29),
        "at": datetime(2026, 3, 29, 7, tzinfo=timezone.utc),
        "clock": time(7),
        "took": timedelta(minutes=1),
        "none": None,
        "text": "a\u2028b\nc",
        "ok": True,
    }

    file = snapshot.keep("sales", Rows.of([row], name="sales"))

    assert list(snapshot.restore("sales", file.content)) == [row]


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, {"b": None}]},
        {"sold": Decimal("10.5"), "days": [date(2026, 3, 29)], "took": {"seconds": timedelta(seconds=3)}},
        {"decimal": "no number", "mapping": {}},
        [],
        7,
    ],
)
def test_any_other_value_comes_back_too(value):
    assert snapshot.restore("x", snapshot.keep("x", value).content) == value


def test_what_a_cell_holds_comes_back_whole():
    row = {"tags": ["new", Decimal("1.5")], "of": {"shop": "Rome", "since": date(2020, 1, 2)}}

    file = snapshot.keep("sales", Rows.of([row], name="sales"))

    assert list(snapshot.restore("sales", file.content)) == [row]


def test_nothing_stands_for_a_list_that_no_report_had():
    assert list(snapshot.nothing_like("x", [])) == []
    assert snapshot.nothing_like("x", {"a": 1}) == {}


def test_no_rows_come_back_as_no_rows_of_the_same_columns():
    rows = snapshot.restore("x", snapshot.keep("x", Rows(("a", "b"), [])).content)

    assert rows.columns == ("a", "b")
    assert len(rows) == 0


SALES = [{"shop": "Rome", "amount": 3, "salary": 9_100}, {"shop": "Lyon", "amount": 4, "salary": 9_200}]
STAFF = {"shops": [{"name": "Rome", "head": {"name": "Ann", "salary": 9_300}}], "salary": 9_400, "count": 2}


@pytest.fixture
def kept(make_document):
    """Return a function that renders a template with data and returns what is kept for the next report."""

    def render(source, before=None, **data):
        read = {name: as_data(name, value) for name, value in data.items()}
        previous = snapshot.Previous(read, (before or {}).get)
        document = make_document(source + "\n", previous.data, previous=previous)
        needs = previous.needs(document.names)
        return {
            snapshot.file_name(name): snapshot.keep(name, read[name], names).content
            for name, names in needs.items()
        }

    return render


@pytest.mark.parametrize(
    "source",
    [
        "{{ previous('sales') | sum(attribute='amount') }} {{ sales | map(attribute='shop') | join }}",
        "{% for row in sales %}{{ row.shop }} {{ row['amount'] }}{% endfor %} {{ previous('sales') | length }}",
        "{{ table(sales, ['shop', {'amount': 1} | first]) }} {{ table(previous('sales')[:2], {'shop': 'Shop'}) }}",
        "An average salary.\n\n{{ table(sales | rejectattr('amount', '<', 1) | list, ['amount', 'shop']) }}\n\n{{ previous('sales') | length }}",
        "{{ sales[0].shop }} {{ sales[:1] | map(attribute='amount') | sum }} {{ previous('sales') | list | length }}",
    ],
)
def test_a_column_that_no_template_reads_is_not_kept(kept, source):
    (content,) = kept(source, sales=SALES).values()

    assert b"salary" not in content
    assert b"91" not in content
    assert snapshot.restore("sales", content).columns == ("shop", "amount")
    assert (
        kept(source, {"data/sales.snapshot.jsonl": content}, sales=SALES)["data/sales.snapshot.jsonl"]
        == content
    )


def test_a_key_that_no_template_reads_is_not_kept(kept):
    (content,) = kept(
        "{% set now, before = staff, previous('staff') %}{% for shop in (before or now).shops %}{{ shop.head.name }}{% endfor %}{{ now.count }}",
        staff=STAFF,
    ).values()

    assert b"salary" not in content
    assert snapshot.restore("staff", content) == {
        "shops": [{"name": "Rome", "head": {"name": "Ann"}}],
        "count": 2,
    }


@pytest.mark.parametrize(
    "source",
    [
        "{{ table(previous('sales')) }}",
        "{{ table(sales) }} {{ previous('sales') | length }}",
        "{% for row in sales %}{% for name in row %}{{ row[name] }}{% endfor %}{% endfor %}{{ previous('sales') | length }}",
        "{% for row in sales %}{{ row.values() | join }}{% endfor %}{{ previous('sales') | length }}",
        "{{ sales[0] | dictsort | length }} {{ previous('sales') | length }}",
        "{{ sales[0] | tojson }} {{ previous('sales') | length }}",
        "{{ sales[0] }} {{ previous('sales') | length }}",
        "{{ sales[0].salary ~ sales[0].shop ~ sales[0].amount }} {{ previous('sales') | length }}",
        "{{ sales | map('string') | list | length }} {{ previous('sales') | length }}",
        "{{ sales[0] in sales }} {{ previous('sales') | length }}",
        "{% for row in sales if row not in previous('sales') %}{{ row.shop }}{% endfor %}",
        "{% for row in sales %}{% for c in sales.columns %}{{ row[c] }}{% endfor %}{% endfor %}{{ previous('sales') | length }}",
    ],
)
def test_all_columns_that_a_template_reads_are_kept(kept, source):
    (content,) = kept(source, sales=SALES).values()

    assert list(snapshot.restore("sales", content)) == SALES


@pytest.mark.parametrize(
    "source",
    [
        "{{ DATA | map(attribute='sal' ~ 'ary') | sum }}",
        "{% set c = 'sal' ~ 'ary' %}{{ DATA | sum(attribute=c) }}",
        "{% for c in DATA.columns if c.startswith('sal') %}{{ DATA | sum(attribute=c) }}{% endfor %}",
        "{{ DATA[0]['sal' ~ 'ary'] }}",
        "{{ DATA[0].get('sal' ~ 'ary') }}",
        "{{ table(DATA, ['sal' ~ 'ary']) }}",
        "{{ table(DATA, {'sal' ~ 'ary': 'Salary'}) }}",
        "{{ DATA | sort(attribute='sal' ~ 'ary') | length }}",
        "{{ DATA | selectattr('sal' ~ 'ary', '>', 1) | list | length }}",
        "{% macro one(row) %}{{ row['sal' ~ 'ary'] }}{% endmacro %}{{ one(DATA[0]) }}",
    ],
)
def test_a_column_whose_name_a_template_works_out_is_kept_and_found_by_the_next(kept, source):
    both = source.replace("DATA", "sales") + source.replace("DATA", "previous('sales')")
    now = kept(
        "{{ sales[0].amount }} {{ previous('sales') | length }} " + source.replace("DATA", "sales"), sales=SALES
    )
    (content,) = now.values()

    assert set(snapshot.restore("sales", content).columns) == {"amount", "salary"}
    assert kept(both.replace("'sales'.columns", "sales.columns"), now, sales=SALES)


def test_a_column_that_a_template_reads_since_today_means_that_nothing_was_kept(kept):
    before = kept("{{ sales[0].amount }} {{ previous('sales') | length }}", sales=SALES)
    source = "{{ metric('Salaries', 1, note='%s kept' | format(previous('sales') | length)) }} {{ sales | sum(attribute='salary') }}"

    after = kept(source, before, sales=SALES)

    assert snapshot.restore("sales", after["data/sales.snapshot.jsonl"]).columns == ("salary",)


def test_what_was_kept_whole_before_is_read(text_of):
    whole = {"data/sales.snapshot.jsonl": snapshot.keep("sales", as_data("sales", SALES)).content}
    previous = snapshot.Previous({"sales": as_data("sales", SALES)}, whole.get)

    said = text_of("{{ previous('sales') | sum(attribute='salary') }}\n", previous.data, previous=previous)

    assert "18,300" in said or "18300" in said


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b"\xff",
            b"[]",
            b"{}",
            b"[" * 100_000,
            b'{"columns": 3}',
            b'{"columns": [1]}',
            b'{"columns": ["a"]}\n[1, 2]',
        ),
        *(
            b'{"value": {"x": 1}}',
            b'{"value": {"date": 3}}',
            b'{"value": {"decimal": "x"}}',
            b'{"value": {"seconds": 1e400}}',
        ),
    ],
)
def test_what_is_no_snapshot_is_said_to_be_none(content):
    with pytest.raises(SnapshotUnreadableError, match="kept of data 'sales' for previous"):
        snapshot.restore("sales", content)
