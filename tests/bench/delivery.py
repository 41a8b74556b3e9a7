"""
Mailing: a thousand recipients, and one large attachment.

The mail is the daily almanac of one date, as the daily Dag renders it: 7 kB of HTML, 1 kB of text and a chart of
22 kB, which make 41 kB on the wire in 600 lines. The peers send the same content: the bare loop the very bytes, the
stock operator the HTML with the chart attached.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from email.message import EmailMessage
from email.utils import localtime, make_msgid
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Figure, in_turn, kilobytes, seconds

from tests.context import make_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_daybreak.archive import Revision

HERE = Path(__file__).parent
DAGS = HERE.parents[1] / "dags" / "daily_report"
DAY = "2026-03-29"
RENDERED = "rendered"  # archive with nothing but the almanac
RECIPIENTS = 1000
REPORTS = (500, 4000)
MAPPED = 20  # stock tasks to measure; their number doesn't change what each costs
ATTACHMENT = 200_000_000
PAUSE = 0.01
SMTP_SINK = shutil.which("smtp-sink", path=f"{os.environ['PATH']}:/usr/sbin")  # Debian: apt install postfix


def figures() -> Iterator[Figure]:
    # Airflow reads its home when it is imported: what needs it runs in processes of its own.
    with tempfile.TemporaryDirectory() as name, sink() as port:
        folder = Path(name)
        _run("render", folder, port)
        ours, bare = in_turn(lambda: rate("ours", folder, port), lambda: rate("bare", folder, port), rounds=5)
        yield Figure("delivery.thousand_recipients", ours, None, 100, "mails/s", higher_is_better=True)
        yield Figure(
            "delivery.against_bare_loop", ours, bare, 0.5, "mails/s", "smtplib.sendmail", higher_is_better=True
        )
        with sink(pause=PAUSE) as slow:
            four, one = in_turn(
                lambda: rate("four", folder, slow), lambda: rate("ours", folder, slow), rounds=3
            )
        peer = f"one connection, {PAUSE * 1000:.0f} ms a mail"
        yield Figure("delivery.four_connections", four, one, 2, "mails/s", peer, higher_is_better=True)
        if SMTP_SINK:
            yield from against_smtp_sink(folder)
        stock = rate("stock", folder, port)
        yield Figure(
            "delivery.against_mapped_tasks",
            ours,
            stock,
            30,
            "mails/s",
            f"{MAPPED} mapped EmailOperator tasks, dag.test",
            higher_is_better=True,
        )
        without, with_ = (memory(folder, port, size) for size in (0, ATTACHMENT))
        yield Figure("delivery.memory_of_200_mb", (with_ - without) / ATTACHMENT, None, 0.2, "times its size")
        few, many = (float(_run("reports", folder, port, count)) for count in REPORTS)
        yield Figure("delivery.memory_of_a_report", (many - few) / (REPORTS[1] - REPORTS[0]), None, 5, "kB")


def against_smtp_sink(folder: Path) -> Iterator[Figure]:
    """
    Compare where the server costs next to nothing: what is left is the mails' making, and the ledger's files.

    The peer is what a script does, which makes a message for each recipient and hands it to smtplib over one connection; the
    floor sends the same bytes to all, made before the clock starts.
    """
    with smtp_sink() as port:
        for what, target in (("ours", 1), ("four", 2)):
            found, by_script, ready = in_turn(
                *(partial(rate, each, folder, port) for each in (what, "script", "bare")), rounds=3
            )
            name = f"delivery.{what}_against_smtp_sink"
            yield Figure(
                name,
                found,
                by_script,
                target,
                "mails/s",
                "a script's loop over smtplib.send_message",
                higher_is_better=True,
                floor=ready,
                floor_name="smtplib.sendmail of ready bytes",
            )


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Run Postfix's own mail server that keeps nothing; yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with subprocess.Popen([SMTP_SINK, *user, f"127.0.0.1:{port}", "100"]) as server:
        try:
            _wait_for(port)
            yield port
        finally:
            server.kill()


def _wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise RuntimeError("smtp-sink does not listen")


@contextmanager
def sink(pause: float = 0) -> Iterator[int]:
    """
    Run a mail server that keeps nothing, as a process; yield its port.

    :param pause: seconds that it takes for each mail, as one that is far away, or looks into them.
    """
    command = [sys.executable, "-c", SINK, str(pause)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield int(server.stdout.readline())
        finally:
            server.kill()


SINK = """
import asyncio, sys
from aiosmtpd.smtp import SMTP

