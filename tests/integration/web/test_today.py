"""The page Reports today: who sees which row, what a value may not become, and what it says while the archive is away."""

from __future__ import annotations

from datetime import datetime, timezone
from html import escape
from urllib.parse import quote

import pytest

from tests.attacks import often
from tests.integration.web.server import INJECTIONS, NASTY
from tests.waiting import until

pytestmark = pytest.mark.scheduler

MARKUP = "main :is(img, script, details, math, base, meta, input[autofocus], iframe[srcdoc], [onload], [onmouseover], [onerror], [ontoggle], [onfocus])"
"""What none of the values may have become."""


def test_each_reader_sees_the_reports_of_the_dags_that_he_may_read_and_no_trace_of_others(mailed, shown):
    mailed("adas_own", "ada_morning")
    mailed("bobs_morning", "bob_morning", title="Bob's secret")

    adas = {row["report"] for row in shown("ada", "adas_own")["reports"]}
    assert "adas_own" in adas
    assert "bobs_morning" in {row["report"] for row in shown("bob", "bobs_morning")["reports"]}
    for path in ("daybreak/today", "daybreak/today?q=bob", "daybreak/today?state=delivered"):
        page = shown("ada", path=path).text
        assert "bobs_morning" not in page
        assert "Bob&#39;s secret" not in page
    counted = shown("ada")["counts"]
    assert sum(counted.values()) == len(shown("ada")["reports"])


@pytest.mark.parametrize("dag_id", ["", "~", "*", "ADA"])
def test_a_report_of_no_certain_dag_is_no_row_for_a_reader(mailed, shown, dag_id):
    name = f"uncertain_{len(dag_id)}{sum(map(ord, dag_id))}"
    mailed(name, dag_id)
    mailed("adas_other", "ada_other")

    assert name not in {row["report"] for row in shown("ada", "adas_other")["reports"]}


@pytest.mark.attack("injections")
@pytest.mark.browser
def test_no_value_of_a_report_a_ledger_or_a_dag_becomes_markup_or_runs(server, shown, browser, tried):
    values = (*NASTY, *INJECTIONS)
    for number, nasty in enumerate(values):
        server.publish_mailed(
            f"nasty_{number}",
            f"ada{nasty}",
            title=nasty,
            run={"dag_id": f"ada{nasty}", "run_id": nasty, "task_id": nasty},
            rows={nasty: 1},
            checks=[{"check": nasty, "found": nasty, "passed": False}],
            recipients=[f"{nasty}@x"],
            status="refused",
            reason=nasty,
        )
    shown("ada", f"nasty_{len(values) - 1}")
    context = browser.new_context()
    context.add_cookies([{"name": "_token", "value": server.token("ada"), "url": server.base}])
    page = context.new_page()
    asked = []
    page.on("request", lambda each: asked.append(each.url))

    def nothing_runs(path, shows):
        page.goto(f"{server.base}daybreak/{path}")
        nothing_runs_here(shows)

    def nothing_runs_here(shows):
        text = page.inner_text("main")
        assert all(nasty in text for nasty in shows if "\u202e" not in nasty)
        assert page.title() != "acted"
        assert page.locator(MARKUP).count() == 0
        links = page.locator("main a").evaluate_all("all => all.map(each => each.href)")
        assert all(link.startswith((server.base, "#")) for link in links)

    nothing_runs("today?q=nasty", values)
    assert page.title() == "Reports today"
    nothing_runs("deliveries?q=nasty_", values)
    day = datetime.now(timezone.utc).date()
    for number in range(0, len(values), often(4, 1)):
        nasty = values[number]
        tried()
        nothing_runs(f"day/nasty_{number}/{day}", [nasty])
        if number % 10 == 0:
            page.get_by_role("button", name="Mail the chosen").click()
            page.get_by_label("Why").wait_for()
            nothing_runs_here([nasty])
            nothing_runs(f"calendar/nasty_{number}?filled={quote(nasty)}", [])
            nothing_runs(f"deliveries?q={quote(nasty)}&state={quote(nasty)}&done={quote(nasty)}", [])
    assert {each for each in asked if not each.startswith((server.base, "data:"))} == set()


def test_under_a_path_prefix_links_stay_below_it(mailed, shown):
    mailed("of_a_prefix", "ada_prefix", status="refused")

    page = shown("ada", "of_a_prefix", "daybreak/today?q=of_a_prefix").text

    assert f'href="{escape("/airflow/dags/ada_prefix")}"' in page
    assert 'href="/airflow/daybreak/day/of_a_prefix/' in page


def test_an_archive_that_is_away_is_said_and_what_was_known_is_shown(server, mailed, shown):
    mailed("known_before", "ada_known")
    shown("ada", "known_before")
    away = server.archive.root.rename(server.archive.root.with_name("away"))
    try:
        until(lambda: shown("ada")["problem"] is not None)
        page = shown("ada", path="daybreak/today")
        assert page.status_code == 200
        assert "The archive can&#39;t be read since" in page.text
        assert "known_before" in page.text
        today = datetime.now(timezone.utc).date()
        day = shown("ada", path=f"daybreak/day/known_before/{today}")
        assert day.status_code == 200
        assert "The archive can&#39;t be read" in day.text
    finally:
        away.rename(server.archive.root)
    until(lambda: shown("ada")["problem"] is None)


def test_the_language_is_what_the_browser_asks_for_until_airflow_says_another(server, shown):
    shown("ada")
    client = server.client("ada", headers={"Accept-Language": "fr-FR,fr;q=0.9"})

    assert 'lang="fr"' in client.get("daybreak/today").text
    client.cookies.set("daybreak_language", "en")
    assert 'lang="en"' in client.get("daybreak/today").text
