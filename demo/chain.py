"""
Run the daily chain on this machine: deploy, report, container, mail.

Starts a private Airflow and a mail catcher in .demo/, runs the daily report for today, backfills the days
before it, and shows where to look. Nothing leaves this machine.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import json
import os
import secrets
import signal
import sys
import traceback
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, time, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from shlex import quote
from time import monotonic, sleep
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from airflow_provider_daybreak.archive import Archive
from demo.airflow import Airflow, stop_leftover
from demo.api import AirflowFailedError, gist
from demo.machine import LEAST, ROOM, check_room, make_ready, own_environment
from demo.mailbox import Mailbox
from demo.ports import free_port, own_port
from demo.setting import prepare, write_commands

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from demo.catcher import Catcher

DAG_ID = "daily_report"
ZONE = ZoneInfo("Europe/Berlin")  # the Dag's
STARTED = monotonic()
ENDED = ("success", "failed", "skipped", "upstream_failed", "up_for_retry")

NO_ENGINE = """\
No Docker engine answers at {problem}
  The container step is skipped, and the mail comes without the PDF. To get an engine:
    Debian, Ubuntu:  sudo apt install docker.io && sudo usermod -aG docker $USER    (then log in again)
    Windows, macOS:  Docker Desktop (on Windows with its WSL integration switched on)
    elsewhere:       set DOCKER_HOST to the engine's address
"""


def say(text: str) -> None:
    """Print a line with the seconds since the start; to a terminal that was closed, nothing."""
    with suppress(OSError):
        print(f"[{monotonic() - STARTED:4.0f} s] {text}", flush=True)


def main() -> int:
    """Run the demo; return 0 when all of it worked."""
    arguments = _arguments()
    make_ready()
    # A shell starts what runs in its background with Ctrl-C ignored, and so would all that we start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for one in (signal.SIGTERM, signal.SIGHUP):  # the latter when its terminal is closed
        signal.signal(one, lambda *_: sys.exit("Stopped."))
    home: Path = arguments.home.resolve()
    try:
        _check_name(home)
        home.mkdir(parents=True, exist_ok=True)
        with _only_one(home):
            return 0 if _demo(home, arguments) else 1
    except AirflowFailedError as error:
        print(f"\n{error}", file=sys.stderr)
    except KeyboardInterrupt:
        print(flush=True)
    except Exception as error:  # noqa: BLE001 - a sentence for who tries it, a file for who helps them
        print(f"\n{_sentence(error, home)}", file=sys.stderr)
    return 1


def _check_name(home: Path) -> None:
    """Refuse a folder whose name would be another one where Airflow reads it."""
    if bad := sorted(set(str(home)) & set("?:\n")):
        raise AirflowFailedError(
            f"The demo's folder is '{home}'. Expected a name without {' '.join(map(repr, bad))}, which ends it in an "
            "address. Rename it, or name another one: make demo ARGS=--home=/folder"
        )
    if "${" in str(home) or os.path.expandvars(home) != str(home):
        raise AirflowFailedError(
            f"The demo's folder is '{home}'. Expected a name without a variable of the shell, which Airflow would fill "
            "in. Rename it, or name another one: make demo ARGS=--home=/folder"
        )


def _sentence(error: Exception, home: Path) -> str:
    """Return what to say of an error, whose traceback goes into a file."""
    if isinstance(error, OSError):
        where = error.filename or home
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"Cannot write {where}: the disk is full. Make room, or name a folder: make demo ARGS=--home=/folder"
        if isinstance(error, (PermissionError, FileExistsError, NotADirectoryError)) or error.errno in (
            errno.EROFS,
            errno.ENAMETOOLONG,
        ):
            return (
                f"Cannot write {where}: {error.strerror}. If an earlier demo ran as another user: "
                f"sudo rm -r {quote(str(home))}. Or name a folder: make demo ARGS=--home=/folder"
            )
    log = home / "demo.log"
    with suppress(OSError):
        log.write_text("".join(traceback.format_exception(error)))
    said = gist("".join(traceback.format_exception_only(error)))
    return f"The demo ended with an error: {said}\nMore of it: {log}"


def _demo(home: Path, arguments: argparse.Namespace) -> bool:
    """Run it in that folder, until Ctrl-C where that is wanted; return whether all of it worked."""
    with ExitStack() as started:
        check_room(home, ROOM)
        catcher, env = prepare(home, _password(home))
        started.callback(catcher.stop)
        stop_leftover(home / "airflow")  # it may have the port
        port, taken = started.enter_context(own_port(arguments.port))
        if taken:
            say(f"Port {arguments.port} is taken by {taken}: Airflow's UI will be on port {port}.")
        dags = home / "dags"
        dags.mkdir(exist_ok=True)
        env |= {"AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
        clean = own_environment(os.environ, home)
        os.environ.clear()  # what is imported here reads it too
        os.environ.update(clean)
        airflow = Airflow(home / "airflow", port=port, env=env, dags={"dags-folder": dags})
        write_commands(home / "bin", airflow.settings)
        mailbox = Mailbox(catcher.folder, free_port(port + 1))
        mailbox.start()
        started.callback(mailbox.stop)
        started.callback(_stop, airflow)
        (home / "demo.json").write_text(json.dumps({"url": airflow.url, "pid": os.getpid()}))
        worked = _run(airflow, catcher, days=arguments.days)
        _say_where(airflow, home, None if arguments.exit else mailbox)
        if not arguments.exit:
            print("Airflow goes on running. Stop it with Ctrl-C.", flush=True)
            with suppress(KeyboardInterrupt):
                signal.pause()
            print(flush=True)
        return worked


def _stop(airflow: Airflow) -> None:
    """Stop Airflow to its end, though Ctrl-C is pressed again."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    say("Stopping …")
    airflow.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--exit", action="store_true", help="stop everything when done, and exit with 0 or 1")
    parser.add_argument(
        "--days", type=int, default=3, metavar="N", help="days to backfill (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=_port, default=8080, metavar="N", help="port of Airflow's UI (default: %(default)s)"
    )
    parser.add_argument(
        "--home", type=Path, default=Path(".demo"), help="folder for everything (default: %(default)s)"
    )
    return parser.parse_args()


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65535:  # noqa: PLR2004 - ports of TCP
        raise argparse.ArgumentTypeError(f"{number} is no port: expected 1 to 65535")
    return number


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the folder's lock, which the kernel frees however we end."""
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            where = ""
            with suppress(OSError, ValueError, KeyError):  # it may just be starting
                running = json.loads((home / "demo.json").read_text())
                where = f": {running['url']} (process {running['pid']})"
            sys.exit(f"The demo is running already{where}. Stop it with Ctrl-C there.")
        (home / "demo.json").unlink(missing_ok=True)
        yield


