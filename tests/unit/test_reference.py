"""
What docs/reference.md says of commands and settings is what there is.

``DAYBREAK_REFERENCE=1 make test ARGS=tests/unit/test_reference.py`` writes it anew after a change of theirs.
"""

from __future__ import annotations

import ast
import os
import re
from pathlib import Path

import pytest

from airflow_provider_daybreak.cli import get_cli_commands
from airflow_provider_daybreak.get_provider_info import get_provider_info
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


def generated(name, parts):
    """Return a part of the document as it should be."""
    return (
        f"<!-- {name}: written by tests/unit/test_reference.py -->\n\n{''.join(parts).rstrip()}\n\n<!-- end -->"
    )


@pytest.mark.parametrize(("name", "parts"), [("commands", of_commands), ("settings", of_settings)])
def test_the_reference_says_what_there_is(name, parts):
    wanted, text = generated(name, parts()), REFERENCE.read_text()
    pattern = re.compile(rf"<!-- {name}: .*?<!-- end -->", re.DOTALL)
    if os.environ.get("DAYBREAK_REFERENCE"):
        REFERENCE.write_text(pattern.sub(lambda _: wanted, text))

    [found] = pattern.findall(REFERENCE.read_text())

    assert found == wanted, "DAYBREAK_REFERENCE=1 make test ARGS=tests/unit/test_reference.py writes it anew"


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


def test_every_key_of_a_dotenv_file_that_makes_the_mail_connection_has_a_line():
    assert [key for key in SMTP_KEYS if key not in DOCUMENTS] == []


def test_every_command_that_a_document_shows_is_there():
    there = {called for called, _ in commands(get_cli_commands()[0])}
    groups = {called.rpartition(" ")[0] for called in there}

    for words in re.findall(r"airflow daybreak ([a-z]+(?: [a-z]+)?)", DOCUMENTS):
        first, _, second = words.partition(" ")
        called = f"airflow daybreak {first}"
        assert called in there or (called in groups and (not second or f"{called} {second}" in there)), words
