"""
What docs/reference.md, arguments.md, errors.md, files.md, http-api.md and permissions.md say is what there is.

``DAYBREAK_REFERENCE=1 make test ARGS=tests/unit/test_reference.py`` writes it anew after a change of theirs.
"""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
from dataclasses import fields
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import is_typeddict

import pytest

import airflow_provider_daybreak as package
from airflow_provider_daybreak import exceptions
from airflow_provider_daybreak.archive.manifest import Manifest
from airflow_provider_daybreak.cli import get_cli_commands
from airflow_provider_daybreak.context.metrics import METRICS
from airflow_provider_daybreak.get_provider_info import get_provider_info
from airflow_provider_daybreak.hooks.filters import Filters
from airflow_provider_daybreak.overview.words import STATES
from airflow_provider_daybreak.reports.templates.components import Components
from airflow_provider_daybreak.reports.templates.filters import WRITERS
from airflow_provider_daybreak.reports.templates.template import COMPONENTS
from airflow_provider_daybreak.secrets.dotenv import SMTP_KEYS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "provider" / "airflow_provider_daybreak"
REFERENCE = ROOT / "docs" / "reference.md"
DOCUMENTS = "\n".join(path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))
EVERYWHERE = ("--output", "--verbose")
"""Flags that each command has, or none that prints nothing, and that are told of once."""


def commands(group, above="airflow daybreak"):
    """Yield each command with how it is called."""
    for each in group.subcommands:
        called = f"{above} {each.name}"
        if hasattr(each, "subcommands"):
            yield from commands(each, called)
        else:
            yield called, each


def of_commands():
    [group] = get_cli_commands()
    for called, command in commands(group):
        own = [argument for argument in command.args if not set(argument.flags) & set(EVERYWHERE)]
        named = [argument for argument in own if argument.flags[0].startswith("-")]
        places = [argument for argument in own if argument not in named]
        words = " ".join(
            f"[{one.flags[0]}]" if one.kwargs.get("nargs") == "?" else one.flags[0] for one in places
        )
        yield f"**`{called}{' ' * bool(words)}{words}`** {sentence(command.help)}\n"
        for argument in (*places, *named):
            flag = argument.flags[0]
            metavar = argument.kwargs.get("metavar")
            shown = f"{flag} {metavar}" if metavar and flag.startswith("-") else flag
            needed = " Needed." if argument.kwargs.get("required") else ""
            yield f"- `{shown}`: {sentence(argument.kwargs['help'])}{needed}\n"
        yield "\n"


def sentence(text):
    is_value = text.split(maxsplit=1)[0].endswith(":")
    return f"{text[0] if is_value else text[0].upper()}{text[1:].rstrip('.')}."


def of_settings():
    yield "| option | default | meaning |\n| --- | --- | --- |\n"
    for name, option in get_provider_info()["config"]["daybreak"]["options"].items():
        yield f"| `{name}` | `{option['default'] or '(empty)'}` | {option['description']} |\n"


def of_counters():
    yield "| metric | counts |\n| --- | --- |\n"
    for name, meaning in METRICS.items():
        yield f"| `{name}` | {meaning} |\n"


MODULES = re.findall(r"^    ([a-z]+\.[a-z]+)$", package.__doc__, re.MULTILINE)
"""The public modules, as the package names them, but for those of errors and versions, which say theirs elsewhere."""


def of_arguments():
    """Yield what each public class and function takes, once, where it is at home."""
    told = set()
    for name in MODULES:
        module = import_module(f"{package.__name__}.{name}")
        public = [(each, getattr(module, each)) for each in module.__all__]
        mine = [(each, thing) for each, thing in public if id(thing) not in told]
        told |= {id(thing) for _, thing in mine}
        yield f"## `{name}`\n\n"
        for each, thing in mine:
            yield from one_of(each, thing)
        if others := [f"[`{each}`](#{each.lower()})" for each, thing in public if (each, thing) not in mine]:
            yield f"And as above: {', '.join(others)}.\n\n"


def one_of(name, thing):
    text = inspect.getdoc(thing) or ""
    head, *fields = re.split(r"^:(?=param |return:|raises )", text, flags=re.MULTILINE)
    yield f"### {name}\n\n{markdown(head)}\n\n"
    if is_typeddict(thing):
        yield f"`{'`, `'.join(thing.__annotations__)}`\n\n"
        return
    taken = inspect.signature(thing).parameters if callable(thing) else {}
    rows = [re.match(r"param (\w+): *(.*)", field, re.DOTALL) for field in fields]
    for row in filter(None, rows):
        yield f"- `{row[1]}{default(taken.get(row[1]))}`: {markdown(row[2])}\n"
    yield "\n"
    for field in fields:
        if field.startswith("return:"):
            yield f"Returns {markdown(field.removeprefix('return:'))}\n\n"


