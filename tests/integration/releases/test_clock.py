"""An unmodified script on its own day: real interpreters, real uv, real TLS."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime, timedelta, timezone
from datetime import time as dt_time
from email import message_from_bytes, policy
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine

from airflow_provider_daybreak.delivery.relay import HOST, Relay
from airflow_provider_daybreak.exceptions import ClockError
from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator
from airflow_provider_daybreak.releases.clock import start_at
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.environments.verify import check_record
from airflow_provider_daybreak.releases.files import remove_tree
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.manifest_check import check_source
from airflow_provider_daybreak.releases.running.booting import BOOT, RELAY
from airflow_provider_daybreak.releases.running.privileges import Privileges, find_user
from airflow_provider_daybreak.releases.running.run import Job, run
from airflow_provider_daybreak.releases.uv import Index

BERLIN = ZoneInfo("Europe/Berlin")
NINE = datetime(2026, 3, 28, 9, tzinfo=BERLIN)
NUMBERS = itertools.count()
PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")


@pytest.fixture
def _own_cache():
    """Leave uv its cache: time-machine comes from the real index, once."""


@pytest.fixture(scope="session")
def root():
    """Return a folder of releases whose tests share what starts their clocks, as releases do."""
    # Its path is short: a script's temporary files lie below, and a socket of multiprocessing's has room for 107 bytes.
    with tempfile.TemporaryDirectory(prefix="clock-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the user that a script runs as comes through here
        yield folder


@pytest.fixture
def layout(root):
    return Layout(root, f"test-{next(NUMBERS)}")


@pytest.fixture
def released(layout, source):
    """Return a function that deploys a script, and the files beside it."""

    def deploy_script(script, files=None, **options):
        return deploy(layout, Plan(source(files, script=script), **options)).release

    return deploy_script


@pytest.fixture
def at(released):
    """Return a function that runs a script whose clock starts at an instant, and returns how it ended."""

    def run_script(
        script, instant=NINE, *, files=None, env=None, command=("report.py",), python=None, user=None
    ):
        release = released(script, files, python=python)
        return run_at(release, instant, command=command, env=env, user=user)

    return run_script


def run_at(release, instant=NINE, *, command=("report.py",), env=None, user=None):
    job = Job(command, env or {}, Privileges(user=user), start_at(instant, release, index_of=Index))
    finished = run(release, job, on_line=lambda *_: None)
    assert finished.code == 0, finished.stderr
    return finished


def first_line_of(finished):
    return finished.stdout.splitlines()[0]


def interpreter(version):
    """Return the path of a Python of that version that works, or None."""
    found = [Path("/usr/bin", f"python{version}"), Path("/usr/local/bin", f"python{version}")]
    found += Path.home().glob(f".pyenv/versions/{version}.*/bin/python")
    return next((str(path) for path in found if path.exists()), None)


EVERY_WAY = """\
from datetime import date, datetime, timezone
from time import time as imported, strftime as formatted
import email.utils, json, logging, io, sys, time
today_at_import = date.today()
log = io.StringIO()
logging.basicConfig(stream=log, format="%(asctime)s")
logging.warning("now")
print(json.dumps({
    "today at import": today_at_import.isoformat(),
    "date.today": date.today().isoformat(),
    "datetime.today": datetime.today().isoformat(),
    "datetime.now": datetime.now().isoformat(),
    "datetime.now(utc)": datetime.now(timezone.utc).isoformat(),
    "datetime.utcnow": datetime.utcnow().isoformat(),
    "astimezone": datetime.now().astimezone().isoformat(),
    "time.time": time.time(),
    "time.time_ns": time.time_ns() / 1e9,
    "imported": imported(),
    "clock_gettime": time.clock_gettime(time.CLOCK_REALTIME),
    "strftime": time.strftime("%Y-%m-%d %H:%M %z"),
    "formatted": formatted("%F"),
    "localtime": time.strftime("%F %H:%M", time.localtime()),
    "gmtime": time.strftime("%F %H:%M", time.gmtime()),
    "ctime": time.ctime(),
    "asctime": time.asctime(),
    "ctime(0)": time.ctime(0),
    "asctime(gmtime(0))": time.asctime(time.gmtime(0)),
    "logging": log.getvalue(),
    "Date of a mail": email.utils.formatdate(localtime=True),
}))
"""


@pytest.mark.parametrize("version", PYTHONS)
def test_every_way_to_ask_for_the_time_gives_the_runs_own(at, version):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")

    said = json.loads(first_line_of(at(EVERY_WAY, python=python)))

    start = NINE.timestamp()
    for name in ("time.time", "time.time_ns", "imported", "clock_gettime"):
        assert start <= said.pop(name) < start + 10, name
    expected = {
        "today at import": "2026-03-28",
        "date.today": "2026-03-28",
        "datetime.today": "2026-03-28T09:00:0",
        "datetime.now": "2026-03-28T09:00:0",
        "datetime.now(utc)": "2026-03-28T08:00:0",
        "datetime.utcnow": "2026-03-28T08:00:0",
        "astimezone": "2026-03-28T09:00:0",
        "strftime": "2026-03-28 09:00 +0100",
        "formatted": "2026-03-28",
        "localtime": "2026-03-28 09:00",
        "gmtime": "2026-03-28 08:00",
        "ctime": "Sat Mar 28 09:00:0",
        "asctime": "Sat Mar 28 09:00:0",
        "ctime(0)": "Thu Jan  1 01:00:00 1970",
        "asctime(gmtime(0))": "Thu Jan  1 00:00:00 1970",
        "logging": "2026-03-28 09:00:0",
        "Date of a mail": "Sat, 28 Mar 2026 09:00:0",
    }
    assert {name: text[: len(expected[name])] for name, text in said.items()} == expected


def test_the_clock_ticks_on_through_a_change_of_the_zones_own(at):
    outcome = at(
        "import time\nfrom datetime import datetime\nprint(datetime.now())\n"
        "time.sleep(1.2)\nprint(datetime.now(), datetime.now().astimezone().utcoffset())\n",
        datetime(2026, 3, 29, 1, 59, 59, tzinfo=BERLIN),
    )

    before, after = outcome.stdout.splitlines()
    assert before.startswith("2026-03-29 01:59:59.")
    assert after.startswith("2026-03-29 03:00:0")
    assert after.endswith(" 2:00:00")


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_runs_clock_goes_on_evenly_when_that_of_its_machine_is_set(released, hours):
    release = released("from datetime import datetime\nprint(datetime.now().isoformat())\n")
    one = datetime(2026, 3, 28, 1, tzinfo=BERLIN)

    with time_machine.travel(
        datetime.now(timezone.utc) + timedelta(hours=hours)
    ):  # and set right once it has begun
        finished = run_at(release, one)

    assert first_line_of(finished).startswith("2026-03-28T01:")


@pytest.mark.parametrize("year", [1901, 1969, 2099])
def test_a_clock_before_1970_or_far_ahead_starts_all_the_same(at, year):
    instant = datetime(year, 12, 31, 23, 59, 58, tzinfo=ZoneInfo("America/New_York"))

    said = first_line_of(at("from datetime import *; print(date.today(), datetime.now())", instant))

    assert said.startswith(f"{year}-12-31 {year}-12-31 23:59:58.")


def test_what_measures_time_is_left_alone(at):
    lower = time.monotonic()

    outcome = at(
        "import time; t = time.perf_counter(); time.sleep(.3); print(time.monotonic(), time.perf_counter() - t)"
    )

    monotonic, slept = map(float, first_line_of(outcome).split())
    assert lower < monotonic < time.monotonic()
    assert 0.3 <= slept < 2


def test_the_zone_is_the_dags_unless_the_script_says_its_own(at):
    script = "from datetime import datetime; import time; print(datetime.now().isoformat('T', 'minutes'), time.tzname[0])"

    assert first_line_of(at(script)) == "2026-03-28T09:00 CET"
    assert first_line_of(at(script, env={"TZ": "Asia/Tokyo"})) == "2026-03-28T17:00 JST"


def test_a_zone_that_the_machine_does_not_know_is_refused(released):
    release = released("")
    with Path("/usr/share/zoneinfo/Europe/Berlin").open("rb") as file:
        nowhere = ZoneInfo.from_file(file, key="Atlantis/Capital")

    with pytest.raises(ClockError, match="no file of the zone 'Atlantis/Capital'. Install its tzdata package"):
        start_at(NINE.replace(tzinfo=nowhere), release, index_of=Index)


# What a script starts

CHILDREN = """\
import multiprocessing, os, subprocess, sys, time
from datetime import datetime

