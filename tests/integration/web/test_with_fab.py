"""
The pages where people have their Dags by Airflow's FAB auth manager, behind a reverse proxy that has them below a path.

Which routes there are is asked of the application, so that a new one is attacked, looked at and walked through as well.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.integration.web.house import NOBODY, PREFIX, opened
from tests.integration.web.looks import faults

pytestmark = [pytest.mark.scheduler, pytest.mark.proxy]

DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
ELSEWHERE = (
    {},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost"},
    {"Origin": "http://localhost.evil.example"},
    *({"Origin": "ours", "Sec-Fetch-Site": site} for site in ("cross-site", "same-site", "none")),
)
OF_NOBODY = ("/static/{name}", "/api/openapi.json", "/releases/{name}/{release}/lock")
"""What names nobody: it is the same for all who are logged in, or a lock of no packages."""


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Two people and what is theirs, once the server knows all of it."""
    with opened(tmp_path_factory.mktemp("house")) as house:
        client = house.client("root")
        for _ in range(100):
            known = {row["report"] for row in client.get("daybreak/api/today").json()["reports"]}
            if {"adas_report", "bobs_report", "adas_other", "bobs_other"} <= known:
                break
        assert "bobs_other" in known
        yield house


def told(client, address):
    """Return what somebody is answered who asks for an address."""
    answer = client.get(address)
    return answer.status_code, answer.text


@pytest.mark.attack("injections")
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_on_no_route_does_anybody_see_what_is_another_ones_nor_whether_it_is_there(house, tried, accept):
    ada, bob, root = (house.client(user, Accept=accept) for user in ("ada", "bob", "root"))
    ada.follow_redirects = True  # one leads from a report to its folder, whether there is one or not
    for path in house.gets():
        forbidden, absent = (told(ada, house.address(path, owner)) for owner in ("bob", NOBODY))
        tried()
        assert forbidden == absent, path
        assert "bob" not in forbidden[1].lower(), path
        if "{" in path and path not in OF_NOBODY:
            assert forbidden[0] == 404, path
        allowed = [told(user, house.address(path, "bob")) for user in (bob, root)]
        assert any(status in (200, 307) for status, _ in allowed), path  # or the address would mean nothing
        if path not in OF_NOBODY and allowed[0][0] == 200:
            assert "bob" in allowed[0][1].lower(), path


@pytest.mark.attack("injections")
def test_on_no_route_does_anybody_change_what_is_another_ones_or_what_he_may_only_read(house, tried):
    before = house.standing()
    for user, owner in (("ada", "bob"), ("eve", "bob"), ("eve", "ada")):
        client = house.client(user, Origin=house.origin())
        for path in house.posts():
            form = house.form(user, owner)
            answers = [
                client.post(house.address(path, each), data=form | house.fields(each))
                for each in (owner, NOBODY)
            ]
            tried()
            assert {each.status_code for each in answers} <= {403, 404}, (user, owner, path)
            if owner == "bob":
                assert len({(each.status_code, each.text) for each in answers}) == 1, path
    assert house.standing() == before


def test_nobody_is_shown_or_changes_anything_without_a_login(house):
    nobody = house.client()
    for method, path in house.routes:
        address = house.address(path, "bob")
        assert nobody.request(method, address, headers={"Origin": house.origin()}).status_code == 401, path
        browser = nobody.request(method, address, headers={"Accept": "text/html"})
        assert browser.status_code == 307, path
        assert "/auth/login" in browser.headers["location"]
        framed = {"Accept": "text/html", "Sec-Fetch-Dest": "iframe"}
        answer = nobody.request(method, address, headers=framed)
        assert answer.status_code == 401, path
        assert "bob" not in answer.text


@pytest.mark.attack("injections")
@pytest.mark.parametrize("headers", ELSEWHERE, ids=str)
def test_no_route_changes_anything_that_another_page_asks_for(house, tried, headers):
    before = house.standing()
    if headers.get("Origin") == "ours":
        headers = headers | {"Origin": house.origin()}
    client = house.client("bob", **headers)
    for path in house.posts():
        tried()
        refused = 404 if path == "/check" else 403  # to who looks after Airflow alone, it is there at all
        assert client.post(house.address(path, "bob"), data=house.form("bob", "bob")).status_code == refused, (
            path
        )
    assert house.standing() == before