def default(parameter):
    """Return how a parameter's default is written, where it says something."""
    value = getattr(parameter, "default", inspect.Parameter.empty)
    if isinstance(value, timedelta):
        return (
            f"=timedelta(days={value.days})"
            if value == timedelta(days=value.days)
            else f"=timedelta(seconds={value.seconds})"
        )
    plain = value is None or isinstance(value, (str, int, float, tuple))
    return f"={value!r}" if plain and not isinstance(value, type) else ""


def markdown(text):
    """Return the text of a docstring as Markdown."""
    text = re.sub(r":\w+:`~?\.?(?:[\w.]*\.)?(\w+)`", r"`\1`", text)
    text = re.sub(r":doc:`/(\w+)`", r"[\1](\1.md)", text).replace("``", "`").replace("::\n", ":\n")
    return " ".join(text.split())


def of_errors():
    """Yield the tree of errors, each with when it is raised."""

    def below(cls, depth):
        again = "" if depth and cls.permanent else " Tried again, where a task has retries."
        yield f"{'  ' * depth}- `{cls.__name__}`: {markdown((cls.__doc__ or '').strip().partition(chr(10) + chr(10))[0])}{again * bool(depth)}\n"
        for each in sorted(cls.__subclasses__(), key=lambda one: one.__name__):
            if each.__module__.startswith(exceptions.__name__):
                yield from below(each, depth + 1)

    yield from below(exceptions.DaybreakError, 0)


def of_addresses():
    """Yield what the API server answers, by address."""
    from airflow_provider_daybreak.web.app import make_app

    yield "| | address | what it does |\n| --- | --- | --- |\n"
    for route in sorted(make_app().routes, key=lambda one: (one.path, "POST" in one.methods)):
        [method] = route.methods - {"HEAD"}
        address = re.sub(r"\{(\w+)(?::path)?\}", lambda name: name[1].upper(), route.path)
        told = markdown(inspect.getdoc(route.endpoint).partition("\n\n")[0])
        yield f"| `{method}` | `/daybreak{address}` | {told} |\n"


def of_filters():
    """Yield what Reports today can be asked for."""
    meanings = {
        "state": f"`open`, or one of {', '.join(f'`{state}`' for state in STATES['en'])}",
        "tag": "a tag of the Dag",
        "owner": "an owner of the Dag",
        "q": "a part of the report's name or title, or of the Dag's id",
    }
    yield "| name | value |\n| --- | --- |\n"
    for name in Filters.__dataclass_fields__:
        yield f"| `{name}` | {meanings[name]} |\n"


def of_metrics():
    """Yield the figures that Prometheus is told: each with its kind, its labels and what it says."""
    figures = {}
    texts = [text for path in PACKAGE.rglob("*.py") for text in texts_of(ast.parse(path.read_text()))]
    for text in texts:
        for what, name, said in re.findall(r"^# (HELP|TYPE) (\w+) (.+)$", text, re.MULTILINE):
            figures.setdefault(name, {})[what] = said
    yield "| figure | kind | meaning |\n| --- | --- | --- |\n"
    for name in sorted(figures):
        yield f"| `{name}` | {figures[name]['TYPE']} | {figures[name]['HELP']} |\n"


