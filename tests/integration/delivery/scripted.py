"""
A mail server that misbehaves by script. What it does to a mail, the recipient's name says.

A mail counts as taken once its final dot was read, whether or not the client learns of it.
"""

from __future__ import annotations

import socket
import socketserver
import time
from collections import Counter
from contextlib import suppress
from threading import Lock, Thread

KINDS = (
    "good",  # everything is well
    "no_such_user",  # refused at RCPT
    "greylisted",  # put off at RCPT, the first time
    "closing",  # 421 at RCPT, the first time
    "dropped_at_data",  # the connection ends in place of 354, the first time
    "dropped_in_mail",  # the connection ends within the mail, the first time; the client may know too late
    "full",  # put off after the mail, the first time
    "spam",  # refused after the mail
    "silent",  # the connection ends after the final dot, without a reply
)
TAKEN = {"good", "greylisted", "closing", "dropped_at_data", "full"}
"""Kinds that get the mail in the end, when nothing else happens."""


def address(kind, number):
    return f"{kind}-{number}@example.org"


class ScriptedServer:
    """
    :param pause: seconds before the reply to a final dot.
    :param most: connections that it takes at a time.
    :param pipelining: whether it takes commands in one go, as most servers do.
    :ivar together: how many commands came so.
    """

    def __init__(self, *, pause=0.0, most=1000, pipelining=True):
        self.most = most
        self.pipelining = pipelining
        self.together = 0
        self.open = Counter()
        self.taken = Counter()
        self.tries = Counter()
        self.pause = pause
        self.lock = Lock()

    def __enter__(self):
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def port(self):
        return self._server.server_address[1]

    def count(self, counter, recipient):
        with self.lock:
            counter[recipient] += 1
            return counter[recipient]


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128
    block_on_close = False


class _Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        owner = self.server.owner
        mine = owner.count(owner.open, "now")
        with suppress(OSError):  # the client is gone
            if mine > owner.most:
                self._say("421 too many connections")
            else:
                owner.count(owner.open, "served")
                self._talk()
        with owner.lock:
            owner.open["now"] -= 1

    def _say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def _talk(self):
        self.recipient, self.kind, self.first = "", "", True
        self._say("220 scripted")
        while line := self.rfile.readline():
            verb = line[:4].upper().strip().decode()
            step = getattr(self, f"_{verb.lower()}", None)
            if step is None:
                self._say("250 ok")
            elif not step(line):
                return

    def _ehlo(self, _line):
        offered = "250-PIPELINING\r\n" if self.server.owner.pipelining else ""
        self._say(f"250-scripted\r\n{offered}250 SIZE 50000000")
        return True

    def _mail(self, _line):
        self.connection.settimeout(0)
        more = self.rfile.peek()
        self.connection.settimeout(None)
        with self.server.owner.lock:
            self.server.owner.together += more.startswith(b"RCPT")
        self._say("250 ok")
        return True

    def _rcpt(self, line):
        owner = self.server.owner
        self.recipient = line.partition(b"<")[2].partition(b">")[0].decode()
        self.kind = self.recipient.partition("-")[0]
        self.first = owner.count(owner.tries, self.recipient) == 1
        if self.kind == "closing" and self.first:
            self._say("421 closing")
            return False
        greylisted = "451 greylisted" if self.first else ""
        refusal = {"no_such_user": "550 no such user", "greylisted": greylisted}
        self._say(refusal.get(self.kind) or "250 ok")
        return True

    def _data(self, _line):
        if self.kind == "dropped_at_data" and self.first:
            return False
        self._say("354 go on")
        if self.kind == "dropped_in_mail" and self.first:
            self.rfile.readline()
            self.connection.shutdown(socket.SHUT_RDWR)
            return False
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return False
        if self.kind == "spam" or (self.kind == "full" and self.first):
            self._say("554 spam" if self.kind == "spam" else "452 full")
            return True
        owner = self.server.owner
        owner.count(owner.taken, self.recipient)
        if self.kind == "silent":
            return False
        time.sleep(owner.pause)
        self._say("250 taken")
        return True

    def _quit(self, _line):
        self._say("221 bye")
        return False