@pytest.fixture
def visitor(house, browser):
    """Return a function that has a browser in which somebody is logged in, and opens a page of what the proxy shows."""

    def visit(user, path="daybreak/today"):
        context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
        context.set_default_timeout(30_000)
        context.add_cookies([{"name": "_token", "value": house.server.token(user), "url": house.outside}])
        page = context.new_page()
        page.goto(house.outside + path)
        return page

    return visit


def pages(house, user="ada"):
    """Return the address of each page of ada's that somebody may see, once."""
    client, found = house.client(user, Accept="text/html"), {}
    client.follow_redirects = True
    for path in house.gets():
        answer = client.get(house.address(path, "ada"))
        if answer.headers["content-type"].startswith("text/html"):
            address = str(answer.url).removeprefix(house.server.base)
            found[address] = f"{address}&against=before" if path == "/day/{report}/{report_date}" else address
    assert len(found) > 8  # templates that have a page of their own
    return [*found.values(), "daybreak/reports/none/2026-03-29/1/"]


NOTHING_THERE = (
    *("today?q=none", "deliveries?q=none", "dags/ada_none", "tasks/ada_daily/none", "runs/ada_daily/none"),
    *(
        "nowhere",
        "calendar/none",
        "calendar/adas_report/fill",
        "deliveries/mail",
        "reports/none/2026-03-29/1/?framed",
    ),
)
"""What has nothing to show, or is refused, below the address of the pages."""


@pytest.mark.browser
def test_axe_finds_nothing_on_any_page_at_any_width_in_light_and_dark_and_none_is_wider_than_the_window(
    house, visitor
):
    page, found = visitor("root"), {}
    for address in (*pages(house, "root"), *(f"daybreak/{path}" for path in NOTHING_THERE)):
        page.emulate_media(color_scheme="light")
        policy = page.goto(house.outside + address).headers["content-security-policy"]
        found[address] = list(faults(page, scripted=not policy.startswith("sandbox")))
    page.goto(f"{house.outside}daybreak/check")
    page.get_by_role("button", name="Check now").click(no_wait_after=True)
    page.locator("table, .notice.bad").first.wait_for(
        timeout=240_000
    )  # what a busy machine has no time for is said, too
    found["check, with what was found"] = list(faults(page))
    ended = house.client().get("daybreak/today", headers={"Accept": "text/html", "Sec-Fetch-Dest": "iframe"})
    page.route(
        "**/ended", lambda route: route.fulfill(status=401, headers=dict(ended.headers), body=ended.content)
    )
    page.goto(f"{house.outside}ended")
    page.get_by_text("Your session has ended.").wait_for()
    found["ended"] = list(faults(page))
    assert {address: each for address, each in found.items() if each} == {}


@pytest.mark.browser
def test_whoever_logs_in_gets_to_where_he_was_going_and_from_there_everywhere_below_the_path(house, browser):
    page = browser.new_context().new_page()
    wrong = []
    page.on("response", lambda answer: wrong.append(answer.url) if answer.status >= 400 else None)
    page.on(
        "request",
        lambda sent: wrong.append(sent.url) if not sent.url.startswith((house.outside, "data:")) else None,
    )
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(f"{house.outside}daybreak/today")
    page.locator("#username").fill("ada")
    page.locator("#password").fill("ada")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Reports today").wait_for()
    assert page.url == f"{house.outside}daybreak/today"
    assert wrong == []

    seen, ahead = set(), [page.url]
    while ahead:
        address = ahead.pop()
        split = urlsplit(address)
        kind = DAY.sub("DAY", split.path), *sorted(parse_qs(split.query))  # one day is as another
        if kind in seen:
            continue
        seen.add(kind)
        if (
            "/daybreak/" not in address
            or "/static/" in address
            or split.path.endswith((".csv", ".png", ".txt", "/lock"))
        ):
            assert page.request.get(address).ok, address
            continue
        page.goto(address)
        assert wrong == [], address
        ahead += page.locator("a[href], iframe[src]").evaluate_all(
            "all => all.map(each => (each.href || each.src).split('#')[0])"
        )
    assert {path for path, *_ in seen} >= {f"{PREFIX}/daybreak/{name}" for name in ("releases", "deliveries")}


@pytest.mark.browser
def test_in_airflows_own_page_links_lead_within_the_frame_and_out_of_it_below_the_path(house, visitor):
    page = visitor("ada", "plugin/daybreak-today")
    frame = page.frame_locator("iframe")
    doubtful = frame.locator("tbody tr", has_text="In doubt")
    doubtful.get_by_role("link", name="adas_report", exact=True).first.click()
    frame.get_by_role("link", name="Open it alone").click()
    page.wait_for_url(f"{house.outside}daybreak/reports/adas_report/*/1/")


