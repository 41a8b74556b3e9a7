"""Images pulled from a registry: a real one, of one image, small enough to stand here."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import logging
import tarfile
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from airflow_provider_daybreak.exceptions import ImagePullError
from airflow_provider_daybreak.version_compat import AirflowFailException

pytestmark = pytest.mark.engine

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LOGIN = "Basic " + base64.b64encode(b"reader:s3cret-of-reader").decode()


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Registry(ThreadingHTTPServer):
    """Serves one image by the distribution protocol (OCI Distribution Specification 1.1), to whoever logs in."""

    def __init__(self, *, private=False, corrupt=False):
        super().__init__(("127.0.0.1", 0), Answer)
        self.private = private
        self.asked = []
        layer, config = self._image()
        self.blobs = {digest(layer): layer[:-9] + b"corrupted" if corrupt else layer, digest(config): config}
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {
                    "mediaType": "application/vnd.docker.container.image.v1+json",
                    "size": len(config),
                    "digest": digest(config),
                },
                "layers": [
                    {
                        "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                        "size": len(layer),
                        "digest": digest(layer),
                    }
                ],
            }
        ).encode()
        self.name = f"127.0.0.1:{self.server_port}/test-{uuid.uuid4().hex[:8]}:1"

    @staticmethod
    def _image():
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            header = tarfile.TarInfo("hello.txt")
            content = uuid.uuid4().bytes
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
        plain = buffer.getvalue()
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(plain)]},
        }
        return gzip.compress(plain), json.dumps(config).encode()


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.server.private and self.headers.get("Authorization") != LOGIN:
            self._send(401, b"{}", {"WWW-Authenticate": 'Basic realm="test"'})
        elif self.path == "/v2/":
            self._send(200, b"{}")
        elif "/manifests/" in self.path:
            manifest = self.server.manifest
            self._send(200, manifest, {"Content-Type": MANIFEST, "Docker-Content-Digest": digest(manifest)})
        elif (blob := self.server.blobs.get(self.path.rpartition("/")[2])) is not None:
            self._send(200, blob)
        else:
            self._send(404, b"{}")

    do_HEAD = do_GET  # noqa: N815 - the name that http.server looks for

    def _send(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def registry(engine):
    registries = []

    def start(**how):
        registries.append(Registry(**how))
        threading.Thread(target=registries[-1].serve_forever, daemon=True).start()
        return registries[-1]

    yield start
    for started in registries:
        started.shutdown()
        started.server_close()
        if engine.images(name=started.name):
            engine.remove_image(started.name, force=True)


def pulled(engine, registry):
    return bool(engine.images(name=registry.name))


def test_an_image_that_is_absent_is_pulled_once_and_its_digest_recommended(run, engine, registry, caplog):
    registry = registry()

    with caplog.at_level(logging.INFO):
        for _ in range(2):
            with pytest.raises(AirflowFailException, match="cannot execute"):  # there is no program in it
                run(image=registry.name, command=["/hello.txt"])

    assert pulled(engine, registry)
    assert sum("/blobs/" in path for path in registry.asked) == 2
    assert f"Pulling image {registry.name}" in caplog.text


def test_an_image_is_pulled_again_where_that_is_asked_for(run, registry):
    registry = registry()

    for _ in range(2):
        with pytest.raises(AirflowFailException):
            run(image=registry.name, command=["/hello.txt"], force_pull=True)

    assert sum("/manifests/1" in path for path in registry.asked) >= 2


def test_an_error_in_the_middle_of_a_pull_is_an_error(run, engine, registry):
    registry = registry(corrupt=True)

    with pytest.raises(ImagePullError, match=f"Cannot pull image '{registry.name}': .*verification failed"):
        run(image=registry.name, command=["/hello.txt"])

    assert not pulled(engine, registry)


def test_a_private_registry_asks_for_a_connection_by_name(run, registry):
    registry = registry(private=True)

    with pytest.raises(
        ImagePullError, match="a private registry needs a connection of type docker, named by docker_conn_id"
    ):
        run(image=registry.name, command=["/hello.txt"])


def test_a_connection_logs_in_to_a_private_registry(run, engine, registry, monkeypatch):
    registry = registry(private=True)
    monkeypatch.setenv(
        "AIRFLOW_CONN_REGISTRY", f"docker://reader:s3cret-of-reader@127.0.0.1:{registry.server_port}"
    )

    with pytest.raises(AirflowFailException, match="cannot execute"):
        run(image=registry.name, command=["/hello.txt"], docker_conn_id="registry")

    assert pulled(engine, registry)
