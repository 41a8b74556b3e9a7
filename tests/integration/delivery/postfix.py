"""Postfix as a relay, with a configuration, a queue and a port of its own, and no service of the system."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.waiting import is_running, until

PATH = f"{os.environ['PATH']}:/usr/sbin"
PROGRAM = shutil.which("postfix", path=PATH)
SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
SETTINGS = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
myhostname = relay.example.org
alias_maps =
alias_database =
smtp_dns_support_level = disabled
relayhost = [127.0.0.1]:{to}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
defer_transports = smtp
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
"""


class Postfix:
    """
    It keeps what it takes in its queue until it is told to deliver.

    :param to: port of the server that it relays to.
    """

    def __init__(self, to):
        self._to = to

    def __enter__(self):
        # Its daemons are no root, and a test's own folder is nobody else's.
        self.folder = Path(tempfile.mkdtemp(prefix="daybreak-postfix-"))
        try:
            self.folder.chmod(0o755)
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
            (self.folder / "queue").mkdir()
            (self.folder / "data").mkdir()
            (self.folder / "log").touch()
            for each in ("data", "log"):  # a tool of its own that is no root warns of files that a kill left
                shutil.chown(self.folder / each, "postfix")
            (self.folder / "main.cf").write_text(SETTINGS.format(folder=self.folder, to=self._to))
            (self.folder / "master.cf").write_text(SERVICES.format(port=self.port))
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        with suppress(subprocess.CalledProcessError):
            self.stop()
        shutil.rmtree(self.folder)

    def _do(self, *command):
        return subprocess.run(
            command, env={**os.environ, "PATH": PATH}, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def start(self):
        until(self._started)

    def _started(self):
        """Return whether it is started: who serves a connection to its end has its port until then."""
        try:
            self._do("postfix", "-c", self.folder, "start")
        except subprocess.CalledProcessError:
            return False
        return True

    def stop(self):
        self._do("postfix", "-c", self.folder, "stop")

    def kill(self):
        """Kill it, and all that it started, without a word."""
        master = int((self.folder / "queue" / "pid" / "master.pid").read_text())
        os.killpg(master, signal.SIGKILL)
        until(lambda: not is_running(master))

    def queued(self):
        """Return how many mails it has."""
        return sum(1 for line in self._do("postqueue", "-c", self.folder, "-j").splitlines() if line)

    def deliver(self):
        """Send on what is in the queue, and wait until nothing is."""
        self._do("postconf", "-c", self.folder, "-e", "defer_transports=")
        self._do("postfix", "-c", self.folder, "reload")
        self._do("postqueue", "-c", self.folder, "-f")
        until(lambda: self.queued() == 0)
