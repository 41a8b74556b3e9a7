"""A socket proxy as in the Compose file: it lets through the calls that its rules name, over TCP, and notes them."""

from __future__ import annotations

import re
import selectors
import socket
import sys
import threading
from contextlib import suppress

ENGINE = "/var/run/docker.sock"
REFUSAL = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 21\r\nConnection: close\r\n\r\nnot allowed by rules\n"
FAILURE = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: 39\r\n"
    b'Connection: close\r\n\r\n{"message": "connection to containerd"}'
)


class Proxy:
    """
    Listens on a port, of the loopback interface unless another address is named; one request a connection.

    :param rules: a pattern of paths for each method; None lets all through.
    :ivar broken: methods at which the engine fails, as one does whose containerd is away.
    """

    def __init__(self, rules=None, address=("127.0.0.1", 0)):
        self.rules = rules
        self.calls = []
        self.refused = []
        self.away = False
        self.broken = set()
        self._open = set()
        self._listener = socket.create_server(address)
        self.url = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()
        self.leave()

    def leave(self):
        """Go away as an engine does that is stopped: every connection breaks, and none is taken."""
        self.away = True
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def come_back(self):
        self.away = False

    def _accept(self):
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with suppress(OSError), client:
            if self.away:
                return
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(65536)
                if not piece:
                    return
                head += piece
            line, _, rest = head.partition(b"\r\n")
            method, target, _ = line.decode().split(" ")
            path = target.partition("?")[0]
            if not self._allowed(method, path):
                self.refused.append((method, path))
                client.sendall(REFUSAL)
                return
            self.calls.append((method, path))
            if method in self.broken:
                client.sendall(FAILURE)
                return
            with socket.socket(socket.AF_UNIX) as engine:
                engine.connect(ENGINE)
                rest = re.sub(rb"(?i)connection: keep-alive\r\n", b"", rest, count=1)
                engine.sendall(line + b"\r\nConnection: close\r\n" + rest)
                self._open |= {client, engine}
                try:
                    _pass_on(client, engine)
                finally:
                    self._open -= {client, engine}

    def _allowed(self, method, path):
        return self.rules is None or bool(re.fullmatch(self.rules.get(method, "(?!)"), path))


def _pass_on(client, engine):
    with selectors.DefaultSelector() as ready:
        ready.register(client, selectors.EVENT_READ, engine)
        ready.register(engine, selectors.EVENT_READ, client)
        while True:
            for key, _ in ready.select():
                piece = key.fileobj.recv(1 << 16)
                if piece:
                    key.data.sendall(piece)
                elif key.fileobj is engine:
                    return
                else:
                    ready.unregister(client)
                    with suppress(OSError):
                        engine.shutdown(socket.SHUT_WR)


if __name__ == "__main__":  # in a container, told as the Compose file tells its proxy
    allowed = (re.match("-allow([A-Z]+)=(.+)", argument) for argument in sys.argv)
    Proxy(dict(rule.groups() for rule in allowed if rule), ("0.0.0.0", 2375))
    threading.Event().wait()
