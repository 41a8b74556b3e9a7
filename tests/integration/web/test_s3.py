from __future__ import annotations

import re
from base64 import b64decode
from datetime import date

import pytest

from airflow_provider_daybreak.reports import rendering
from airflow_provider_daybreak.reports.language import Language
from airflow_provider_daybreak.reports.period import period_of, zone
from airflow_provider_daybreak.reports.templates.template import Subject, render
from airflow_provider_daybreak.reports.theme import Theme
from tests.integration.web.server import served

pytestmark = pytest.mark.scheduler

TEMPLATE = """# Sales
{{ chart(rows, "day", "sold", name="sold") }}
{{ chart(rows, "day", "sold", kind="bar", name="bars") }}
"""
ROWS = [{"day": date(2026, 3, day), "sold": day} for day in range(1, 8)]


@pytest.fixture
def files(tmp_path):
    """A mail with two charts, and the charts."""
    (tmp_path / "sales.md.j2").write_text(TEMPLATE)
    day = date(2026, 3, 29)
    subject = Subject("sales", day, period_of(day, timezone=zone("UTC")), Language("en"))
    document = render(tmp_path / "sales.md.j2", subject, {"rows": ROWS})
    rendered = rendering.render(document, ("html",), Theme())
    return {file.name: (file.media_type, file.content) for file in rendered}


def test_a_report_on_object_storage_is_shown_with_its_charts_to_who_may_read_its_dag(uri, files, tmp_path):
    with served(tmp_path, uri) as server:
        address = server.publish(dag_id="ada_daily", report="sales", files=files)

        page = server.client("ada").get(address)
        chart = server.client("ada").get(f"{address}charts/sold.png")
        refused = [server.client("bob").get(address + name) for name in ("", "report.html", "charts/sold.png")]

    assert page.status_code == 200
    assert "Sales</h1>" in page.text
    inside = re.findall(r'src="data:image/png;base64,([^"]+)"', page.text)
    assert [b64decode(image) for image in inside] == [
        files["charts/sold.png"][1],
        files["charts/bars.png"][1],
    ]
    assert (chart.content, chart.headers["content-type"]) == (files["charts/sold.png"][1], "image/png")
    assert [answer.status_code for answer in refused] == [404, 404, 404]
