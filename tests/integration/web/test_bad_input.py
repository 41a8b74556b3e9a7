"""What is far larger than usual, damaged, gone or away: each is a page that says so, shows what is known, and loses nothing."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from airflow_provider_daybreak.delivery.audit import records_of
from airflow_provider_daybreak.delivery.mailing import ledger_of
from airflow_provider_daybreak.web.app import make_app
from tests.integration.web.looks import faults
from tests.integration.web.server import served
from tests.mail import draft
from tests.waiting import until

pytestmark = pytest.mark.scheduler

TODAY = datetime.now(timezone.utc).date()
HTML = {"Accept": "text/html"}
NASTY = (
    "~",
    "..%2f..",
    "%2e%2e",
    "a%2fb",
    "%2f",
    "%00",
    "%ff",
    "%F0%9F%92%A9",
    "-",
    "x" * 4000,
    "1" * 400,
    "2026-13-45",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server of its own, whose archive is damaged and taken away. No Dag of any report is known to it."""
    folder = tmp_path_factory.mktemp("archive") / "reports"
    with served(tmp_path_factory.mktemp("airflow"), folder.as_uri()) as server:
        yield server


@pytest.fixture(scope="module")
def asked(server):
    """Return a function that asks for a page as ada, and says how large the answer is and what it cost."""
    client = server.client("ada", headers=HTML)

    def ask(path, what=""):
        before = server.cpu()
        answer = client.get(f"daybreak/{path}", timeout=120)
        print(
            f"{what or path[:60]}: {answer.status_code}, {len(answer.content):,} bytes, {server.cpu() - before:.2f} s of CPU"
        )
        return answer

    return ask


def known(server, report):
    """Wait until the server knows a report."""
    client = server.client("ada")
    until(
        lambda: report in {row["report"] for row in client.get("daybreak/api/today").json()["reports"]},
        seconds=120,
    )


def damage(server, report, number, data):
    """Put something else in the place of a manifest."""
    path = server.archive.folder(report, TODAY, number) / "manifest.json"
    path.unlink()
    path.write_bytes(data)


@pytest.fixture
def looked(server, browser):
    """Return a function that returns what is wrong with pages as they are seen."""
    context = browser.new_context(reduced_motion="reduce")
    context.add_cookies([{"name": "_token", "value": server.token("ada"), "url": server.base}])
    page = context.new_page()
    page.set_default_timeout(120_000)

    def look(*paths):
        found = {}
        for path in paths:
            page.emulate_media(color_scheme="light")
            page.goto(f"{server.base}daybreak/{path}")
            found[path] = list(faults(page))
        return {path: each for path, each in found.items() if each}

    return look


@pytest.mark.browser
def test_where_there_is_no_report_yet_each_page_says_so_and_today_teaches_the_first(asked, looked):
    assert looked("today", "deliveries", "releases") == {}
    assert "airflow daybreak new sales" in asked("today").text
    assert "All mails that were asked for are sent." in asked("deliveries").text
    assert "Nothing that you may see is deployed" in asked("releases").text


def test_ten_megabytes_of_html_are_shown_and_the_page_around_them_stays_small(server, asked):
    text = " ".join(f"{number}" for number in range(250_000)).encode()
    for back in (1, 0):
        html = b"<html><body>" + b"<p>Almanac</p>" * 750_000 + b"</body></html>"
        files = [("report.html", "text/html", html), ("report.txt", "text/plain", text + b"%d" % back)]
        server.publish_mailed(
            "of_ten_megabytes", "ada_large", day=TODAY - timedelta(days=back), files=_files(files)
        )
    known(server, "of_ten_megabytes")

    day = asked(f"day/of_ten_megabytes/{TODAY}?against=before", "a day of 10 MB, compared")
    assert day.status_code == 200
    assert len(day.content) < 100_000
    assert "<del>" in day.text  # one line of two megabytes each, shown as far as one can read it
    shown = asked(f"reports/of_ten_megabytes/{TODAY}/1/", "10 MB of HTML")
    assert shown.content.endswith(b"<p>Almanac</p></body></html>")
    assert len(shown.content) > 10_000_000


