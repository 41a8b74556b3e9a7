"""A morning of 30 reports: the person who answers for them finds what is wrong, in the browser and on the command line."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import httpx
import pytest

from airflow_provider_daybreak.delivery.audit import records_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from demo.airflow import AirflowFailedError
from tests.morning import (
    DAYS,
    DOUBT,
    FAILED,
    GAPS,
    HELD,
    LATE,
    MISSING,
    NAMES,
    REFUSED,
    TAG,
    readers_of,
    write_template,
)
from tests.waiting import SECONDS, until

pytestmark = [pytest.mark.scheduler, pytest.mark.browser, pytest.mark.usefixtures("morning")]

WRONG = {LATE: "Late", FAILED: "Failed", HELD: "Held", DOUBT: "In doubt", REFUSED: "Refused", GAPS: "Missing"}


@pytest.fixture(scope="module")
def morning(stack):
    """Return the morning, once its reports are archived and mailed, one run has failed, and one waits for an approval."""
    stack.airflow.wait_for_dag(FAILED, seconds=SECONDS)
    stack.airflow.wait_for_dag(HELD, seconds=SECONDS)
    stack.morning.seed(stack.archive)
    failed, held = (
        stack.airflow.trigger(name, conf={"report_date": stack.morning.today.isoformat()})
        for name in (FAILED, HELD)
    )
    assert stack.wait(failed, dag_id=FAILED).startswith("failed")
    stack.wait_for_task(held, "mail_report", ("deferred", "awaiting_input"), dag_id=HELD)
    return stack.morning


@pytest.fixture
def today(page, stack):
    """Return the page's frame, opened by a click in Airflow's navigation, with the morning's reports."""
    page.goto(stack.airflow.url)
    page.get_by_role("link", name="Reports today").click()
    frame = page.frame_locator("iframe")
    frame.get_by_role("heading", name="Reports today").wait_for()
    choose(frame)
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

    page.goto(f"{stack.airflow.url}/daybreak/today")
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


def badge(frame, name, state):
    """Return the state of a report's row, once it is that: the page keeps itself up to date."""
    row = frame.locator("tbody tr", has_text=name)
    row.locator(".badge", has_text=state).first.wait_for(timeout=1000 * SECONDS)
    return row.first


def choose(frame):
    """Have the page show the morning's reports."""
    frame.get_by_label("Tag").select_option(TAG)
    frame.locator("option[selected]", has_text=TAG).wait_for(state="attached")


def back(frame):
    """Go back from another page to the morning's reports."""
    frame.get_by_role("link", name="Reports today").click()
    choose(frame)


def mend_what_failed(frame, page, stack):
    row = frame.locator("tbody tr", has_text=FAILED)
    row.get_by_role("link", name="Log").click()
    page.wait_for_url(f"**/dags/{FAILED}/runs/manual__*/tasks/render_report")
    page.get_by_text("division by zero").first.wait_for()
    write_template(stack.dags, FAILED, "It is well again.")
    page.go_back()
    choose(frame)
    row.get_by_role("button", name="Run again").click()
    frame.get_by_text(f"It runs again: {FAILED}.").wait_for()
    badge(frame, FAILED, "Delivered")


def mend_what_is_late(frame):
    frame.get_by_role("link", name=LATE, exact=True).click()
    frame.get_by_role("heading", name=LATE).wait_for()
    frame.get_by_role("link", name="Fill", exact=True).click()
    frame.get_by_role("button", name="Make them: 1").click()
    frame.get_by_text("Runs on their way: 1.").wait_for()
    back(frame)
    badge(frame, LATE, "Delivered")


def mend_what_is_held(frame):
    frame.locator("tbody tr", has_text=HELD).get_by_role("link", name="Approve or reject").click()
    frame.get_by_role("button", name="Approve").click()
    frame.get_by_text("Approved. The Dag's mail task sends it now.").wait_for()
    back(frame)
    badge(frame, HELD, "Delivered")


def mend_what_is_in_doubt(frame):
    frame.locator("tbody tr", has_text=DOUBT).get_by_role("link", name="Mail again or count as sent").click()
    frame.get_by_label("Why").fill("she has it")
    frame.get_by_role("button", name="They have it: count 1 as sent").click()
    frame.get_by_text("Done for 1.").wait_for()
    back(frame)
    badge(frame, DOUBT, "Delivered")


def mend_what_was_refused(frame):
    frame.locator("tbody tr", has_text=REFUSED).get_by_role("link", name="Mail again").click()
    frame.frame_locator("iframe").get_by_text("Almanac").wait_for()  # the mail is seen before it is sent
    frame.get_by_label("Why").fill("the mailbox is there now")
    frame.get_by_role("button", name="Mail to 1").click()
    frame.get_by_text("Done for 1.").wait_for()
    back(frame)
    badge(frame, REFUSED, "Delivered")


