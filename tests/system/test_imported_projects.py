"""The little projects, each by a line as crontabs have it: imported, and the first run of the Dag is green."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest

from airflow_provider_daybreak.cli.local_run import find_task
from tests.imports import import_file
from tests.mail import MailServer, result_of

PROJECTS = Path(__file__).parent / "projects"
LINES = {
    "config_ini": "cd {0} && python orders.py",
    "console_script": "cd {0} && uv run orders-report today >> /var/log/orders.log 2>&1",
    "environment_yml": "cd {0}; python main.py",
    "flat": "/usr/bin/flock -n /tmp/flat.lock -c 'cd {0} && python report.py south'",
    "mails_by_django": "cd {0} && . venv/bin/activate && python manage.py send_orders",
    "mails_by_yagmail": "cd {0} && ./venv/bin/python report.py > /dev/null 2>&1",
    "mails_each_customer": "cd {0}; nice -n 10 python3 invoices.py",
    "metadata_in_a_subfolder": "cd {0} && uv run jobs/daily.py",
    "no_requirements": "cd {0} && python3 report.py 2>&1 | logger -t report",
    "pdm": "cd {0} && pdm run python main.py",
    "pipfile": "cd {0} && pipenv run python main.py",
    "poetry": "cd {0} && poetry run python main.py",
    "reads_dotenv": "cd {0} && timeout 10m python report.py",
    "remembers": "cd {0} && python report.py >> /proc/1/fd/1 2>&1",
    "setup_cfg": "cd {0} && bash run.sh today",
    "setup_py": "(cd {0} && python -m ships.report)",
    "shell_wrapper": "{0}/run.sh >> {0}/run.log 2>&1",
    "src_layout": "cd {0} && uv run python -m weather | tee /tmp/weather.log",
    "today_at_import": "cd {0} && python report.py",
    "utf16_requirements": "cd {0} && env python report.py",
    "workspace": "cd {0} && uv run main.py",
    "writes_beside_itself": "cd {0} && run-one python -u report.py",
}
MAILS = {"mails_by_django": 3, "mails_by_yagmail": 3, "mails_each_customer": 3}


def test_each_project_has_its_line():
    # One hides that its mail fails, and has a test of its own; the other's packages have no program that runs a notebook from a line.
    assert {path.name for path in PROJECTS.iterdir()} - set(LINES) == {"swallows_its_error", "notebook"}


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    return tmp_path_factory.mktemp("releases")


@pytest.mark.parametrize("name", LINES)
def test_its_first_run_is_green(name, tmp_path, releases, make_context, monkeypatch):
    folder = tmp_path / "srv" / name
    shutil.copytree(PROJECTS / name, folder)
    if name == "reads_dotenv":
        shutil.copyfile(folder / "settings", folder / ".env")  # version control does not keep it
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(releases))
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "archive").as_uri())
    (tmp_path / "crontab").write_text(f"0 9 * * 1-5 {LINES[name].format(folder)}\n")

    import_file(tmp_path / "crontab", timezone="Europe/Berlin")
    [file] = (tmp_path / "dags").glob("*.py")
    dag = find_task(file, "run_script", file.stem).dag
    context = make_context(dag_id=dag.dag_id, logical_date=datetime.now(timezone.utc))
    with MailServer() as server:
        extra = {"from_email": "reports@example.org", "disable_tls": True, "disable_ssl": True}
        connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": server.port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))
        task = dag.get_task("run_script")
        task.release = dag.get_task("deploy_script").execute(context)
        result_of(task.execute, context)

        assert len(server.mails) == MAILS.get(name, 0)
