"""A store that speaks S3 over HTTP, and one that can be told to misbehave."""

from __future__ import annotations

import io
import json
import logging
import secrets
import socket
import threading
import time
from dataclasses import dataclass

import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from airflow_provider_daybreak.context.archive import archive_at

CONFLICT = b"<Error><Code>ConditionalRequestConflict</Code><Message>another one is under way</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>no more</Message></Error>"
FAILURE = b"<Error><Code>InternalError</Code><Message>try again</Message></Error>"

BUSY = b"<Error><Code>SlowDown</Code><Message>reduce your rate</Message></Error>"
ANSWERS = {"403 Forbidden": DENIED, "500 Internal Server Error": FAILURE, "503 Slow Down": BUSY}


@dataclass(frozen=True)
class Fault:
    """
    What a store does with a request, and with those that follow if it lasts.

    :param answer: the status that it answers with; "" ends the connection, and ``half`` does so in the middle of the content.
    :param applied: whether it does what it was asked for, and says otherwise.
    :param lasts: whether all that follows is answered alike, and not done.
    """

    answer: str
    applied: bool = False
    lasts: bool = False


class Store:
    """
    moto behind a door that may lie.

    :ivar deaf: whether ``If-None-Match`` is ignored.
    :ivar racy: whether it looks first whether an object is there, and then writes it.
    :ivar lose: how many answers to a put are lost after the put was made.
    :ivar conflicts: how many conditional puts are answered with 409.
    :ivar keeps: whether it refuses to remove anything.
    :ivar requests: how many it got since it was mended.
    """

    def __init__(self) -> None:
        self.app = DomainDispatcherApplication(create_backend_app)
        self.mend()

    def mend(self) -> None:
        """Behave from now on."""
        self.deaf, self.racy, self.lose, self.conflicts, self.keeps = False, False, 0, 0, False
        self.puts_left: int | None = None
        self.applied = False
        self.requests, self.fault, self.fault_at = 0, None, 0

    def break_after(self, puts: int, *, applied: bool) -> None:
        """Refuse everything after that many puts, of which the last may be made all the same."""
        self.puts_left, self.applied = puts, applied

    def fail_at(self, number, fault):
        """Do that with the request of that number, counted from 1 since the store was mended."""
        self.fault, self.fault_at = fault, number

    def _failed(self, environ, start_response, *, first):
        """Answer as the fault says."""
        answered = {}
        done = self.fault.answer == "half" or (self.fault.applied and first)
        content = b"".join(self.app(environ, lambda *head: answered.update(head=head))) if done else b""
        if self.fault.answer in ANSWERS:
            start_response(self.fault.answer, [("Content-Type", "application/xml")])
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [ANSWERS[self.fault.answer]]
        if self.fault.answer == "half":
            start_response(*answered["head"])
            return [content[: len(content) // 2]]
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionResetError

    def __call__(self, environ, start_response):
        self.requests += 1
        if self.fault and (
            self.requests == self.fault_at or (self.fault.lasts and self.requests > self.fault_at)
        ):
            return self._failed(environ, start_response, first=self.requests == self.fault_at)
        if self.puts_left is not None and environ["REQUEST_METHOD"] == "PUT":
            self.puts_left -= 1
        if self.puts_left is not None and self.puts_left < 0:
            if self.puts_left == -1 and self.applied and environ["REQUEST_METHOD"] == "PUT":
                b"".join(self.app(environ, lambda *_: None))
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [DENIED]
        if self.keeps and environ["REQUEST_METHOD"] == "DELETE":
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [DENIED]
        conditional = environ["REQUEST_METHOD"] == "PUT" and "HTTP_IF_NONE_MATCH" in environ
        if self.deaf or (conditional and self.racy and not self._is_there(environ)):
            environ.pop("HTTP_IF_NONE_MATCH", None)
        if conditional and self.conflicts:
            self.conflicts -= 1
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response("409 Conflict", [("Content-Type", "application/xml")])
            return [CONFLICT]
        if conditional and self.lose:
            self.lose -= 1
            b"".join(self.app(environ, lambda *_: None))
            start_response("500 Internal Server Error", [("Content-Type", "application/xml")])
            return [FAILURE]
        return self.app(environ, start_response)

    def _is_there(self, environ):
        found = []
        asked = {**environ, "REQUEST_METHOD": "HEAD", "CONTENT_LENGTH": "0", "wsgi.input": io.BytesIO()}
        b"".join(self.app(asked, lambda status, *_: found.append(status)))
        time.sleep(0.2)
        return found[0].startswith("200")


@pytest.fixture(scope="session")
def _served_store():
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    store = Store()
    server = make_server("127.0.0.1", 0, store, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield store, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def store(_served_store):
    store, _ = _served_store
    yield store
    store.mend()


@pytest.fixture
def connected_store(_served_store, monkeypatch):
    """Return a function that returns the URI of a folder in a bucket of the test's own, by Airflow's connection of a name."""
    from airflow.sdk import ObjectStoragePath

    def connect(name, **options):
        extra = {"endpoint_url": _served_store[1], "region_name": "us-east-1", **options}
        connection = {"conn_type": "aws", "login": "access-key", "password": "secret-key", "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
        bucket = f"reports-{secrets.token_hex(4)}"
        ObjectStoragePath(f"s3://{name}@{bucket}").fs.mkdir(bucket)
        return f"s3://{name}@{bucket}/daybreak"

    return connect


@pytest.fixture
def uri(connected_store):
    """URI of a folder in a bucket of the test's own, by Airflow's connection ``store``."""
    return connected_store("store")


@pytest.fixture
def archive(uri):
    return archive_at(uri)