FOCUSED = """() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const reached = [...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, iframe, [tabindex='0']"
  )].filter((each) => each.checkVisibility());
  const style = getComputedStyle(at), box = at.getBoundingClientRect();
  const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
  const inside = box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth && box.width > 0;
  return {
    number: reached.indexOf(at), of: reached.length, seen: at.tagName === "IFRAME" || (outlined && inside),
    what: at.outerHTML.slice(0, 120),
  };
}"""


@pytest.mark.browser
def test_tab_reaches_all_there_is_on_each_page_in_turn_and_one_sees_where_it_is(house, visitor):
    page = visitor("ada")
    for address in pages(house):
        page.goto(house.outside + address)
        found = []
        for _ in range(300):
            page.keyboard.press("Tab")
            at = page.evaluate(FOCUSED)
            if at is None or at["number"] in [each["number"] for each in found[:-1]]:  # it begins anew
                break
            if (
                not found or at["number"] != found[-1]["number"]
            ):  # within a frame it stays the frame that has it
                found.append(at)
        assert [each["what"] for each in found if not each["seen"]] == [], address
        assert [each["number"] for each in found] == list(range(found[-1]["of"] if found else 0)), address


def with_tab(page, name, *, press="Enter"):
    """Go on with Tab to what has a name, as a screen reader says it, and press a key there."""
    for _ in range(200):
        page.keyboard.press("Tab")
        said = page.evaluate(
            "() => (document.activeElement.ariaLabel || document.activeElement.innerText || "
            "document.activeElement.closest('label')?.innerText || '').trim()"
        )
        if said.startswith(name) and press == "Enter":
            with page.expect_navigation():
                page.keyboard.press(press)
            return
        if said.startswith(name):
            if press:
                page.keyboard.press(press)
            return
    raise AssertionError(f"Tab does not reach {name!r} on {page.url}")


@pytest.mark.browser
def test_all_that_can_be_changed_is_changed_with_the_keyboard_alone(house, visitor):
    page = visitor("ada")
    sent = []
    page.on("request", lambda each: sent.append(each.url) if each.method != "GET" else None)

    with_tab(page, "Fill")
    page.get_by_role("heading", name="Fill adas_report").wait_for()
    with_tab(page, "Make them: 1")
    page.get_by_text("Runs on their way: 1.").wait_for()

    with_tab(page, "Reports today")
    with_tab(page, "Run again: adas_report")
    page.get_by_text("It runs again: adas_report.").wait_for()
    assert house.run_state("ada") == "queued"

    with_tab(page, "adas_report")
    page.get_by_role("button", name="Mail the chosen").wait_for()
    with_tab(page, "ada.1@example.org", press="Space")  # it was chosen, as it is in doubt
    with_tab(page, "Mail the chosen")
    with_tab(page, "Why", press="")
    page.keyboard.type("Ada has it")
    with_tab(page, "They have it")
    page.get_by_text("Done for 1.").wait_for()
    assert [each.standing for each in house.mails("ada")] == ["sent", "in_doubt"]

    with_tab(page, "Deliveries")
    page.get_by_role("heading", name="Deliveries").wait_for()
    with_tab(page, "adas_report", press="Space")
    with_tab(page, "Mail the chosen")
    with_tab(page, "Why", press="")
    page.keyboard.type("Ada has it")
    with_tab(page, "They have it")
    page.get_by_text("Done for 1.").wait_for()

    with_tab(page, "Releases")
    [current, previous] = house.releases("ada")
    with_tab(page, f"Roll back to {previous}")
    page.get_by_text(f"Current is now {previous}.").wait_for()
    assert house.releases("ada") == [previous, current]

    assert all(each.startswith(f"{house.outside}daybreak/") for each in sent)
    paths = {each.removeprefix(f"{house.outside}daybreak").partition("?")[0] for each in sent}
    patterns = {
        path: pattern
        for (method, path), pattern in house.routes.items()
        # One answers a mail task, which none has here, the other is for who looks after Airflow.
        if method == "POST" and path not in {"/day/{report}/{report_date}/answer", "/check"}
    }
    assert {
        path for path, pattern in patterns.items() if any(re.match(pattern, each) for each in paths)
    } == set(patterns)
