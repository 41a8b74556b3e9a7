"""A host to deploy to: an OpenSSH server of the tests' own, on a free port, with a user and a home of its own."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import psutil

from tests.waiting import until

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
AS_ROOT = os.geteuid() == 0
USER = "reports" if AS_ROOT else getpass.getuser()
_ID = 47110


def _certificates():
    """Return what a machine whose own certificates are elsewhere says of them: the host is the same machine."""
    return {key: os.environ[key] for key in ("SSL_CERT_FILE", "SSL_CERT_DIR") if key in os.environ}


class SshHost:
    """
    ``sshd`` as an unprivileged user. Where the tests run as root, in a mount namespace that has such a user.

    :param folder: one that others may pass.
    :param room: what its home has room for, as tmpfs takes it. Only where the tests run as root.
    :param hidden: folders and programs that it lacks. Only there too.
    :param environment: variables of its sessions.
    """

    def __init__(self, folder, room=None, hidden=(), environment=None, **options):
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        for name in ("host", "user", "other"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
        (folder / "authorized_keys").write_text((folder / "user.pub").read_text())
        variables = {"HOME": self.home, **_certificates(), **(environment or {})}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        said = {
            "Port": self.port, "ListenAddress": "127.0.0.1", "HostKey": folder / "host", "PidFile": "none", "UsePAM": "no",
            "AuthorizedKeysFile": folder / "authorized_keys", "StrictModes": "no", "PasswordAuthentication": "no",
            "SetEnv": " ".join(f"{key}={value}" for key, value in variables.items()), "LogLevel": "ERROR", "MaxStartups": "100", "MaxSessions": "1", **options,
        }  # fmt: skip
        (folder / "sshd_config").write_text("".join(f"{key} {value}\n" for key, value in said.items()))
        entry = f"{USER}:x:{_ID}:{_ID}::{self.home}:/bin/bash\n"
        (folder / "passwd").write_text(Path("/etc/passwd").read_text() + entry)
        if AS_ROOT:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, _ID, _ID)
        self.log = (folder / "sshd.log").open("wb")
        arguments = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
        if AS_ROOT:
            steps = [f"mount --bind {folder}/passwd /etc/passwd"]
            if room:
                steps.append(f"mount -t tmpfs -o size={room},uid={_ID},gid={_ID},mode=755 tmpfs {self.home}")
            steps += [
                f"mount --bind /dev/null {path}" if Path(path).is_file() else f"mount -t tmpfs tmpfs {path}"
                for path in hidden
            ]
            begin = f'{" && ".join(steps)} && exec setpriv --reuid {_ID} --regid {_ID} --clear-groups "$@"'
            arguments = ["unshare", "--mount", "sh", "-c", begin, "sh", *arguments]
        self.process = subprocess.Popen(arguments, stderr=self.log, cwd="/")
        until(self._answers)

    def _answers(self):
        assert self.process.poll() is None, (self.folder / "sshd.log").read_text()
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def seen(self):
        """Its home, as it is there."""
        return Path(f"/proc/{self.process.pid}/root{self.home}") if AS_ROOT else self.home

    def cut(self):
        """Cut all connections there are, and return how many there were."""
        there = psutil.Process(self.process.pid).children()
        for child in there:
            child.kill()
        return len(there)

    def stop(self):
        self.cut()
        self.process.terminate()
        self.process.wait()
        self.log.close()

    def host_key(self, name="host"):
        return " ".join((self.folder / f"{name}.pub").read_text().split()[:2])

    def connection(self, **extra):
        """Return an Airflow connection to it, as an environment variable holds one. None leaves out what is usual."""
        usual = {"key_file": str(self.folder / "user"), "host_key": self.host_key()}
        said = {key: value for key, value in {**usual, **extra}.items() if value is not None}
        return json.dumps(
            {"conn_type": "ssh", "host": "127.0.0.1", "port": self.port, "login": USER, "extra": said}
        )
