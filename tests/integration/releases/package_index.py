"""A package index on this machine (PEP 503), with packages made up for a test."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def wheel(name, version, files, *, requires=()):
    """Return the bytes of a pure Python wheel with that content, by path."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {one}\n" for one in requires)
    content = {path: text.encode() for path, text in files.items()}
    content[f"{info}/METADATA"] = metadata.encode()
    content[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for path, data in content.items()
    )
    content[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in content.items():
            archive.writestr(path, data)
    return buffer.getvalue()


def sdist(name, version, files):
    """Return the bytes of a source distribution with that content, by path."""
    top = f"{name}-{version}"
    content = {**files, "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in content.items():
            entry = tarfile.TarInfo(f"{top}/{path}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


class PackageIndex:
    """
    Serves what it is given under ``url``; a context manager.

    :param credentials: ``user:password`` that it asks for, if any.
    """

    def __init__(self, credentials=""):
        self.credentials = credentials
        self.files = {}
        self.requests = []
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                index.requests.append(self.path)
                wanted = "Basic " + base64.b64encode(index.credentials.encode()).decode()
                if index.credentials and self.headers["Authorization"] != wanted:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="packages"')
                    self.end_headers()
                    return
                status, body = index.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            do_HEAD = do_GET  # noqa: N815 - as the server looks it up

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def add(self, name, version="1.0", text="", *, requires=()):
        """Offer a wheel with one module of that text, and return its hash."""
        data = wheel(name, version, {f"{name}.py": text or f"__version__ = {version!r}\n"}, requires=requires)
        return self.add_file(f"{name}-{version}-py3-none-any.whl", data)

    def add_file(self, filename, data):
        self.files[filename] = data
        return f"sha256:{hashlib.sha256(data).hexdigest()}"

    def answer(self, path):
        if path.startswith("/files/"):
            name = path.removeprefix("/files/")
            return (200, self.files[name]) if name in self.files else (404, b"")
        project = path.removeprefix("/simple").strip("/").replace("-", "_")
        links = [
            f'<a href="/files/{name}#sha256={hashlib.sha256(data).hexdigest()}">{name}</a><br>'
            for name, data in sorted(self.files.items())
            if name.split("-")[0] == project
        ]
        return (200, "\n".join(links).encode()) if links else (404, b"")
