"""Every page and action of an Airflow over which the wheel is installed, asked for by an anonymous visitor, a viewer and an admin."""

from __future__ import annotations

import json
import re
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx

from demo.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from tests.test_packaging import Home

USERS = ("anonymous", "viewer", "admin")
PASSWORD = "a password of the matrix"
_ROUTES = """
import json
from airflow_provider_daybreak.web.app import make_app
print(json.dumps([(method, each.path) for each in make_app().routes for method in each.methods if method != "HEAD"]))
"""
_SHOWN = (200, 303, 307)
_REFUSED = {"/check": 404}
"""By path, what a viewer is answered of a page that is not for him."""


@contextmanager
def served(home: Home, folder: Path) -> Iterator[dict[str, httpx.Client]]:
    """
    Run the API server of a home until the block ends; yield a client of each user.

    :param folder: for its log and passwords.
    """
    port = free_port()
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps(dict.fromkeys(USERS[1:], PASSWORD)))
    env = home.env | {
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "viewer:viewer,admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
    }
    command = ["airflow", "api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    base = f"http://127.0.0.1:{port}"
    with (folder / "api-server.log").open("wb") as log:
        server = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 300
            while True:
                with suppress(httpx.HTTPError):
                    if httpx.get(f"{base}/api/v2/version").status_code == 200:
                        break
                assert time.monotonic() < deadline, "the API server does not answer"
                time.sleep(1)
            clients = {user: httpx.Client(base_url=base, timeout=120) for user in USERS}
            for user in USERS[1:]:
                answer = httpx.post(
                    f"{base}/auth/token", json={"username": user, "password": PASSWORD}, timeout=60
                )
                clients[user].headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield clients
        finally:
            server.terminate()
            server.wait()


def readers(clients: dict[str, httpx.Client], day: date) -> list[str]:
    """Return who may open the daily report of a day."""
    found = []
    for user, client in clients.items():
        status = client.get(f"/daybreak/reports/daily_report/{day}/1/").status_code
        assert status in (200, 401, 404), f"{user} gets {status} for the report"
        found += [user] if status == 200 else []
    return found


def look(home: Home, clients: dict[str, httpx.Client], day: date) -> int:
    """
    Ask for all that the application answers, as each user, and make sure that each answer is what it should be.

    :param day: that has a daily report, which was mailed.
    :return: how many answers there were.
    """
    admin = clients["admin"]
    for client in (admin, clients["viewer"]):
        client.headers.update({"Origin": str(client.base_url).rstrip("/"), "Accept": "text/html"})
    for _ in range(120):
        known = {row["report"] for row in admin.get("/daybreak/api/today").json()["reports"]}
        page = admin.get(f"/daybreak/day/daily_report/{day}")
        if "daily_report" in known and 'name="key"' in page.text:
            break
        time.sleep(0.5)
    key = re.search(r'name="key" value="(\w+)"', page.text)[1]
    token = re.search(r'name="token" value="(\w+)"', page.text)[1]
    releases = admin.get("/daybreak/releases").text
    name, release = (
        re.search(pattern, releases)[1] for pattern in (r'<section id="([\w-]+)"', r"<code>(\w{16})</code>")
    )
    runs = admin.get("/api/v2/dags/daily_report/dagRuns").json()["dag_runs"]
    values = {
        "report": "daily_report", "report_date": str(day), "number": "1", "dag_id": "daily_report",
        "run_id": runs[0]["dag_run_id"], "release": release,
    }  # fmt: skip
    said = {"key": key, "mail": f"daily_report/{day}/{key}", "day": str(day)}
    form = {
        **said,
        "token": token,
        "do": "sent",
        "reason": "asked",
        "id": "a1",
        "answer": "approve",
        "mark": "0" * 64,
        "to": release,
    }
    answers, has_commands = 0, _has_commands(home)
    routes = subprocess.run(
        [home.python, "-c", _ROUTES], env=home.env, check=True, capture_output=True, text=True
    ).stdout
    for method, path in json.loads(routes.splitlines()[-1]):
        file = {"static": "pages.css", "releases": name}.get(path.split("/")[1], "report.txt")
        address = re.sub(r"\{(\w+)(?::path)?\}", lambda found, file=file: values.get(found[1], file), path)
        for user, client in clients.items():
            given = {"data": form} if method == "POST" else {}
            answer = client.request(method, f"/daybreak{address}?{urlencode(said)}", **given)
            answers += 1
            what = f"{user} gets {answer.status_code} for {method} {address}: {answer.text[:300]}"
            if user == "anonymous":
                assert answer.status_code == 401, what
            elif method == "POST":  # what a form asks for that is done already, is refused with a sentence
                allowed = (403, 404) if user == "viewer" else (*_SHOWN, 404, 409)
                assert answer.status_code in allowed, what
            else:
                nothing = (409,) if path.endswith("/fill") else ()
                expected = (_REFUSED[path],) if user == "viewer" and path in _REFUSED else (*_SHOWN, *nothing)
                assert answer.status_code in expected, what
            assert has_commands or "airflow daybreak" not in answer.text, what
    return answers


def _has_commands(home: Home) -> bool:
    """Return whether the Airflow of a home has our commands as its own."""
    done = subprocess.run(["airflow", "daybreak", "--help"], env=home.env, capture_output=True, check=False)
    return done.returncode == 0