def test_texts_that_are_hard_to_compare_cost_no_more_than_others(server, asked):
    lines = [["a", "b"] * 2000, ["a", "a", "b", "c"] * 1000]
    words = [" ".join(["a", "b"] * 2000), " ".join(["a", "a", "b", "c"] * 1000)]
    for report, texts in {"hard_lines": ["\n".join(each) for each in lines], "hard_words": words}.items():
        for back, text in enumerate(texts):
            files = _files([("report.txt", "text/plain", text.encode())])
            server.publish_mailed(report, "ada_large", day=TODAY - timedelta(days=back), files=files)
        known(server, report)
        answer = asked(f"day/{report}/{TODAY}?against=before", report)
        assert answer.status_code == 200
        assert len(answer.content) < 1_000_000


def _files(files):
    from airflow_provider_daybreak.archive import DraftFile

    return [DraftFile(*each) for each in files]


def _of_wrong_types():
    wrong = ([], {}, "x", 7, -1, None, True, 1e400, "\ud800")
    for name in json.loads(PLAIN):
        yield from (
            (name, value) for value in wrong if (name, value) != ("run", {})
        )  # nobody's, so that nobody may read it


PLAIN = b"""{"schema": 1, "report": "r", "report_date": "2026-03-29", "period": {}, "revision": 1, "title": "", "created": "", "files": [],
"digest": "", "rows": {}, "run": {}, "provider_version": "", "template_sha256": "", "queries": {}, "checks": [], "outcome": "", "draft": false}"""


