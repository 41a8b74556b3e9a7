"""What holds for every file: a reason where a rule is left, a reason where a module is long, no process left behind."""

from __future__ import annotations

import ast
import configparser
import io
import os
import re
import signal
import subprocess
import tokenize
from pathlib import Path

import pytest

from tests import conftest
from tests.waiting import until

ROOT = Path(__file__).parents[2]
FOLDERS = ("provider", "plugins", "dags", "demo", "tests")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
PACKAGE = ROOT / "provider" / "airflow_provider_daybreak"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONG = 400  # lines, beyond which a reader loses a module's thread
WITH_REASON = re.compile(r"#\s*(ruff: )?noqa: [A-Z]+[0-9]+(, [A-Z]+[0-9]+)* - \w")
IGNORE_WITH_CODE = re.compile(r"#\s*type: ignore\[[a-z, -]+\]")


def comments(text):
    """Yield each comment of a file with its line's number; what a text holds is none."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def without_reason(text):
    """Yield the lines that leave a rule without saying why."""
    for line, comment in comments(text):
        if "noqa" in comment and not WITH_REASON.search(comment):
            yield line
        if "type: ignore" in comment and not IGNORE_WITH_CODE.search(comment):
            yield line


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_rule_that_is_left_has_a_reason_beside_it(path):
    assert list(without_reason(path.read_text())) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x = 1  # noqa\n", [1]),
        ("x = 1  # noqa: S101\n", [1]),
        ("x = 1  # type: ignore\n", [1]),
        ("x = 1  # noqa: S101, ARG002 - as Airflow calls it\n", []),
        ("x = 1  # type: ignore[arg-type]\n", []),
        ("x = '# noqa'\n", []),
    ],
)
def test_a_rule_that_is_left_without_a_reason_is_found(text, found):
    assert list(without_reason(text)) == found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_long_module_says_why_it_is_one(path):
    text = path.read_text()
    has_reason = "One module, since " in (ast.get_docstring(ast.parse(text)) or "")

    assert text.count("\n") <= LONG or has_reason


def test_a_process_that_a_test_leaves_is_found_with_the_name_of_the_test(request):
    script = "setsid sleep 300 >/dev/null 2>&1 & echo $!"
    background = subprocess.run(
        ["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    try:
        until(
            lambda: (
                f"{background} sleep 300 of tests/unit/{request.node.nodeid.rpartition('/')[2]}"
                in str(conftest._left())
            )
        )
    finally:
        os.kill(int(background), signal.SIGKILL)


def test_a_machine_that_lacks_everything_is_told_so_with_two_commands(monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda _: None)
    for name, value in {"CHROMIUM": None, "FONTS": tmp_path, "find_library": lambda _: None}.items():
        monkeypatch.setattr(conftest, name, value)
    conftest._missing.cache_clear()

    packages, engine = conftest.pytest_report_header()

    conftest._missing.cache_clear()
    assert packages.startswith("lacks Chromium, fonts, mutt, ripmime, spamassassin, the library pango, ")
    assert ", strace, Redis" in packages
    assert ": some tests are skipped. Bring it with: sudo apt install " in packages
    assert engine.endswith(
        "lacks a Docker engine with Compose: some tests are skipped. Bring it with: sudo bash tests/stand_ins/engine.sh"
    )


def setup_cfg():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup


def test_every_package_is_in_the_wheel():
    setup = setup_cfg()
    folders = {init.parent.relative_to(PACKAGE.parent) for init in PACKAGE.rglob("__init__.py")}
    named = {line for line in setup["options"]["packages"].split() if not line.endswith((".dags", ".plugins"))}

    assert named == {".".join(folder.parts) for folder in folders}


def test_every_file_beside_the_modules_is_in_the_wheel():
    setup = setup_cfg()
    data = {
        PACKAGE.parent.joinpath(*package.split("."), pattern)
        for package, patterns in setup["options.package_data"].items()
        for pattern in patterns.split()
    }
    others = [
        path
        for path in PACKAGE.rglob("*")
        if (path.is_file() and path.suffix not in {".py", ".pyc"})
        or ("boot" in path.parts and path.suffix == ".py")
    ]

    assert [path for path in others if not any(path.match(str(pattern)) for pattern in data)] == []


def test_what_a_test_says_reaches_the_process_that_gives_the_work(pytestconfig):
    report = pytest.TestReport("x", ("x", 1, "x"), {}, "passed", None, "call", sections=[("log", "a\udcff")])

    data = pytestconfig.hook.pytest_report_to_serializable(config=pytestconfig, report=report)

    assert data["sections"] == [("log", "a\\udcff")]
