"""What a mail task holds is approved or rejected on the day's page: by whom, of what, and what an attack comes to."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, insert, select, update
from sqlalchemy.orm import Session

from airflow_provider_daybreak.delivery.audit import records_of
from airflow_provider_daybreak.delivery.ledger import key_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from tests.integration.web.server import NASTY
from tests.mail import draft

pytestmark = pytest.mark.scheduler

TODAY = datetime.now(timezone.utc).date()


@pytest.fixture(scope="module")
def database(server):
    """The database of the server's Airflow."""
    engine = create_engine(f"sqlite:///{server.log.parent / 'airflow.db'}", connect_args={"timeout": 60})
    yield engine
    engine.dispose()


@pytest.fixture
def held(server, database, shown):
    """Return a function that has a mail task hold a report of a Dag for an answer."""
    from airflow.models.dagrun import DagRun
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance

    def hold(
        report,
        dag_id="ada_held",
        *,
        mails_of=None,
        user="ada",
        subject="Send 'Almanac'?",
        body="It **goes** to 1",
        assignees=None,
    ):
        day = datetime.now(timezone.utc).date()
        start, end = (f"{each}T00:00:00+00:00" for each in (day, day + timedelta(days=1)))
        made = draft(report, day, start=start, end=end, timezone="UTC")
        revision = server.archive.publish(replace(made, run={"dag_id": dag_id, "run_id": "made"}))
        run = {
            "dag_id": mails_of or dag_id,
            "run_id": f"scheduled__{report}",
            "task_id": "mail",
            "map_index": -1,
        }
        facts = {
            "report": report,
            "report_date": str(day),
            "recipient": "ann@example.org",
            "revision": 1,
            "run": run,
        }
        key = key_of(report, revision.manifest.period_key, "ann@example.org")
        ledger_of(server.archive, revision.manifest).note(key, "waiting", "waits for an approval", facts)
        task = uuid4()
        with Session(database) as session, session.begin():
            session.execute(
                insert(DagRun).values(
                    dag_id=run["dag_id"],
                    run_id=run["run_id"],
                    run_type="manual",
                    run_after=datetime.now(timezone.utc),
                    state="running",
                )
            )
            session.execute(
                insert(TaskInstance).values(
                    id=task,
                    **run,
                    state="awaiting_input",
                    pool="default_pool",
                    next_method="execute_answered",
                    next_kwargs={},
                )
            )
            session.execute(
                insert(HITLDetail).values(
                    ti_id=task,
                    options=["Approve", "Reject"],
                    subject=subject,
                    body=body,
                    multiple=False,
                    assignees=assignees,
                )
            )
        shown(user, report)
        return task

    return hold


@pytest.fixture
def answered(database):
    """Return a function that says what a task was answered, by whom, and how it stands."""
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance

    def look(task):
        asked = (
            select(HITLDetail.chosen_options, HITLDetail.responded_by, TaskInstance.state)
            .join(TaskInstance, TaskInstance.id == HITLDetail.ti_id)
            .where(HITLDetail.ti_id == task)
        )
        with Session(database) as session:
            options, by, state = session.execute(asked).one()
        return options, by and by["name"], str(state)

    return look


WAITS = (None, None, "awaiting_input")


def page(server, report, user="ada"):
    return server.client(user).get(f"daybreak/day/{report}/{TODAY}", headers={"Accept": "text/html"}).text


def form(server, report, user="ada", **changes):
    text = page(server, report, user)
    found = {name: re.search(rf'name="{name}" value="([0-9a-f]{{64}})"', text) for name in ("token", "mark")}
    return {"answer": "approve", **{name: match[1] for name, match in found.items() if match}, **changes}


def send(server, report, given, user="ada", headers=None):
    ours = {"Origin": server.base.removesuffix("/airflow/")}
    return server.client(user).post(
        f"daybreak/day/{report}/{TODAY}/answer", data=given, headers=ours if headers is None else headers
    )


@pytest.mark.parametrize(
    ("given", "option", "said"), [("approve", "Approve", "Approved."), ("reject", "Reject", "Rejected.")]
)
def test_who_may_change_the_dag_answers_and_the_task_goes_on_as_by_airflows_own_page(
    server, held, answered, given, option, said
):
    report = f"to_{given}"
    task = held(report)
    assert "<strong>goes</strong>" in page(server, report)

    answer = send(server, report, form(server, report, answer=given))

    assert answer.status_code == 303
    assert answered(task) == ([option], "ada", "scheduled")
    back = server.client("ada").get(answer.headers["location"].removeprefix("/airflow/")).text
    assert said in back
    assert 'name="answer"' not in back
    with closing(sqlite3.connect(server.log.parent / "airflow.db")) as database:
        asked = "SELECT owner, dag_id, run_id, task_id, extra FROM log WHERE event = ? AND run_id = ?"
        [(*who, extra)] = database.execute(asked, (f"daybreak_{given}", f"scheduled__{report}")).fetchall()
    assert who == ["ada", "ada_held", f"scheduled__{report}", "mail"]
    assert json.loads(extra) == {"report": report, "report_date": str(TODAY), "subject": "Send 'Almanac'?"}
    [record] = records_of(ledger_of(server.archive, server.archive.latest(report, TODAY).manifest))
    assert record.standing == "waiting"  # what becomes of the mail is the task's to do, and to say


