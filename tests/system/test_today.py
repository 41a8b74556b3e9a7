"""A morning of 30 reports: the person who answers for them finds what is wrong, in the browser and on the command line."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta

import httpx
import pytest

from airflow_provider_daybreak.delivery.audit import records_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from demo.airflow import AirflowFailedError
from tests.morning import DOUBT, FAILED, GAPS, HELD, LATE, MISSING, NAMES, REFUSED, TAG
from tests.waiting import until

pytestmark = [pytest.mark.scheduler, pytest.mark.browser, pytest.mark.usefixtures("morning")]

WRONG = {LATE: "Late", FAILED: "Failed", HELD: "Held", DOUBT: "In doubt", REFUSED: "Refused", GAPS: "Missing"}


@pytest.fixture(scope="module")
def morning(stack):
    """Return the morning, once all of its reports are archived and mailed, and its one run has failed."""
    stack.airflow.wait_for_dag(FAILED)
    stack.morning.seed(stack.archive)
    run = stack.airflow.trigger(FAILED, conf={"report_date": stack.morning.today.isoformat()})
    assert stack.wait(run, dag_id=FAILED).startswith("failed")
    return stack.morning


@pytest.fixture
def today(page):
    """Return the page's frame, opened by a click in Airflow's navigation, with the morning's reports."""
    page.get_by_role("link", name="Reports today").click()
    frame = page.frame_locator("iframe")
    frame.get_by_role("heading", name="Reports today").wait_for()
    frame.get_by_label("Tag").select_option(TAG)
    frame.get_by_role("link", name="33 All").wait_for()
    return frame


def test_all_that_went_wrong_is_found_by_clicking_and_is_above_what_is_well(today, page):
    rows = [row.inner_text() for row in today.locator("tbody tr").all()]

    assert len(rows) == len(NAMES) + len(MISSING)
    above = {(row.split("\n")[0].strip(), name) for row in rows[:8] for name in WRONG if name in row.split()}
    assert above == {(state, name) for name, state in WRONG.items()}
    assert all(row.split("\n")[0].strip() == "Delivered" for row in rows[8:])
    today.get_by_role("link", name="3 Missing").click()
    today.get_by_role("link", name="3 Missing").and_(today.locator("[aria-current]")).wait_for()
    assert today.locator("tbody tr").count() == 3
    assert today.get_by_role("link", name="Fill", exact=True).count() == 3
    if folder := os.environ.get("DAYBREAK_PICTURES"):
        today.get_by_role("link", name="33 All").click()
        today.get_by_role("link", name="33 All").and_(today.locator("[aria-current]")).wait_for()
        page.screenshot(path=f"{folder}/reports-today.png")


def test_a_click_leads_from_the_frame_to_the_log_and_to_the_report(today, page, stack):
    today.locator("tbody tr", has_text=FAILED).get_by_role("link", name="Log").click()
    page.wait_for_url(f"**/dags/{FAILED}/runs/manual__*/tasks/render_report")

    page.goto(f"{stack.airflow.url}/plugin/daybreak-today")
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name=NAMES[0], exact=True).click()
    frame.frame_locator("iframe").get_by_text("Almanac").wait_for()
    frame.get_by_role("link", name="Open it alone").click()
    page.wait_for_url(f"**/daybreak/reports/{NAMES[0]}/*/1/")


def test_a_day_leads_to_its_neighbours_and_to_what_changed_since(today, morning):
    today.get_by_role("link", name=NAMES[0], exact=True).click()
    today.get_by_role("link", name="What changed since the day before").click()
    today.get_by_role("heading", name="What changed").wait_for()
    today.get_by_text("The texts are the same.").wait_for()
    before = morning.today - timedelta(days=1)
    today.get_by_role("link", name="The day before:").click()
    today.locator("b", has_text=f"{before:%A} {before.day}").wait_for()
    today.get_by_role("link", name="The day after:").click()
    today.locator("b", has_text=f"{morning.today:%A} {morning.today.day}").wait_for()


