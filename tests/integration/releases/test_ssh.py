"""Deploying, running and rolling back on a host that has no Airflow, over a real OpenSSH server."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import platform
import random
import tarfile
import tempfile
import threading
import time
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("paramiko")

from airflow_provider_daybreak.exceptions import (
    DiskFullError,
    HostFolderError,
    HostKeyUnknownError,
    HostUnreachableError,
    ScriptFailedError,
)
from airflow_provider_daybreak.hooks.ssh_session import Session
from airflow_provider_daybreak.operators.venv import (
    ScriptMail,
    VenvDeployOperator,
    VenvRollbackOperator,
    VenvRunOperator,
)
from airflow_provider_daybreak.version_compat import AirflowFailException
from tests.attacks import often
from tests.context import make_context
from tests.integration.releases.ssh_host import AS_ROOT, SSHD, SshHost
from tests.mail import MailServer
from tests.waiting import until

pytestmark = pytest.mark.skipif(SSHD is None, reason="needs openssh-server")

SCRIPT = """
import datetime, os, pathlib, sys, time
pathlib.Path(os.environ["HOME"], "ran").open("a").write("ran\\n")
print("line of", os.environ["DAYBREAK_REPORT_DATE"], os.environ.get("PASSWORD"), flush=True)
print("week from", os.environ["DAYBREAK_PERIOD_START"][:10])
time.sleep(float(os.environ.get("PAUSE", 0)))
pathlib.Path(os.environ["DAYBREAK_OUTPUT_DIR"], "orders.csv").write_text("a,b\\n" * 50_000)
print("42 orders")
sys.exit(int(os.environ.get("CODE", 0)))
"""


@pytest.fixture(scope="module")
def host():
    with tempfile.TemporaryDirectory(prefix="daybreak-ssh-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        made = SshHost(Path(folder) / "host")
        yield made
        made.stop()


@pytest.fixture(autouse=True)
def connection(monkeypatch, host, tmp_path):
    monkeypatch.setenv("AIRFLOW_CONN_REPORTS_HOST", host.connection())
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "archive").as_uri())


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "orders.py").write_text(SCRIPT)
    (folder / ".env").write_text("PASSWORD=correct-horse-battery\n")
    (folder / ".env").chmod(0o600)
    return folder


def context_of(task_id, run_id="r1", try_number=1, max_tries=2):
    made = make_context(task_id=task_id, run_id=run_id, try_number=try_number)
    made["ti"].max_tries = max_tries  # which a clear adds to
    pushed = {}
    made["ti"].xcom_push = lambda key, value: pushed.update({key: value})
    return made, pushed


def deploy(source, run_id, name="orders"):
    operator = VenvDeployOperator(task_id="deploy", name=name, source=source, ssh_conn_id="reports_host")
    return operator.execute(context_of("deploy", run_id)[0])


def run_of(release, script="orders.py", **arguments):
    return VenvRunOperator(
        task_id="run", release=release, command=[script], ssh_conn_id="reports_host", **arguments
    )


def times_run(host):
    return len((host.home / "ran").read_text().splitlines()) if (host.home / "ran").exists() else 0


def test_a_script_is_deployed_run_and_rolled_back_on_another_host(source, host, caplog):
    caplog.set_level(logging.INFO)
    first = deploy(source, "first")
    context, pushed = context_of("run", "first")
    value = run_of(first, artifacts=["*.csv"], period="week", week_start="sunday").execute(context)
    (source / "more.py").write_text("pass\n")
    second = deploy(source, "second")
    back = VenvRollbackOperator(task_id="back", name="orders", ssh_conn_id="reports_host")
    returned = back.execute(context_of("back", "second")[0])

    assert value == "42 orders"
    assert pushed["artifacts"]["orders.csv"]["bytes"] == 200_000
    assert "line of 2026-03-29 ***" in caplog.text
    assert "week from 2026-03-29" in caplog.text
    assert "correct-horse" not in caplog.text
    assert second["release"] != first["release"] == returned["release"]
    assert (host.home / ".daybreak").stat().st_mode & 0o777 == 0o700
    assert not [
        path
        for path in (host.home / ".daybreak" / "runs").rglob("*")
        if path.is_file() and b"correct-horse" in path.read_bytes()
    ]


def test_a_script_that_fails_there_fails_as_it_does_here(source):
    release = deploy(source, "fails")

    with pytest.raises(ScriptFailedError, match="exit code 7"):
        run_of(release, env={"CODE": "7"}).execute(context_of("run", "fails")[0])
    with pytest.raises(AirflowFailException, match="exit code 2"):
        run_of(release, env={"CODE": "2"}).execute(context_of("run", "usage")[0])


def test_a_host_whose_key_is_unknown_is_refused_with_the_line_to_add(source, host, monkeypatch, tmp_path):
    known = tmp_path / "known_hosts"
    known.touch()
    monkeypatch.setenv("AIRFLOW_CONN_REPORTS_HOST", host.connection(host_key=None, known_hosts=str(known)))
    with pytest.raises(AirflowFailException) as refused:
        deploy(source, "unknown")
    assert isinstance(refused.value.__cause__, HostKeyUnknownError)

    known.write_text(refused.value.__cause__.line + "\n")
    assert deploy(source, "known")["name"] == "orders"


def test_a_host_with_another_key_is_refused(source, host, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_REPORTS_HOST", host.connection(host_key=host.host_key("other")))

    with pytest.raises(AirflowFailException, match="somebody may answer in its place"):
        deploy(source, "changed")


def test_a_later_try_takes_up_what_the_lost_worker_began(source, host):
    release, before = deploy(source, "lost"), times_run(host)
    lost = run_of(release, env={"PAUSE": "3"})
    first, second = (context_of("run", "lost", try_number)[0] for try_number in (1, 2))
    threading.Thread(target=lambda: lost.execute(first), daemon=True).start()
    until(lambda: times_run(host) == before + 1)

    assert run_of(release, env={"PAUSE": "3"}).execute(second) == "42 orders"
    assert times_run(host) == before + 1


def test_a_cleared_task_runs_anew(source, host):
    release, before = deploy(source, "cleared"), times_run(host)
    for try_number, max_tries in ((1, 2), (2, 3)):
        run_of(release).execute(context_of("run", "cleared", try_number, max_tries)[0])

    assert times_run(host) == before + 2


def test_whoever_ends_the_task_ends_the_script_there(source, host):
    release, before = deploy(source, "killed"), times_run(host)
    operator, ended = run_of(release, env={"PAUSE": "600"}), []

    def execute():
        try:
            operator.execute(context_of("run", "killed")[0])
        except Exception as error:  # noqa: BLE001 - it is looked at below
            ended.append(error)

    thread = threading.Thread(target=execute, daemon=True)
    thread.start()
    until(lambda: times_run(host) == before + 1)
    operator.on_kill()
    thread.join(60)

    assert "since its task was" in str(ended[0])


MAILING = """
import datetime, os, pathlib, smtplib, sys
pathlib.Path(os.environ["HOME"], "ran").open("a").write("ran\\n")
with smtplib.SMTP(os.environ["SMTP_SERVER"], int(os.environ["SMTP_PORT"])) as server:
    server.login("me", os.environ["SMTP_PASSWORD"])
    server.sendmail("me@example.org", ["ann@example.org"], f"Subject: Orders of {datetime.date.today()}\\n\\n42 of {os.environ['DAYBREAK_REPORT_DATE']}\\n")
