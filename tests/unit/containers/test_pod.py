"""What is read again of a pod's log after an outage, whatever the clocks of its node and of the worker show."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
import time_machine

from airflow_provider_daybreak.containers.identity import Identity
from airflow_provider_daybreak.containers.pod import Pod
from airflow_provider_daybreak.containers.pod_manifest import PodSpec

NOW = datetime(2026, 3, 29, 7, tzinfo=timezone.utc)


class Log:
    """A cluster that gives the log of one container: each line with its time before it."""

    def __init__(self):
        self.lines = []
        self.asked = []

    def log(self, _name, _container, *, since, follow):  # noqa: ARG002 - as a cluster is asked
        self.asked.append(since)
        yield from (
            f"{when:%Y-%m-%dT%H:%M:%S}.{number:09}Z {text}\n".encode() for number, (when, text) in self.lines
        )

    def write(self, when, text):
        self.lines.append((len(self.lines), (when, text)))


class Lines(list):
    def add(self, _stream, text, _name):
        self.append(text.decode().strip())


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def pod(log):
    identity = Identity("file:///reports", "dag", "run", "task", -1)
    return Pod(log, identity, "work", PodSpec("image", None, {}, "work"), 1)


@pytest.mark.parametrize(
    ("ahead", "asked"),
    [
        (0, 65),  # what was written since the last line, and some seconds
        (-300, 365),
        (300, None),  # by the worker's clock the last line is yet to be written
    ],
)
def test_no_line_is_lost_by_clocks_that_are_apart(pod, log, ahead, asked):
    seen = Lines()
    with time_machine.travel(NOW, tick=False) as clock:
        log.write(NOW + timedelta(seconds=ahead), "before")
        pod._pass_on(seen, follow=True)
        clock.shift(60)
        log.write(NOW + timedelta(seconds=ahead + 30), "meanwhile")
        pod._pass_on(seen, follow=True)

    assert log.asked == [None, asked]
    assert seen == ["before", "meanwhile"]


def test_a_worker_whose_clock_was_set_back_reads_all_again(pod, log):
    with time_machine.travel(NOW, tick=False) as clock:
        log.write(NOW, "before")
        pod._pass_on(Lines(), follow=True)
        clock.shift(-3600)
        pod._pass_on(Lines(), follow=True)

    assert log.asked == [None, None]


def test_what_a_node_whose_clock_was_set_back_writes_is_passed_on(pod, log):
    seen = Lines()
    log.write(NOW, "before")
    log.write(NOW - timedelta(hours=3), "after")

    with time_machine.travel(NOW, tick=False):
        pod._pass_on(seen, follow=True)

    assert seen == ["before", "after"]
