"""
The commonest mistakes of a first hour, and what each prints: mistakes.txt beside this file.

DAYBREAK_GOLDEN=1 writes it anew. It is to be read then: each must say what to do, in few lines.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from socketserver import StreamRequestHandler
from socketserver import ThreadingTCPServer as Server
from threading import Thread

import pytest
from airflow.cli import cli_parser
from airflow.sdk.configuration import clear_secrets_backends_cache

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.cli.check import findings_of_setup
from tests.mail import draft

GOLDEN = Path(__file__).with_name("mistakes.txt")
MOST_LINES = 12
HOST = "127.0.0.1"
BACKEND = "airflow_provider_daybreak.secrets.dotenv.DotenvBackend"
DAG = """
from pathlib import Path

from airflow.sdk import DAG
from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.operators.venv import VenvDeployOperator
from airflow_provider_daybreak.reports.sources import ScriptSource

HERE = Path(__file__).parent

with DAG("sales", schedule=None):
    deploy = VenvDeployOperator(task_id="deploy", name="sales", source=HERE / "script")
    ReportOperator(
        task_id="render_report",
        report="sales",
        template=HERE / "report.md.j2",
        data={"sales": ScriptSource(deploy.output, ["report.py"])},
    )
"""


class Greeting(StreamRequestHandler):
    """Greets as a mail server does that begins in clear."""

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        self.rfile.readline()


@pytest.fixture(scope="module", autouse=True)
def _own_secrets_backends():
    """Keep from other tests the secrets backends that Airflow makes here, once a process: they hold this one's .env."""
    yield
    clear_secrets_backends_cache()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a Dag, its script and template, an archive and a ``.env``: all as it should be."""
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "report.py").write_text('print(\'[{"item": "tea", "n": 3}]\')\n')
    (tmp_path / "report.md.j2").write_text("{{ table(sales) }}\n")
    (tmp_path / "sales.py").write_text(DAG)
    (tmp_path / ".env").write_text("EMAIL_SENDER=a@example.org\nSMTP_SERVER=localhost\n")
    (tmp_path / ".env").chmod(0o600)
    Archive(tmp_path / "reports").publish(draft())
    settings = {
        "DAYBREAK__ARCHIVE": (tmp_path / "reports").as_uri(),
        "DAYBREAK__RELEASES": str(tmp_path / "airflow" / "releases"),
        "SECRETS__BACKEND": BACKEND,
        "SECRETS__BACKEND_KWARGS": f'{{"path": "{tmp_path}/.env"}}',
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"AIRFLOW__{name}", value)
    # Airflow makes its secrets backends once a process, and so with the first test's .env.
    monkeypatch.setattr("airflow_provider_daybreak.context.smtp.secrets_backends", list)
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", "")  # to be what it was after a mistake has set it
    monkeypatch.delenv("AIRFLOW_CONN_SMTP_DEFAULT")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def said(place, capsys):
    """Return a function that runs a command, and returns what it prints on stderr; for check, that part's finding."""

    def run(command):
        program, *words = command.split()
        capsys.readouterr()
        if program == "check":
            return "".join(
                f"{one.part}: {one.state}: {one.detail}\n"
                for one in findings_of_setup()
                if one.part == " ".join(words)
            )
        args = cli_parser.get_parser().parse_args(["daybreak", program, *words])
        with suppress(SystemExit):
            args.func(args)
        printed = capsys.readouterr().err.replace(str(place), "/home/you").replace(sys.executable, "python")
        return "\n".join(
            line for line in printed.splitlines() if not line.startswith(("Running ", "No xlsx", "No pdf"))
        )

    def steady(command):
        text = re.sub(r"/(releases|environments|runs)/[0-9a-f]{16}", r"/\1/…", run(command))
        return re.sub(
            rf"{HOST}:\d+|\(_ssl\.c:\d+\)", lambda found: found[0].rpartition(":")[0] + ":…", text
        ).replace(str(place), "/home/you")

    return steady


def readable_by_all(place):
    (place / ".env").chmod(0o644)


def open_quote(place):
    (place / ".env").write_text("EMAIL_SENDER=a@example.org\nEMAIL_PASSWORD='secret\n")


def port_in_words(place):
    (place / ".env").write_text("EMAIL_SENDER=a@example.org\nSMTP_SERVER=localhost\nSMTP_PORT=smtp\n")


def tls_on_a_port_in_clear(_place):
    server = Server((HOST, 0), Greeting)
    Thread(target=server.serve_forever, daemon=True).start()
    uri = f"smtp://{HOST}:{server.server_address[1]}/?disable_tls=true&from_email=a%40example.org"
    os.environ["AIRFLOW_CONN_SMTP_DEFAULT"] = uri


def name_in_template(place):
    (place / "report.md.j2").write_text("{{ table(sale) }}\n")


def column_in_template(place):
    (place / "report.md.j2").write_text('{{ table(sales, {"itme": "Item"}) }}\n')


def script_refuses(place):
    (place / "script" / "report.py").write_text("import sys\nsys.exit('no rows for that day')\n")


def pixi(place):
    (place / "script" / "pixi.toml").write_text('[dependencies]\nrequests = "*"\n')


def no_template(place):
    (place / "report.md.j2").unlink()


def brace_in_template(place):
    (place / "report.md.j2").write_text("{{ table(sales) }\n")