def test_a_damaged_manifest_is_named_on_its_day_and_hides_no_other_revision(server, asked):
    report = "with_damage"
    for title in ("First", "Second"):
        server.publish_mailed(report, "ada_damaged", title=title)
    known(server, report)
    path = server.archive.folder(report, TODAY, 2) / "manifest.json"
    whole = path.read_bytes()
    facts = json.loads(whole)
    damaged = {
        "cut off": whole[: len(whole) // 2],
        "empty": b"",
        "no JSON": bytes(range(256)),
        "deep": b'{"a":' * 50_000,
        "a list": b"[]",
        "of a later version": json.dumps({**facts, "schema": 99}).encode(),
        "of another report": json.dumps({**facts, "report": "../../x"}).encode(),
        **{
            f"{name}={value!r}": json.dumps({**facts, name: value}).encode()
            for name, value in _of_wrong_types()
        },
    }
    day = f"day/{report}/{TODAY}"
    elsewhere = (f"calendar/{report}", f"today?q={report}", "deliveries")
    said = 0
    for what, data in damaged.items():
        damage(server, report, 2, data)
        client = server.client("ada", headers=HTML)
        pages = (day, f"{day}?against=before", *(elsewhere if "=" not in what else ()))
        answers = [client.get(f"daybreak/{page}") for page in pages]
        assert [each.status_code for each in answers] == [200] * len(pages), what
        assert client.get(f"daybreak/reports/{report}/{TODAY}/2/").status_code in (200, 404), what
        said += "Revision 2 can&#39;t be shown." in answers[0].text
        assert "First" in answers[0].text or "Second" in answers[0].text, what
    assert said > len(damaged) / 2  # some of these values are fine, such as an empty list of checks
    damage(server, report, 1, b"")
    damage(server, report, 2, b"")
    only = asked(f"day/{report}/{TODAY}", "a day of damage alone")
    assert only.status_code == 200
    assert "Revision 1 can&#39;t be shown." in only.text
    (server.archive.folder(report, TODAY, 2) / "manifest.json").unlink()
    assert "Revision 2" not in asked(f"day/{report}/{TODAY}", "a manifest that is gone").text
    damage(server, report, 1, whole)
    assert (
        len(list(records_of(ledger_of(server.archive, server.archive.revision(report, TODAY, 1).manifest))))
        == 1
    )


def test_a_damaged_ledger_is_an_answer_of_each_page(server, asked):
    report = "with_a_damaged_ledger"
    revision = server.publish_mailed(report, "ada_damaged", recipients=["ann@example.org", "bo@example.org"])
    known(server, report)
    folder = server.archive.deliveries(report, TODAY)
    [key, *_] = ledger_of(server.archive, revision.manifest).keys()
    for data in (b"", b'{"recip', b"[]", bytes(range(256)), b'{"status": 7}'):
        for path in (folder / key).iterdir():
            path.chmod(0o600)
            path.write_bytes(data)
        for page in (f"day/{report}/{TODAY}", "today", "deliveries", "deliveries.csv", f"calendar/{report}"):
            assert asked(page, f"{page} with {data[:9]!r}").status_code == 200


def test_no_part_of_an_address_is_an_error_of_the_server(server):
    for user in ("ada", "bob"):
        client = server.client(user, headers=HTML)
        for route in make_app().routes:
            parts = re.findall(r"\{(\w+)(?::path)?\}", route.path)
            for part in parts:
                for value in NASTY:
                    path = re.sub(
                        r"\{(\w+)(?::path)?\}",
                        lambda found, part=part, value=value: value if found[1] == part else "x",
                        route.path,
                    )
                    for method in route.methods - {"HEAD"}:
                        answer = client.request(method, f"daybreak{path}")
                        assert answer.status_code in (200, 303, 307, 400, 403, 404), (
                            method,
                            path,
                            answer.text[:300],
                        )


@pytest.fixture
def away(server):
    """Return a function that takes the archive away until the test ends."""
    root = server.archive.root
    moved = root.with_name("moved")

    def take():
        root.rename(moved)
        client = server.client("ada")
        until(lambda: client.get("daybreak/api/today").json()["problem"], seconds=60)

    yield take
    if moved.exists():
        moved.rename(root)


@pytest.mark.browser
def test_of_an_archive_that_is_away_is_shown_what_is_known_and_since_when(server, asked, away, looked):
    report = "before_it_was_away"
    server.publish_mailed(report, "ada_away", status="refused", reason="550 no such user")
    known(server, report)
    away()

    for page in ("today", "deliveries", f"calendar/{report}", f"day/{report}/{TODAY}"):
        answer = asked(page, f"{page}, away")
        assert answer.status_code == 200
        assert re.search(r"The archive can(&#39;|')t be read since \d\d:\d\d", answer.text), page
        assert report in answer.text
    day = asked(f"day/{report}/{TODAY}").text
    assert "550 no such user" in day
    assert "checkbox" not in day
    shown = asked(f"reports/{report}/{TODAY}/1/", "a report, away")
    assert shown.status_code == 503
    assert "What was known of it is shown until it is back." in shown.text
    assert looked("today", f"day/{report}/{TODAY}", f"reports/{report}/{TODAY}/1/") == {}


def test_an_archive_that_is_back_is_as_it_was(server, asked):
    until(lambda: server.client("ada").get("daybreak/api/today").json()["problem"] is None, seconds=60)

    assert asked("reports/before_it_was_away/" + f"{TODAY}/1/").status_code == 200
    assert "be read since" not in asked("today").text


def test_an_archive_that_does_not_answer_hangs_no_page_and_not_airflow_itself(server, asked):
    report = "that_hangs"
    server.publish_mailed(report, "ada_hangs", status="refused", reason="550 no such user")
    known(server, report)
    path = server.archive.folder(report, TODAY, 1) / "manifest.json"
    whole = path.read_bytes()
    path.unlink()
    os.mkfifo(path)  # as a network's disk that does not answer: whoever opens it waits
    try:
        began = time.monotonic()
        day = asked(f"day/{report}/{TODAY}", "a day that hangs")
        print(f"answered after {time.monotonic() - began:.1f} s")
        assert day.status_code == 200
        assert "it gave no answer within 10 seconds" in day.text
        assert "550 no such user" in day.text
        assert asked(f"reports/{report}/{TODAY}/1/", "a report that hangs").status_code == 503
        assert asked("today").status_code == 200
        assert server.client("ada").get("api/v2/version").status_code == 200
        until(
            lambda: (
                "it has given no answer for"
                in (server.client("ada").get("daybreak/api/today").json()["problem"] or "")
            ),
            seconds=240,
        )
    finally:
        path.rename(path.with_name("pipe"))
        path.write_bytes(whole)
        with os.fdopen(os.open(path.with_name("pipe"), os.O_RDWR | os.O_NONBLOCK), "wb") as pipe:
            pipe.write(whole)
            time.sleep(1)
        path.with_name("pipe").unlink()
    until(lambda: server.client("ada").get("daybreak/api/today").json()["problem"] is None, seconds=120)
    assert "Almanac" in asked(f"day/{report}/{TODAY}").text


def test_five_thousand_recipients_of_a_day_are_counted_and_those_in_doubt_are_mailed_by_one_form(server):
    people = [f"reader{number:04}@example.org" for number in range(5000)]
    report = "of_many_readers"
    revision = server.publish_mailed(report, "bob_large", recipients=people, status="unknown", reason="cut off")
    bob = server.client("bob", headers={**HTML, "Origin": server.base.removesuffix("/airflow/")}, timeout=120)
    # A busy machine may take longer to read them than a page waits for an archive.
    until(lambda: 'name="key"' in bob.get(f"daybreak/day/{report}/{TODAY}").text)

    before = server.cpu()
    day = bob.get(f"daybreak/day/{report}/{TODAY}")
    print(f"a day of 5,000 recipients: {len(day.content):,} bytes, {server.cpu() - before:.2f} s of CPU")
    assert len(day.content) < 300_000
    assert "4700" in day.text
    keys = re.findall(r'name="key" value="(\w+)"', day.text)
    assert len(keys) == 300
    [token] = set(re.findall(r'name="token" value="(\w+)"', day.text))
    address = f"daybreak/day/{report}/{TODAY}/mail"
    shown = bob.post(address, data={"token": token, "key": keys})
    assert shown.text.count('name="key"') == 300
    assert {each.standing for each in records_of(ledger_of(server.archive, revision.manifest))} == {"in_doubt"}
    form = {"token": token, "key": keys, "do": "sent", "reason": "they have it", "id": "a1"}
    assert bob.post(address, data=form).status_code == 303
    standing = [each.standing for each in records_of(ledger_of(server.archive, revision.manifest))]
    assert (standing.count("sent"), standing.count("in_doubt")) == (300, 4700)
    until(
        lambda: "4200" in bob.get("daybreak/deliveries").text, seconds=240
    )  # the index is behind for a moment
    before = server.cpu()
    mails = bob.get("daybreak/deliveries")
    print(f"4,700 deliveries: {len(mails.content):,} bytes, {server.cpu() - before:.2f} s of CPU")
    assert len(mails.content) < 500_000
    assert "4200" in mails.text
    assert bob.get("daybreak/deliveries.csv").text.count(report) == 4700


def test_four_hundred_reports_are_one_page(server, asked):
    start, end = (f"{day}T00:00:00+00:00" for day in (TODAY, TODAY + timedelta(days=1)))
    for number in range(400):
        made = draft(f"many_{number:03}", TODAY, start=start, end=end, timezone="UTC")
        server.archive.publish(replace(made, run={"dag_id": "ada_many", "run_id": "scheduled__1"}))
    known(server, "many_399")

    page = asked("today?q=many_", "400 reports")
    assert page.text.count('class="report"') == 400
    assert len(page.content) < 2_000_000
