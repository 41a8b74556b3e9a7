"""Constraints at an address, from a server with a certificate."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from airflow_provider_daybreak.exceptions import RequirementRefusedError, RequirementsError
from airflow_provider_daybreak.releases.requirements.lines import Line
from airflow_provider_daybreak.releases.requirements.remote import fetched
from tests.mail import Authority

ANSWERS = {
    "/constraints.txt": (200, "# ours\nattrs<24 \\\n  ; python_version > '3'\r\nidna==3.7\n"),
    "/moved.txt": (302, "/constraints.txt"),
    "/away.txt": (302, "http://127.0.0.1:1/constraints.txt"),
    "/included.txt": (200, "-r /proc/self/environ\n"),
    "/canary.txt": (200, "canary canary\n"),
    "/hashed.txt": (200, f"attrs==1 --hash=sha256:{'0' * 64}\n"),
    "/large.txt": (200, "#" * (5 * 1024**2)),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status, text = ANSWERS.get(self.path, (404, ""))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", text)
        self.send_header("Content-Length", str(len(text) if status == 200 else 0))
        self.end_headers()
        if status == 200:
            self.wfile.write(text.encode())

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def address(authority):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = authority.context().wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def got(address, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    return lambda path: fetched([Line("requirements.txt", 1, f"{address}{path}")])


@pytest.mark.parametrize("path", ["/constraints.txt", "/moved.txt"])
def test_constraints_at_an_address_are_read_with_their_lines(got, address, path):
    assert [(line.path, line.number, line.text) for line in got(path)] == [
        (f"{address}{path}", 2, "attrs<24 ; python_version > '3'"),
        (f"{address}{path}", 4, "idna==3.7"),
    ]


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/missing.txt", "it can't be fetched .*404"),
        ("/away.txt", "redirected to an address without TLS"),
        ("/included.txt", "line 1: "),
        ("/canary.txt", "line 1: it can't be read"),
        ("/hashed.txt", "line 1: a hash is compared where the package is asked for"),
        ("/large.txt", "larger than 4 MiB"),
    ],
)
def test_what_is_no_file_of_constraints_is_an_error_and_not_quoted(got, path, problem):
    with pytest.raises((RequirementsError, RequirementRefusedError), match=problem) as caught:
        got(path)

    assert "canary canary" not in str(caught.value)


def test_a_server_without_a_certificate_that_is_known_is_not_read_from(address):
    with pytest.raises(RequirementsError, match="CERTIFICATE_VERIFY_FAILED"):
        fetched([Line("requirements.txt", 1, f"{address}/constraints.txt")])