def _password(home: Path) -> str:
    path = home / "mail-password"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(12))
    return path.read_text()


def _run(airflow: Airflow, catcher: Catcher, *, days: int) -> bool:
    problem = _engine_problem()
    if problem:
        print(NO_ENGINE.format(problem=problem), flush=True)
    say("Starting Airflow …")
    airflow.start()
    airflow.wait_until_ready(tick=_every(10, "  still starting …"))
    say(f"Airflow is up: {airflow.url}")
    airflow.wait_for_dag(DAG_ID, tick=_every(10, "  waiting for the Dag to be read …"))

    today = datetime.now(ZONE).date()
    say(f"Running {DAG_ID} for today, {today} …")
    runs = {airflow.trigger(DAG_ID, conf={"report_date": today.isoformat()})}
    worked = _follow(airflow, runs)
    if days > 0:
        first, last = today - timedelta(days=days), today - timedelta(days=1)
        dates = ("--from-date", first.isoformat(), "--to-date", f"{last}T23:59")
        options = (*dates, "--reprocess-behavior", "completed", "--max-active-runs", "2")
        command = (
            f"{_folder(airflow.home.parent)}/bin/airflow backfill create --dag-id {DAG_ID} {' '.join(options)}"
        )
        say(f"Backfilling {first} to {last}: {command}")
        airflow.backfill(DAG_ID, *options, say=say)
        window = {
            "logical_date_gte": datetime.combine(first, time.min, ZONE).isoformat(),
            "logical_date_lt": datetime.combine(today, time.min, ZONE).isoformat(),
        }
        worked &= _follow(airflow, airflow.runs(DAG_ID, **window))
    expected = {(today - timedelta(days=ago)).isoformat() for ago in range(max(days, 0) + 1)}
    return _summary(catcher, expected) and worked


