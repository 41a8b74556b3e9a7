"""
Mistreat the demo, as newcomers' machines do, and count what it does about it.

Each hardship runs `python -m demo` in a folder of its own: it must work, or end with a sentence; nothing may be left
running; and a call after it must work. Some need root, which makes a machine offline, a disk small, a user homeless.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
PYTHON = str(ROOT / ".venv" / "bin" / "python")
SOON = 30  # seconds, in which a demo that can't go on must have ended
LONG = 400
NO_TRACE = ("Traceback (most recent call last)", '  File "')
HARDSHIPS = {}


class BrokenError(Exception):
    """The demo did what it must not."""


def hardship(function):
    HARDSHIPS[function.__name__] = function
    return function


class Demo:
    """A demo that runs, by what it prints, with its own group of processes."""

    def __init__(self, home, *arguments, env=None, under=(), log=None):
        self.home = Path(home)
        self.log = log or Path(f"{home}.txt")
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [*under, PYTHON, "-m", "demo", "--home", str(home), "--days", "0", *arguments],
            cwd=ROOT,
            env=dict(os.environ) if env is None else env,
            stdin=subprocess.DEVNULL,
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def said(self):
        return self.log.read_text(errors="replace")

    def wait_to_say(self, text):
        deadline = time.monotonic() + LONG
        while text not in self.said:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise BrokenError(f"it never said {text!r}:\n{self.said}")
            time.sleep(0.05)

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def end(self, code, *says, within=LONG):
        """Wait for its end with that exit code (None for any but 0), having said all that."""
        since = time.monotonic()
        try:
            got = self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            raise BrokenError(f"it had not ended after {within} s:\n{self.said}") from None
        took = time.monotonic() - since
        for trace in NO_TRACE:
            if trace in self.said:
                raise BrokenError(f"a traceback:\n{self.said}")
        if got == 0 if code is None else got != code:
            raise BrokenError(f"it ended with {got}:\n{self.said}")
        for text in says:
            if text not in self.said:
                raise BrokenError(f"it did not say {text!r}:\n{self.said}")
        if left := [process.cmdline() for process in processes_of(self.home)]:
            raise BrokenError(f"it left {left}")
        return took


def processes_of(home):
    """Return the living processes that a demo in that folder started."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            ours = process.environ().get("DAYBREAK_DEMO_OF", "").startswith(str(home))
            if (ours or str(home) in process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def works(home, **kwargs):
    return Demo(home, "--exit", **kwargs).end(0, "1 report date is archived, 1 mail arrived.")


@contextmanager
def small_disk(folder, megabytes):
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@hardship
def a_shell_with_settings_for_others(folder):
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "airflow.py").write_text("raise SystemExit('another Airflow')")
    (folder / "elsewhere" / "httpx.py").write_text("raise SystemExit('another httpx')")
    env = dict(os.environ) | {
        "AIRFLOW_HOME": "/nonexistent",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__DAGS_FOLDER": "/nonexistent",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://nobody@127.0.0.1:9/none",
        "AIRFLOW__API__PORT": "1",
        "AIRFLOW_CONN_SMTP_DEFAULT": "smtp://127.0.0.1:9",
        "AIRFLOW_VAR_X": "1",
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "TZ": "Asia/Kathmandu",
        "LANG": "ar_EG.UTF-8",
        "PYTHONIOENCODING": "ascii",
        "PYTHONWARNINGS": "error",
    }
    works(folder / "demo", env=env, under=["bash", "-c", 'ulimit -S -n 256; exec "$@"', "-"])


@hardship
def a_package_index_that_is_away(folder):
    env = dict(os.environ) | {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}
    demo = Demo(folder / "demo", "--exit", env=env)
    demo.wait_to_say("up_for_retry")
    demo.wait_to_say("127.0.0.1:9")
    demo.signal(signal.SIGINT)
    demo.end(None, within=SOON)


@hardship
def few_files_may_be_open(folder):
    works(folder / "demo", under=["bash", "-c", 'ulimit -n 256; exec "$@"', "-"])


@hardship
def nothing_set_at_all(folder):
    works(folder / "demo", under=["env", "-i", "PATH=/usr/bin:/bin"])


@hardship
def a_plain_user_without_a_home(folder):
    """Who clones, and calls make, with no home that could be written: absent, another's, not set."""
    user, clone = "daybreak-nobody", folder / 'it\'s "ümläut" #1 50% 5$ & (co)'
    subprocess.run(["useradd", "--no-create-home", "--home-dir", f"/home/{user}", user], check=False)
    try:
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        subprocess.run(["chown", "--recursive", user, folder], check=True)
        for name, home in (
            ("absent", f"HOME=/home/{user}"),
            ("unset", "--unset=HOME"),
            ("another's", "HOME=/root"),
        ):
            under = [
                "setpriv",
                "--reuid",
                user,
                "--regid",
                user,
                "--clear-groups",
                "env",
                "--chdir",
                clone,
                home,
            ]
            command = ["make", "PYTHON=/usr/bin/python3", "demo", "ARGS=--exit --days 0"]
            done = subprocess.run([*under, *command], capture_output=True, text=True, check=False)
            if done.returncode or "1 mail arrived." not in done.stdout:
                raise BrokenError(f"{name}: {done.stdout}{done.stderr}")
    finally:
        subprocess.run(["userdel", user], capture_output=True, check=False)


@hardship
def no_network(folder):
    works(folder / "demo")
    works(folder / "demo", under=["unshare", "--net", "bash", "-c", 'ip link set lo up; exec "$@"', "-"])


