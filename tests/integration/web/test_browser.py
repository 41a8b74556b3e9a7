from __future__ import annotations

import pytest

pytestmark = [pytest.mark.scheduler, pytest.mark.browser]

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8cfc000000301010018dd8db00000000049454e44ae426082"
)
HTML = b"""<h1>Almanac</h1>
<img id="chart" src="charts/a.png" alt="">
<img id="stolen" src="x" onerror="document.title = 'acted'">
<script>document.title = 'acted'; fetch('/airflow/api/v2/dags')</script>
<a id="script" href="javascript:document.title = 'acted'">script</a>
<a id="text" href="report.txt">text</a>
"""


@pytest.fixture
def page(server, browser):
    """Return a page of somebody who is logged in as ada."""
    context = browser.new_context()
    context.add_cookies([{"name": "_token", "value": server.token("ada"), "url": server.base}])
    return context.new_page()


def test_script_in_a_report_does_nothing_and_its_charts_are_seen(server, page):
    files = {
        "report.html": ("text/html", HTML),
        "report.txt": ("text/plain", b"The text"),
        "charts/a.png": ("image/png", PIXEL),
    }
    address = server.base + server.publish(dag_id="ada_daily", report="in_a_browser", files=files)
    answered = []
    page.on("response", lambda response: answered.append(response.url))

    page.goto(address)
    page.click("#script")

    assert page.inner_text("h1") == "Almanac"
    assert page.title() != "acted"
    assert page.evaluate("document.querySelector('#chart').naturalWidth") == 1
    assert [url for url in answered if not url.startswith("data:")] == [address]


def test_a_file_beside_the_report_opens_from_its_link(server, page):
    files = {
        "report.html": ("text/html", b'<a href="report.txt">text</a>'),
        "report.txt": ("text/plain", b"The text"),
    }
    page.goto(server.base + server.publish(dag_id="ada_daily", report="with_a_link", files=files))
    page.click('a[href="report.txt"]')
    page.wait_for_url("**/report.txt")

    assert page.inner_text("body") == "The text"
