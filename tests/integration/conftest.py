"""A store that speaks S3 over HTTP, and one that can be told to misbehave."""

from __future__ import annotations

import json
import logging
import secrets
import threading

import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from airflow_provider_daybreak.context.archive import archive_at

CONFLICT = b"<Error><Code>ConditionalRequestConflict</Code><Message>another one is under way</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>no more</Message></Error>"
FAILURE = b"<Error><Code>InternalError</Code><Message>try again</Message></Error>"


class Store:
    """
    moto behind a door that may lie.

    :ivar deaf: whether ``If-None-Match`` is ignored.
    :ivar lose: how many answers to a put are lost after the put was made.
    :ivar conflicts: how many conditional puts are answered with 409.
    :ivar keeps: whether it refuses to remove anything.
    """

    def __init__(self) -> None:
        self.app = DomainDispatcherApplication(create_backend_app)
        self.mend()

    def mend(self) -> None:
        """Behave from now on."""
        self.deaf, self.lose, self.conflicts, self.keeps = False, 0, 0, False
        self.puts_left: int | None = None
        self.applied = False

    def break_after(self, puts: int, *, applied: bool) -> None:
        """Refuse everything after that many puts, of which the last may be made all the same."""
        self.puts_left, self.applied = puts, applied

    def __call__(self, environ, start_response):
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
        if self.deaf:
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
def uri(_served_store, monkeypatch):
    """URI of a folder in a bucket of the test's own, by Airflow's connection ``store``."""
    from airflow.sdk import ObjectStoragePath

    extra = {"endpoint_url": _served_store[1], "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "access-key", "password": "secret-key", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_STORE", json.dumps(connection))
    bucket = f"reports-{secrets.token_hex(4)}"
    ObjectStoragePath(f"s3://store@{bucket}").fs.mkdir(bucket)
    return f"s3://store@{bucket}/daybreak"


@pytest.fixture
def archive(uri):
    return archive_at(uri)
