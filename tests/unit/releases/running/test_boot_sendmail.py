"""Scripts that hand their mail to the machine's programs: in a run with a relay it is kept like any other."""

from __future__ import annotations

import os
import subprocess

import pytest

from airflow_provider_daybreak.delivery.intake import Limits
from airflow_provider_daybreak.delivery.relay import HOST, Relay
from airflow_provider_daybreak.releases.running.booting import RELAY
from airflow_provider_daybreak.releases.running.run import Job, run

HEAD = "From: Me <me@example.org>\\nTo: Ann <ann@example.org>, bo@example.org\\nBcc: secret@example.org\\nSubject: Hi\\n\\nText\\n"


@pytest.fixture(scope="module")
def deployed_once(tmp_path_factory):
    from airflow_provider_daybreak.releases.deploy import Plan, deploy
    from airflow_provider_daybreak.releases.layout import Layout

    folder = tmp_path_factory.mktemp("sendmail")
    (folder / "source").mkdir()
    (folder / "source" / "run.sh").write_text('#!/bin/sh\neval "$1"\n')
    (folder / "source" / "a.csv").write_text("a,b\n")
    return deploy(Layout(folder / "releases", "daily"), Plan(folder / "source")).release


@pytest.fixture
def mailed(deployed_once, tmp_path):
    """Return a function that runs a line of shell, and returns how it ended, and what a relay got of it."""

    def run_line(line, **limits):
        with Relay(tmp_path, Limits(**limits)) as relay:
            boot = {RELAY: f"{HOST}:{relay.port}:{relay.tls_port}"}
            job = Job(("run.sh", line), boot=boot)
            finished = run(deployed_once, job, on_line=lambda *_: None)
            got = [(one.sender, list(one.recipients), one.file.read_bytes().decode()) for one in relay.messages]
        return finished, got

    return run_line


@pytest.mark.parametrize(
    ("line", "sender", "recipients", "texts"),
    [
        (
            f"printf '{HEAD}' | sendmail -t",
            "me@example.org",
            ["ann@example.org", "bo@example.org", "secret@example.org"],
            ["Subject: Hi", "Text"],
        ),
        (f"printf '{HEAD}' | sendmail -oi -f x@example.org cy@example.org", "x@example.org", ["cy@example.org"], []),
        (f"printf '{HEAD}' | sendmail -i -fx@example.org -- cy@example.org", "x@example.org", ["cy@example.org"], []),
        ("printf 'Subject: x\\n\\na\\n.\\nb\\n' | sendmail -f me@e.org ann@e.org", "me@e.org", ["ann@e.org"], ["a"]),
        ("echo hello | mail -s 'Größe' -r me@e.org ann@e.org", "me@e.org", ["ann@e.org"], ["To: ann@e.org", "hello"]),
        (
            "echo '<p>' | mailx -s Hi -a 'Content-Type: text/html' -c bo@e.org ann@e.org -- -f me@e.org",
            "me@e.org",
            ["ann@e.org", "bo@e.org"],
            ["text/html", "Cc: bo@e.org"],
        ),
        ("echo x | mail -s Hi -A a.csv -r me@e.org ann@e.org,bo@e.org", "me@e.org", ["ann@e.org", "bo@e.org"], ["a.csv"]),
        ("echo x | mail -s Hi -a a.csv -r me@e.org ann@e.org", "me@e.org", ["ann@e.org"], ['filename="a.csv"']),
        (
            "python -c 'import subprocess; subprocess.run([\"sendmail\", \"-t\"], input=b\"From: a@e.org\\nTo: b@e.org\\n\\nx\")'",
            "a@e.org",
            ["b@e.org"],
            ["x"],
        ),
    ],
)  # fmt: skip
def test_what_the_mailers_of_a_machine_are_given_is_kept(mailed, line, sender, recipients, texts):
    finished, [(from_, to, message)] = mailed(line)

    assert finished.code == 0, finished.stderr
    assert (from_, sorted(to)) == (sender, sorted(recipients))
    assert all(text in message for text in texts)
    assert "secret@" not in message
    assert "\nb" not in message.replace("\r", "") or "sendmail -f" not in line


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("echo x | sendmail -t", "no recipients were given"),
        ("mail", "no recipients were given"),
        ("echo x | sendmail -bs", "only mail on its standard input is taken"),
        ("echo x | mail --nonsense ann@e.org", "nonsense"),
        ("echo x | mail -r me@e.org ann@forbidden.org", "ann@forbidden.org: 550"),
        ("echo x | mail -A gone.csv -r me@e.org ann@e.org", "gone.csv"),
    ],
)
def test_what_cannot_be_sent_is_an_error_as_of_a_mailer(mailed, line, said):
    finished, got = mailed(line, allowed_domains=("e.org",))

    assert finished.code in (64, 69)
    assert said in finished.stderr
    assert got == []


def test_without_a_relay_the_mailers_are_the_machines_own(deployed_once):
    finished = run(deployed_once, Job(("run.sh", "command -v sendmail || echo none")), on_line=lambda *_: None)

    assert str(deployed_once.layout.runs) not in finished.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_the_mailers_are_for_every_user(deployed_once, tmp_path):
    from airflow_provider_daybreak.releases.running.booting import place_mailers

    tmp_path.chmod(0o755)
    placed = place_mailers(tmp_path, deployed_once.python)

    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (placed, *placed.iterdir())}
    assert modes == {
        "bin": "0o755", "sendmail": "0o755", "mail": "0o755", "mailx": "0o755", "daybreak_sendmail.py": "0o644",
    }  # fmt: skip
    assert (
        subprocess.run([placed / "mail"], capture_output=True, stdin=subprocess.DEVNULL, check=False).returncode
        == 64
    )