def say(how):
    print(how, datetime.now().isoformat(), flush=True)

if __name__ == "__main__":
    time.sleep(1.1)
    subprocess.run([sys.executable, "-c", "from datetime import datetime; print('run', datetime.now().isoformat())"])
    subprocess.run([sys.executable, "-c", "import os, sys; os.execv(sys.executable, [sys.executable, '-c', "
        "'from datetime import datetime; print(\\"exec\\", datetime.now().isoformat())'])"])
    for how in ("fork", "spawn", "forkserver"):
        child = multiprocessing.get_context(how).Process(target=say, args=(how,))
        child.start()
        child.join()
    say("last")
"""


def test_children_go_on_at_the_time_that_their_parent_has_by_then(at):
    said = dict(line.split() for line in at(CHILDREN).stdout.splitlines())

    assert list(said) == ["run", "exec", "fork", "spawn", "forkserver", "last"]
    times = [datetime.fromisoformat(one) for one in said.values()]
    assert times == sorted(times)
    assert times[0] >= datetime(2026, 3, 28, 9, 0, 1)  # noqa: DTZ001 - as the script says it
    assert times[-1] < datetime(2026, 3, 28, 9, 1)  # noqa: DTZ001 - as the script says it


def test_one_python_after_another_of_a_shell_does_not_begin_again(at):
    ask = "python -c 'import time; print(time.time())'"
    outcome = at("", command=("bash", "-c", f"{ask}; sleep 1; {ask}"))

    first, second = map(float, outcome.stdout.split())
    assert NINE.timestamp() <= first < NINE.timestamp() + 10
    assert second - first >= 1


def test_other_programs_keep_the_true_time_and_work(at):
    other = next(found for version in PYTHONS if (found := interpreter(version)) and version != own_version())
    outcome = at(f"""\