def test_theme_and_language_are_those_of_airflow_and_change_with_it(today, page):
    def background():
        return today.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")

    page.evaluate("document.documentElement.className = 'dark'")
    today.locator("html[data-theme=dark]").wait_for()
    dark = background()
    page.evaluate("document.documentElement.className = 'light'")
    today.locator("html[data-theme=light]").wait_for()
    assert dark != background()

    page.evaluate("localStorage.setItem('i18nextLng', 'fr')")
    page.reload()
    page.frame_locator("iframe").get_by_role("heading", name="Rapports du jour").wait_for()
    page.evaluate("localStorage.setItem('i18nextLng', 'en')")
    page.reload()
    page.frame_locator("iframe").get_by_role("heading", name="Reports today").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(page, stack, morning, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page.evaluate("scheme => localStorage.setItem('theme', scheme)", scheme)
    gap = morning.today - timedelta(days=min(MISSING))
    pages = {
        "reports-today": f"today?tag={TAG}",
        "a-report": f"calendar/{GAPS}",
        "fill": f"calendar/{GAPS}/fill?day={gap}",
        "deliveries": "deliveries",
        "releases": "releases",
        "a-day": f"day/{DOUBT}/{morning.today}?against=before",
    }
    for name, path in pages.items():
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(f"{stack.airflow.url}/daybreak/{path}")
        page.locator(f"html[data-theme={scheme}]").wait_for()
        if (
            (folder := os.environ.get("DAYBREAK_PICTURES"))
            and scheme == "light"
            and name in ("a-report", "a-day", "deliveries")
        ):
            page.screenshot(path=f"{folder}/{name}.png")
        found = Axe().run(page).response["violations"]
        assert [(name, each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found] == []
        for width in (375, 768, 1280, 1920):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)


def test_what_a_server_a_title_or_an_address_says_never_runs(page, stack):
    nasty = "<img src=x onerror=document.title='run'><script>document.title='run'</script>\"'{{7*7}}"
    refused = []
    page.on("console", lambda message: refused.append(message.text))
    page.goto(f"{stack.airflow.url}/daybreak/today?q={nasty}&tag={nasty}&state={nasty}&owner={nasty}")

    page.get_by_text("Nothing matches").wait_for()
    assert page.title() == "Reports today"
    assert page.get_by_label("Search").input_value() == nasty
    assert page.locator("main img, main script").count() == 0
    policy = stack.airflow.client.get("/daybreak/today").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "path", ["today", "api/today", "static/pages.css", "static/pages.js", "static/icon.svg"]
)
def test_nobody_sees_it_without_a_login(stack, path):
    address = f"{stack.airflow.url}/daybreak/{path}"

    assert httpx.get(address).status_code == 401
    sent = httpx.get(address, headers={"Accept": "text/html"})
    assert sent.status_code == 307
    assert "auth/login" in sent.headers["location"]
    framed = httpx.get(address, headers={"Accept": "text/html", "Sec-Fetch-Dest": "iframe"})
    assert framed.status_code == 401
    assert "Your session has ended." in framed.text


@pytest.mark.parametrize("name", ["..%2f..%2fapp.py", "today.html.j2", "%2e%2e", "pages.css%00", "~"])
def test_nothing_else_of_the_package_is_shown(stack, name):
    assert stack.airflow.client.get(f"/daybreak/static/{name}").status_code == 404


def test_a_program_is_told_the_same(stack):
    told = stack.airflow.client.get("/daybreak/api/today", params={"tag": TAG}).json()

    wrong = {(row["report"], row["state"]) for row in told["reports"] if row["state"] != "delivered"}
    assert wrong == {(name, state.lower().replace(" ", "_")) for name, state in WRONG.items()}
    assert told["counts"]["missing"] == 3
    assert told["problem"] is None
    open_ = stack.airflow.client.get("/daybreak/api/today", params={"tag": TAG, "state": "open"}).json()
    assert len(open_["reports"]) == 8


