from __future__ import annotations

from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from airflow_provider_daybreak.notifications import ping
from airflow_provider_daybreak.notifications.failure import ReportFailureNotifier
from airflow_provider_daybreak.notifications.ping import PingNotifier
from airflow_provider_daybreak.version_compat import AirflowFailException

pytestmark = pytest.mark.usefixtures("revision")


@pytest.fixture
def failed(mail, server, make_context):
    """Return the context of a mail task that failed with one of two recipients refused."""
    server.replies["joe@example.org"] = "550 no such user"
    with pytest.raises(AirflowFailException) as caught:
        mail(to=["jane@example.org", "joe@example.org"])
    server.mails.clear()
    context = make_context(task_id="mail_report", try_number=2)
    context["ti"].log_url = "https://airflow.example.org/log"
    return {**context, "exception": caught.value}


def notify(archive, context, **arguments):
    notifier = ReportFailureNotifier(
        to="owner@example.org", report="daily_report", archive=archive.uri, **arguments
    )
    notifier.notify(context)


def test_the_owner_learns_what_failed_and_who_got_the_report(failed, server, archive):
    notify(archive, failed)

    message = server.mails[0].message
    text = message.get_content()
    assert (message["To"], message["Subject"]) == ("owner@example.org", "Failed: daily_report")
    assert "Task:  mail_report, try 2" in text
    assert "Log:   https://airflow.example.org/log" in text
    assert "Error: 'daily_report' was mailed to 1" in text
    assert "sent       jane@example.org  250 taken as 1" in text
    assert "refused    joe@example.org  550 no such user" in text


def test_the_owner_learns_it_once_for_each_try(failed, server, archive):
    for _ in range(3):
        notify(archive, failed)
    failed["ti"].try_number = 3
    notify(archive, failed)

    assert len(server.mails) == 2


def test_a_failure_of_a_whole_run_is_told_too(server, archive, connect_to, make_context):
    connect_to(server)
    context = make_context()
    del context["ti"]
    notify(archive, {**context, "reason": "timed_out"})

    assert "Error: timed_out" in server.mails[0].message.get_content()


def test_on_a_staging_system_the_one_address_learns_it(server, archive, connect_to, make_context):
    connect_to(server, redirect_all_to="me@example.org")
    notify(archive, make_context())

    assert server.recipients() == ["me@example.org"]


@contextmanager
def listening(*, status=200):
    """Serve a URL; yield it and the requests that came."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            requests.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/secret-id", requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(ping, "sleep", lambda _seconds: None)


def test_a_success_calls_the_url_once(make_context):
    with listening() as (url, requests):
        PingNotifier(url=url).notify(make_context())

    assert requests == ["/secret-id"]


def test_a_ping_that_fails_is_tried_again_and_fails_nothing(make_context, caplog):
    with listening(status=500) as (url, requests):
        PingNotifier(url=url).notify(make_context())

    assert len(requests) == 3
    assert "secret-id" not in caplog.text


@pytest.mark.parametrize(
    "url",
    ["", None, "file:///etc/passwd", "ftp://example.org", "https://", "http://127.0.0.1:1/x", "http://a b/"],
)
def test_a_bad_url_fails_nothing(url, make_context):
    PingNotifier(url=url).notify(make_context())
