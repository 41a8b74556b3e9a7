"""What README.md quotes is what works."""

from __future__ import annotations

import json
import os
import re
from configparser import ConfigParser
from importlib import import_module
from importlib.metadata import metadata
from pathlib import Path

import pytest

from airflow_provider_daybreak.dotenv import read_dotenv
from airflow_provider_daybreak.secrets.dotenv import smtp_connection

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def classes(settings):
    if settings.has_section("secrets"):
        yield settings["secrets"]["backend"]
    if settings.has_section("dag_processor"):
        for bundle in json.loads(settings["dag_processor"]["dag_bundle_config_list"]):
            yield bundle["classpath"]


TOPS = [(ROOT / name).read_text().splitlines()[:40] for name in ("README.md", "README.fr.md")]
"""What is seen of each before one scrolls."""
TRIED = re.findall(r"^\| (3\.\d+)\.\d+ \| (3\.\d+) \|", README, re.MULTILINE)
"""Airflow and Python of each row of the table of what was tried."""


@pytest.mark.parametrize("top", TOPS, ids=["English", "French"])
def test_its_top_shows_the_thing_a_dag_and_how_to_see_it_run(top, tmp_path, monkeypatch):
    text = "\n".join(top)
    [code] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    names = {"__file__": str(tmp_path / "sales.py")}

    exec(compile(code, "README", "exec"), names)

    dag = names["report"].dag
    assert [*dag.task_dict] == ["deploy", "run", "render", "mail"]
    assert dag.get_task("mail").get_flat_relative_ids(upstream=True) == {"deploy", "run", "render"}
    assert "<img src=" in text
    assert "\nmake demo\n" in text


def span(versions):
    ordered = sorted(set(versions), key=lambda one: tuple(map(int, one.split("."))))
    return f"{ordered[0]} to {ordered[-1]}"


BADGES = {
    "airflow": ("Airflow", span(airflow for airflow, _ in TRIED)),
    "python": ("Python", span(python for _, python in TRIED)),
    "licence": ("Licence", "Apache-2.0"),
}
"""What the README's badges say. They are files of ours: nobody who reads it asks another host for them, and none says what is not known here."""


def badge(name, value):
    left, right = 7 * len(name) + 14, 7 * len(value) + 14
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{name}: {value}">'
        f'<rect width="{left}" height="20" fill="#3f3f46"/><rect x="{left}" width="{right}" height="20" fill="#0b5c8a"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2}" y="14">{name}</text><text x="{left + right / 2}" y="14">{value}</text></g></svg>\n'
    )


@pytest.mark.parametrize("name", BADGES)
def test_a_badge_says_what_is_true(name):
    path = ROOT / "docs" / "images" / "badges" / f"{name}.svg"
    wanted = badge(*BADGES[name])
    if os.environ.get("DAYBREAK_REFERENCE"):
        path.write_text(wanted)
    what, value = BADGES[name]

    assert path.read_text() == wanted, (
        "DAYBREAK_REFERENCE=1 make test ARGS=tests/unit/test_readme.py draws it anew"
    )
    for top, to in zip(TOPS, ("to", "à"), strict=True):
        assert f"![{what} {value.replace(' to ', f' {to} ')}](docs/images/badges/{name}.svg)" in top


def test_the_licence_of_the_badge_is_the_one_that_it_has():
    assert BADGES["licence"][1] == metadata("airflow-provider-daybreak")["License"]
    assert (ROOT / "LICENSE").read_text().lstrip().startswith("Apache License")


@pytest.mark.parametrize("block", blocks("ini"))
def test_settings_name_classes_that_are_there(block):
    settings = ConfigParser(interpolation=None)
    settings.read_string(block)

    for class_path in classes(settings):
        module, _, name = class_path.rpartition(".")
        assert hasattr(import_module(module), name)


def test_the_dotenv_it_shows_makes_a_connection(tmp_path):
    [block] = [block for block in blocks("bash") if "EMAIL_SENDER" in block]
    path = tmp_path / ".env"
    path.touch(mode=0o600)
    path.write_text(block)

    connection = smtp_connection(read_dotenv(path), {})

    assert connection["host"] == "smtp.example.org"
    assert connection["extra"]["default_recipients"] == ["ann@example.org", "bo@example.org"]


QUOTED = re.findall(r"^\| `([^|]+)` \|", README.partition("## When something is wrong")[2], re.MULTILINE)


DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# How our sentences begin, and what in them is the example's own.
SENTENCE = re.compile(r"^(?:Cannot|Invalid|No|There is no|Unknown) [^\n]*[.:]$", re.MULTILINE)
OWN = re.compile(r"\'[^\']*\'|\d+")


def errors_in_blocks():
    """Return what the blocks of all documents quote of errors, by document."""
    for document in DOCUMENTS:
        for block in re.findall(
            r"```(?:text|console)\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL
        ):
            for sentence in SENTENCE.findall(block):
                yield pytest.param(sentence, id=f"{document.name}: {sentence[:40]}")


@pytest.mark.parametrize("sentence", errors_in_blocks())
def test_an_error_that_a_document_shows_is_said_by_a_test_in_its_words(sentence):
    tests = [*(ROOT / "tests").rglob("*.py"), ROOT / "tests/unit/cli/mistakes.txt"]
    said = "".join(path.read_text(encoding="utf-8") for path in tests if path != Path(__file__))

    assert all(part.strip() in said for part in OWN.split(sentence) if len(part.strip(" ,;:.")) > 3)


@pytest.mark.parametrize("quoted", QUOTED)
def test_an_error_that_it_quotes_is_one_that_a_test_produces(quoted):
    tests = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "tests").rglob("*.txt")]

    assert any(quoted in path.read_text(encoding="utf-8") for path in tests)


@pytest.mark.parametrize("link", re.findall(r"\]\(((?!http)[^)#]+)\)|src=\"([^\"]+)\"", README))
def test_what_it_links_to_is_there(link):
    assert (ROOT / "".join(link)).exists()


def test_it_links_to_each_document():
    missing = [page.name for page in (ROOT / "docs").glob("*.md") if f"](docs/{page.name}" not in README]

    assert not missing