print(datetime.datetime.now().astimezone().isoformat())
sys.exit(int(os.environ.get("CODE", 0)))
"""


@pytest.fixture
def mailing(source, monkeypatch):
    """Return a script that mails, and the server that its mail goes to once it has ended well."""
    (source / "orders.py").write_text(MAILING)
    (source / ".env").write_text(
        "SMTP_SERVER=mail.invalid\nSMTP_PORT=587\nSMTP_PASSWORD=correct-horse-battery\n"
    )
    with MailServer() as server:
        connection = {
            "conn_type": "smtp", "host": "localhost", "port": server.port,
            "extra": {"disable_tls": True, "disable_ssl": True, "from_email": "me@example.org"},
        }  # fmt: skip
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        yield source, server


def test_a_script_there_lives_on_its_day_and_its_mail_goes_out_once(mailing, host):
    (source, server), before = mailing, times_run(host)
    release = deploy(source, "mails", name="mails")
    for try_number, max_tries in ((1, 2), (2, 3)):  # the second one is cleared
        operator = run_of(release, clock="report_date", mail=ScriptMail(max_lateness=None), output="last_line")
        context, pushed = context_of("run", "mails", try_number, max_tries)
        assert operator.execute(context).startswith("2026-03-29T09:")
        assert pushed["mail"]["messages"] == 1

    assert server.recipients() == ["ann@example.org"]
    assert b"Subject: Orders of 2026-03-29" in server.mails[0].content
    assert times_run(host) == before + 2


def test_nothing_is_mailed_of_a_script_that_fails_there(mailing, caplog):
    source, server = mailing
    release = deploy(source, "mails nothing", name="mails")

    with pytest.raises(ScriptFailedError):
        run_of(release, mail="once", env={"CODE": "7"}).execute(context_of("run", "mails nothing")[0])

    assert not server.recipients()
    assert "kept as a draft" in caplog.text


class LostError(BaseException):
    """The worker is gone: nothing that follows is done."""


@pytest.fixture(params=["cut", "lost"])
def disturbed(request, host, monkeypatch):
    """Cut the connection, or lose the worker, the first time that each thing is about to be said or heard; list what that was."""
    seen = []

    def disturb(of, step):
        def disturbing(session, *given, **facts):
            what = (of, facts.get("do", ""))
            if what in seen:
                return step(session, *given, **facts)
            seen.append(what)
            if request.param == "lost":
                raise LostError
            host.cut()
            return step(session, *given, **facts)

        return disturbing

    said = []

    def saying(session, **facts):
        said.append(facts.get("do", ""))
        return say(session, **facts)

    def hearing(session):
        what = ("heard after", said[-1] if said else "")
        return disturb(what, hear)(session)

    say, hear, content = Session.say, Session.hear, Session.content
    monkeypatch.setattr(Session, "say", disturb("say", saying))
    monkeypatch.setattr(Session, "hear", hearing)
    monkeypatch.setattr(Session, "content", disturb("content", content))
    quick = SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: time.sleep(min(seconds, 0.1)))
    monkeypatch.setattr("airflow_provider_daybreak.hooks.remote.time", quick)
    return seen


def test_a_mail_from_there_goes_out_once_wherever_the_connection_is_cut_or_the_worker_lost(
    mailing, host, disturbed, request
):
    (source, server), before = mailing, times_run(host)
    name = f"mails-{request.node.callspec.id}"
    while True:
        with contextlib.suppress(LostError):
            release = deploy(source, "disturbed", name=name)
            break
    disturbed.clear()  # each again, for the run
    for try_number in range(1, 100):
        with contextlib.suppress(LostError):
            operator = run_of(release, mail=ScriptMail(max_lateness=None), output="last_line")
            context, pushed = context_of("run", name, try_number)
            operator.execute(context)
            break

    steps = [do for of, do in disturbed if of == "say"]
    assert {"release", "begin", "follow", "fetch", "take"} <= set(steps)
    assert len(disturbed) > 10
    assert pushed["mail"]["messages"] == 1
    assert server.recipients() == ["ann@example.org"]
    assert times_run(host) == before + 1


def test_a_clock_that_is_none_is_refused():
    with pytest.raises(AirflowFailException, match="report_date"):
        run_of("orders", clock="noon").execute(context_of("run", "clock")[0])


CUTS = often(30, 120)


@pytest.mark.attack("errors of a disk or a socket")
@pytest.mark.timeout(600 + 20 * CUTS)
def test_a_connection_cut_anywhere_loses_nothing_and_runs_and_mails_nothing_twice(mailing, host, tried):
    (source, server), before = mailing, times_run(host)
    (source / "orders.py").write_text(SCRIPT)
    (source / "mails.py").write_text(MAILING)
    chance, days, cuts, begun = random.Random(16), [], Counter(), Counter()
    lasts = {}  # what each took the last time, so that a cut falls anywhere within it, however busy the machine is

    def act(what, number):
        if what == "deploy":
            (source / "version.py").write_text(f"NUMBER = {number}\n")
            return deploy(source, f"cut {number}", name="cut")["name"]
        context, pushed = context_of("run", f"cut {number}")
        if what == "run":
            value = run_of("cut", env={"PAUSE": "0.2"}, artifacts=["*.csv"]).execute(context)
            return value, pushed["artifacts"]["orders.csv"]["bytes"]
        days.append(str(date(2026, 1, 1) + timedelta(days=len(days))))
        mail = ScriptMail(max_lateness=None)
        run_of("cut", "mails.py", mail=mail, report_date=days[-1], output="none").execute(context)
        return pushed["mail"]["messages"]

    expected = {"deploy": "cut", "run": ("42 orders", 200_000), "mail": 1}
    while min(cuts[what] for what in expected) < CUTS // 3:
        what = min(expected, key=lambda what: (cuts[what], begun[what]))
        over = threading.Event()

        def cut(what, over):
            if not over.wait(chance.uniform(0.0, lasts[what])):
                cuts[what] += host.cut() > 0

        thread = threading.Thread(target=cut, args=(what, over), daemon=True)
        start = time.monotonic()
        if begun[what] >= 2:  # the first one makes what the others find
            thread.start()
        assert act(what, begun.total()) == expected[what]
        over.set()
        lasts[what] = time.monotonic() - start
        if begun[what] >= 2:
            thread.join()
        begun[what] += 1

    tried(cuts.total())
    print(f"\n{dict(cuts)} cuts in {dict(begun)}")
    assert times_run(host) == before + begun["run"] + begun["mail"]
    told = [mail.content.rpartition(b"42 of ")[2].strip().decode() for mail in server.mails]
    assert sorted(told) == days


@pytest.fixture
def another():
    """Begin another host, with options of sshd."""
    made = []
    with tempfile.TemporaryDirectory(prefix="daybreak-ssh-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)

        def begin(**options):
            made.append(SshHost(Path(folder) / str(len(made)), **options))
            return made[-1]

        yield begin
        for each in made:
            each.stop()


def test_a_host_behind_a_bastion_is_reached_through_it(source, host, another, monkeypatch):
    bastion = another()
    monkeypatch.setenv("AIRFLOW_CONN_BASTION", bastion.connection())
    monkeypatch.setenv("AIRFLOW_CONN_REPORTS_HOST", host.connection(bastion_conn_id="bastion"))
    assert deploy(source, "behind")["name"] == "orders"

    closed = another(AllowTcpForwarding="no")
    monkeypatch.setenv("AIRFLOW_CONN_BASTION", closed.connection())
    with pytest.raises(HostUnreachableError, match="forbids it"):
        deploy(source, "closed")


def test_a_login_shell_that_prints_and_changes_path_is_no_hindrance(source, another, monkeypatch):
    host = another()
    (host.home / ".bashrc").write_text("echo welcome; echo more >&2; export PATH=/nowhere; cd /\n")
    monkeypatch.setenv("AIRFLOW_CONN_REPORTS_HOST", host.connection())

    assert run_of(deploy(source, "banner")).execute(context_of("run", "banner")[0]) == "42 orders"


FILLING = """
import os
with open(os.path.join(os.environ["HOME"], "filler"), "wb", buffering=0) as file:
    for size in (1 << 20, 1 << 10, 1):
        try:
            while True:
                file.write(b"x" * size)
        except OSError:
            pass
