"""What README.md quotes is what works."""

from __future__ import annotations

import json
import re
from configparser import ConfigParser
from importlib import import_module
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
