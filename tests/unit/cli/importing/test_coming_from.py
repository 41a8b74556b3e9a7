"""The pages on coming from other schedulers show what the import writes, and lead nowhere that is not there."""

from __future__ import annotations

import re
from argparse import Namespace
from pathlib import Path

import pytest

from airflow_provider_daybreak.cli.importing.command import import_jobs
from airflow_provider_daybreak.cli.local_run import find_task

PAGES = Path(__file__).parents[4] / "docs" / "coming-from"


def blocks(page):
    return re.findall(r"^```(\w+)\n(.*?)^```$", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("page", "name"),
    [
        ("windows.md", "sales.cmd"),
        ("kubernetes.md", "cronjobs.yaml"),
        ("github-actions.md", "report.yml"),
        ("functions.md", "template.yaml"),
        ("prefect-dagster.md", "prefect.yaml"),
    ],
)
def test_what_is_shown_becomes_what_is_shown(tmp_path, monkeypatch, page, name):
    monkeypatch.chdir(tmp_path)
    (_, old), (language, new) = blocks(page)
    Path(name).write_text(old)
    import_jobs(
        Namespace(
            files=[name], out="dags", timezone="Europe/Paris", kind=None, user_column=False,
            dry_run=False, check=False, output="text", verbose=True,
        )
    )  # fmt: skip

    [file] = Path("dags").glob("*.py")
    assert language == "python"
    assert new in file.read_text()


def test_the_chain_that_is_shown_is_a_dag(tmp_path):
    [(_, text)] = blocks("workflows.md")
    file = tmp_path / "orders.py"
    file.write_text(text)

    assert find_task(file, "mail_report", "orders").upstream_task_ids == {"render_report"}


def test_each_page_is_listed_and_each_link_leads_somewhere():
    listed = (PAGES / "README.md").read_text()

    for page in PAGES.glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in listed
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            assert (page.parent / link).resolve().exists(), f"{page.name}: {link}"
