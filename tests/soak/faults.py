"""What befalls a stack while it is soaked: each fault is one function of the stack and a seeded chance."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import suppress

import psutil


def _pick(stack, chance, sign):
    """Return a process of the tasks whose command line holds the sign."""
    found = []
    for process in stack.tasks():
        with suppress(psutil.Error):
            if sign(" ".join(process.cmdline()), process):
                found.append(process)
    return chance.choice(found) if found else None


def _kill(process, what):
    if process is None:
        return ""
    with suppress(psutil.Error):
        process.kill()
        return what
    return ""


def task(stack, chance):
    """A task's own process, below the executor's that watches over it."""
    return _kill(_pick(stack, chance, lambda _line, process: _depth(stack, process) == 2), "task")


def supervisor(stack, chance):
    """The executor's process that watches over a task: the task itself lives on for a while."""

    def watches(_line, process):
        return _depth(stack, process) == 1 and process.children()

    return _kill(_pick(stack, chance, watches), "supervisor")


def script(stack, chance):
    return _kill(_pick(stack, chance, lambda line, _process: "figures.py" in line), "script")


def _depth(stack, process):
    """Return how many generations a process lies below the scheduler."""
    top, depth = stack.services["scheduler"].process.pid, 0
    while process is not None and process.pid != top:
        process, depth = process.parent(), depth + 1
    return depth


def container(stack, chance):
    listed = stack.containers()
    if not listed:
        return ""
    stack.docker("kill", chance.choice(listed))
    return "container"


def engine(stack, chance):
    """The engine, or what keeps its containers for it, or both."""
    if not stack.engine:
        return ""
    names = chance.choice([["engine"], ["engine"], ["containerd"], ["engine", "containerd"]])
    down = chance.uniform(0, 5)
    for name in names:
        stack.services[name].kill(group=False, down=down)
    return " and ".join(names)


_STEPS = {"seconds": (1, 60), "minutes": (60, 3600), "hours": (3600, 3 * 3600)}
"""How far a clock is set at once, in seconds."""


def clock(stack, chance):
    """
    The clock is set: for good, or put right some seconds later.

    In the end it is further ahead than ever: what was told to wait for a time, by a clock that was ahead, waits no longer
    than half a minute.
    """
    if not stack.clock:
        return ""
    size = chance.choice(list(_STEPS))
    seconds = chance.uniform(*_STEPS[size])
    way = chance.choice(["forwards", "backwards", "forwards and back"])
    stack.clock.step(-seconds if way == "backwards" else seconds)
    if way != "forwards":
        back = seconds if way == "backwards" else -seconds
        stack.later(chance.uniform(2, 8), lambda: stack.clock.step(back))
        stack.later(chance.uniform(20, 40), stack.clock.catch_up)
    return f"clock by {size} {way}"


def scheduler(stack, chance):
    """The scheduler alone, or with all tasks that it runs."""
    group = chance.random() < 0.5
    stack.services["scheduler"].kill(group=group, down=chance.uniform(0, 5))
    return "scheduler and its tasks" if group else "scheduler"


def component(stack, chance):
    name = chance.choice(["dag-processor", "api-server", "triggerer"])
    stack.services[name].kill(down=chance.uniform(0, 5))
    return name


def database(stack, chance):
    """As a power cut: the server ends at once, without a checkpoint."""
    stack.services["database"].kill(signal.SIGQUIT, group=False, down=chance.uniform(0, 8))
    return "database"


def mail_server(stack, chance):
    stack.services["mail"].kill(down=chance.uniform(0, 8))
    return "mail server"


def mail_mode(stack, chance):
    mode = chance.choice(["refuse", "busy", "silent", "slow"])
    (stack.mails / "mode").write_text(mode)
    stack.later(chance.uniform(1, 6), lambda: (stack.mails / "mode").unlink(missing_ok=True))
    return f"mail server {mode}"


def sender(stack, chance):
    """Who has a mail taken, but no answer yet: that mail is in doubt from then on."""
    mode = stack.mails / "mode"
    mode.write_text("slow")

    def kill():
        mode.unlink(missing_ok=True)
        for process in stack.tasks():
            with suppress(psutil.Error):
                if any(
                    each.raddr and each.raddr.port == stack.mail_port for each in process.net_connections("tcp")
                ):
                    process.kill()

    stack.later(chance.uniform(2, 6), kill)
    return "senders of mails"


def disk_full(stack, chance):
    if not stack.disk:
        return ""
    filler = stack.data / "filler"
    with suppress(OSError), filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(stack.data).free)
    stack.later(chance.uniform(2, 6), lambda: filler.unlink(missing_ok=True))
    return "disk full"


WEIGHTS = {
    task: 8,
    supervisor: 8,
    script: 5,
    container: 5,
    mail_server: 4,
    mail_mode: 6,
    sender: 4,
    disk_full: 4,
    database: 2,
    scheduler: 2,
    component: 2,
    engine: 3,
    clock: 4,
}


def befall(stack, chance):
    """Let one fault happen; return what it was, or nothing where there was nobody to befall."""
    fault = chance.choices(list(WEIGHTS), weights=WEIGHTS.values())[0]
    return fault(stack, chance)


class Later:
    """Faults that end by themselves."""

    def __init__(self):
        self._due = []

    def add(self, seconds, end):
        self._due.append((time.monotonic() + seconds, end))

    def run(self, *, everything=False):
        now = time.monotonic()
        due = [item for item in self._due if everything or item[0] <= now]
        for item in due:
            self._due.remove(item)
            item[1]()
