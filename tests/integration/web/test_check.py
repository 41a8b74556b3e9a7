"""The page Check: who sees it, that it hides secrets, and that what hangs in it hangs nobody else."""

from __future__ import annotations

import json
import re
import socket
from threading import Event, Thread

import pytest

from tests.integration.web.server import served

pytestmark = pytest.mark.scheduler

PASSWORD = "wrong-horse-battery-9"


class Slow:
    """A mail server that says nothing until it may go on, and then what it was told."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.asked, self.goes_on = Event(), Event()
        Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            client, _ = self.listening.accept()
            self.asked.set()
            self.goes_on.wait(9)
            client.sendall(f"554 no: {PASSWORD} is no password of ours\r\n".encode())
            client.close()


@pytest.fixture(scope="module")
def slow():
    return Slow()


@pytest.fixture(scope="module")
def server(tmp_path_factory, slow):
    """A server with a mail connection, and a Docker engine whose address has a password."""
    connection = {
        "conn_type": "smtp",
        "host": "127.0.0.1",
        "port": slow.port,
        "login": "reports@example.org",
        "password": PASSWORD,
        "extra": {
            "from_email": "reports@example.org",
            "disable_ssl": True,
            "disable_tls": True,
            "allow_insecure": True,
        },
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        patch.setenv("DOCKER_HOST", f"tcp://someone:{PASSWORD}@127.0.0.1:1")
        folder = tmp_path_factory.mktemp("archive") / "reports"
        with served(tmp_path_factory.mktemp("airflow"), folder.as_uri()) as server:
            yield server


def token(client):
    return re.search(r'name="token" value="([0-9a-f]{64})"', client.get("daybreak/check").text)[1]


def ask(server, user="bob", **options):
    client = server.client(user, **options)
    client.timeout = 120
    ours = {"Origin": server.base.removesuffix("/airflow/")}
    return client.post("daybreak/check", data={"token": token(client)}, headers=ours)


def test_who_does_not_look_after_airflow_is_not_told_that_there_is_such_a_page(server):
    ada, bob = server.client("ada"), server.client("bob")
    refused, absent = ada.get("daybreak/check"), ada.get("daybreak/chek")

    assert (refused.status_code, absent.status_code) == (404, 404)
    assert ada.post(
        "daybreak/check", headers={"Origin": server.base.removesuffix("/airflow/")}
    ).status_code in (403, 404)
    assert "daybreak/check" not in ada.get("daybreak/today").text
    assert server.client().get("daybreak/check").status_code == 401
    assert 'href="/airflow/daybreak/check"' in bob.get("daybreak/today").text
    assert bob.post("daybreak/check", data={"token": token(bob)}).status_code == 403  # of no page of ours


def test_others_are_served_while_a_part_hangs_and_each_part_is_said_without_any_secret(server, slow):
    answers = []
    asking = Thread(target=lambda: answers.append(ask(server)))
    asking.start()
    assert slow.asked.wait(90)
    assert server.client("ada").get("daybreak/today").status_code == 200
    assert server.client("ada").get("api/v2/version").status_code == 200
    assert not answers  # and all that while it was not ended
    slow.goes_on.set()
    asking.join(120)

    [answer] = answers
    assert answer.status_code == 200
    assert re.findall(r'<th scope="row">([^<]+)</th>', answer.text)[:1] != []
    for part in ("workers", "archive", "clock", "releases", "mail server", "Docker engine"):
        assert f'<th scope="row">{part}</th>' in answer.text
    assert f"127.0.0.1:{slow.port}" in answer.text
    assert PASSWORD not in answer.text
    assert PASSWORD not in server.client("bob").get("daybreak/check").text
    assert PASSWORD not in server.log.read_text()


def test_it_speaks_french_with_the_next_step(server, slow):
    slow.goes_on.set()
    page = ask(server, headers={"Accept-Language": "fr"}).text

    assert "ne fonctionne pas" in page
    assert "Que faire :" in page
