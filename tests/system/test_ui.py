"""Airflow's UI in a real browser: what somebody does who wants a report."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

pytestmark = [pytest.mark.scheduler, pytest.mark.engine, pytest.mark.browser]


def test_log_in_trigger_for_a_date_see_it_green_and_open_the_report(stack, page):
    day = date.today() - timedelta(days=4)  # noqa: DTZ011 - any recent day will do
    airflow = stack.airflow

    page.goto(f"{airflow.url}/dags/daily_report")
    page.get_by_role("button", name="Trigger").first.click()
    page.locator("#element_report_date").fill(day.isoformat())
    before = set(airflow.runs("daily_report"))
    page.get_by_role("dialog").get_by_role("button", name="Trigger").click()
    page.get_by_role("dialog").wait_for(state="hidden")
    [run] = set(airflow.runs("daily_report")) - before
    assert stack.wait(run) == "success"

    page.goto(f"{airflow.url}/dags/daily_report/runs/{run}/tasks/render_report/details")
    page.get_by_text("Success").first.wait_for()
    page.get_by_role("link", name="Open report").click()

    page.get_by_role("heading", name=f"Daily almanac for Berlin, {day:%-d %B %Y}").wait_for()
    assert page.locator("img").first.evaluate("image => image.naturalWidth") > 0
