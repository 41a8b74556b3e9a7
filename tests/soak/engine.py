"""An engine for containers beside this machine's own, so that it can be killed without harm to anybody else's containers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

IMAGE = "python:3.12-slim"
_CONTAINERD = """version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
"""


def can_be_started() -> bool:
    """Return whether this user may start one, and has the programs."""
    return os.geteuid() == 0 and all(map(shutil.which, ("dockerd", "containerd")))


class Engine:
    """
    An engine without networks in a folder of its own.

    Its containerd is a program of its own too: as its child it would stay undead where nobody reaps orphans, and the engine
    waits for such a one for ever. Its network is one of its own, since an engine without a bridge takes away the one that this
    machine's engine has.

    :param folder: for everything; it is made.
    :ivar url: where it listens.
    :ivar env: variables for programs that are to ask it.
    :ivar commands: what it consists of, by name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        config, socket = folder / "containerd.toml", folder / "containerd.sock"
        config.write_text(_CONTAINERD)
        self.url = f"unix://{folder}/docker.sock"
        self.env = os.environ | {"DOCKER_HOST": self.url}
        self.commands = {
            "containerd": [
                *("containerd", "--config", str(config), "--address", str(socket)),
                *("--root", str(folder / "containerd"), "--state", str(folder / "containers")),
            ],
            "engine": [
                *("unshare", "--net", "dockerd", "--host", self.url, "--containerd", str(socket)),
                *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
                *("--pidfile", str(folder / "docker.pid"), "--bridge", "none"),
                *("--iptables=false", "--ip-forward=false"),
            ],
        }

    def answers(self) -> bool:
        """Return whether it takes a question, and answers it soon."""
        with suppress(subprocess.TimeoutExpired):
            asked = subprocess.run(
                ["docker", "version"], env=self.env, capture_output=True, timeout=10, check=False
            )
            return asked.returncode == 0
        return False

    def wait(self, tick, seconds=60) -> None:
        """
        Wait until it answers.

        :param tick: called about once a second.
        """
        deadline = time.monotonic() + seconds
        while not self.answers():
            if time.monotonic() > deadline:
                sys.exit(f"The engine does not answer. See {self.folder.parent / 'logs'}")
            tick()
            time.sleep(1)

    def load(self) -> None:
        """Give it the image, from this machine's own engine."""
        with subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE) as image:
            subprocess.run(
                ["docker", "load", "--quiet"],
                env=self.env,
                stdin=image.stdout,
                stdout=subprocess.DEVNULL,
                check=True,
            )
        if image.returncode:
            sys.exit(f"This machine's engine has no image {IMAGE}")

    def clear(self) -> None:
        """End and unmount what it has left. Only once it has been stopped may this be called."""
        for process in psutil.process_iter(["cmdline"]):
            line = process.info["cmdline"] or []
            if str(self.folder / "containerd.sock") in line:  # what watches over a container
                left = process.children(recursive=True)
                for one in (process, *left):
                    with suppress(psutil.Error):
                        one.kill()
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for place in reversed(mounted):
            if place.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "--lazy", place], check=False)
