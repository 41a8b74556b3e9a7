"""Little projects as people have them, none of them changed: each does here what it does by hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import pytest

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.context.run import run_of
from airflow_provider_daybreak.exceptions import ScriptConditionError, ScriptFailedError, SmtpUnavailableError
from airflow_provider_daybreak.hooks.releases import ReleaseHook
from airflow_provider_daybreak.hooks.sources import Reader
from airflow_provider_daybreak.operators.venv import ScriptMail, VenvDeployOperator, VenvRunOperator
from airflow_provider_daybreak.reports.sources.declared import ScriptSource
from demo.airflow import free_port
from tests.mail import MailServer

PROJECTS = Path(__file__).parent / "projects"
PEOPLE = ["ann@example.org", "bo@example.org", "cy@example.org"]
ROOT = os.geteuid() == 0
PYTHON = "/usr/bin/python3" if ROOT else None
"""One that every user may run, where other users run it."""


class Project:
    """A copy of one of the projects, deployed, and what its owner asks of it."""

    def __init__(self, folder, name, user, context):
        self.source, self.name, self.user, self.context = folder / name, name, user, context
        self.archive = Archive(folder / f"archive-{user}")
        self.pushed = {}

    def run(self, command, *, requirements="auto", **options):
        """Deploy it and run a command of it as its user; return what the task returned."""
        deploy = VenvDeployOperator(
            task_id="deploy", name=self.name, source=self.source, requirements=requirements, python=PYTHON
        )
        release = deploy.execute(self.context)
        self.context["ti"].xcom_push = lambda key, value: self.pushed.update({key: value})
        run = VenvRunOperator(task_id="run", release=release, command=command, run_as=self.user, **options)
        returned = run.execute(self.context)
        ReleaseHook().verify(self.name)  # the release is what it was, whatever the script wrote
        return returned

    def mailed(self, command, **options):
        """Run it twice with its mail sent once, over a server of its own; return the mails."""
        with MailServer() as server:
            for _ in range(2):
                self.mail_over(server.port, command, **options)
            return {mail.message["To"]: mail.message for mail in server.mails}, server.recipients()

    def mail_over(self, port, command, **options):
        """Run it with its mail sent over whatever listens to a port."""
        extra = {"from_email": "reports@example.org", "disable_tls": True, "disable_ssl": True}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
            self.run(command, mail=ScriptMail(archive=self.archive.uri, max_lateness=None), **options)

    def files(self):
        """Return the text of each file that the run kept."""
        return {
            name: Path(info["uri"].removeprefix("file://")).read_text()
            for name, info in self.pushed["artifacts"].items()
        }


@pytest.fixture(scope="module")
def folder():
    """Return a folder that every user may pass, as releases lie in where scripts run as others."""
    with tempfile.TemporaryDirectory(prefix="daybreak-projects-") as name:
        Path(name).chmod(0o755)
        shutil.copytree(PROJECTS, name, dirs_exist_ok=True)
        yield Path(name)


@pytest.fixture(params=[None, "nobody"] if ROOT else [None], ids=lambda user: user or "worker")
def project(request, folder, make_context, monkeypatch):
    """Return a function that returns a project, run by the worker's user, and by another where that is root."""
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(folder / "releases"))
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (folder / f"archive-{request.param}").as_uri())
    monkeypatch.setattr("airflow_provider_daybreak.delivery.sender.sleep", lambda _seconds: None)
    context = make_context(logical_date=datetime(2026, 3, 29, 7, tzinfo=timezone.utc))
    return lambda name: Project(folder, name, request.param, context)


def test_a_flat_folder_with_requirements(project):
    assert project("flat").run(["report.py", "south"]) == "Total: 30"


def test_a_script_with_the_habits_of_cron_and_no_requirements(project):
    assert project("no_requirements").run(["report.py"]) == "größer als 14: True"


def test_a_project_that_keeps_its_package_in_src(project):
    assert project("src_layout").run(["-m", "weather"], output="json") == {"warmest": "tuesday"}


def test_requirements_as_windows_writes_them(project):
    assert project("utf16_requirements").run("python report.py") == "Zürich  3"


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("poetry", ["main.py"]),
        ("pipfile", ["main.py"]),
        ("pdm", ["main.py"]),
        ("setup_py", ["-m", "ships.report"]),
        ("environment_yml", ["main.py"]),
    ],
)
def test_each_way_of_saying_what_is_needed(project, name, command):
    assert project(name).run(command) == f"{name.replace('_', '.')}  42"


def test_a_script_in_a_folder_that_says_itself_what_it_needs(project):
    jobs = project("metadata_in_a_subfolder")

    assert jobs.run(["jobs/daily.py"]) == "a subfolder  42"


@pytest.mark.parametrize("command", [["orders-report", "today"], "orders-report today"])
def test_a_package_with_a_console_script(project, command):
    assert project("console_script").run(command) == "orders  today"


@pytest.mark.parametrize("command", [["stock-report", "today"], ["run.sh", "today"]])
def test_a_package_of_setuptools_with_its_data_and_its_version(project, command):
    assert project("setup_cfg").run(command) == "1.4 today"


def test_a_workspace_of_several_packages(project):
    assert project("workspace").run(["main.py"]) == "screws  3 2.1.0"


@pytest.mark.parametrize("command", [["run.sh"], ["./run.sh"]])
def test_a_shell_script_that_a_crontab_calls(project, command):
    wrapped = project("shell_wrapper")

    assert wrapped.run(command, artifacts=["stock.txt"]) == "2 items"

    assert wrapped.files() == {"stock.txt": "screws  north\nnails  north\n"}


