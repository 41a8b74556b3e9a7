"""The page on coming from cron shows what the import writes."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path

from airflow_provider_daybreak.cli import get_cli_commands
from airflow_provider_daybreak.cli.importing.command import import_jobs
from airflow_provider_daybreak.jobs.kinds import KINDS

PAGE = (Path(__file__).parents[4] / "docs" / "cron.md").read_text()


def block(language):
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return found


def test_the_line_that_is_shown_becomes_the_dag_that_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("crontab").write_text(block("crontab"))

    import_jobs(
        Namespace(
            files=["crontab"], out="dags", timezone="Europe/Paris", kind=None, user_column=False,
            dry_run=False, check=False, output="text", verbose=False,
        )
    )  # fmt: skip

    assert Path("dags/daily.py").read_text() == block("python")


def test_each_kind_is_in_the_table_and_in_the_command_s_help():
    [group] = get_cli_commands()
    [command] = [each for each in group.subcommands if each.name == "import"]
    [kind] = [each for each in command.args if "--kind" in each.flags]

    table = PAGE.partition("## What is read")[2].partition("##")[0]
    assert re.findall(r"^\| .* \| `(\w+)`.*\|$", table, re.MULTILINE) == list(KINDS)
    assert kind.kwargs["choices"] == KINDS
