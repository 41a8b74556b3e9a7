from __future__ import annotations

import re
from datetime import date

import pytest

NAMES = {
    "short": "S{}",
    "long": "International department number {}",
    "Chinese": "国际业务发展与合作部门第{}号",
    "Arabic": "قسم العلاقات الدولية والتعاون رقم {}",
    "German": "Donaudampfschifffahrtsgesellschaft {}",
}


@pytest.mark.parametrize("names", NAMES)
@pytest.mark.parametrize("kind", ["bar", "stacked_bar"])
@pytest.mark.parametrize("count", [2, 12, 60])
def test_no_name_is_slanted_where_bars_have_room_to_lie(render_files, names, kind, count):
    rows = [{"name": NAMES[names].format(at), "amount": at + 1} for at in range(count)]

    page = render_files(
        f"{{{{ chart(rows, 'name', 'amount', kind='{kind}') }}}}\n", {"rows": rows}, formats=("page",)
    )["page.html"].decode()

    room = count < 60  # which would be higher than a page
    assert ("rotate(" in page) == (not room)
    if count == 12 and names != "short":
        beside = page.split("text-anchor")
        assert sum(part.startswith('="end"') for part in beside) >= count, "not each has its name"


def test_a_name_that_would_be_cut_has_its_bar_lie_beside_it(render_files):
    rows = [{"name": name, "amount": 1} for name in ("Köln", "Garmisch-Partenkirchen", "Malmö")]

    page = render_files("{{ chart(rows, 'name', 'amount', kind='bar') }}\n", {"rows": rows}, formats=("page",))

    assert "Garmisch-Partenkirchen</text>" in page["page.html"].decode()


def test_days_stand_in_their_order_though_each_is_shortened(render_files):
    rows = [{"day": date(2026, 3, day), "amount": 1} for day in (27, 28, 29)]

    page = render_files(
        "{{ chart(rows, 'day', 'amount', kind='stacked_bar') }}\n", {"rows": rows}, formats=("page",)
    )

    assert re.search(r'text-anchor="middle"[^>]*>Mar 28<', page["page.html"].decode())
