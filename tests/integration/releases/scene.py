"""A deployed script about to be replaced by another in another environment, to be interrupted at any point."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from airflow_provider_daybreak.releases import uv
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.files import remove_tree
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.release import get_release, is_ready, releases_of
from airflow_provider_daybreak.releases.switch import read_history

OUTCOMES = (
    "done", "DiskFullError", "StorageError", "InstallError", "VerificationError", "InterpreterError", "LockingError",
    "LocksUnsupportedError",
)  # fmt: skip
PACKAGE = str(Path(uv.__file__).parent)


class Scene:
    """
    One name with release ``1.0`` current; the source asks for ``2.0``.

    ``restore`` brings it back to that, ``check`` looks at what an interruption left, and ``heal`` deploys again.
    """

    def __init__(self, folder, index):
        self.layout = Layout(folder / "releases", "daily")
        self.source = folder / "source"
        self.pristine = folder / "pristine"
        self.index = uv.Index(index.url)
        self.hashes = {version: index.add("thing", version) for version in ("1.0", "2.0")}
        self.source.mkdir()
        self.write("2.0")
        self.deploy()  # warms uv's cache, so that no point depends on the network
        remove_tree(self.layout.home)
        self.write("1.0")
        self.old = self.deploy().release.id
        shutil.copytree(self.layout.home, self.pristine, symlinks=True)
        self.write("2.0")
        self.new = self.deploy().release.id

    def write(self, version):
        lock = f"thing=={version} --hash={self.hashes[version]}\n"
        (self.source / "requirements.txt").write_text(lock)
        (self.source / "report.py").write_text(f"import thing\nprint('{version}', thing.__version__)\n")
        dotenv = self.source / ".env"
        dotenv.write_text(f"VERSION={version}-value\n")
        dotenv.chmod(0o600)

    def deploy(self):
        return deploy(self.layout, Plan(self.source, index=self.index, keep=1, lock_timeout=60))

    def restore(self):
        remove_tree(self.layout.home)
        shutil.copytree(self.pristine, self.layout.home, symlinks=True)

    def check(self):
        """Assert that a complete release is current, and that its script runs."""
        release = get_release(self.layout)
        assert release.id in (self.old, self.new)
        assert is_ready(self.layout, release.id)
        version = "1.0" if release.id == self.old else "2.0"
        script = self.layout.current.resolve() / "src" / "report.py"
        ran = subprocess.run([release.python, "-I", script], capture_output=True, text=True, check=False)
        assert ran.stdout == f"{version} {version}\n", ran.stderr
        assert self.layout.dotenv.read_text() in ("VERSION=1.0-value\n", "VERSION=2.0-value\n")

    def heal(self):
        """Assert that deploying again ends as if nothing had happened."""
        self.deploy()
        self.check()
        layout = self.layout
        assert get_release(layout).id == self.new
        assert read_history(layout).line == (self.old, self.new)
        assert {one.id for one in releases_of(layout)} == {self.old, self.new}
        assert len(list(layout.environments.iterdir())) == 2
        assert list(layout.trash.iterdir()) == []
        assert not list(layout.home.rglob("*.tmp"))

    def system_calls(self, calls):
        """Return how often a deploy makes each of these calls, in the process that makes most of them."""
        self.restore()
        log = self.source.parent / "strace.log"
        command = [
            "strace",
            "-f",
            "-qq",
            "-o",
            log,
            "-e",
            f"trace={calls}",
            sys.executable,
            "-c",
            self.program(),
        ]
        assert subprocess.run(command, check=False).returncode == OUTCOMES.index("done") + 10
        by_process = Counter(re.findall(r"^(\d+) +(\w+)\(", log.read_text(), re.MULTILINE))
        most = {}
        for (_, call), number in by_process.items():
            most[call] = max(most.get(call, 0), number)
        return most

    def deploy_with(self, fault):
        """Deploy in a process, and all that it starts, with that fault; return how it ended."""
        command = [
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            f"trace={fault.split(':')[0]}",
            "-e",
            f"inject={fault}",
        ]
        ran = subprocess.run(
            [*command, sys.executable, "-c", self.program()], capture_output=True, text=True, check=False
        )
        if ran.returncode in (-signal.SIGKILL, 128 + signal.SIGKILL):
            return "killed"
        place = ran.returncode - 10
        return OUTCOMES[place] if 0 <= place < len(OUTCOMES) else f"{ran.returncode}: {ran.stderr[-1000:]}"

    def program(self):
        """Return a program that deploys, and says by its exit code how that ended: it may not be able to write."""
        return (
            "import os, sys; from pathlib import Path\n"
            "sys.dont_write_bytecode = True\n"
            "from airflow_provider_daybreak.exceptions import DaybreakError\n"
            "from airflow_provider_daybreak.releases.deploy import Plan, deploy\n"
            "from airflow_provider_daybreak.releases.layout import Layout\n"
            "from airflow_provider_daybreak.releases.uv import Index\n"
            "ended = 'done'\n"
            "try:\n"
            f"    deploy(Layout(Path({str(self.layout.root)!r}), 'daily'),\n"
            f"           Plan(Path({str(self.source)!r}), index=Index({self.index.url!r}), keep=1, lock_timeout=60))\n"
            "except DaybreakError as error:\n"
            "    ended = type(error).__name__\n"
            f"os._exit({OUTCOMES!r}.index(ended) + 10)\n"
        )

    def points(self):
        """Return how many lines of the package a deploy goes through, and the first hit of each different one."""
        seen, first = 0, {}

        def on_line(frame):
            nonlocal seen
            seen += 1
            first.setdefault((frame.f_code.co_filename, frame.f_lineno), seen)

        self.restore()
        with tracing(on_line):
            self.deploy()
        return seen, sorted(first.values())

    def deploy_and_die_at(self, point):
        """Deploy in a process that kills itself at that line, counted from the first; return whether it came to it."""
        child = os.fork()
        if child == 0:
            seen = 0

            def on_line(_):
                nonlocal seen
                seen += 1
                if seen == point:
                    os.kill(os.getpid(), signal.SIGKILL)

            try:
                with tracing(on_line):
                    self.deploy()
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status)


@contextlib.contextmanager
def tracing(on_line):
    """Call the function at each line of the package."""

    def local(frame, event, _):
        if event == "line":
            on_line(frame)
        return local

    def enter(frame, *_):
        return local if frame.f_code.co_filename.startswith(PACKAGE) else None

    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(None)
