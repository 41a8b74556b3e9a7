"""
The pages where people have their Dags by Airflow's FAB auth manager, behind a reverse proxy that has them below a path.

Which routes there are is asked of the application, so that a new one is attacked, looked at and walked through as well.
"""

from __future__ import annotations

import pytest

from tests.integration.web.house import NOBODY, opened

pytestmark = [pytest.mark.scheduler, pytest.mark.proxy]

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
        assert client.post(house.address(path, "bob"), data=house.form("bob", "bob")).status_code == 403, path
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


@pytest.mark.browser
def test_in_airflows_own_page_links_lead_within_the_frame_and_out_of_it_below_the_path(house, visitor):
    page = visitor("ada", "plugin/daybreak-today")
    frame = page.frame_locator("iframe")
    frame.get_by_role("link", name="adas_report", exact=True).first.click()
    frame.get_by_role("link", name="Open it alone").click()
    page.wait_for_url(f"{house.outside}daybreak/reports/adas_report/*/1/")