import subprocess
subprocess.run(["date", "+%Y-%m-%d"], check=True)
subprocess.run([{other!r}, "-c", "from datetime import date; print(date.today())"], check=True)
""")

    assert outcome.stdout.splitlines() == [str(datetime.now(BERLIN).date())] * 2
    assert (
        outcome.stderr.strip()
        == f"Daybreak: {other} keeps the true time: it is another Python than the release's"
    )


def own_version():
    return ".".join(map(str, sys.version_info[:2]))


def test_a_script_with_pytest_in_its_environment_does_not_import_it(at):
    outcome = at(
        "import sys; print('pytest' in sys.modules); import pytest", files={"pytest.py": "print('own')"}
    )

    assert outcome.stdout.split() == ["False", "own"]


def test_the_path_of_the_script_is_what_it_would_be(released):
    release = released("import sys; print(sys.path[1:])")
    without = run(release, Job(("report.py",)), on_line=lambda *_: None)

    assert run_at(release).stdout == without.stdout


def test_a_clock_that_is_found_on_the_path_twice_starts_once(at):
    outcome = at("from datetime import datetime; print(datetime.now())", env={"PYTHONPATH": str(BOOT)})

    assert first_line_of(outcome).startswith("2026-03-28 09:00:0")


def test_the_command_to_run_it_by_hand_gives_the_same_day(at):
    outcome = at("from datetime import datetime; print(datetime.now())")

    by_hand = subprocess.run(outcome.by_hand, shell=True, capture_output=True, text=True, check=True)

    assert by_hand.stdout.startswith("2026-03-28 09:00:0")
    assert by_hand.stderr == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run a script as another user")
def test_another_user_has_the_runs_own_time_too(at):
    python = next(
        (found for found in ("/usr/bin/python3", "/usr/local/bin/python3") if Path(found).exists()), None
    )
    if python is None:
        pytest.skip("there is no Python that every user may run")

    outcome = at(
        "import os; from datetime import date; print(date.today(), os.getuid() != 0)",
        python=python,
        user=find_user("nobody"),
    )

    assert first_line_of(outcome) == "2026-03-28 True"


MAILER = """\
import smtplib
from datetime import date
from email.message import EmailMessage
from email.utils import localtime

