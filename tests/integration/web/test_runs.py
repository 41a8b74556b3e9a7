"""The tab of a Dag run, which shows its reports."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.scheduler


@pytest.fixture
def returned(server):
    """Return a function that has a task of a run return a result."""

    def keep(run_id, task_id, result, dag_id="ada_daily"):
        server.return_from_task(dag_id, run_id, task_id, result)

    return keep


@pytest.fixture
def published(server):
    """Return a function that publishes a report, and returns what its task returns."""

    def publish(report, dag_id="ada_daily"):
        server.publish(dag_id=dag_id, report=report, files={"report.html": ("text/html", b"<h1>Almanac</h1>")})
        return {"report": report, "report_date": "2026-03-29", "revision": 1, "manifest": "file:///m.json"}

    return publish


def test_a_run_of_one_report_shows_it_without_a_way_back_to_where_it_stands(server, returned, published):
    run = "manual__2026-03-29T09:00:00+00:00/1"
    made = published("of_a_run")
    returned(run, "deploy", {"name": "x", "release": "y"})
    returned(run, "render_report", made)
    returned(run, "mail_report", {**made, "message_ids": {}})

    answer = server.client("ada", follow_redirects=True).get(f"daybreak/runs/ada_daily/{run}")

    assert answer.status_code == 200
    assert "<h1>Almanac</h1>" in answer.text
    assert "\N{LEFTWARDS ARROW}" not in answer.text
    assert answer.headers["content-security-policy"].startswith("sandbox")


def test_a_run_of_several_reports_leads_to_each(server, returned, published):
    for name in ("first_of_two", "second_of_two"):
        returned("two", name, published(name))

    page = server.client("ada").get("daybreak/runs/ada_daily/two").text

    for name in ("first_of_two", "second_of_two"):
        assert f'href="/airflow/daybreak/reports/{name}/2026-03-29/1/?framed"' in page


def test_a_run_without_a_report_says_so(server, returned):
    returned("none", "count", {"manifest": "?", "report": 7, "report_date": None, "revision": "x"})
    returned("none", "say", "nothing")

    answer = server.client("ada").get("daybreak/runs/ada_daily/none")

    assert answer.status_code == 200
    assert "There is no report of it yet." in answer.text


def test_who_may_not_read_a_dag_can_not_tell_whether_its_run_has_a_report(server, returned, published):
    returned("secret", "render_report", published("secret_of_a_run"))
    client = server.client("bob")

    there, absent = (client.get(f"daybreak/runs/{path}") for path in ("ada_daily/secret", "ada_other/none"))

    assert (there.status_code, there.text) == (absent.status_code, absent.text)
    assert there.status_code == 404
    assert client.get("daybreak/runs/~/secret").status_code == 404
    assert server.client().get("daybreak/runs/ada_daily/secret").status_code in (401, 403)


def test_a_report_of_another_dag_is_not_shown_by_a_run_that_names_it(server, returned, published):
    returned("borrowed", "render_report", published("bobs_own", dag_id="bob_daily"))

    answer = server.client("ada", follow_redirects=True).get("daybreak/runs/ada_daily/borrowed")

    assert answer.status_code == 404