def _engine_problem() -> str | None:
    import docker
    import requests

    from airflow_provider_daybreak.containers.engine import default_address, diagnose

    try:
        docker.from_env(timeout=5).ping()
    except (docker.errors.DockerException, requests.RequestException):
        address = default_address()
        return f"{address}: {diagnose(address)}"
    return None


def _every(seconds: int, text: str) -> Callable[[], None]:
    """Return a function to call once a second, that says the text at every so many calls."""
    calls = 0

    def tick() -> None:
        nonlocal calls
        calls += 1
        if calls % seconds == 0:
            say(text)

    return tick


def _follow(airflow: Airflow, runs: Iterable[str]) -> bool:
    """Say each step of the runs as it ends, until all have ended; return whether all went well."""
    waiting, seen = set(runs), set()
    failed = False
    while waiting:
        airflow.check()
        check_room(airflow.home.parent, LEAST)
        for run in sorted(waiting):
            state = airflow.run_state(DAG_ID, run)
            for task, reached in airflow.tasks(DAG_ID, run).items():
                if reached in ENDED and (run, task) not in seen:
                    seen.add((run, task))
                    say(f"  {task:<16} {reached:<16} {run}")
                    if reached in ("failed", "up_for_retry"):
                        say(f"    {gist(airflow.task_log(DAG_ID, run, task))}")
            if state in ("success", "failed"):
                waiting.discard(run)
                failed |= state == "failed"
        sleep(1)
    if failed:
        print(f"A run failed. Open its log at {airflow.url}/dags/{DAG_ID}", file=sys.stderr)
    return not failed


def _summary(catcher: Catcher, dates: set[str]) -> bool:
    """Say what there is; return whether each of the dates is archived, and was mailed once."""
    home = catcher.folder.parent
    revisions = Archive(home / "reports").revisions(DAG_ID)
    archived = dates & {revision.manifest.report_date.isoformat() for revision in revisions}
    mails = (message_from_bytes(mail.read_bytes(), policy=default) for mail in catcher.messages())
    mailed = Counter(str(mail["X-Daybreak-Revision"]).partition(" ")[0] for mail in mails)
    arrived = sum(mailed[date] for date in dates)
    once = archived == dates and all(mailed[date] == 1 for date in dates)
    dates_are = "report date is" if len(archived) == 1 else "report dates are"
    say(
        f"{len(archived)} {dates_are} archived, {arrived} mail{'s' * (arrived != 1)} arrived"
        + ("." if once else f": expected {len(dates)}, and one mail a date.")
    )
    return once


def _folder(home: Path) -> str:
    """Return the demo's folder as a shell takes it, from where it was called."""
    relative = os.path.relpath(home)
    return quote(str(home) if relative.startswith("..") else relative)


def _say_where(airflow: Airflow, home: Path, mailbox: Mailbox | None) -> None:
    """
    Say where everything is, and what to try: each line can be pasted.

    :param mailbox: the page that shows the mails, while it goes on running.
    """
    folder = _folder(home)
    conf = quote(json.dumps({"report_date": "2013-03-09"}))
    lines = [
        f"Reports    {folder}/reports/{DAG_ID}/<year>/<month>/<day>/r0001/page.html",
        f"Mails      {mailbox.url if mailbox else f'{folder}/mail/*.eml   (open one with a mail program)'}",
        f"Airflow    {airflow.url}   user admin, password {airflow.password}",
        "",
        f"Who got what:   {folder}/bin/daybreak deliveries {DAG_ID}",
        f"What works:     {folder}/bin/daybreak check",
        f"Make it yours:  {folder}/bin/daybreak new sales",
        f"The second Dag: {folder}/bin/airflow dags unpause flights_day",
        f"                {folder}/bin/airflow dags trigger flights_day --conf {conf}",
    ]
    print("\n" + "\n".join(f"  {line}".rstrip() for line in lines) + "\n", flush=True)
