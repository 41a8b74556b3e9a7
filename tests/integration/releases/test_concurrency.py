"""Deploys, runs and prunes at the same time, and more of them in a sweep."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from airflow_provider_daybreak.exceptions import ReleaseNotFoundError
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.release import get_release, releases_of
from airflow_provider_daybreak.releases.running.run import Job, run
from airflow_provider_daybreak.releases.switch import new_entry, switch
from tests.attacks import often

ROUNDS = often(30, 200)

# Each module of a release says its number, and the last is imported late: a mixture would show.
SCRIPT = "import a, time\ntime.sleep(0.05)\nimport b, c\nassert a.n == b.n == c.n == {n}, (a.n, b.n, c.n)\nprint({n})\n"


@pytest.fixture
def numbered(source, layout):
    """Return a function that deploys the release of a number."""

    def deploy_number(number, **options):
        modules = {f"{name}.py": f"n = {number}\n" for name in "abc"}
        return deploy(layout, Plan(source(modules, script=SCRIPT.format(n=number)), **options)).release

    return deploy_number


READER = """
import os, sys
current = sys.argv[1]
failures = reads = 0
while os.getppid() == int(sys.argv[2]):
    try:
        release = os.path.join(os.path.dirname(current), os.readlink(current))
        texts = {open(os.path.join(release, "src", name + ".py")).read() for name in "abc"}
        open(os.path.join(current, "MANIFEST.json")).close()
        failures += len(texts) != 1
    except OSError:
        failures += 1
    reads += 1
    if os.path.exists(sys.argv[3]):
        break
print(failures, reads)
"""


@pytest.mark.attack("races")
def test_a_reader_never_sees_current_missing_or_mixed(numbered, layout, tmp_path, tried):
    tried(max(100, 5 * ROUNDS))
    releases = [numbered(number).id for number in range(2)]
    stop = tmp_path / "stop"
    command = [sys.executable, "-c", READER, layout.current, str(os.getpid()), stop]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for number in range(max(100, 5 * ROUNDS)):
        switch(layout, new_entry(layout, releases[number % 2], action="deploy"))
    stop.touch()
    failures, reads = map(int, reader.communicate(timeout=60)[0].split())

    assert failures == 0
    assert reads > 0
    print(f"\n{max(100, 5 * ROUNDS)} switches under {reads} reads: {failures} failures")


@pytest.mark.attack("races")
def test_no_job_loses_a_file_to_deploys_and_prunes(numbered, layout, tried):
    tried(ROUNDS)
    numbered(0)
    ended, problems, gone = [], [], []
    stop = threading.Event()

    def work():
        while not stop.is_set():
            try:
                finished = run(get_release(layout), Job(("report.py",)), on_line=lambda *_: None)
            except ReleaseNotFoundError:
                gone.append(1)  # it was pruned before it began, and a real task takes the current one then
                continue
            ended.append(finished.code)
            if finished.code:
                problems.append(finished.stderr)

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for number in range(1, ROUNDS + 1):
        numbered(number, keep=1)
    stop.set()
    for worker in workers:
        worker.join()

    print(f"\n{ROUNDS} deploys, {len(ended)} jobs, {len(gone)} came too late, {len(problems)} failed")
    assert problems == []
    assert len(ended) > 0
    assert len(releases_of(layout)) <= 2 + len(workers)