class Sink:
    async def handle_DATA(self, server, session, envelope):
        await asyncio.sleep(float(sys.argv[1]))
        return "250 ok"

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Sink(), loop=loop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def rate(what: str, folder: Path, port: int) -> float:
    """Return mails a second."""
    return float(_run(what, folder, port))


def memory(folder: Path, port: int, size: int) -> float:
    """Return the most bytes of memory that mailing an attachment of that size takes."""
    return float(_run("memory", folder, port, size))


def _run(what: str, folder: Path, port: int, *arguments: object) -> str:
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port}
    connection["extra"] = {"from_email": "reports@example.org", "disable_tls": True, "disable_ssl": True}
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
        "AIRFLOW_CONN_SMTP_DEFAULT": json.dumps(connection),
    }
    command = [sys.executable, __file__, what, str(folder), str(port), *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout.splitlines()[-1]


# In a process of its own


def render(folder: Path, _port: int) -> str:
    """Publish the almanac as the daily Dag does; return the revision's URI."""
    from airflow_provider_daybreak.context.run import run_of
    from airflow_provider_daybreak.hooks.report import ReportHook
    from airflow_provider_daybreak.reports.report import ReportSpec

    script = [sys.executable, DAGS / "script" / "almanac.py", "--date", DAY]
    almanac = json.loads(subprocess.run(script, check=True, capture_output=True).stdout)
    spec = ReportSpec(
        "daily_report", DAGS / "report.md.j2", "day", 0, DAGS, {"almanac": almanac}, locale="en_GB"
    )
    revision = ReportHook((folder / RENDERED).as_uri()).publish(
        spec, run_of(make_context(task_id="mail", logical_date=datetime.now(timezone.utc)), report_date=DAY)
    )
    assert revision is not None
    return revision.uri


def rendered(archive: Path) -> Revision:
    """Return the almanac in an archive."""
    from airflow_provider_daybreak.archive import Archive

    return next(Archive(archive).revisions())


def four(folder: Path, port: int) -> float:
    """Mail the almanac over four connections at once; return its rate."""
    return ours(folder, port, connections=4)


def ours(
    folder: Path, _port: int, *, recipients: int = RECIPIENTS, attachment: int = 0, connections: int = 1
) -> float:
    """Mail the almanac by the operator; return its rate."""
    from airflow_provider_daybreak.archive import Archive
    from airflow_provider_daybreak.operators.delivery import ReportEmailOperator

    logging.disable(logging.INFO)
    place = Path(tempfile.mkdtemp(dir=folder)) / "reports"  # with a ledger of its own
    shutil.copytree(folder / RENDERED, place)
    archive, revision = Archive(place), rendered(place)
    attachments = []
    if attachment:
        file = folder / "attachment.bin"
        with file.open("wb") as target:
            for _ in range(attachment // 1000):
                target.write(os.urandom(1000))
        with file.open("rb") as source:
            attachments = [archive.store_artifact("attachment.bin", source).info()]
    operator = ReportEmailOperator(
        task_id="mail",
        report={"manifest": revision.uri},
        to=[f"p{number}@example.org" for number in range(recipients)],
        archive=archive.uri,
        attachments=attachments,
        max_lateness=None,
        max_bytes=None,
        connections=connections,
    )
    return recipients / seconds(
        lambda: operator.execute(make_context(task_id="mail", logical_date=datetime.now(timezone.utc)))
    )


def bare(folder: Path, port: int) -> float:
    """Send the same mail by smtplib alone, its bytes ready; return its rate."""
    from airflow_provider_daybreak.delivery.message import Message, build_body
    from airflow_provider_daybreak.delivery.recipients import parse_address

    revision = rendered(folder / RENDERED)
    letter = Message(parse_address("reports@example.org").mailbox, revision.manifest.title, revision)
    message = letter.common_head() + b"MIME-Version: 1.0\r\n" + b"".join(build_body(letter).chunks())

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", port) as client:
            for number in range(RECIPIENTS):
                client.sendmail("reports@example.org", [f"p{number}@example.org"], message)

    return RECIPIENTS / seconds(send)


def script(folder: Path, port: int) -> float:
    """Send the same content as a script does that greets each recipient alone: a message for each, by smtplib; return its rate."""
    revision = rendered(folder / RENDERED)
    text, html = (revision.read(name).decode() for name in ("report.txt", "report.html"))
    charts = {
        file.name: make_msgid(domain="example.org")
        for file in revision.manifest.files
        if file.name.endswith(".png")
    }
    for name, content_id in charts.items():
        html = html.replace(name, f"cid:{content_id[1:-1]}")
    pictures = {name: revision.read(name) for name in charts}

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", port) as client:
            for number in range(RECIPIENTS):
                message = EmailMessage()
                message["From"] = "reports@example.org"
                message["To"] = f"p{number}@example.org"
                message["Subject"] = revision.manifest.title
                message["Date"] = localtime()
                message["Message-ID"] = make_msgid(domain="example.org")
                message.set_content(text)
                message.add_alternative(html, subtype="html")
                for name, content_id in charts.items():
                    message.get_payload()[1].add_related(
                        pictures[name], "image", "png", cid=content_id, filename=name.rpartition("/")[2]
                    )
                client.send_message(message)

    return RECIPIENTS / seconds(send)


STOCK_DAG = """
from airflow.providers.smtp.operators.smtp import EmailOperator
from airflow.sdk import DAG

with DAG("stock", schedule=None) as dag:
    EmailOperator.partial(
        task_id="mail",
        subject={subject!r},
        html_content={html!r},
        files=[{chart!r}],
        from_email="reports@example.org",
    ).expand(to=[f"p{{number}}@example.org" for number in range({number})])
"""


def stock(folder: Path, _port: int) -> float:
    """Mail by mapped tasks of Airflow's own operator, run by ``dag.test``; return their rate."""
    dags = folder / "dags"
    dags.mkdir(exist_ok=True)
    revision = rendered(folder / RENDERED)
    content = {
        "subject": revision.manifest.title,
        "html": revision.read("report.html").decode(),
        "chart": str(
            next(revision.path(file.name) for file in revision.manifest.files if file.name.endswith(".png"))
        ),
    }
    (dags / "stock.py").write_text(STOCK_DAG.format(**content, number=MAPPED))
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "airflow", "dags", "reserialize"], check=True, capture_output=True)
    from airflow.dag_processing.dagbag import DagBag

    dag = DagBag(dags, bundle_name="dags-folder").dags["stock"]
    start = time.perf_counter()
    run = dag.test()
    if run.state != "success":
        raise RuntimeError(run.state)
    return MAPPED / (time.perf_counter() - start)