for number in range(200):
    print("a line that has no room", number)
print("42 orders")
"""


def fill(path):
    """Write a file until the disk is full."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size):
                    pass


@pytest.mark.skipif(not AS_ROOT, reason="mounts a small disk as root")
def test_a_full_disk_is_said_and_room_is_all_that_it_takes(source, another, monkeypatch, caplog):
    host = another(room="200m")
    monkeypatch.setenv("AIRFLOW_CONN_REPORTS_HOST", host.connection())
    (source / "fill.py").write_text(FILLING)
    release = deploy(source, "full")
    filler = host.seen / "filler"
    for number, act in enumerate(
        (run_of(release).execute, lambda _context: deploy(source, "other", name="other"))
    ):
        fill(filler)
        with pytest.raises((HostFolderError, DiskFullError), match=r"[Nn]o space left"):
            act(context_of("run", f"full {number}")[0])
        filler.unlink()

    meanwhile = VenvRunOperator(task_id="run", release=release, command=["fill.py"], ssh_conn_id="reports_host")
    caplog.set_level(logging.INFO)
    assert meanwhile.execute(context_of("run", "meanwhile")[0]) == "42 orders"
    assert "lines are left out here" in caplog.text
    filler.unlink()
    assert run_of(release).execute(context_of("run", "room")[0]) == "42 orders"


