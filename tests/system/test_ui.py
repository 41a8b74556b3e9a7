"""Airflow's UI in a real browser: what somebody does who wants a report."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.pictures import keep
from tests.system.conftest import leave

pytestmark = [pytest.mark.scheduler, pytest.mark.engine, pytest.mark.browser]


@pytest.fixture
def trigger(stack, page):
    """Return a function that fills in the Dag's form in the browser, and returns the run's id once it has ended."""

    def run(day, *, late=False, state="success", form=""):
        airflow = stack.airflow
        page.goto(f"{airflow.url}/dags/daily_report")
        page.get_by_role("button", name="Trigger").first.click()
        page.locator("#element_report_date").fill(day.isoformat())
        if late:
            page.locator("label[id*=element_mail_even_if_late]").first.click()
        if form:
            keep(page.screenshot(), form)
        before = set(airflow.runs("daily_report"))
        page.get_by_role("dialog").get_by_role("button", name="Trigger").click()
        page.get_by_role("dialog").wait_for(state="hidden")
        [run_id] = set(airflow.runs("daily_report")) - before
        leave(page)
        assert stack.wait(run_id) == state
        return run_id

    return run


def test_log_in_trigger_for_a_date_see_it_green_and_open_the_report(stack, page, trigger):
    day = date.today() - timedelta(days=4)  # noqa: DTZ011 - any recent day will do

    run = trigger(day, form="trigger-form")

    page.goto(f"{stack.airflow.url}/dags/daily_report/runs/{run}/tasks/render_report/details")
    page.get_by_text("Success").first.wait_for()
    link = page.get_by_role("link", name="Open report")
    link.wait_for()
    keep(page.screenshot(), "open-report")
    link.click()
    page.get_by_role("heading", name=f"Daily almanac for Berlin, {day:%-d %B %Y}").wait_for()
    assert page.locator("svg[role=img]").first.bounding_box()["width"] > 0
    page.get_by_role("link", name=f"Run {run} of daily_report").click()
    page.wait_for_url("**/dags/daily_report/runs/manual__*")


def test_a_runs_page_has_a_tab_that_shows_its_report(stack, page, trigger):
    day = date.today() - timedelta(days=5)  # noqa: DTZ011 - any recent day will do
    run = trigger(day)

    page.goto(f"{stack.airflow.url}/dags/daily_report/runs/{run}")
    page.get_by_role("link", name="Report", exact=True).click()

    inside = page.frame_locator("iframe")
    inside.get_by_role("heading", name=f"Daily almanac for Berlin, {day:%-d %B %Y}").wait_for()
    assert inside.get_by_role("link", name="Run ").count() == 0
    keep(page.screenshot(), "run-report")


def test_a_past_date_is_archived_and_mailed_once_the_form_says_so_too(stack, page, trigger):
    day = date(2026, 2, 1)

    late = trigger(day)
    assert stack.airflow.tasks("daily_report", late)["mail_report"] == "skipped"
    page.goto(f"{stack.airflow.url}/dags/daily_report/runs/{late}/tasks/mail_report")
    page.get_by_text("too late: its period ended").first.wait_for()
    assert stack.mails("1 February 2026") == []

    run = trigger(day, late=True)
    assert stack.airflow.tasks("daily_report", run)["mail_report"] == "success"
    assert len(stack.mails("1 February 2026")) == 1
    page.goto(f"{stack.airflow.url}/dags/daily_report/runs/{run}/tasks/mail_report/details")
    page.get_by_role("link", name="Open report").click()
    page.get_by_role("heading", name="Daily almanac for Berlin, 1 February 2026").wait_for()


def test_a_place_that_is_none_fails_at_once_and_says_what_was_expected(stack, page):
    run = stack.airflow.trigger("daily_report", conf={"place": "Atlantis"})

    assert stack.wait(run).startswith("failed")
    task = f"/dags/daily_report/dagRuns/{run}/taskInstances/render_report"
    assert stack.airflow.api("GET", task)["try_number"] == 1
    page.goto(f"{stack.airflow.url}/dags/daily_report/runs/{run}/tasks/render_report")
    page.get_by_text("place 'Atlantis': expected a capital or large city").first.wait_for()
