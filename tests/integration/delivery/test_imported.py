"""Jobs as a crontab has them: imported, deployed and run, their first run is green and does what cron did."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from airflow_provider_daybreak.cli.local_run import find_task
from airflow_provider_daybreak.version_compat import AirflowSkipException
from tests.imports import import_file


@pytest.fixture
def first_run(server, connect_to, make_context, monkeypatch, tmp_path):
    """Return a function that imports a line with its script, and runs its Dag's two tasks once."""
    connect_to(server)
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "archive").as_uri())
    srv = tmp_path / "srv"
    srv.mkdir()

    def run(line, **files):
        for name, text in files.items():
            file = srv / ".".join(name.rsplit("_", 1))
            file.write_text(text)
            file.chmod(0o755)
        (tmp_path / "crontab").write_text(line.replace("SRV", str(srv)))
        import_file(tmp_path / "crontab", timezone="Europe/Berlin", output="text")
        [file] = (tmp_path / "dags").glob("*.py")
        dag = find_task(file, "run_script", file.stem).dag
        context = make_context(dag_id=dag.dag_id, logical_date=datetime.now(timezone.utc))
        deploy, task = dag.get_task("deploy_script"), dag.get_task("run_script")
        task.release = deploy.execute(context)
        task.execute(context)
        return task

    return run


def test_a_script_in_its_folder_finds_its_files_and_its_arguments(first_run, tmp_path):
    first_run(
        f"0 9 * * * cd SRV && KEY=1 python report.py --all > /dev/null 2>&1 && touch {tmp_path}/never\n",
        report_py=f"import os, sys, pathlib\npathlib.Path({str(tmp_path / 'out')!r}).write_text("
        "open('words.txt').read() + os.environ['KEY'] + ' '.join(sys.argv[1:]))\n",
        words_txt="hello ",
    )

    assert (tmp_path / "out").read_text() == "hello 1--all"


def test_what_is_printed_is_mailed_as_cron_did(first_run, server):
    first_run(
        "MAILTO=ann@example.org\n0 9 * * * python SRV/report.py 'two words'\n",
        report_py="import sys\nprint(sys.argv[1], 'sold')\n",
    )

    [mail] = server.mails
    assert mail.message["Subject"] == "Cron: report"
    assert mail.message.get_body(("plain",)).get_content().strip() == "two words sold"
    assert server.recipients() == ["ann@example.org"]


def test_a_script_that_prints_nothing_mails_nothing(first_run, server):
    with pytest.raises(AirflowSkipException, match="nothing was mailed"):
        first_run("MAILTO=ann@example.org\n0 9 * * * python SRV/report.py\n", report_py="x = 1\n")

    assert server.mails == []


def test_today_is_the_report_date_and_a_secret_reaches_the_script(first_run, tmp_path):
    first_run(
        f"0 9 * * * SRV/report.sh $(date +\\%Y) --password hunter2xY9 | tee {tmp_path}/out\n",
        report_sh='echo "$1 $3"\n',
    )

    assert (tmp_path / "out").read_text().split()[1] == "hunter2xY9"