def zone_in_dag(place):
    wrong = DAG.replace("schedule=None", 'schedule=CronTriggerTimetable("0 8 * * *", timezone="Europe/Roma")')
    (place / "sales.py").write_text(f"from airflow.timetables.trigger import CronTriggerTimetable\n{wrong}")


def import_in_dag(place):
    (place / "sales.py").write_text(f"import no_such_module\n{DAG}")


def syntax_in_dag(place):
    (place / "sales.py").write_text(f"{DAG}\nwith DAG('other'\n")


def two_dags(place):
    (place / "sales.py").write_text(
        DAG + DAG[DAG.index("with DAG") :].replace('DAG("sales"', 'DAG("sales_too"')
    )


def no_script(place):
    (place / "script" / "report.py").rename(place / "script" / "other.py")


def no_folder(place):
    (place / "script").rename(place / "scripts")


def prints_no_json(place):
    (place / "script" / "report.py").write_text("print('done')\n")


def no_dotenv(place):
    (place / ".env").unlink()


def example_of_dotenv(place):
    (place / ".env").rename(place / ".env.example")


def module_in_script(place):
    (place / "script" / "report.py").write_text("try:\n    import no_such\nexcept ValueError:\n    pass\n")


def file_as_out(place):
    (place / "out").write_text("mine")


def nothing(_place):
    pass


MISTAKES = {
    "everybody may read the .env": (readable_by_all, "check .env"),
    "a quote that is never closed": (open_quote, "check .env"),
    "a port that is none": (port_in_words, "check .env"),
    "no mail server": (nothing, "check mail server"),
    "TLS from the start on a port that begins in clear": (tls_on_a_port_in_clear, "check mail server"),
    "a Dag called like an example": (nothing, "new daily_report"),
    "a task that is not there": (nothing, "preview sales.py render --date 2026-03-29"),
    "a date as people write it": (nothing, "preview sales.py render_report --date 29.3.2026"),
    "a name that the template has not": (name_in_template, "preview sales.py render_report --date 2026-03-29"),
    "a column that the data has not": (column_in_template, "preview sales.py render_report --date 2026-03-29"),
    "a script that fails": (script_refuses, "preview sales.py render_report --date 2026-03-29"),
    "requirements that nothing installs from": (pixi, "preview sales.py render_report --date 2026-03-29"),
    "a Dag file that is not there": (nothing, "preview sale.py render_report --date 2026-03-29"),
    "a Dag that is not there": (nothing, "preview sales.py render_report --date 2026-03-29 --dag sale"),
    "a folder in the place of a Dag file": (nothing, "preview script render_report --date 2026-03-29"),
    "a task that renders nothing": (nothing, "preview sales.py deploy --date 2026-03-29"),
    "a template that is not there": (no_template, "preview sales.py render_report --date 2026-03-29"),
    "a brace that is missing": (brace_in_template, "preview sales.py render_report --date 2026-03-29"),
    "a Dag that imports what is not there": (import_in_dag, "preview sales.py render_report --date 2026-03-29"),
    "a zone that is none": (zone_in_dag, "preview sales.py render_report --date 2026-03-29"),
    "a Dag that is no Python": (syntax_in_dag, "preview sales.py render_report --date 2026-03-29"),
    "two Dags in a file": (two_dags, "preview sales.py render_report --date 2026-03-29"),
    "a script by another name": (no_script, "preview sales.py render_report --date 2026-03-29"),
    "a folder of scripts by another name": (no_folder, "preview sales.py render_report --date 2026-03-29"),
    "a script that prints no data": (prints_no_json, "preview sales.py render_report --date 2026-03-29"),
    "a param that the Dag has not": (
        nothing,
        'preview sales.py render_report --date 2026-03-29 --params {"place":"Rome"}',
    ),
    "data that is no JSON": (nothing, "preview sales.py render_report --date 2026-03-29 --data {sales}"),
    "a file in the place of the folder to write to": (
        file_as_out,
        "preview sales.py render_report --date 2026-03-29 --out out",
    ),
    "no .env": (no_dotenv, "check .env"),
    "no .env beside an example of one": (example_of_dotenv, "check .env"),
    "a module that the requirements lack": (
        module_in_script,
        "preview sales.py render_report --date 2026-03-29",
    ),
    "a Dag whose name is none": (nothing, "new my-réport!"),
    "a report that is not there": (nothing, "deliveries dayly_report"),
    "a resending without a date": (nothing, "resend daily_report --reason lost"),
}


OF_A_SCRIPT = "a module that the requirements lack"  # whose own words its last lines are


def golden():
    """Return what each mistake prints, by its name."""
    parts = re.split(r"^# (.+)\n\$ .+\n", GOLDEN.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {name: text.strip() for name, text in zip(parts[::2], parts[1::2], strict=True)}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_common_mistake_prints_what_it_should(place, said, mistake):
    make, command = MISTAKES[mistake]
    make(place)

    printed = said(command).strip()

    if os.environ.get("DAYBREAK_GOLDEN"):
        text = "" if mistake == next(iter(MISTAKES)) else GOLDEN.read_text(encoding="utf-8") + "\n"
        shown = command if command.startswith("check") is False else "check"
        GOLDEN.write_text(f"{text}# {mistake}\n$ airflow daybreak {shown}\n{printed}\n", encoding="utf-8")
    assert golden()[mistake] == printed
    assert 1 <= len(printed.splitlines()) <= MOST_LINES
    assert printed.count("Traceback") == (mistake == OF_A_SCRIPT)