def test_an_answer_that_is_given_twice_counts_once(server, held, answered):
    task = held("given_twice")
    approved, rejected = (form(server, "given_twice", answer=each) for each in ("approve", "reject"))

    assert send(server, "given_twice", approved).status_code == 303
    late = send(server, "given_twice", rejected)
    assert late.status_code == 409
    assert "no longer waits for this answer" in late.json()["detail"]
    assert answered(task) == (["Approve"], "ada", "scheduled")


def test_what_was_asked_before_a_clear_is_no_answer_to_what_is_asked_after_it(server, held, answered, database):
    from airflow.models.hitl import HITLDetail

    task = held("asks_anew")
    old = form(server, "asks_anew")
    with Session(database) as session, session.begin():
        session.execute(update(HITLDetail).where(HITLDetail.ti_id == task).values(body="It goes to everybody"))

    assert send(server, "asks_anew", old).status_code == 409
    assert answered(task) == WAITS


def test_a_task_that_waits_no_more_is_not_woken(server, held, answered, database):
    from airflow.models.taskinstance import TaskInstance

    task = held("waits_no_more")
    old = form(server, "waits_no_more")
    for state in ("failed", "success", "skipped", "upstream_failed", None):
        with Session(database) as session, session.begin():
            session.execute(update(TaskInstance).where(TaskInstance.id == task).values(state=state))

        assert 'name="answer"' not in page(server, "waits_no_more")
        assert send(server, "waits_no_more", old).status_code == 409
        assert answered(task) == (None, None, str(state))


def test_who_may_only_read_sees_where_it_is_answered_and_can_not_answer(server, held, answered):
    task = held("read_only")
    shown = page(server, "read_only", "ad")
    assert "/required_actions" in shown
    assert 'name="answer"' not in shown
    assert "It <strong>goes" not in shown

    stolen = form(server, "read_only")
    assert send(server, "read_only", stolen, "ad").status_code == 403  # the token is hers
    assert send(server, "read_only", stolen, "bob").status_code in (403, 404)
    assert answered(task) == WAITS


def test_the_dag_of_the_task_counts_and_not_that_of_the_report(server, held, answered):
    task = held("mailed_by_bob", mails_of="bob_mails")
    hers = form(server, "mailed_by_bob")
    assert "mark" not in hers

    held("any_of_hers")
    answer = send(server, "mailed_by_bob", form(server, "any_of_hers"))
    assert answer.status_code == 404
    assert answered(task) == WAITS


def test_a_question_of_one_report_is_not_answered_by_the_form_of_another(server, held, answered):
    tasks = [held("one_question"), held("other_question", body="other")]

    answer = send(server, "one_question", form(server, "other_question"))
    assert answer.status_code == 409
    assert [answered(task) for task in tasks] == [WAITS, WAITS]


def test_whom_the_task_does_not_ask_is_refused_by_airflow(server, held, answered):
    task = held("asks_another", assignees=[{"id": "carol", "name": "carol"}])

    answer = send(server, "asks_another", form(server, "asks_another"))
    assert answer.status_code == 403
    assert "not a respondent" in answer.json()["detail"]
    assert answered(task) == WAITS


def test_an_answer_that_is_none_is_refused_with_what_is_expected(server, held, answered):
    task = held("no_answer")
    for given in ("", "Approve", "delete", "approve\x00", "approve reject"):
        told = send(server, "no_answer", form(server, "no_answer", answer=given))
        assert told.status_code == 400
        assert "approve or reject" in told.json()["detail"]
    assert answered(task) == WAITS


def test_what_another_page_asks_for_is_not_done(server, held, answered):
    task = held("answered_elsewhere")
    given, ours = form(server, "answered_elsewhere"), {"Origin": server.base.removesuffix("/airflow/")}
    elsewhere = (
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {**ours, "Sec-Fetch-Site": "cross-site"},
        {**ours, "Sec-Fetch-Site": "same-site"},
    )
    for headers in elsewhere:
        assert send(server, "answered_elsewhere", given, headers=headers).status_code == 403
    assert send(server, "answered_elsewhere", {**given, "token": "0" * 64}).status_code == 403
    nobody = server.client().post(f"daybreak/day/answered_elsewhere/{TODAY}/answer", data=given, headers=ours)
    assert nobody.status_code == 401
    assert answered(task) == WAITS


@pytest.mark.browser
def test_nothing_that_a_question_says_becomes_markup_or_leads_elsewhere(server, held, browser):
    body = "\n\n".join(
        [*NASTY, "[here](https://evil.example)", "![x](https://evil.example/x.png)", "<https://evil.example>"]
    )
    held("nasty_question", subject=NASTY[0], body=body)
    context = browser.new_context()
    context.add_cookies([{"name": "_token", "value": server.token("ada"), "url": server.base}])
    asked = []
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.base}daybreak/day/nasty_question/{TODAY}")

    question = page.locator(".question")
    assert page.title() != "acted"
    assert question.locator("img, script, svg, a, [onload], [onerror], [onmouseover]").count() == 0
    assert "<script>" in question.inner_text()
    assert not [url for url in asked if not url.startswith(server.base)]
    question.get_by_role("button", name="Approve").click()
    page.get_by_text("Approved.").wait_for()