def texts_of(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def of_events():
    """Yield what is written into Airflow's audit log."""
    for path in sorted((PACKAGE / "web").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "log_action":
                events = list(texts_of(node.args[1]))
                facts = ", ".join(f"`{one.arg}`" for one in node.keywords if one.arg and one.arg != "dag_id")
                named = " or ".join(f"`daybreak_{event}`" for event in events)
                yield f"- {named}, with the user, the Dag{', and ' * bool(facts)}{facts}\n"


def generated(name, parts):
    """Return a part of the document as it should be."""
    return (
        f"<!-- {name}: written by tests/unit/test_reference.py -->\n\n{''.join(parts).rstrip()}\n\n<!-- end -->"
    )


@pytest.mark.parametrize(
    ("page", "name", "parts"),
    [
        ("reference.md", "commands", of_commands),
        ("reference.md", "settings", of_settings),
        ("reference.md", "counters", of_counters),
        ("arguments.md", "arguments", of_arguments),
        ("errors.md", "errors", of_errors),
        ("http-api.md", "addresses", of_addresses),
        ("http-api.md", "filters", of_filters),
        ("http-api.md", "metrics", of_metrics),
        ("permissions.md", "events", of_events),
    ],
)
def test_the_reference_says_what_there_is(page, name, parts):
    document = ROOT / "docs" / page
    wanted, text = generated(name, parts()), document.read_text()
    pattern = re.compile(rf"<!-- {name}: .*?<!-- end -->", re.DOTALL)
    if os.environ.get("DAYBREAK_REFERENCE"):
        document.write_text(pattern.sub(lambda _: wanted, text))

    [found] = pattern.findall(document.read_text())

    assert found == wanted, "DAYBREAK_REFERENCE=1 make test ARGS=tests/unit/test_reference.py writes it anew"


def test_every_argument_of_a_public_class_is_told_of():
    for name in MODULES:
        module = import_module(f"{package.__name__}.{name}")
        for thing in (getattr(module, each) for each in module.__all__):
            if inspect.isclass(thing) and not is_typeddict(thing) and "__init__" in vars(thing):
                told = set(re.findall(r"^:param (\w+):", inspect.getdoc(thing), re.MULTILINE))
                above = {
                    name for base in thing.__mro__[1:] for name in inspect.signature(base.__init__).parameters
                }
                assert set(inspect.signature(thing).parameters) - above - {"kwargs"} <= told, thing


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_option_of_a_component_is_told_of(component):
    text = (ROOT / "docs" / "reports.md").read_text()
    [row] = re.findall(rf"^\| `{component}\(.*", text, re.MULTILINE)
    taken = set(inspect.signature(getattr(Components, component)).parameters) - {"self"}

    assert [each for each in sorted(taken) if not re.search(rf"\b{each}\b", row)] == []


def first_cells(heading, page="reports.md"):
    """Return the names of code in the first cells of a table of a document."""
    text = (ROOT / "docs" / page).read_text()
    [table] = re.findall(rf"^\| {heading} \|.*\n\|[ |-]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    return {name for row in table.splitlines() for name in re.findall(r"`(\w+)", row.split(" | ")[0])}


def test_the_components_and_filters_that_are_told_of_are_those_that_there_are():
    assert first_cells("Component") == {*COMPONENTS, "previous"}
    assert first_cells("Filter, and format of a column or an axis") == set(WRITERS)


FILES = ROOT / "docs" / "files.md"
KEPT = ROOT / "tests" / "formats"
LEDGER = ("commit.0", "outcome.0.json", "note.json")
"""These have what ``prepared.json`` has, too."""


def fields_told():
    """Return the fields that docs/files.md has, by the files that a heading names."""
    told = {}
    for heading, section in re.findall(
        r"^## (.+?)\n(.*?)(?=^## |\Z)", FILES.read_text(), re.DOTALL | re.MULTILINE
    ):
        fields = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
        told |= dict.fromkeys(re.findall(r"`([^`]+)`", heading), fields)
    return told


def fields_kept():
    """Return the fields that the files of each version have, by the name of such a file."""
    kept = {}
    for path in KEPT.rglob("*"):
        name = (
            "history/00000001.json"
            if path.parent.name == "history"
            else re.sub(r"\.[0-9]+(?=\.|$)", ".0", path.name)
        )
        if path.is_file() and (path.suffix == ".json" or name == "commit.0") and path.name != "expected.json":
            kept.setdefault(name, set()).update(json.loads(path.read_text()))
    return kept


def test_every_field_of_a_kept_file_is_told_of_and_no_other():
    told, kept = fields_told(), fields_kept()
    prepared = set(told["prepared.json"])
    told["note.json"] = told["outcome.0.json"]

    assert set(kept) == set(told)
    together = {"mails.json", "ended.json"}
    for name in set(told) - together - {"note.json"}:
        assert kept[name] == set(told[name]) | (prepared if name in LEDGER else set()), name
    assert set(told["note.json"]) <= kept["note.json"] <= prepared | set(told["note.json"])
    assert kept["mails.json"] | kept["ended.json"] == set(told["mails.json"])


def test_the_manifest_that_is_told_of_is_the_one_that_is_written():
    assert {"schema", *(field.name for field in fields(Manifest))} == set(fields_told()["manifest.json"])


def fields_read():
    """Yield each key of a connection's extra that is read."""
    for node in ast.walk(ast.parse((PACKAGE / "context" / "smtp.py").read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            if isinstance(of, ast.Name) and of.id == "extra" and node.func.attr in ("get", "text", "boolean"):
                yield node.args[0].value


def test_every_field_of_a_mail_connection_has_a_line():
    fields = set(fields_read())

    assert len(fields) > 10
    assert [field for field in sorted(fields) if f"`{field}`" not in DOCUMENTS] == []
    assert first_cells("Key", "delivery.md") <= fields


def test_every_key_of_a_dotenv_file_that_makes_the_mail_connection_has_a_line():
    assert [key for key in SMTP_KEYS if key not in DOCUMENTS] == []


def test_every_command_that_a_document_shows_is_there():
    there = {called for called, _ in commands(get_cli_commands()[0])}
    groups = {called.rpartition(" ")[0] for called in there}

    for words in re.findall(r"airflow daybreak ([a-z]+(?: [a-z]+)?)", DOCUMENTS):
        first, _, second = words.partition(" ")
        called = f"airflow daybreak {first}"
        assert called in there or (called in groups and (not second or f"{called} {second}" in there)), words