def mend_what_is_missing(frame, stack):
    """Fill the days: the oldest by a backfill of its own, since days that are there lie behind it."""
    for runs, there in ((1, DAYS - 2), (2, DAYS)):
        open_calendar(frame)
        frame.get_by_role("button", name="Fill the picked days").click()
        frame.get_by_label("Mail even what is too late").check()
        frame.get_by_role("button", name=f"Make them: {runs}").click()
        frame.get_by_text("Runs on their way").wait_for()
        back(frame)
        # Airflow has one at a time, and closes it some time after its last run.
        until(lambda: not stack.airflow.open_backfills(GAPS))
        until(lambda there=there: delivered_days(frame) == there)


def delivered_days(frame):
    open_calendar(frame)
    found = frame.locator(".list .badge", has_text="Delivered").count()
    back(frame)
    return found


def open_calendar(frame):
    frame.locator("tbody tr", has_text=GAPS).get_by_role("link", name="Calendar").first.click()
    frame.get_by_role("heading", name=GAPS).wait_for()


def test_the_person_mends_all_of_it_by_clicking_and_then_all_is_good(today, page, stack, morning):
    def audited(event):
        logged = stack.airflow.client.get("/api/v2/eventLogs", params={"event": f"daybreak_{event}"}).json()
        return [(one["dag_id"], one["owner"], json.loads(one["extra"])) for one in logged["event_logs"]]

    mend_what_failed(today, page, stack)
    mend_what_is_late(today)
    mend_what_is_held(today)
    mend_what_is_in_doubt(today)
    mend_what_was_refused(today)
    mend_what_is_missing(today, stack)

    today.get_by_text("All good since").wait_for()
    today.get_by_role("link", name="30 Delivered").wait_for()
    assert today.locator("tbody tr").count() == len(NAMES)
    told = json.loads(stack.airflow.cli("daybreak", "today", "--tag", TAG, "--output", "json"))
    assert told["counts"]["delivered"] == len(told["reports"]) == len(NAMES)
    assert told["good_since"]
    since, until_ = morning.today - timedelta(days=13), morning.today
    days = ["--from", str(since), "--to", str(until_)]
    assert "All of 14 that were due is there." in stack.airflow.cli("daybreak", "audit", GAPS, *days)

    mails = Counter(
        (mail["Subject"], mail["X-RcptTo"])
        for mail in (message_from_bytes(path.read_bytes(), policy=default) for path in stack.catcher.messages())
        if any(str(mail["Subject"]).startswith(titled(name)) for name in WRONG)
    )
    assert set(mails.values()) == {1}  # each of them was mailed, and once
    by_report = Counter(name for subject, _ in mails for name in WRONG if subject.startswith(titled(name)))
    whole = {name: len(readers_of(name)) for name in (LATE, FAILED, HELD)}
    assert by_report == {**whole, REFUSED: 1, GAPS: 3 * len(readers_of(GAPS))}

    [(dag_id, owner, facts)] = audited("run_again")
    assert (dag_id, owner, facts["report_date"]) == (FAILED, "admin", str(morning.today))
    assert {dag_id for dag_id, *_ in audited("fill")} == {LATE, GAPS}
    assert [dag_id for dag_id, *_ in audited("approve")] == [HELD]
    assert [dag_id for dag_id, *_ in audited("count_as_sent")] == [DOUBT]
    assert [dag_id for dag_id, *_ in audited("resend")] == [REFUSED]
    ledger = ledger_of(stack.archive, stack.archive.latest(REFUSED, morning.today).manifest)
    [again] = [each for each in records_of(ledger) if each.occasion.startswith("resend:")]
    assert again.facts["run"] == {"reason": "the mailbox is there now", "by": "admin"}
    doubt = ledger_of(stack.archive, stack.archive.latest(DOUBT, morning.today).manifest)
    assert [each.facts["by"] for each in records_of(doubt) if "counted" in each.facts] == ["admin"]


def titled(name):
    """Return how the title of a report begins."""
    return f"{name.replace('_', ' ').capitalize()}, "


def test_filling_makes_airflows_own_backfill_of_the_days_that_lack_a_report(stack, morning):
    until_ = morning.today - timedelta(days=DAYS + 5)  # from before there was one
    days = ["--from", str(until_ - timedelta(days=1)), "--to", str(until_)]
    before = set(stack.airflow.runs(LATE))

    shown = stack.airflow.cli("daybreak", "fill", LATE, *days, "--dry-run")
    assert len(re.findall(r"\bruns\b", shown)) == 2
    assert set(stack.airflow.runs(LATE)) == before

    until(lambda: not stack.airflow.open_backfills(LATE))
    stack.airflow.cli("daybreak", "fill", LATE, *days)
    assert sorted(run[:8] for run in set(stack.airflow.runs(LATE)) - before) == ["backfill"] * 2


def test_a_dag_without_a_report_of_those_days_is_an_error_that_says_so(stack):
    with pytest.raises(AirflowFailedError, match="has no time from 2099-01-01 to 2099-01-02 that is past"):
        stack.airflow.cli("daybreak", "fill", GAPS, "--from", "2099-01-01", "--to", "2099-01-02")
    with pytest.raises(AirflowFailedError, match="No report 'no_such' in the archive"):
        stack.airflow.cli("daybreak", "fill", "no_such", "--from", "2026-01-01", "--to", "2026-01-02")
