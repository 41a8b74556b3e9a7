"""Dovecot as an IMAP server, with a configuration, mails and a port of its own, and no service of the system."""

from __future__ import annotations

import mailbox
import os
import shutil
import socket
import subprocess
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from tests.waiting import until

PROGRAM = shutil.which("dovecot", path=f"{os.environ['PATH']}:/usr/sbin")
SETTINGS = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{certificate}
ssl_key = <{certificate}
disable_plaintext_auth = yes
auth_mechanisms = {mechanisms}
default_internal_user = dovecot
default_login_user = dovenull
first_valid_uid = 0
mail_location = maildir:{folder}/mails:LAYOUT=fs
mail_uid = dovecot
mail_gid = dovecot
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=dovecot gid=dovecot home={folder}/mails
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
  }}
}}
service anvil {{
  chroot =
}}
"""
USER, PASSWORD = "ann@example.org", "pass wörd \"'\\"


class Dovecot:
    """
    It has the mails of one user, in a Maildir.

    :param certificate: PEM file of the server's key and certificate.
    :param mechanisms: how a client may log in, besides by the command LOGIN.
    """

    def __init__(self, certificate, mechanisms="plain"):
        self._certificate = certificate
        self._mechanisms = mechanisms

    def __enter__(self):
        # Its processes are no root, and a test's own folder is nobody else's.
        self.folder = Path(tempfile.mkdtemp(prefix="daybreak-dovecot-"))
        try:
            self.folder.chmod(0o755)
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
            certificate = shutil.copy(self._certificate, self.folder / "server.pem")
            (self.folder / "users").write_text(f"{USER}:{PASSWORD}\n")
            self.box = mailbox.Maildir(self.folder / "mails")
            said = {"folder": self.folder, "certificate": certificate, "port": self.port}
            (self.folder / "conf").write_text(SETTINGS.format(**said, mechanisms=self._mechanisms))
            self._process = subprocess.Popen([PROGRAM, "-F", "-c", str(self.folder / "conf")])
            until(self._answers)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if hasattr(self, "_process"):
            self._process.terminate()
            self._process.wait(30)
        shutil.rmtree(self.folder)

    def _answers(self):
        assert self._process.poll() is None, (self.folder / "log").read_text()
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", self.port))):
            return True
        return False

    def add(self, mail, folder=""):
        """Put an unread mail into the inbox, or a folder within it."""
        box = mailbox.Maildir(self.folder / "mails" / folder) if folder else self.box
        key = box.add(mail)
        for path in (*Path(box._path).parents, *Path(box._path).iterdir(), Path(box._path)):
            if path.is_relative_to(self.folder / "mails"):
                shutil.chown(path, "dovecot", "dovecot")
        shutil.chown(Path(box._path, "new", key), "dovecot", "dovecot")

    def unread(self):
        """Return how many mails nobody has seen: a server moves one that it has shown, or marks it."""
        return sum(1 for each in self.box if "S" not in each.get_flags())

    def log(self):
        """Return what it said."""
        return (self.folder / "log").read_text()
