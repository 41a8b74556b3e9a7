"""What ``daybreak import`` writes: Dags that Airflow loads, that ruff has nothing to say about, and that tell the truth."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from argparse import Namespace
from datetime import timedelta
from pathlib import Path

import pytest

from airflow_provider_daybreak.cli.importing.command import import_jobs
from airflow_provider_daybreak.cli.local_run import find_task
from tests.imports import USUAL, import_file

LINES = Path(__file__).parents[2] / "jobs" / "lines.txt"
CRONTAB = """\
MAILTO=ann@example.org
# Sales of the day, for the board
0 9 * * 1-5 cd {srv}/sales && . venv/bin/activate && DB_PASSWORD=hunter2xY9 python daily.py --all >> /var/log/x.log 2>&1
0 17 * * 1-5 cd {srv}/sales && . venv/bin/activate && DB_PASSWORD=hunter2xY9 python daily.py --all >> /var/log/x.log 2>&1
30 2 * * * flock -n /tmp/l timeout 2h python {srv}/alone.py && curl -fsS https://hc.example.org/ping/s3cr3t-uuid
0 7 * * * docker run --rm -e REGION=north example/sales:1.2 --all
*/5 * * * * /srv/check.py
"""


@pytest.fixture
def srv(tmp_path):
    """Return a folder of scripts as a machine has them."""
    sales = tmp_path / "srv" / "sales"
    (sales / "venv" / "lib" / "python3.11" / "site-packages" / "polars-1.2.3.dist-info").mkdir(parents=True)
    (sales / "venv" / "pyvenv.cfg").write_text("")
    metadata = sales / "venv" / "lib" / "python3.11" / "site-packages" / "polars-1.2.3.dist-info" / "METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: polars\nVersion: 1.2.3\n")
    (sales / "daily.py").write_text("import smtplib, datetime\nprint(datetime.date.today())\n")
    (sales / "words.txt").write_text("hello")
    (sales / ".env").write_text("EMAIL_HOST=mail.example.org\n")
    (sales / ".env").chmod(0o600)
    (sales / "__pycache__").mkdir()
    (sales / "__pycache__" / "daily.pyc").write_text("")
    (tmp_path / "srv" / "alone.py").write_text("print('done')\n")
    return tmp_path / "srv"


@pytest.fixture
def importing(tmp_path, capsys, monkeypatch):
    """Return a function that imports a text, and returns the exit code and what it printed."""
    monkeypatch.setenv("HOME", "/home/ann")

    def run(text, *, output="text", name="crontab", **options):
        (tmp_path / name).write_text(text)
        said = {"timezone": "Europe/Paris", "output": output, **options}
        capsys.readouterr()
        code = 0
        try:
            import_file(tmp_path / name, **said)
        except SystemExit as error:
            code = error.code
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


@pytest.fixture
def imported(importing, srv, tmp_path):
    importing(CRONTAB.format(srv=srv))
    return tmp_path / "dags"


def test_a_script_its_time_and_what_stood_around_it_are_a_dag(imported):
    dag = find_task(imported / "daily.py", "run_script", "daily").dag
    run = dag.get_task("run_script")

    assert (dag.is_paused_upon_creation, dag.catchup, dag.description) == (
        True,
        False,
        "Sales of the day, for the board",
    )
    assert run.command == ["daily.py", "--all"]
    assert (run.clock, run.mail) == ("report_date", "direct")
    assert run.env is None
    assert {path.name for path in (imported / "daily").iterdir()} == {
        ".airflowignore", ".env", ".gitignore", "daily.py", "requirements.txt", "words.txt",
    }  # fmt: skip
    assert (imported / "daily" / "requirements.txt").read_text().splitlines()[1:] == ["polars==1.2.3"]
    assert "hunter2xY9" not in (imported / "daily.py").read_text() + (imported / "IMPORT.md").read_text()


def test_a_secret_is_in_the_dotenv_alone_which_is_its_owner_s(imported):
    env = imported / "daily" / ".env"

    assert env.read_text().splitlines()[1:] == ["EMAIL_HOST=mail.example.org", "DB_PASSWORD=hunter2xY9"]
    assert env.stat().st_mode & 0o777 == 0o600
    others = [path for path in imported.rglob("*") if path.is_file() and path != env]
    assert [
        path for path in others if "hunter2xY9" in path.read_text() or "s3cr3t-uuid" in path.read_text()
    ] == []


def test_a_lock_a_limit_and_a_ping_are_airflow_s(imported):
    dag = find_task(imported / "alone.py", "run_script", "alone").dag
    run = dag.get_task("run_script")

    assert (dag.max_active_runs, run.execution_timeout, run.retries) == (1, timedelta(hours=2), 2)
    [ping] = dag.on_success_callback if isinstance(dag.on_success_callback, list) else [dag.on_success_callback]
    assert ping.url == "{{ var.value.alone_ping }}"


def test_what_cron_mailed_is_mailed_once(imported):
    run = find_task(imported / "alone.py", "run_script", "alone")

    assert (run.command, run.mail) == (["run.sh"], "once")
    script = (imported / "alone" / "run.sh").read_text()
    assert "mail -s 'Cron: alone' ann@example.org" in script
    assert "python alone.py" in script


def test_a_container_is_a_container(imported):
    task = find_task(imported / "sales.py", "run_container", "sales")

    assert (task.image, task.command, task.environment) == ("example/sales:1.2", ["--all"], {"REGION": "north"})
    assert not (imported / "sales").exists()


def test_the_report_says_of_each_line_what_became_of_it(importing, srv, tmp_path):
    code, said = importing(CRONTAB.format(srv=srv))

    assert code == 1
    assert "it runs 288 times a day" in said
    assert "~ 2 lines: are one Dag with several times" in said
    assert "! on 20" in said  # the Dag at half past two: one of the days on which clocks change
    document = (tmp_path / "dags" / "IMPORT.md").read_text()
    assert "## Refused" in document
    assert re.search(r"\| 20\d\d-03-\d\d \| 03:00\+0200 \| 03:30\+0200 \| ! \|", document)


def test_written_again_it_is_the_same_bytes(importing, srv, tmp_path):
    def all_of():
        return {path: path.read_bytes() for path in (tmp_path / "dags").rglob("*") if path.is_file()}

    importing(CRONTAB.format(srv=srv))
    before = all_of()
    _, said = importing(CRONTAB.format(srv=srv), output="json")

    assert all_of() == before
    files = json.loads(said)["files"]
    assert (files["new"], files["renewed"], files["left_alone"]) == ([], [], [])


def test_what_somebody_changed_is_left_alone(importing, srv, tmp_path):
    importing(CRONTAB.format(srv=srv))
    mine = tmp_path / "dags" / "daily.py"
    mine.write_text("# mine\n")

    code, said = importing(CRONTAB.format(srv=srv))

    assert (code, mine.read_text()) == (1, "# mine\n")
    assert "Left alone, since somebody made or changed them: daily.py." in said


def test_what_was_not_changed_follows_the_old_line(importing, tmp_path):
    importing("0 9 * * * python /srv/x.py\n")
    code, _ = importing("0 10 * * * python /srv/x.py\n")

    assert code == 0
    assert '"0 10 * * *"' in (tmp_path / "dags" / "x.py").read_text()


def test_a_dry_run_writes_nothing(importing, srv, tmp_path):
    _, said = importing(CRONTAB.format(srv=srv), dry_run=True)

    assert not (tmp_path / "dags").exists()
    assert "nothing is written: --dry-run" in said


def test_check_says_whether_the_old_place_has_changed(importing, tmp_path):
    importing("0 9 * * * python /srv/x.py\n")
    assert importing("0 9 * * * python /srv/x.py\n", check=True)[0] == 0

    code, said = importing("0 10 * * * python /srv/x.py\n", check=True)

    assert code == 1
    assert said == f"{tmp_path / 'crontab'}: has changed since: import it again\n"


def test_what_was_missed_is_made_up_for_where_the_old_one_did(importing, tmp_path):
    importing("[Timer]\nOnCalendar=daily\nPersistent=true\n[Service]\nExecStart=/srv/x.py\n", name="x.timer")
    dag = find_task(tmp_path / "dags" / "x.py", "run_script", "x").dag

    assert dag.catchup
    assert dag.start_date is not None


def test_a_file_that_can_t_be_read_keeps_no_other_from_being_imported(tmp_path, capsys):
    (tmp_path / "one").write_text("0 9 * * * python /srv/x.py\n")
    (tmp_path / "two.yaml").write_text("kind: CronJob\nspec: {schedule: {{ .Values.when }}}\n")
    said = {**USUAL, "out": str(tmp_path / "dags"), "output": "text"}

    with pytest.raises(SystemExit) as ended:
        import_jobs(Namespace(**said, files=[str(tmp_path / "two.yaml"), str(tmp_path / "one"), "/nowhere"]))

    assert ended.value.code == 1
    assert (tmp_path / "dags" / "x.py").exists()
    said = capsys.readouterr().out
    assert "two.yaml:2" in said
    assert "! /nowhere" in said
    assert "1 Dags, 2 refused" in said
    assert "/nowhere" in (tmp_path / "dags" / "IMPORT.md").read_text()


def test_what_another_program_prints_is_imported_as_well(tmp_path, capsys):
    (tmp_path / "jobs").write_text("0 9 * * * python /srv/x.py\n")
    program = [
        sys.executable,
        "-m",
        "airflow_provider_daybreak",
        "import",
        "-",
        "--out",
        str(tmp_path / "dags"),
    ]
    with (
        (tmp_path / "jobs").open() as file,
        subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE) as cat,
    ):
        subprocess.run([*program, "--timezone", "UTC"], stdin=cat.stdout, check=True, capture_output=True)

    assert (tmp_path / "dags" / "x.py").exists()
    with pytest.raises(SystemExit):
        import_file("", tmp_path / "dags", check=True, output="text")
    assert "a folder that something was imported into" in capsys.readouterr().err


def test_braces_of_a_line_are_none_of_airflow_s(importing, tmp_path):
    importing("0 9 * * * docker run -e A='{\\% x' example/a sh -c 'echo {{.Name}} {#'\n")
    task = find_task(tmp_path / "dags" / "a.py", "run_container", "a")

    task.render_template_fields({})

    assert (task.command, task.environment) == (["sh", "-c", "echo {{.Name}} {#"], {"A": "{% x"})


def test_variables_that_all_of_the_machine_may_read_are_copied_for_their_owner_alone(importing, srv, tmp_path):
    (srv / "sales" / ".env").chmod(0o644)
    _, said = importing(CRONTAB.format(srv=srv))

    assert "which only its owner may read: this one every user of the machine may" in said
    assert (tmp_path / "dags" / "daily" / ".env").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"A='open\n", "the quote opened at A is never closed"),
        (b"A=\xff\n", "it is not UTF-8"),
        (b"A=1\nA=2\n", "A was set on line 1"),
    ],
)
def test_variables_that_can_t_be_read_say_why(importing, srv, content, why):
    (srv / "sales" / ".env").write_bytes(content)

    assert ".env: is not in the .env (" in importing(CRONTAB.format(srv=srv))[1]
    assert why in importing(CRONTAB.format(srv=srv))[1]


def test_a_zone_that_a_comment_means_is_proposed(importing):
    _, said = importing("# 9h New York\n0 9 * * * python /srv/x.py\n")

    assert "~ 9h New York: its times are taken as of Europe/Paris: --timezone America/New_York where" in said


def test_what_stands_above_a_setting_or_the_columns_is_no_job_s_comment(importing, tmp_path):
    _, said = importing(
        "# Edit this file.\n# m h  dom mon dow   command\n0 9 * * * python /srv/x.py\n# Mail\nMAILTO=a@example.org\n# Y\n0 8 * * * python /srv/y.py\n",
        output="json",
    )

    assert [dag["name"] for dag in json.loads(said)["dags"]] == ["x", "y"]
    files = "".join(path.read_text() for path in (tmp_path / "dags").glob("*.py"))
    assert 'description="Y"' in files
    assert "Edit" not in files
    assert "Mail." not in files


def test_a_zone_that_there_is_none_of_is_refused_and_all_others_are_imported(importing):
    job = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: {}}}\nspec: {{schedule: 0 9 * * *, timeZone: {}, jobTemplate: {{spec: {{template: {{spec: {{containers: [{{name: a, image: a}}]}}}}}}}}}}\n"
    code, said = importing(
        "---\n".join([job.format("one", "Mars/Olympus"), job.format("two", "Paris")]), output="json"
    )

    assert code == 1
    assert [(dag["name"], dag["timezone"]) for dag in json.loads(said)["dags"]] == [("two", "Europe/Paris")]
    assert "No time zone is called 'Mars/Olympus'" in json.loads(said)["refused"][0]["reason"]


def test_jobs_that_their_scheduler_calls_otherwise_are_no_one_dag(importing):
    line = "schtasks /create /tn {} /tr x.py /sc daily /st 09:00\n"
    _, said = importing(line.format("One") + line.format("Two"), output="json", name="x.cmd")

    assert [dag["name"] for dag in json.loads(said)["dags"]] == ["one", "two"]


def test_an_image_that_a_variable_names_is_said(importing):
    _, said = importing(
        "services:\n  a:\n    image: shop:${TAG}\n    labels: {ofelia.job-exec.x.schedule: '@daily', ofelia.job-exec.x.command: ls}\n"
    )

    assert "! image shop:${TAG}: names a variable that nobody has filled in" in said


@pytest.mark.parametrize("mailto", ["", "MAILTO=ann@example.org\n"])
def test_a_script_s_own_run_sh_is_never_written_over(importing, tmp_path, mailto):
    (tmp_path / "srv").mkdir()
    own = '#!/bin/sh\ncd "$(dirname "$0")"\nfor each in 1 2; do echo $each; done\n'
    (tmp_path / "srv" / "run.sh").write_text(own)
    (tmp_path / "srv" / "line.sh").write_text("echo mine\n")
    importing(f"{mailto}0 9 * * * {tmp_path}/srv/run.sh\n")

    folder = tmp_path / "dags" / "run"
    assert (folder / "run.sh").read_text() == own
    assert (folder / "line.sh").read_text() == "echo mine\n"
    command = find_task(tmp_path / "dags" / "run.py", "run_script", "run").command
    assert command == (["crontab-line.sh"] if mailto else ["run.sh"])
    if mailto:
        assert "\nsh run.sh\n" in (folder / "crontab-line.sh").read_text()


def test_an_unknown_zone_is_an_error(importing):
    code, said = importing("0 9 * * * python /srv/x.py\n", timezone="Mars/Olympus")

    assert code == 1
    assert "a time zone such as Europe/Paris" in said


def test_an_out_folder_that_can_t_be_written_is_an_error(importing, tmp_path):
    (tmp_path / "dags").write_text("")

    code, said = importing("0 9 * * * python /srv/x.py\n")

    assert code == 1
    assert "Traceback" not in said


def test_every_line_of_all_sorts_is_a_dag_without_fault(importing, tmp_path):
    text = "\n".join(line for line in LINES.read_text().splitlines() if not line.startswith("    "))
    importing(text, user_column=False)

    files = sorted((tmp_path / "dags").glob("*.py"))
    program = (
        "import sys, importlib.util\n"
        "for path in sys.argv[1:]:\n"
        "    spec = importlib.util.spec_from_file_location('dag', path)\n"
        "    spec.loader.exec_module(importlib.util.module_from_spec(spec))\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:dag", "-c", program, *files],
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    ruff = Path(sys.executable).with_name("ruff")
    for what in (
        ["check", "--isolated", "--select", "E,F,I,UP,B,SIM,W", "--ignore", "E501"],
        ["format", "--isolated", "--check"],
    ):
        done = subprocess.run([ruff, *what, *files], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:]
    assert len(files) > 60