def test_a_notebook_with_parameters_for_its_day(project):
    sales = project("notebook")

    said = sales.run(["sales.ipynb", "-p", "region", "south", "-p", "smallest", "5"], artifacts=["*.ipynb"])

    assert said == "30 sold in south by 29 March"
    cells = json.loads(sales.files()["sales.ipynb"])["cells"]
    assert cells[2]["metadata"]["tags"] == ["injected-parameters"]
    assert "south" in str(cells[-1]["outputs"])


def test_what_a_notebook_shows_as_a_reports_data(project):
    shown = project("notebook").run(["sales.ipynb", "--shown"], output="json", clock="report_date")

    assert shown["shown"][0]["rows"] == [{"region": "north", "sold": 12}, {"region": "south", "sold": 30}]


def test_a_notebook_is_a_reports_source_and_runs_by_hand_as_here(project):
    sales = project("notebook")
    said = sales.run(["sales.ipynb", "-p", "region", "south", "-p", "smallest", "5"])
    run = run_of(sales.context)
    reader = Reader(run, run.period("day", 0), sales.source)

    data = reader.read({"sales": ScriptSource("notebook", ["sales.ipynb", "--shown"], format="json")})
    finished = ReleaseHook().capture(
        "notebook", ["sales.ipynb", "-p", "region", "south", "-p", "smallest", "5"], run
    )
    by_hand = subprocess.run(finished.by_hand, shell=True, capture_output=True, text=True, check=True)

    assert data["sales"]["shown"][0]["rows"][1] == {"region": "south", "sold": 30}
    assert by_hand.stdout.splitlines()[-1] == finished.last_line == said


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["-p", "regoin", "south"], r"no parameter 'regoin'.* has: region, report_date, smallest"),
        (["-p", "smallest", "many"], "TypeError"),
        (["south"], r"What does 'south' mean\? expected: NOTEBOOK.ipynb \[-p NAME VALUE\]"),
    ],
)
def test_a_notebook_that_fails_says_why(project, arguments, problem):
    with pytest.raises(ScriptFailedError, match=f"(?s){problem}"):
        project("notebook").run(["sales.ipynb", *arguments])


def test_a_configuration_that_only_its_owner_may_read(project):
    orders = project("config_ini")
    (orders.source / "config.ini").chmod(0o600)

    assert orders.run(["orders.py"]) == "Orders as reader"


def test_a_script_that_reads_the_env_file_beside_it(project):
    reads = project("reads_dotenv")
    dotenv = reads.source / ".env"  # version control does not keep it
    shutil.copyfile(reads.source / "settings", dotenv)
    dotenv.chmod(0o600)

    assert reads.run(["report.py"]) == "Stock & orders for ann@example.org"


def test_a_script_that_swallows_its_error_is_not_green_while_its_mail_is_not_out(project):
    swallows = project("swallows_its_error")

    with pytest.raises(SmtpUnavailableError):
        swallows.mail_over(free_port(), ["report.py"])
    mails, recipients = swallows.mailed(["report.py"])

    assert recipients == ["ann@example.org"]
    assert mails["ann@example.org"]["Subject"] == "Daily report"


def test_a_script_that_swallows_its_error_is_red_where_it_is_told_what_to_look_for(project):
    with pytest.raises(ScriptConditionError, match="report.py"):
        project("swallows_its_error").run(["report.py"], fail_on=[r"(?i)error|could not"])


def test_a_script_that_remembers_how_far_it_came(project):
    remembers = project("remembers")
    remembers.name = f"remembers_{remembers.user or 'worker'}"

    said = [remembers.run(["report.py"], state_dir=["last_id.txt"]) for _ in range(3)]

    assert said == ["orders 1 to 3", "orders 4 to 6", "orders 7 to 9"]
    assert not (remembers.source / "last_id.txt").exists()


def test_a_script_that_writes_beside_itself_and_over_its_own_files(project):
    visits = project("writes_beside_itself")
    for _ in range(2):
        assert visits.run(["report.py"], artifacts=["output/**", "logs/*.log"]) == "7 visits"

    kept = visits.files()
    assert kept["output/report.html"] == "<p>7 visits</p>\n"
    assert kept["output/charts/n.csv"] == "n\n7\n"
    assert "7 visits" in kept["logs/report.log"]


def test_a_script_that_asks_for_today_when_it_is_imported(project):
    today = project("today_at_import")

    assert (
        today.run(["report.py"], clock="report_date", artifacts=["*.txt"])
        == "Report of 2026-03-29 written on Sunday"
    )

    assert today.files() == {"report_20260329.txt": "2026-03-28 to 2026-03-29\n"}


def test_a_mail_to_each_customer_by_smtplib(project):
    mails, recipients = project("mails_each_customer").mailed(["invoices.py"], clock="report_date")

    assert sorted(recipients) == PEOPLE
    assert {mail["Subject"] for mail in mails.values()} == {"Your invoice of 29.03.2026"}
    assert "please pay 7.00 EUR" in mails["bo@example.org"].get_body(("plain",)).get_content()


def test_a_mail_to_each_customer_by_yagmail(project):
    mails, recipients = project("mails_by_yagmail").mailed(["report.py"])

    assert sorted(recipients) == PEOPLE
    for mail in mails.values():
        [attached] = [part for part in mail.walk() if part.get_filename()]
        assert attached.get_filename() == "figures.csv"
        assert b"12,42" in attached.get_payload(decode=True)


def test_a_mail_to_each_customer_by_a_command_of_django(project):
    mails, recipients = project("mails_by_django").mailed(["manage.py", "send_orders"])

    assert sorted(recipients) == PEOPLE
    assert mails["cy@example.org"]["Subject"] == "Orders for cy"
    assert "Dear cy, 3 boxes." in mails["cy@example.org"].get_body(("html",)).get_content()