message = EmailMessage()
message["Subject"], message["Date"] = f"Sales of {date.today()}", localtime()
message["From"], message["To"] = "me@example.org", "ann@example.org"
with smtplib.SMTP("mail.invalid", 587) as server:
    server.starttls()
    server.send_message(message)
"""


def test_a_script_on_its_own_day_mails_by_the_relay_as_on_that_day(at, tmp_path):
    with Relay(tmp_path) as relay:
        at(MAILER, env={RELAY: f"{HOST}:{relay.port}:{relay.tls_port}"})

    (taken,) = relay.messages
    mail = message_from_bytes(taken.file.read_bytes(), policy=policy.default)
    assert mail["Subject"] == "Sales of 2026-03-28"
    assert str(mail["Date"]).startswith("Sat, 28 Mar 2026 09:00:0")


# TLS

CLIENT = """\
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
try:
    with socket.create_connection(("localhost", int(sys.argv[1]))) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secured:
            print("trusted", secured.version())
except ssl.SSLCertVerificationError as error:
    print("refused", error.verify_message)
"""


@pytest.fixture
def tls(tmp_path):
    """Return a function that starts a TLS server with a certificate of that life: its port and the certificate."""
    servers = []

    def start(begins, ends):
        path = make_certificate(tmp_path, begins, ends)
        program = (
            "import socket, ssl, sys\n"
            "context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); context.load_cert_chain(sys.argv[1])\n"
            "server = socket.create_server(('localhost', 0)); print(server.getsockname()[1], flush=True)\n"
            "while True:\n"
            "    plain, _ = server.accept()\n"
            "    try: context.wrap_socket(plain, server_side=True).close()\n"
            "    except OSError: pass\n"
        )
        server = subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True)
        servers.append(server)
        return server.stdout.readline().strip(), str(path)

    yield start
    for server in servers:
        server.kill()
        server.communicate()


def make_certificate(folder, begins, ends):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begins, ends)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    path = folder / f"{begins:%Y%m%d}.pem"
    private = serialization.PrivateFormat.PKCS8
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize("year", [1969, 1999, 2099])
def test_a_certificate_is_trusted_by_the_true_time_however_far_the_clock_is_off(at, tls, year):
    now = datetime.now(timezone.utc)
    port, certificate = tls(now - timedelta(days=1), now + timedelta(days=1))

    outcome = at(CLIENT, NINE.replace(year=year), command=("report.py", port, certificate))

    assert outcome.last_line.startswith("trusted TLSv1.")


def test_an_expired_certificate_is_refused_on_a_day_when_it_was_good(at, tls):
    port, certificate = tls(NINE - timedelta(days=1), NINE + timedelta(days=1))

    outcome = at(CLIENT, command=("report.py", port, certificate))

    assert outcome.last_line == "refused certificate has expired"


# In a Dag


@pytest.fixture
def own_root(tmp_path):
    """Return a folder of releases where no clock was started yet."""
    return tmp_path / "own"


@pytest.fixture
def in_a_dag(own_root, source, make_context, monkeypatch):
    """Return a function that deploys a script, and one that runs it for the run of a day."""
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(own_root))
    operator = VenvDeployOperator(
        task_id="deploy",
        name="daily",
        source=source(
            script="from datetime import datetime\nTODAY = datetime.now()\nprint(TODAY.strftime('%F %H:%M'))\n"
        ),
    )
    release = operator.execute(make_context())

    def run_day(day, **options):
        instant = datetime.combine(day, dt_time(9), BERLIN)
        operator = VenvRunOperator(task_id="run", release=release, command=["report.py"], **options)
        return operator.execute(make_context(logical_date=instant))

    return run_day


def test_what_started_the_clocks_of_a_python_that_is_gone_is_removed_when_another_is_made(in_a_dag, own_root):
    in_a_dag(date(2026, 11, 22), clock="report_date")
    [made] = (own_root / ".boot" / "time-machine" / "environments").iterdir()
    for name in ("0" * 16, "1" * 16):
        shutil.copytree(made, made.with_name(name), symlinks=True)
    os.utime(made.with_name("0" * 16) / "COMPLETE.json", (0, 0))
    shutil.rmtree(made)

    in_a_dag(date(2026, 11, 23), clock="report_date")

    assert sorted(path.name for path in made.parent.iterdir()) == sorted(["1" * 16, made.name])


def test_each_day_of_a_backfill_is_the_scripts_own(in_a_dag):
    days = [date(2026, 11, 22) + timedelta(days=number) for number in range(3)]

    said = [in_a_dag(day, clock="report_date") for day in days]

    assert said == ["2026-11-22 09:00", "2026-11-23 09:00", "2026-11-24 09:00"]


def test_a_run_for_an_earlier_date_has_that_date(in_a_dag):
    assert in_a_dag(date(2026, 11, 22), clock="report_date", report_date="2026-02-28") == "2026-02-28 09:00"


def test_without_a_clock_the_script_has_the_true_time(in_a_dag):
    assert in_a_dag(date(2026, 3, 28)).startswith(str(datetime.now().year))  # noqa: DTZ005 - as the script has it
    assert not in_a_dag(date(2026, 3, 28)).startswith("2026-03-28")


# The environment that does it


def built(root):
    return sorted((root / ".boot" / "time-machine" / "environments").iterdir())


def snapshot(folder):
    return {
        path: (path.lstat().st_mtime_ns, path.lstat().st_mode, path.lstat().st_ino)
        for path in folder.rglob("*")
    }


def test_release_and_environment_stay_byte_for_byte_what_they_were(released):
    release = released("from datetime import date; print(date.today())")
    before = snapshot(release.path), snapshot(release.environment)

    run_at(release)

    assert (snapshot(release.path), snapshot(release.environment)) == before
    check_source(release)
    check_record(release.environment, "")


def test_all_releases_of_an_interpreter_share_one_and_a_warm_run_writes_nothing(own_root, source):
    releases = [
        deploy(Layout(own_root, name), Plan(source(script="print(1)"))).release for name in ("one", "two")
    ]
    run_at(releases[0])
    before = snapshot(own_root / ".boot")

    run_at(releases[0])
    run_at(releases[1])

    assert len(built(own_root)) == 1
    assert snapshot(own_root / ".boot") == before


def test_it_is_no_name_of_a_release(own_root, source):
    from airflow_provider_daybreak.releases.layout import names

    run_at(deploy(Layout(own_root, "one"), Plan(source(script="print(1)"))).release)

    assert names(own_root) == ["one"]


START = """
import sys; from datetime import datetime, timezone; from pathlib import Path
from airflow_provider_daybreak.releases.clock import start_at
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.release import get_release
print(start_at(datetime(2026, 3, 28, tzinfo=timezone.utc), get_release(Layout(Path(sys.argv[1]), "one")), index_of=None)["DAYBREAK_CLOCK_PATH"])
"""


@pytest.fixture
def starting(own_root, source):
    """Return a function that begins what a run does before its script, in a process of its own."""
    deploy(Layout(own_root, "one"), Plan(source(script="from datetime import date; print(date.today())")))

    def start():
        program = START.replace("timezone.utc", "__import__('zoneinfo').ZoneInfo('UTC')")
        command = [sys.executable, "-c", program, own_root]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    return start


def test_two_tasks_at_once_make_it_once(starting, own_root):
    outcomes = [process.communicate(timeout=120) for process in [starting() for _ in range(3)]]

    assert len({stdout for stdout, _ in outcomes}) == 1, outcomes
    assert outcomes[0][0].strip()
    assert len(built(own_root)) == 1


def test_one_that_was_killed_while_it_was_made_is_made_anew(starting, own_root):
    from airflow_provider_daybreak.releases.release import get_release

    folder = own_root / ".boot" / "time-machine" / "environments"
    for delay in (0.0, 0.05, 0.2):
        victim = starting()
        while victim.poll() is None and not (folder.exists() and any(folder.iterdir())):
            time.sleep(0.005)
        time.sleep(delay)
        os.killpg(victim.pid, signal.SIGKILL)
        victim.communicate()

        assert first_line_of(run_at(get_release(Layout(own_root, "one")))) == "2026-03-28"
        assert len(built(own_root)) == 1
        remove_tree(own_root / ".boot")


def test_without_a_network_uvs_cache_is_enough(starting, own_root, monkeypatch):
    assert starting().wait(timeout=120) == 0
    remove_tree(own_root / ".boot")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    process = starting()

    assert process.wait(timeout=120) == 0, process.stderr.read()
    assert len(built(own_root)) == 1


def test_where_the_index_of_the_release_lacks_it_the_workers_own_is_asked(own_root, source, index):
    script = "from datetime import date; print(date.today())"
    release = deploy(Layout(own_root, "one"), Plan(source(script=script), index=Index(index.url))).release

    assert first_line_of(run_at(release)) == "2026-03-28"
    assert "/simple/time-machine/" in index.requests


def test_where_no_index_has_it_the_error_says_the_next_step(own_root, source, index, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    release = deploy(Layout(own_root, "one"), Plan(source(script=""))).release

    with pytest.raises(ClockError, match="set UV_DEFAULT_INDEX to one that can, for the first run"):
        run_at(release)


def test_a_python_that_can_not_have_it_is_told_without_asking_an_index(released):
    release = released("")
    made_for = {**release.manifest["interpreter"], "implementation": "PyPy"}
    pypy = type(release)(release.layout, release.id, {**release.manifest, "interpreter": made_for})

    with pytest.raises(
        ClockError, match=r"PyPy 3\.\S+ .* takes CPython 3.8 or later. Deploy with python set to one"
    ):
        start_at(NINE, pypy, index_of=Index)


def test_a_damaged_one_is_made_anew(own_root, source):
    release = deploy(
        Layout(own_root, "one"), Plan(source(script="from datetime import date; print(date.today())"))
    ).release
    run_at(release)
    (complete,) = own_root.glob(".boot/time-machine/environments/*/COMPLETE.json")
    complete.parent.chmod(0o755)
    complete.unlink()
    shutil.rmtree(complete.parent / "lib", ignore_errors=True)

    assert first_line_of(run_at(release)) == "2026-03-28"


def test_a_umask_that_keeps_others_out_keeps_them_from_no_clock(own_root, source):
    before = os.umask(0o077)
    try:
        run_at(deploy(Layout(own_root, "one"), Plan(source(script="print(1)"))).release)
    finally:
        os.umask(before)

    folders = [path for path in own_root.rglob("*") if path.is_dir() and ".boot" in path.parts]
    assert [path for path in (own_root, *folders) if path.stat().st_mode & 0o555 != 0o555] == []
