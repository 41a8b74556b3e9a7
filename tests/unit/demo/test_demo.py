"""What the demo says and does when Airflow, its folder or a former demo are in its way."""

from __future__ import annotations

import fcntl
import io
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import httpx
import pytest
from PIL import Image

from airflow_provider_daybreak.archive import Archive
from demo import chain as demo
from demo.airflow import Airflow, stop_leftover
from demo.api import AirflowBusyError, AirflowFailedError, gist
from demo.mailbox import Mailbox
from demo.setting import write_commands
from tests.mail import draft, png

LOCKED = """\
Traceback (most recent call last):
  File "sqlalchemy/engine/base.py", line 1967, in _exec_single_context
    self.dialect.do_execute(
sqlite3.OperationalError: database is locked

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "airflow/models/backfill.py", line 390, in _create_backfill_dag_run
sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database is locked
[SQL: INSERT INTO dag_run (dag_id, queued_at) VALUES (?, ?)]
(Background on this error at: https://sqlalche.me/e/20/e3q8)
"""
COMMAND = """\
#!{python}
import pathlib, sys
tries = pathlib.Path(__file__).with_name("tries")
tries.write_text(str(int(tries.read_text()) + 1))
if int(tries.read_text()) <= {failures}:
    sys.exit({said!r})
print("created")
"""


@pytest.fixture
def mailbox(tmp_path):
    """The page of a folder with one mail: text and HTML, a picture and a PDF."""
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["X-RcptTo"] = "Sales <today>", "a@example.org", "you@example.org"
    mail.set_content("12 sold")
    mail.add_alternative('<p>12 <b>sold</b></p><img src="cid:chart@x">', subtype="html")
    mail.get_payload()[1].add_related(png(), "image", "png", cid="<chart@x>")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="sales.pdf")
    (tmp_path / "0001-sales.eml").write_bytes(mail.as_bytes())
    mailbox = Mailbox(tmp_path)
    mailbox.start()
    yield mailbox
    mailbox.stop()


@pytest.fixture
def rest():
    """A server that stands for Airflow's REST API: each path has the answers that are left, the last one for ever."""
    asked, answers = [], {}

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            path = self.path.partition("?")[0].removeprefix("/api/v2")
            asked.append((self.command, path))
            left = answers.get((self.command, path), [(200, {})])
            status, body = left.pop(0) if len(left) > 1 else left[0]
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = answer  # noqa: N815 - as http.server looks them up

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield SimpleNamespace(asked=asked, answers=answers, port=server.server_port)
    server.shutdown()
    server.server_close()