@hardship
def a_small_disk(folder):
    with small_disk(folder / "disk", 30) as disk:
        Demo(disk, "--exit", log=folder / "1").end(1, "Expected 300 MB or more", within=SOON)
        Demo(disk / "demo", "--exit", log=folder / "2").end(1, "Expected 300 MB or more", within=SOON)
        env = dict(os.environ) | {"TMPDIR": str(disk)}
        Demo(folder / "demo", "--exit", env=env).end(1, "another folder as TMPDIR", within=SOON)
        subprocess.run(["dd", "if=/dev/zero", f"of={disk}/full"], capture_output=True, check=False)
        Demo(disk / "demo", "--exit", log=folder / "3").end(1, "0 MB left", within=SOON)
    works(folder / "demo")


@hardship
def a_disk_that_fills(folder):
    for text in ("Starting Airflow", "Running daily_report"):
        with small_disk(folder / text.split()[0], 350) as disk:
            demo = Demo(disk / "demo", log=folder / f"{text.split()[0]}.txt")
            demo.wait_to_say(text)
            subprocess.run(
                ["dd", "if=/dev/zero", f"of={disk}/full", "bs=64k"], capture_output=True, check=False
            )
            demo.end(1, "MB left", within=2 * SOON)
            (disk / "full").unlink()
            works(disk / "demo", log=folder / f"{text.split()[0]}-again.txt")


@hardship
def ctrl_c_at_any_time(folder):
    home = folder / "demo"
    phases = (
        "",
        "Starting Airflow",
        "still starting",
        "Airflow is up",
        "Running daily_report",
        "deploy  ",
        "goes on",
    )
    for text in phases:
        demo = Demo(home)
        demo.wait_to_say(text) if text else time.sleep(1)
        demo.signal(signal.SIGINT)
        print(
            f"    {text or 'at once'}: {demo.end(None, within=SOON + 10) if text != 'goes on' else demo.end(0):.1f} s"
        )
    works(home)


@hardship
def a_terminal_that_closes(folder):
    demo = Demo(folder / "demo")
    demo.wait_to_say("still starting")
    demo.signal(signal.SIGHUP)
    demo.end(None, within=SOON + 10)
    reader = Demo(folder / "demo", "--exit", under=["bash", "-c", '"$@" | head -n 1', "-"])
    reader.process.wait(LONG)
    time.sleep(SOON)
    if processes_of(folder / "demo"):
        raise BrokenError("it left processes when nobody read on")
    works(folder / "demo")


@hardship
def killed_at_any_time(folder):
    home = folder / "demo"
    for text in ("Starting Airflow", "Running daily_report", "render_report"):
        demo = Demo(home)
        demo.wait_to_say(text)
        demo.process.kill()
        demo.process.wait()
    works(home)
    if processes_of(home):
        raise BrokenError("it left what a killed one had started")


@hardship
def two_at_once(folder):
    demos = [Demo(folder / name, "--exit") for name in ("one", "two")]
    for demo in demos:
        demo.end(0, "1 mail arrived.")


@hardship
def ports_that_are_taken(folder):
    taken = [socket.create_server(("127.0.0.1", port)) for port in (0, 0)]
    port = taken[0].getsockname()[1]
    demo = Demo(folder / "demo", "--exit", "--port", str(port))
    demo.end(0, f"Port {port} is taken by another program: Airflow's UI will be on port ")
    first = Demo(folder / "first", "--port", "18099")
    first.wait_to_say("Airflow is up")
    second = Demo(folder / "second", "--exit", "--port", "18099")
    second.end(
        0, f"Port 18099 is taken by the demo in {ROOT} (http://localhost:18099, process {first.process.pid})"
    )
    third = Demo(folder / "first", "--exit", log=folder / "third.txt")
    third.process.wait(SOON)
    if "The demo is running already: http://localhost:18099" not in third.said:
        raise BrokenError(third.said)
    first.signal(signal.SIGINT)
    first.process.wait(LONG)
    for one in taken:
        one.close()


@hardship
def odd_clocks(folder):
    for name, when in (
        ("midnight", "2026-11-27 23:58:50"),
        ("summer", "2027-03-28 00:59:00"),
        ("back", "2026-10-25 00:59:00"),
    ):
        works(
            folder / "demo", under=["env", "TZ=Europe/Berlin", "faketime", "-f", f"@{when}"], log=folder / name
        )


@hardship
def a_folder_that_may_not_be_written(folder):
    (folder / "checkout").mkdir()
    inside = f'mount --bind -o ro {folder}/checkout {folder}/checkout; exec "$@"'
    demo = Demo(
        folder / "checkout" / "demo",
        "--exit",
        under=["unshare", "--mount", "bash", "-c", inside, "-"],
        log=folder / "log",
    )
    demo.end(1, "Cannot write", "Read-only file system", within=SOON)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="HARDSHIP", help=f"all without: {', '.join(HARDSHIPS)}")
    names = parser.parse_args().names or list(HARDSHIPS)
    broken = 0
    for name in names:
        began = time.monotonic()
        folder = Path(tempfile.mkdtemp(prefix="daybreak-mistreat-"))
        folder.chmod(0o755)
        try:
            HARDSHIPS[name](folder)
            print(f"held    {name} ({time.monotonic() - began:.0f} s)", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
        except BrokenError as error:
            broken += 1
            print(f"BROKEN  {name}: {error}\n  in {folder}", flush=True)
        finally:
            for process in processes_of(folder):
                with suppress(psutil.NoSuchProcess):
                    process.kill()
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