def test_the_command_line_says_the_same_and_a_monitor_is_told_by_its_exit_code(stack, morning):
    told = json.loads(stack.airflow.cli("daybreak", "today", "--output", "json"))
    assert {row["report"] for row in told["reports"] if row["state"] == "missing"} == {GAPS}

    since, until = morning.today - timedelta(days=13), morning.today
    with pytest.raises(AirflowFailedError, match="3 of 14 are missing, late or not delivered"):
        stack.airflow.cli("daybreak", "audit", GAPS, "--from", str(since), "--to", str(until))
    days = ["--from", str(until - timedelta(days=2)), "--to", str(until)]
    assert "All of 3 that were due is there." in stack.airflow.cli("daybreak", "audit", GAPS, *days)


def test_filling_makes_airflows_own_backfill_of_the_days_that_lack_a_report(stack, morning):
    until = morning.today - timedelta(days=min(MISSING))
    days = ["--from", str(until - timedelta(days=1)), "--to", str(until)]

    shown = stack.airflow.cli("daybreak", "fill", GAPS, *days, "--dry-run")
    assert len(re.findall(r"\bruns\b", shown)) == 2
    assert not stack.airflow.runs(GAPS)

    stack.airflow.cli("daybreak", "fill", GAPS, *days)
    assert sorted(run[:8] for run in stack.airflow.runs(GAPS)) == ["backfill"] * 2


def test_a_day_that_lacks_its_report_is_filled_by_clicking(today, stack, morning):
    day = morning.today - timedelta(days=max(MISSING))
    today.locator("tr", has_text=GAPS).get_by_role("link", name="Calendar").first.click()
    today.get_by_role("heading", name=GAPS).wait_for()
    for box in today.get_by_role("checkbox").all():
        box.set_checked(box.get_attribute("value") == str(day))
    today.get_by_role("button", name="Fill the picked days").click()
    today.get_by_text(f"makes of {GAPS}: 1.").wait_for()
    if any(run.startswith("backfill") for run in stack.airflow.runs(GAPS)):  # a Dag has one backfill at a time
        for run in stack.airflow.runs(GAPS):
            stack.wait(run, dag_id=GAPS)
        until(lambda: not active_backfills(stack))
    today.get_by_role("button", name="Make them: 1").click()
    today.get_by_text("Runs on their way: 1.").wait_for()

    assert f"backfill__{day}" in {run[:20] for run in stack.airflow.runs(GAPS)}
    logged = stack.airflow.client.get("/api/v2/eventLogs", params={"event": "daybreak_fill"}).json()
    assert json.loads(logged["event_logs"][0]["extra"])["days"] == [str(day)]


def active_backfills(stack):
    found = stack.airflow.client.get("/api/v2/backfills", params={"dag_id": GAPS}).json()
    return [each for each in found["backfills"] if each["completed_at"] is None]


def test_who_was_refused_is_mailed_again_by_clicking_with_the_reason_in_the_ledger(today, stack, morning):
    today.get_by_role("link", name=REFUSED, exact=True).click()
    today.get_by_text("550 5.1.1 no such user here").wait_for()
    today.get_by_role("button", name="Mail the chosen ones again").click()
    today.frame_locator("iframe").get_by_text("Almanac").wait_for()  # the mail is seen before it is sent
    today.get_by_label("Why").fill("the mailbox is there now")
    today.get_by_role("button", name="Mail to 1").click()
    today.get_by_text("Done for 1.").wait_for()

    ledger = ledger_of(stack.archive, stack.archive.latest(REFUSED, morning.today).manifest)
    [again] = [each for each in records_of(ledger) if each.occasion.startswith("resend:")]
    assert again.standing == "sent"
    assert again.facts["run"] == {"reason": "the mailbox is there now", "by": "admin"}
    mails = [path.read_bytes() for path in stack.catcher.messages()]
    assert sum(again.recipient.encode() in mail for mail in mails) == 1


def test_a_dag_without_a_report_of_those_days_is_an_error_that_says_so(stack):
    with pytest.raises(AirflowFailedError, match="has no time from 2099-01-01 to 2099-01-02 that is past"):
        stack.airflow.cli("daybreak", "fill", GAPS, "--from", "2099-01-01", "--to", "2099-01-02")
    with pytest.raises(AirflowFailedError, match="No report 'no_such' in the archive"):
        stack.airflow.cli("daybreak", "fill", "no_such", "--from", "2026-01-01", "--to", "2026-01-02")