def peak(folder: Path, port: int, size: str) -> int:
    """Return the most bytes of memory that this process had, mailing an attachment of that size."""
    ours(folder, port, recipients=1, attachment=int(size))
    return 1024 * kilobytes("VmHWM")


def reports(folder: Path, _port: int, count: str) -> int:
    """Return the most kilobytes of memory that this process had, mailing so many reports to one recipient each."""
    from airflow_provider_daybreak.archive import Archive
    from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
    from tests.mail import draft

    logging.disable(logging.INFO)
    os.fsync = lambda _file: None  # memory is measured
    archive = Archive(Path(tempfile.mkdtemp(dir=folder)) / "reports")
    slugs = [f"sales_{number}" for number in range(int(count))]
    uris = [{"manifest": archive.publish(draft(slug)).uri} for slug in slugs]
    rows = [{"address": f"{slug}@example.org", "report": slug} for slug in slugs]
    ReportEmailOperator(task_id="mail", report=uris, to=rows, archive=archive.uri, max_lateness=None).execute(
        make_context(task_id="mail", logical_date=datetime.now(timezone.utc))
    )
    return kilobytes("VmHWM")


if __name__ == "__main__":
    what, directory, on_port, *rest = sys.argv[1:]
    functions = {
        "render": render,
        "ours": ours,
        "four": four,
        "bare": bare,
        "script": script,
        "stock": stock,
        "memory": peak,
        "reports": reports,
    }
    print(functions[what](Path(directory), int(on_port), *rest))