DEBIANS = Path("/usr/bin/python3").resolve()


@pytest.fixture(scope="module")
def pythons():
    """Return where uv finds a Python to install: Debian's own, which runs from any folder."""
    # The host's user comes to no folder of pytest's.
    with tempfile.TemporaryDirectory(prefix="daybreak-pythons-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        packed, minor = folder / "python.tar.gz", DEBIANS.name.removeprefix("python3.")
        with tarfile.open(packed, "w:gz", compresslevel=1, dereference=True) as file:
            file.add(DEBIANS, f"python/bin/{DEBIANS.name}")
            file.add(DEBIANS, "python/bin/python3")
            library = Path("/usr/lib", DEBIANS.name)
            for path in library.iterdir():
                if path.name not in (
                    "test",
                    "__pycache__",
                    "dist-packages",
                    "sitecustomize.py",
                ) and not path.name.startswith("config-"):
                    file.add(path, f"python/lib/{DEBIANS.name}/{path.name}")
        said = {
            "name": "cpython", "arch": {"family": platform.machine(), "variant": None}, "os": "linux", "libc": "gnu",
            "major": 3, "minor": int(minor), "patch": 0, "prerelease": "", "variant": None, "build": "1",
            "url": packed.as_uri(), "sha256": hashlib.sha256(packed.read_bytes()).hexdigest(),
        }  # fmt: skip
        (folder / "pythons.json").write_text(
            json.dumps({f"cpython-3.{minor}.0-linux-{platform.machine()}-gnu": said})
        )
        for path in folder.iterdir():
            path.chmod(0o644)
        yield folder


@pytest.mark.skipif(not AS_ROOT or not DEBIANS.exists(), reason="hides Debian's Python as root")
def test_a_host_without_any_python_is_brought_one(source, another, monkeypatch, pythons, caplog):
    caplog.set_level(logging.INFO)
    hidden = {
        path.resolve() for folder in ("/usr/bin", "/usr/local/bin") for path in Path(folder).glob("python3*")
    }
    host = another(
        hidden=hidden, environment={"UV_PYTHON_DOWNLOADS_JSON_URL": (pythons / "pythons.json").as_uri()}
    )
    monkeypatch.setenv("AIRFLOW_CONN_REPORTS_HOST", host.connection())
    monkeypatch.setattr("platform.python_version_tuple", lambda: ("3", "99", "0"))
    with pytest.raises(AirflowFailException, match="none can be brought there.*daybreak_python_mirror"):
        deploy(source, "brought not")

    caplog.clear()
    monkeypatch.setattr(
        "platform.python_version_tuple", lambda: ("3", DEBIANS.name.removeprefix("python3."), "0")
    )
    release = deploy(source, "brought")

    assert run_of(release).execute(context_of("run", "brought")[0]) == "42 orders"
    assert caplog.text.count("uv is sent there, and installs one") == 1


def test_a_host_without_a_python_says_what_to_install(source, host, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_REPORTS_HOST", host.connection(daybreak_python="/usr/bin/python2.7"))

    with pytest.raises(AirflowFailException, match=r"no Python 3\.10 or later.*apt-get install python3"):
        deploy(source, "python")


def test_a_folder_that_cannot_be_written_is_named(source, host, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_REPORTS_HOST", host.connection(daybreak_folder="/proc/daybreak"))

    with pytest.raises(HostFolderError, match="daybreak_folder"):
        deploy(source, "folder")


def test_a_folder_that_others_may_write_to_is_refused(source, host, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_REPORTS_HOST", host.connection(daybreak_folder="/tmp"))

    with pytest.raises(AirflowFailException, match="others than its user"):
        deploy(source, "others")


def test_a_host_that_does_not_let_us_in_says_so(source, host, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_REPORTS_HOST", host.connection(key_file=str(host.folder / "other")))

    with pytest.raises(AirflowFailException, match="refuses the login"):
        deploy(source, "login")
