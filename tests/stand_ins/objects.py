#!/usr/bin/env python3
"""An object store for tests: moto's, which notes each change in a journal, and makes them all again when it starts."""

from __future__ import annotations

import base64
import io
import json
import sys
import threading
from contextlib import suppress
from pathlib import Path

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

PORT = 9000


class Journal:
    """
    A server's application, one change at a time.

    :param application: what answers.
    :param path: the journal, a line of JSON for each change.
    """

    def __init__(self, application, path):
        self._application = application
        self._lock = threading.Lock()
        for line in path.read_bytes().splitlines() if path.exists() else ():
            with suppress(ValueError):  # of the last one, when it was killed
                self._make(*_read(line))
        self._file = path.open("ab", buffering=0)

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return self._application(environ, start_response)
        length = None if environ.get("wsgi.input_terminated") else int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read() if length is None else environ["wsgi.input"].read(length)
        said = {name: value for name, value in environ.items() if isinstance(value, str)}
        with self._lock:
            self._file.write(json.dumps([said, base64.b64encode(body).decode()]).encode() + b"\n")
            return self._make({**environ, "wsgi.input": io.BytesIO(body)}, start_response)

    def _make(self, environ, start_response):
        return list(self._application(environ, start_response))


def _read(line):
    """Return a change as it was asked for, and what its answer is told to."""
    said, body = json.loads(line)
    environ = {
        **said,
        "CONTENT_LENGTH": str(len(base64.b64decode(body))),
        "wsgi.version": (1, 0),
        "wsgi.input": io.BytesIO(base64.b64decode(body)),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    return environ, lambda *_: None


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    application = Journal(DomainDispatcherApplication(create_backend_app), folder / "journal")
    # What asks for /health asks for a folder of that name.
    threading.Timer(
        0.5,
        lambda: boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{PORT}",
            region_name="us-east-1",
            aws_access_key_id="daybreak",
            aws_secret_access_key="daybreak",
        ).create_bucket(Bucket="health"),
    ).start()
    run_simple("0.0.0.0", PORT, application, threaded=True)
