from __future__ import annotations

import http.client
from urllib.parse import parse_qs, urlsplit

import pytest

pytestmark = pytest.mark.scheduler

HTML = b'<h1>Almanac</h1><script>alert(document.cookie)</script><img src="charts/a.png" alt="">'


@pytest.fixture(scope="module")
def adas(server):
    """Return the address of a report that ada may read."""
    files = {
        "report.html": ("text/html", HTML),
        "report.txt": ("text/plain", "Sonnenaufgang: früh".encode()),
        "charts/a.png": ("image/png", b"\x89PNG"),
        "data/almanac.csv": ("text/csv", b"a,b\n"),
    }
    return server.publish(dag_id="ada_daily", report="daily_report", files=files)


def raw(server, path, headers=None):
    """Send a path as it stands, which clients would tidy up."""
    connection = http.client.HTTPConnection(urlsplit(server.base).netloc, timeout=30)
    connection.request("GET", f"/airflow/{path}", headers=headers or {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_whoever_may_read_the_dag_sees_the_report_with_its_charts_inside(server, adas):
    answer = server.client("ada").get(adas)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert b'src="data:image/png;base64,iVBORw=="' in answer.content


def test_script_in_a_report_is_sandboxed(server, adas):
    answer = server.client("ada").get(adas)

    policy = answer.headers["content-security-policy"].split("; ")
    assert policy[:2] == ["sandbox allow-downloads", "default-src 'none'"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_cookie_of_the_ui_works_as_well(server, adas):
    answer = server.client(cookies={"_token": server.token("ada")}).get(adas)

    assert answer.status_code == 200


def test_without_the_slash_the_browser_is_sent_to_the_folder(server, adas):
    answer = server.client("ada", follow_redirects=True).get(adas.rstrip("/"))

    assert answer.url == server.base + adas
    assert answer.status_code == 200


def test_files_are_there_by_name(server, adas):
    client = server.client("ada")

    text = client.get(f"{adas}report.txt")
    assert text.text == "Sonnenaufgang: früh"
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert client.get(f"{adas}charts/a.png").headers["content-type"] == "image/png"
    data = client.get(f"{adas}data/almanac.csv")
    assert data.headers["content-disposition"].startswith('attachment; filename="almanac.csv"')


def test_who_may_not_read_the_dag_can_not_tell_whether_there_is_a_report(server, adas):
    client = server.client("bob")

    forbidden = client.get(adas)
    absent = client.get("daybreak/reports/other_report/2026-03-29/1/")

    assert (forbidden.status_code, forbidden.text) == (absent.status_code, absent.text)
    assert forbidden.status_code == 404
    assert client.get(f"{adas}report.txt").status_code == 404
    assert client.get(f"{adas}nothing.txt").text == absent.text


@pytest.mark.parametrize("dag_id", ["~", "", None])
def test_a_report_of_no_certain_dag_is_for_nobody(server, dag_id):
    address = server.publish(
        dag_id=dag_id, report=f"of_{len(str(dag_id))}", files={"report.html": ("text/html", b"x")}
    )

    assert server.client("bob").get(address).status_code == 404


def test_the_dag_of_the_archived_report_counts_and_not_one_the_address_names(server, adas):
    assert server.client("bob").get(f"{adas}?dag_id=bob_daily").status_code == 404


def test_a_program_without_token_is_told_so(server, adas):
    for address in (adas, adas.rstrip("/"), f"{adas}report.txt", "daybreak/reports/other/2026-03-29/1/"):
        answer = server.client().get(address)

        assert answer.status_code == 401
        assert answer.json() == {"detail": "Not authenticated"}


def test_a_token_of_somebody_else_s_making_is_refused(server, adas):
    token = server.token("ada")

    answer = server.client(headers={"Authorization": f"Bearer {token[:-4]}AAAA"}).get(adas)

    assert answer.status_code == 403
    assert b"Almanac" not in answer.content


def test_a_browser_that_is_not_logged_in_lands_at_the_login_which_leads_back(server, adas):
    client = server.client(headers={"Accept": "text/html,application/xhtml+xml"}, follow_redirects=True)

    answer = client.get(adas)

    assert answer.status_code == 200
    assert answer.url.path == "/airflow/auth/login"
    assert parse_qs(answer.url.query.decode())["next"] == [f"/airflow/{adas}"]


@pytest.mark.parametrize("path", ["daybreak/docs", "daybreak/redoc", "daybreak/openapi.json", "daybreak/"])
def test_the_application_does_not_describe_itself(server, path):
    assert server.client().get(path).status_code == 404


@pytest.mark.attack("injections")
@pytest.mark.parametrize(
    "path",
    [
        "../../../../../../etc/passwd",
        "..%2f..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e/%2e%2e/%2e%2e/manifest.json",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "charts/../report.html",
        "manifest.json",
        "claim.json",
        "report.html%00.png",
        ".",
    ],
)
def test_only_the_files_that_the_manifest_lists_are_served(server, adas, path):
    headers = {"Authorization": f"Bearer {server.token('ada')}"}

    status, body = raw(server, f"{adas}{path}", headers)

    assert (status, body) == (404, b'{"detail":"Not found"}')


@pytest.mark.attack("injections")
@pytest.mark.parametrize(
    "path",
    [
        "daily_report/2026-03-29/0/",
        "daily_report/2026-03-29/01/",
        "daily_report/2026-03-29/-1/",
        "daily_report/2026-03-29/%2b1/",
        f"daily_report/2026-03-29/{'9' * 300}/",
        "daily_report/20260329/1/",
        "daily_report/2026-02-31/1/",
        "daily_report/today/1/",
        "~/2026-03-29/1/",
        "..%2fdaily_report/2026-03-29/1/",
        "%2e%2e/2026-03-29/1/",
        "DAILY_REPORT/2026-03-29/1/",
        "daily_report%00/2026-03-29/1/",
    ],
)
def test_an_address_that_names_no_revision_is_absent(server, path):
    headers = {"Authorization": f"Bearer {server.token('ada')}"}

    assert raw(server, f"daybreak/reports/{path}", headers)[0] == 404


def test_a_date_leads_to_its_latest_revision_and_the_page_says_which_it_is(server):
    for text in (b"<h1>First</h1>", b"<h1>Second</h1>"):
        address = server.publish(dag_id="ada_daily", report="dated", files={"report.html": ("text/html", text)})
    server.publish(
        dag_id="ada_daily", report="dated", files={"report.html": ("text/html", b"Draft")}, draft=True
    )
    client = server.client("ada", follow_redirects=True)

    for dated in (address.removesuffix("1/"), address.removesuffix("/1/")):
        answer = client.get(dated)
        assert (answer.status_code, answer.url) == (200, f"{server.base}{address.removesuffix('1/')}2/")
        assert "dated, 2026-03-29, revision 2<" in answer.text
        assert "<h1>Second</h1>" in answer.text


@pytest.mark.usefixtures("adas")
def test_who_may_not_read_the_latest_revision_of_a_date_can_not_tell_whether_there_is_one(server):
    client = server.client("bob")

    for slash in ("", "/"):
        forbidden = client.get(f"daybreak/reports/daily_report/2026-03-29{slash}")
        absent = client.get(f"daybreak/reports/other_report/2026-03-29{slash}")
        assert (forbidden.status_code, forbidden.text) == (absent.status_code, absent.text)
        assert (forbidden.status_code, forbidden.history) == (404, [])
        assert server.client().get(f"daybreak/reports/daily_report/2026-03-29{slash}").status_code == 401


def test_a_reader_who_follows_a_mails_link_logs_in_and_comes_back(server):
    client = server.client(headers={"Accept": "text/html"}, follow_redirects=True)

    answer = client.get("daybreak/reports/daily_report/2026-03-29")

    assert answer.url.path == "/airflow/auth/login"
    assert parse_qs(answer.url.query.decode())["next"] == ["/airflow/daybreak/reports/daily_report/2026-03-29"]


@pytest.mark.attack("injections")
@pytest.mark.parametrize(
    "path",
    [
        "daily_report/2026-03-30",
        "daily_report/2026-02-31",
        "daily_report/20260329",
        "daily_report/2026-03-29%00",
        "..%2fmy%20reports%2fdaily_report/2026-03-29",
        "%2e%2e/2026-03-29",
        "DAILY_REPORT/2026-03-29/",
        "daily_report/%d9%a2%d9%a0%d9%a2%d9%a6-03-29",
        "daily_report/2026-03-29%0d%0aSet-Cookie:%20a=b/",
        "~/2026-03-29",
        f"{'a' * 3000}/2026-03-29",
    ],
)
@pytest.mark.usefixtures("adas")
def test_a_date_that_names_no_report_is_absent(server, path):
    headers = {"Authorization": f"Bearer {server.token('ada')}", "Accept": "text/html"}

    status, body = raw(server, f"daybreak/reports/{path}", headers)

    assert status == 404
    assert b"Sonnenaufgang" not in body
    assert b"Traceback" not in body


@pytest.mark.attack("injections")
@pytest.mark.usefixtures("adas")
@pytest.mark.parametrize(
    "path",
    ["daily_report%2f2026-03-29", "daily_report/2026-03-29%2f1", "daily_report/2026-03-29%2f1%2freport.txt"],
)
def test_an_encoded_slash_opens_to_nobody_what_a_slash_does_not(server, path):
    headers = {"Authorization": f"Bearer {server.token('bob')}"}

    status, body = raw(server, f"daybreak/reports/{path}", headers)

    assert status in (404, 307)
    assert b"Sonnenaufgang" not in body
    assert raw(server, f"daybreak/reports/{path}/", headers)[0] == 404


def test_a_report_that_was_changed_is_not_shown(server):
    address = server.publish(
        dag_id="ada_daily", report="changed", files={"report.html": ("text/html", b"true")}
    )
    (server.archive.root / "changed/2026/03/29/r0001/report.html").write_text("forged")

    answer = server.client("ada").get(address)

    assert answer.status_code == 500
    assert "was changed after it was published" in answer.json()["detail"]
    assert "forged" not in answer.text


def test_a_browser_is_told_in_a_page_that_there_is_no_report(server, adas):
    client = server.client("ada", headers={"Accept": "text/html"})

    for address in (adas.replace("/1/", "/77/"), f"{adas}gone.txt"):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "There is no such report" in answer.text
        assert '<a data-top href="/airflow/">Back to Airflow</a>' in answer.text


def test_a_report_leads_back_to_the_run_that_made_it(server, adas):
    text = server.client("ada").get(adas).text

    assert 'href="/airflow/dags/ada_daily/runs/' in text
    assert text.index("dags/ada_daily/runs/") < text.index("<h1>Almanac</h1>")


@pytest.mark.parametrize("rest", ["", "report.txt", "no-such.txt"])
def test_who_asks_for_the_head_alone_is_answered_as_who_asks_for_the_page(server, adas, rest):
    for client in (server.client("ada"), server.client("bob"), server.client()):
        whole, head = client.get(adas + rest), client.head(adas + rest)

        assert head.status_code == whole.status_code
        assert head.content == b""
        for name in ("content-type", "content-security-policy", "content-length"):
            assert head.headers.get(name) == whole.headers.get(name)


def test_a_large_file_comes_in_pieces_and_not_once_it_was_changed(server):
    data = bytes(range(256)) * 8192
    address = server.publish(
        dag_id="ada_daily",
        report="of_two_megabytes",
        files={"report.txt": ("text/plain", b"The text"), "all.csv": ("text/csv", data)},
    )
    ada = server.client("ada")

    whole = ada.get(f"{address}all.csv")
    assert whole.content == data
    assert whole.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in whole.headers["Content-Security-Policy"]
    piece = ada.get(f"{address}all.csv", headers={"Range": "bytes=1000000-1000009"})
    assert (piece.status_code, piece.content) == (206, data[1000000:1000010])
    assert ada.get(f"{address}all.csv", headers={"Range": "bytes=9999999-"}).status_code == 416
    assert ada.head(f"{address}all.csv").headers["Content-Length"] == str(len(data))
    assert server.client("bob").get(f"{address}all.csv", headers={"Range": "bytes=0-9"}).status_code == 404
    path = server.archive.root / "of_two_megabytes/2026/03/29/r0001/all.csv"
    path.chmod(0o644)
    path.write_bytes(data[::-1])
    changed = ada.get(f"{address}all.csv", headers={"Range": "bytes=0-9"})
    assert changed.status_code == 500
    assert "was changed after it was published" in changed.json()["detail"]
