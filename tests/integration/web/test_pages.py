"""The pages of a report and of its days: who may see and change what, and what is asked for from elsewhere."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from xml.etree import ElementTree as ET

import pytest

from airflow_provider_daybreak.delivery.audit import records_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.states import states_of

pytestmark = pytest.mark.scheduler

TODAY = datetime.now(timezone.utc).date()
ROUTES = (
    "calendar/{report}",
    "calendar/{report}/fill?day={day}",
    "day/{report}/{day}",
    "day/{report}/{day}?revision=1",
    "day/{report}/{day}?against=before",
    "day/{report}/{day}/mail?key={key}",
    "deliveries/mail?mail={report}/{day}/{key}",
    "api/badge/{report}.svg",
)
OF_ALL = (
    "deliveries",
    "deliveries.csv",
    "releases",
    "api/metrics",
    "api/openapi.json",
    "dags/ada_pages",
    "tasks/ada_pages/a",
)
ACTIONS = ("calendar/{report}/fill", "day/{report}/{day}/mail", "deliveries/mail", "releases/of_bob/roll_back")


@pytest.fixture(scope="module")
def doubtful(mailed, shown):
    """Return a function that publishes a report of a Dag whose mail is in doubt, and returns its name."""

    def publish(report, dag_id="ada_pages", user="ada"):
        mailed(report, dag_id, status="unknown", reason="the connection ended")
        shown(user, report)
        return report

    return publish


def mail_of(server, report):
    [record] = records_of(ledger_of(server.archive, server.archive.latest(report, TODAY).manifest))
    return record


def token(server, user, report):
    page = server.client(user).get(f"daybreak/day/{report}/{TODAY}/mail?key={mail_of(server, report).key}")
    return re.search(r'name="token" value="([0-9a-f]{64})"', page.text)[1]


def form(server, report, given, **changes):
    return {
        "token": given,
        "id": "a1",
        "reason": "asked",
        "do": "sent",
        "key": mail_of(server, report).key,
    } | changes


def ours(server):
    return {"Origin": server.base.removesuffix("/airflow/")}


def test_what_a_user_may_not_read_is_to_him_as_what_is_not_there(server, doubtful):
    report = doubtful("bobs_page", "bob_pages", "bob")
    ada, bob = server.client("ada"), server.client("bob")
    key = mail_of(server, report).key
    for route in ROUTES:
        asked = {
            name: ada.get(f"daybreak/{route.format(report=name, day=TODAY, key=key)}")
            for name in (report, "none")
        }
        assert {each.status_code for each in asked.values()} == {404}
        assert asked[report].text == asked["none"].text
    for route in (ROUTES[0], *ROUTES[2:]):
        assert bob.get(f"daybreak/{route.format(report=report, day=TODAY, key=key)}").status_code == 200
    mine = doubtful("adas_page")
    for route in ACTIONS:
        answer = ada.post(
            f"daybreak/{route.format(report=report, day=TODAY)}",
            data=form(
                server, report, token(server, "ada", mine), day=str(TODAY), mail=f"{report}/{TODAY}/{key}"
            ),
            headers=ours(server),
        )
        assert answer.status_code == 404
    assert mail_of(server, report).standing == "in_doubt"


def test_nobody_sees_or_changes_anything_without_a_login(server, doubtful):
    report, nobody = doubtful("of_nobody"), server.client()
    for route in (*ROUTES, *OF_ALL):
        assert nobody.get(f"daybreak/{route.format(report=report, day=TODAY, key='a')}").status_code == 401
    for route in ACTIONS:
        answer = nobody.post(f"daybreak/{route.format(report=report, day=TODAY)}", headers=ours(server))
        assert answer.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=str,
)
def test_what_another_page_asks_for_is_not_done(server, doubtful, headers):
    report = doubtful("asked_elsewhere")
    given = form(server, report, token(server, "ada", report))
    sent = (ours(server) if "Sec-Fetch-Site" in headers else {}) | headers

    answer = server.client("ada").post(f"daybreak/day/{report}/{TODAY}/mail", data=given, headers=sent)
    assert answer.status_code == 403
    assert mail_of(server, report).standing == "in_doubt"


@pytest.mark.parametrize("given", ["", "0" * 64, "bobs", "\u2028"])
def test_a_form_without_a_token_of_who_sends_it_does_nothing(server, doubtful, given):
    report = doubtful("without_token")
    if given == "bobs":
        given = token(server, "bob", doubtful("bobs_token", "bob_pages", "bob"))

    answer = server.client("ada").post(
        f"daybreak/day/{report}/{TODAY}/mail", data=form(server, report, given), headers=ours(server)
    )
    assert answer.status_code == 403
    assert mail_of(server, report).standing == "in_doubt"


@pytest.mark.parametrize(
    "changes", [{"reason": " "}, {"reason": "x" * 501}, {"id": "../x"}, {"key": ""}, {"key": "0" * 64}], ids=str
)
def test_a_form_that_says_too_little_is_refused_with_what_is_expected(server, doubtful, changes):
    report = doubtful("says_too_little")

    answer = server.client("ada").post(
        f"daybreak/day/{report}/{TODAY}/mail",
        data=form(server, report, token(server, "ada", report), **changes),
        headers=ours(server),
    )
    assert answer.status_code == 400
    assert mail_of(server, report).standing == "in_doubt"


def test_a_mail_in_doubt_is_counted_as_sent_with_the_reason_once_and_is_in_the_audit_log(
    server, doubtful, shown
):
    report = doubtful("counted_as_sent")
    given = form(server, report, token(server, "ada", report), reason="Ann has it")
    ada = server.client("ada")

    answer = ada.post(f"daybreak/day/{report}/{TODAY}/mail", data=given, headers=ours(server))
    assert answer.status_code == 303
    record = mail_of(server, report)
    assert (record.standing, record.facts["by"]) == ("sent", "ada")
    assert record.facts["reason"] == "counted as sent by ada: Ann has it"
    assert "Done for 1." in ada.get(answer.headers["location"].removeprefix("/airflow/")).text
    row = next(row for row in shown("ada")["reports"] if row["report"] == report)
    assert row["state"] == "delivered"
    again = ada.post(f"daybreak/day/{report}/{TODAY}/mail", data=given, headers=ours(server))
    assert again.status_code == 409
    assert "none of these mails is in doubt" in again.json()["detail"]
    with closing(
        sqlite3.connect(server.log.parent / "airflow.db")
    ) as database:  # its API shows those of Dags that it knows
        asked = "SELECT owner, dag_id, extra FROM log WHERE event = 'daybreak_count_as_sent' AND extra LIKE '%Ann has it%'"
        [(owner, dag_id, extra)] = database.execute(asked).fetchall()
    assert (owner, dag_id) == ("ada", "ada_pages")
    assert json.loads(extra)["to"] == ["ann@example.org"]


def test_a_server_that_has_no_mail_server_says_so_and_what_to_do(server, doubtful):
    report = doubtful("no_mail_server")

    answer = server.client("ada").post(
        f"daybreak/day/{report}/{TODAY}/mail",
        data=form(server, report, token(server, "ada", report), do="resend"),
        headers=ours(server),
    )
    assert answer.status_code == 409
    assert "There is no connection 'smtp_default'" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("calendar/~", 404),
        ("calendar/..%2f..", 404),
        ("calendar/none", 404),
        (f"calendar/none/fill?day={TODAY}", 404),
        ("calendar/typed_wrong/fill", 400),
        ("calendar/typed_wrong/fill?day=tomorrow", 400),
        ("calendar/typed_wrong/fill?day=2020-01-01&day=2026-01-01", 400),
        (f"calendar/typed_wrong/fill?day={TODAY}", 409),
        ("calendar/typed_wrong?until=9999-99", 200),
        ("calendar/typed_wrong?until=0001-01", 200),
        ("day/typed_wrong/2026-02-30", 404),
        ("day/typed_wrong/20261127", 404),
        ("day/typed_wrong/0001-01-01", 404),
        ("day/typed_wrong/~", 404),
        ("day/typed_wrong/%00", 404),
        (f"day/typed_wrong/{TODAY}?revision=7", 404),
        (f"day/typed_wrong/{TODAY}?against=x", 404),
        (f"day/typed_wrong/{TODAY}/mail", 400),
        (f"day/typed_wrong/{TODAY}/mail?key=x", 400),
        ("deliveries?state=nothing&q=%00", 200),
        ("deliveries/mail", 400),
        ("deliveries/mail?mail=x", 404),
        (f"deliveries/mail?mail=typed_wrong/{TODAY}/x", 400),
        ("releases/none/x/lock", 404),
        ("releases/~/x/lock", 404),
        ("api/badge/none.svg", 404),
        ("dags/~", 404),
        ("tasks/~/x", 404),
    ],
)
def test_an_address_that_means_nothing_is_an_answer_and_no_error(server, doubtful, path, status):
    doubtful("typed_wrong")

    assert server.client("ada").get(f"daybreak/{path}").status_code == status


def test_mails_of_all_reports_are_listed_to_who_may_read_them_and_their_csv_holds_no_formula(
    server, mailed, shown, doubtful
):
    mailed("with_a_formula", "ada_pages", status="refused", reason=" =cmd|' /C calc'!A0")
    doubtful("bobs_mail", "bob_pages", "bob")
    shown("ada", "with_a_formula")

    page, table = (
        server.client("ada").get(f"daybreak/{path}").text for path in ("deliveries", "deliveries.csv")
    )
    assert "with_a_formula" in page
    assert "bobs_mail" not in page + table
    rows = list(csv.DictReader(table.splitlines()))
    [row] = [row for row in rows if row["report"] == "with_a_formula"]
    assert (row["standing"], row["answer"]) == ("refused", "' =cmd|' /C calc'!A0")
    assert rows == sorted(rows, key=lambda row: row["time"], reverse=True)
    only = server.client("ada").get("daybreak/deliveries.csv?state=refused").text
    assert {row["standing"] for row in csv.DictReader(only.splitlines())} == {"refused"}


def test_mails_of_several_reports_are_counted_as_sent_at_once_and_what_fails_does_not_stop_the_others(
    server, doubtful, mailed, shown
):
    reports = [
        doubtful("together_1"),
        doubtful("together_2"),
        mailed("together_3", "ada_pages", status="refused"),
    ]
    shown("ada", "together_3")
    given = form(server, reports[0], token(server, "ada", reports[0]))
    given["mail"] = [f"{report}/{TODAY}/{mail_of(server, report).key}" for report in reports]

    answer = server.client("ada").post("daybreak/deliveries/mail", data=given, headers=ours(server))
    assert answer.headers["location"].endswith("deliveries?done=2&failed=1")
    assert [mail_of(server, report).standing for report in reports] == ["sent", "sent", "refused"]


def test_a_dags_tab_leads_to_its_reports_calendar_and_shows_which_there_are(server, doubtful):
    doubtful("only_one", "ada_tab")
    ada = server.client("ada")

    assert ada.get("daybreak/dags/ada_tab").headers["location"] == "/airflow/daybreak/calendar/only_one"
    doubtful("another_one", "ada_tab")
    assert "calendar/another_one" in ada.get("daybreak/dags/ada_tab").text
    assert "There is no report of it yet." in ada.get("daybreak/tasks/ada_tab/none").text


def test_programs_are_told_figures_a_badge_and_what_there_is_to_ask(server, doubtful):
    report = doubtful("for_programs")
    ada = server.client("ada")

    figures = ada.get("daybreak/api/metrics").text
    assert re.search(
        rf'^daybreak_report_state\{{report="{report}",dag_id="ada_pages",.*state="in_doubt"\}} 1$',
        figures,
        re.MULTILINE,
    )
    badge = ada.get(f"daybreak/api/badge/{report}.svg")
    assert "in doubt" in ET.fromstring(badge.text)[0].text
    assert badge.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "/api/today" in ada.get("daybreak/api/openapi.json").json()["paths"]


def test_a_release_is_rolled_back_by_who_may_change_its_dag_and_shown_to_who_may_read_it(
    server, doubtful, tmp_path
):
    layout = Layout(server.log.parent / "daybreak" / "releases", "adas_script")
    for number in (1, 2):
        (tmp_path / "report.py").write_text(f"print({number})")
        deploy(layout, Plan(tmp_path, dag_id="ada_releases"))
    [current, previous] = [state["release"] for state in states_of(layout)]
    ada, bob = server.client("ada"), server.client("bob")

    assert previous in ada.get("daybreak/releases").text
    assert "adas_script" not in bob.get("daybreak/releases").text
    assert ada.get(f"daybreak/releases/adas_script/{current}/lock").status_code == 200
    assert bob.get(f"daybreak/releases/adas_script/{current}/lock").status_code == 404
    bobs = {"token": token(server, "bob", doubtful("bobs_release", "bob_pages", "bob"))}
    assert (
        bob.post("daybreak/releases/adas_script/roll_back", data=bobs, headers=ours(server)).status_code == 404
    )
    adas = {"token": token(server, "ada", doubtful("adas_release")), "to": previous}
    assert ada.post("daybreak/releases/adas_script/roll_back", data=adas).status_code == 403
    answer = ada.post("daybreak/releases/adas_script/roll_back", data=adas, headers=ours(server))
    assert answer.headers["location"] == f"/airflow/daybreak/releases?done={previous}"
    assert {state["release"]: state["state"].split(",")[0] for state in states_of(layout)}[
        previous
    ] == "current"


def test_a_reports_page_says_which_release_made_it_and_the_releases_page_who_uses_which(
    server, mailed, shown, tmp_path
):
    layout = Layout(server.log.parent / "daybreak" / "releases", "script_in_use")
    made = []
    for number in (1, 2):
        (tmp_path / "report.py").write_text(f"print('in use', {number})")
        made.append(deploy(layout, Plan(tmp_path, dag_id="ada_in_use")).release.id)
    run = {"dag_id": "ada_in_use", "run_id": "scheduled__1", "releases": {"script_in_use": made[0]}}
    report = mailed("in_use", "ada_in_use", run=run)
    shown("ada", report)
    ada, bob = server.client("ada"), server.client("bob")

    page = ada.get(f"daybreak/calendar/{report}").text
    assert re.search(rf"<b>script_in_use</b> <code>{made[0]}</code> made the report of", page)
    assert f"current on this machine: <code>{made[1]}</code>" in page
    assert f"<code>{made[0]}</code>" in ada.get(f"daybreak/day/{report}/{TODAY}").text
    rows = re.findall(r"<tr><th scope=\"row\"><code>(\w+)</code>(.*?)</tr>", ada.get("daybreak/releases").text)
    assert {release: "calendar/in_use" in rest for release, rest in rows if release in made} == {
        made[0]: True,
        made[1]: False,
    }
    assert "script_in_use" not in bob.get("daybreak/releases").text


def test_a_release_on_another_worker_is_shown_with_the_one_before_to_who_may_read_the_dag_that_deployed_it(
    server,
):
    result = {"name": "elsewhere", "release": "a" * 16, "previous": "b" * 16, "lock_sha256": "c" * 64}
    for number, worker in enumerate(("worker-1", "worker-1", "worker-2")):
        server.deploy_from_task(
            "ada_elsewhere", f"run_{number}", worker, {**result, "release": f"{number}" * 16}
        )

    page = server.client("ada").get("daybreak/releases").text
    section = page[page.index('id="elsewhere"') :].partition("</section>")[0]
    found = re.findall(
        r"<th scope=\"row\">([\w-]+)</th><td><code>(\w+)</code></td><td><code>(\w+)</code>", section
    )
    assert found == [("worker-1", "1" * 16, "b" * 16), ("worker-2", "2" * 16, "b" * 16)]
    assert "elsewhere" not in server.client("bob").get("daybreak/releases").text