@pytest.fixture
def airflow(tmp_path, rest, monkeypatch):
    """Return a function that makes an Airflow whose command fails so many times before it works."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)

    def make(failures, said=LOCKED):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "tries").write_text("0")
        (folder / "airflow").write_text(COMMAND.format(python=sys.executable, failures=failures, said=said))
        (folder / "airflow").chmod(0o755)
        home = tmp_path / "airflow"
        home.mkdir()
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setattr("demo.airflow._WAITING", ("airflow",))
        return Airflow(home, port=rest.port, env={"PATH": os.environ["PATH"]})

    return make


def test_a_backfill_waits_for_a_busy_database_and_clears_what_a_try_has_left(airflow, rest):
    def backfills(*open_ones):
        return (200, {"backfills": [{"id": 1, "completed_at": "x"}, *open_ones]})

    left = {"id": 2, "completed_at": None}
    rest.answers["GET", "/backfills"] = [backfills(), backfills(left), backfills()]
    said = []

    assert (
        airflow(failures=2).backfill("daily_report", "--from-date", "2026-11-22", say=said.append)
        == "created\n"
    )

    assert said == ["  Airflow's database is busy: trying again …"] * 2
    assert [asked for asked in rest.asked if asked[0] == "PUT"] == [("PUT", "/backfills/2/cancel")]


def test_of_a_task_that_failed_the_last_try_is_shown_since_one_before_may_never_have_begun(airflow, rest):
    run = "/dags/daily_report/dagRuns/r"
    rest.answers["GET", run] = [(200, {"state": "failed"})]
    tasks = [
        {"task_id": "deploy", "state": "failed", "try_number": 2},
        {"task_id": "mail", "state": "upstream_failed", "try_number": 0},
    ]
    rest.answers["GET", f"{run}/taskInstances"] = [(200, {"task_instances": tasks})]
    log = f"{run}/taskInstances/deploy/logs/"
    rest.answers["GET", f"{log}1"] = [(404, {"detail": "TaskInstance not found"})]
    rest.answers["GET", f"{log}2"] = [(200, {"content": [{"event": "Cannot read the source"}]})]

    assert airflow(failures=0).wait_for_run("daily_report", "r") == (
        "failed: {'deploy': 'failed', 'mail': 'upstream_failed'}\nCannot read the source"
    )


def test_a_database_that_stays_busy_is_said_in_a_line(airflow, rest, tmp_path, monkeypatch):
    monkeypatch.setattr("demo.airflow.BUSY_SECONDS", 0)
    rest.answers["GET", "/backfills"] = [(200, {"backfills": []})]

    with pytest.raises(AirflowBusyError) as failed:
        airflow(failures=99).backfill("daily_report")

    problem = "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database is locked"
    assert str(failed.value).splitlines() == [
        f"airflow backfill create --dag-id daily_report failed: {problem}",
        f"All that it printed: {tmp_path}/airflow/command.log",
    ]
    assert "File" in (tmp_path / "airflow" / "command.log").read_text()


def test_what_is_no_lock_is_not_tried_again(airflow, rest):
    rest.answers["GET", "/backfills"] = [(200, {"backfills": []})]

    with pytest.raises(AirflowFailedError, match="failed: DagNotFound: Could not find dag"):
        airflow(failures=1, said="Traceback:\n  File x\nDagNotFound: Could not find dag").backfill("nix")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_api_is_asked_again_while_the_database_is_busy(airflow, rest, method):
    busy = (503, {"detail": "Database is locked."})
    rest.answers[method, "/dags"] = [busy, (500, {"detail": "Internal Server Error"}), (200, {"dags": []})]

    assert airflow(failures=0).api(method, "/dags") == {"dags": []}


def test_a_run_whose_answer_was_lost_is_asked_for_again_and_is_there_once(tmp_path, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    made, asked = [], []

    def answer(request):
        if request.method == "GET":
            return httpx.Response(
                200, json={"dag_runs": [{"dag_run_id": run, "state": "queued"} for run in made]}
            )
        asked.append(json.loads(request.content)["dag_run_id"])
        if asked[-1] in made:
            return httpx.Response(409, json={"detail": "There is one"})
        made.append(asked[-1])
        raise httpx.ReadTimeout("timed out")

    airflow = Airflow(tmp_path, port=9)
    airflow.client = httpx.Client(base_url="http://airflow", transport=httpx.MockTransport(answer))

    assert [airflow.trigger("daily_report")] == made
    assert asked == made * 2


def test_a_run_that_is_refused_is_an_error(airflow, rest):
    rest.answers["POST", "/dags/daily_report/dagRuns"] = [(404, {"detail": "no such Dag"})]
    rest.answers["GET", "/dags/daily_report/dagRuns"] = [(200, {"dag_runs": []})]

    with pytest.raises(AirflowFailedError, match="404 .*no such Dag"):
        airflow(failures=0).trigger("daily_report")


def test_an_error_of_the_api_is_a_line(airflow, rest):
    rest.answers["POST", "/dags"] = [(409, {"detail": "There is one"})]

    with pytest.raises(AirflowFailedError, match=r'^POST /dags: 409 {"detail": "There is one"}$'):
        airflow(failures=0).api("POST", "/dags")


def test_an_airflow_that_is_gone_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("demo.api.BUSY_SECONDS", 0)

    with pytest.raises(AirflowFailedError, match=r"^GET /dags: no answer \("):
        Airflow(tmp_path, port=9).api("GET", "/dags")


def test_the_gist_of_a_traceback_is_its_last_error():
    assert gist(LOCKED) == "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) database is locked"
    assert gist("") == "it printed nothing"
    said = "x\nInstallError: Cannot build it. uv says:\nerror: Request failed\n  cause: Failed to fetch\n"
    assert gist(said) == "InstallError: Cannot build it. uv says: error: Request failed cause: Failed to fetch"


def run_demo(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "demo", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_two_airflows_of_a_machine_share_no_file(tmp_path):
    one, other = (Airflow(tmp_path / name, port=8080).settings for name in ("one", "other"))

    same = {name for name in one if one[name] == other[name]}
    folders = {name for name in same if name.endswith(("_PATH", "_FOLDER", "_DIRECTORY", "_CONN"))}
    assert folders == {"AIRFLOW__CORE__PLUGINS_FOLDER"}  # which is read alone
    bundles = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH"  # which is one folder of the machine by default
    assert one[bundles] == str(tmp_path / "one" / "dag_bundles")


def test_a_second_demo_says_where_the_first_one_is(tmp_path):
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        starting = run_demo("--home", tmp_path)
        (tmp_path / "demo.json").write_text('{"url": "http://localhost:8080", "pid": 7}')
        running = run_demo("--home", tmp_path)

    assert starting.stderr == "The demo is running already. Stop it with Ctrl-C there.\n"
    assert running.stderr.startswith("The demo is running already: http://localhost:8080 (process 7).")


@pytest.mark.parametrize("port", ["0", "70000", "x"])
def test_a_port_that_is_none_is_refused(tmp_path, port):
    done = run_demo("--home", tmp_path, "--port", port)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            PermissionError(13, "Permission denied", "/x/lock"),
            "Cannot write /x/lock: Permission denied. If an earlier demo ran as",
        ),
        (RuntimeError("no loop\nat all"), "The demo ended with an error: RuntimeError: no loop"),
        (AirflowFailedError("Airflow ended while it started."), "Airflow ended while it started."),
    ],
)
def test_whatever_goes_wrong_is_said_without_a_traceback(tmp_path, monkeypatch, capsys, error, said):
    def fail(*_):
        raise error

    monkeypatch.setattr(demo, "_demo", fail)
    monkeypatch.setattr(sys, "argv", ["demo", "--home", str(tmp_path)])
    before = [(one, signal.getsignal(one)) for one in (signal.SIGINT, signal.SIGTERM)]

    try:
        assert demo.main() == 1
    finally:
        for one, handler in before:
            signal.signal(one, handler)

    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown
    assert (tmp_path / "demo.log").exists() == isinstance(error, RuntimeError)


def test_a_folder_that_is_a_file_is_said(tmp_path):
    (tmp_path / "file").touch()

    for home in (tmp_path / "file", tmp_path / "file" / "below"):
        done = run_demo("--home", home)

        assert done.returncode == 1
        assert done.stderr.strip().startswith(f"Cannot write {tmp_path}/file")


def test_what_a_former_demo_left_unmailed_is_not_counted(tmp_path, capsys):
    Archive(tmp_path / "reports").publish(draft())  # archived, and killed before it was mailed
    mails = []
    for day in ("2026-11-25", "2026-11-26"):
        Archive(tmp_path / "reports").publish(draft(report_date=demo.datetime.fromisoformat(day).date()))
        path = Path(tmp_path / f"{day}.eml")
        path.write_text(f"X-Daybreak-Revision: {day} r0001\n\nx")
        mails.append(path)
    catcher = SimpleNamespace(folder=tmp_path / "mail", messages=lambda: mails)

    assert demo._summary(catcher, {"2026-11-25", "2026-11-26"})
    mails.pop()
    assert not demo._summary(catcher, {"2026-11-25", "2026-11-26"})
    assert (
        "2 report dates are archived, 1 mail arrived: expected 2, and one mail a date."
        in capsys.readouterr().out
    )


def test_what_it_says_to_try_can_be_pasted(tmp_path, capsys):
    home = tmp_path / "a demo"
    home.mkdir()
    airflow = Airflow(home / "airflow", port=9, env={"AIRFLOW__DAYBREAK__RELEASES": str(home / "it's here")})
    write_commands(home / "bin", airflow.settings)

    demo._say_where(airflow, home, None)

    pasted = [line[18:] for line in capsys.readouterr().out.splitlines() if "/bin/" in line]
    assert {shlex.split(line)[0].rpartition("/")[2] for line in pasted} == {"airflow", "daybreak"}
    new = next(line for line in pasted if line.endswith("new sales"))
    env = os.environ | {"PYTHONWARNINGS": "error"}  # meant for other programs
    done = subprocess.run(new, shell=True, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.startswith(str(home / "airflow" / "dags" / "sales.py")), done.stderr
    assert f"switch on:  {home}/bin/airflow dags unpause sales" in done.stdout


NAMED_ANEW = """
import setproctitle, time
setproctitle.setproctitle("airflow worker -- LocalExecutor: <idle>" + " " * 200)
print("named", flush=True)
time.sleep(300)
"""


def test_what_outlives_who_started_it_is_found_though_it_has_named_itself_anew(tmp_path):
    airflow = Airflow(tmp_path / "airflow", port=9)
    left = subprocess.Popen(
        [sys.executable, "-c", NAMED_ANEW],
        env=airflow.env | {"DAYBREAK_DEMO_OF": str(airflow.home)},
        stdout=subprocess.PIPE,
    )
    assert left.stdout.readline() == b"named\n"

    stop_leftover(airflow.home)

    assert left.wait(10) == -signal.SIGTERM


def test_the_page_of_the_mails_shows_each_as_it_looks(mailbox):
    def get(path):
        answer = httpx.get(mailbox.url + path)
        return answer.status_code, answer.text

    assert "Sales &lt;today&gt;</a> <small>to you@example.org, with sales.pdf" in get("/")[1]
    assert 'href="/0001-sales.eml/0">sales.pdf</a>' in get("/0001-sales.eml/")[1]
    assert '<b>sold</b></p><img src="data:image/png;base64,' in get("/0001-sales.eml/body")[1]
    assert get("/0001-sales.eml/0") == (200, "%PDF")
    assert [get(path)[0] for path in ("/x.eml/", "/0001-sales.eml/7", "/..%2f..%2fetc/passwd")] == [404] * 3


@pytest.mark.browser
def test_the_page_of_the_mails_is_dark_for_who_wants_it_and_fits_a_phone(mailbox, browser):
    page = browser.new_page(
        viewport={"width": 375, "height": 700}, color_scheme="dark", is_mobile=True, has_touch=True
    )
    page.goto(mailbox.url)
    page.get_by_role("link", name="Sales <today>").click()
    page.get_by_role("heading", name="Sales <today>").wait_for()

    assert page.evaluate("innerWidth") == page.evaluate("document.documentElement.scrollWidth") == 375
    red, green, blue = Image.open(io.BytesIO(page.screenshot())).convert("RGB").getpixel((2, 2))
    assert max(red, green, blue) < 64
    page.close()


def test_a_task_that_fails_is_said_with_the_reason(tmp_path, monkeypatch, capsys):
    airflow = mock.create_autospec(Airflow, instance=True, home=tmp_path / "airflow", url="http://localhost:1")
    airflow.run_state.side_effect = ["running", "failed"]
    airflow.tasks.return_value = {"deploy": "up_for_retry"}
    airflow.task_log.return_value = "start\nInstallError: No index answers.\n::endgroup::"
    monkeypatch.setattr(demo, "sleep", lambda _seconds: None)

    assert not demo._follow(airflow, ["manual"])

    assert capsys.readouterr().out.count("InstallError: No index answers.") == 1
