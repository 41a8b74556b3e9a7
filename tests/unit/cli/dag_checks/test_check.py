"""``check --dags`` finds what is wrong in Dags that were written to be so, where it is, and nothing in those that are right."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from argparse import Namespace
from collections import Counter
from pathlib import Path

import psutil
import pytest

from airflow_provider_daybreak.cli.check import check
from airflow_provider_daybreak.cli.dag_checks.check import check_dags
from airflow_provider_daybreak.cli.dag_checks.finding import RULES
from airflow_provider_daybreak.cli.dag_checks.parsing import Limits
from airflow_provider_daybreak.exceptions import InvalidValueError
from tests.attacks import often
from tests.waiting import until

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
MARK = re.compile(r"!(?:(\d+) )?([a-z]+(?:-[a-z]+)+)\b")
LIMITS = Limits(seconds=60)
MANY_DAGS = often(100, 1000)
"""How many small Dags are looked at beside the others."""
NEVER_CALLED = "from airflow.sdk import dag\n\n\n@dag\ndef sales():\n    pass"
MANY = "from airflow.sdk import DAG\ndag = DAG('d{}', schedule=None)\n"


def cases(name):
    """Return the files that a text holds, by their paths."""
    parts = re.split(r"^=== (.+)\n", (HERE / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def write(folder, files):
    """Write the files, and return the findings that their marks name: path, line and rule."""
    marked = Counter()
    for name, text in files.items():
        path, _, kind = name.partition(" ")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode("latin-1" if kind == "bytes" else "utf-8"))
        for number, line in enumerate(text.splitlines(), 1):
            for at, rule in MARK.findall(line):
                marked[path, int(at) if at else number, rule] += 1
    return marked


def found_in(folder, **limits):
    result = check_dags(folder, Limits(**{"seconds": 60, **limits}))
    return Counter(
        (str(one.path.relative_to(folder.resolve())), one.line, one.rule) for one in result.findings
    ), result


BROKEN, LONELY = cases("broken.txt"), cases("lonely.txt")


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Return what is marked in the broken Dags, and what is found."""
    folder = tmp_path_factory.mktemp("broken")
    marked = write(folder, BROKEN)
    found, result = found_in(folder, seconds=10)
    return marked, found, result


@pytest.mark.parametrize("case", sorted({name.split("/")[0] for name in BROKEN}))
def test_what_is_wrong_in_a_dag_is_found_at_its_line_and_nothing_else(broken, case):
    marked, found = ({at: n for at, n in each.items() if at[0].split("/")[0] == case} for each in broken[:2])
    if case == "eats":  # whether Python still gets to say the line, when there is no memory left, is chance
        found = {(path, 0, rule): n for (path, _, rule), n in found.items()}

    assert found == marked


def test_every_rule_is_shown_by_a_broken_dag(broken):
    marked, _, _ = broken
    elsewhere = {"tracked-secret", "symlink-loop", "unknown-release", "unknown-report"}  # below

    assert {rule for _, _, rule in marked} | elsewhere == set(RULES)


def test_no_secret_that_is_found_is_shown(broken):
    said = " ".join(one.message + one.next_step for one in broken[2].findings)

    assert not re.search(r"correct-horse|f3a9c1|s3cr3t|ghp_|hunter2", said)


def test_each_sentence_ends_where_it_should(broken):
    for one in broken[2].findings:
        assert one.message.endswith("."), one
        assert not one.next_step.endswith("."), one


@pytest.fixture(scope="module")
def fine(tmp_path_factory):
    """Return a folder of Dags that are right, those that the package brings and many small ones among them, and what is found."""
    folder = tmp_path_factory.mktemp("fine")
    write(folder, cases("fine.txt"))
    shutil.copytree(ROOT / "dags", folder / "ours", ignore=shutil.ignore_patterns("__pycache__"))
    write(folder, {f"many/d{number}.py": MANY.format(number) for number in range(MANY_DAGS)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://nobody@127.0.0.1:1/none")
        before = set(folder.rglob("*"))
        _, result = found_in(folder)
    return folder, result, set(folder.rglob("*")) - before


def test_nothing_is_found_in_dags_that_are_right(fine):
    _, result, _ = fine

    assert result.findings == ()


def test_all_dags_are_looked_at_and_the_time_that_it_took_is_said(fine):
    _, result, _ = fine
    own = len(re.findall(r'\bDAG\("', (HERE / "fine.txt").read_text())) + 2  # those of a list

    assert result.dags == own + 5 + MANY_DAGS
    assert re.fullmatch(
        rf"{len(result.files)} files, {result.dags} Dags in [\d.]+ s: nothing found\.", result.summary
    )


def test_a_process_that_a_dag_file_has_started_ends_with_it(fine):
    folder, _, _ = fine

    assert not Path("/proc", (folder / "starts" / "started").read_text()).exists()


def test_nothing_is_left_beside_the_dags(fine):
    folder, _, new = fine

    assert new == {folder / "starts" / "started"}


def test_no_error_is_found_in_the_dags_that_airflow_shows_its_users(monkeypatch):
    import airflow

    folder = Path(airflow.__file__).parent
    monkeypatch.chdir(folder)  # where a folder is called logging: it must not be taken for Python's own

    result = check_dags(folder / "example_dags", LIMITS)

    assert [one for one in result.findings if one.severity == "error"] == []
    assert result.dags > 50


def git(folder, *words):
    subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True)


def test_secrets_that_git_tracks_are_found_in_the_whole_repository(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("ignored/\n")
    for path in (
        "dags/.env",
        "dags/.env.example",
        "keys/id_ed25519",
        "ignored/.env",
        "untracked/.env",
        "cert.pem",
        "server.pem",
    ):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("EMAIL_PASSWORD=x\n")
    (tmp_path / "server.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    git(tmp_path, "add", "dags", "keys", "cert.pem", "server.pem", ".gitignore")

    found = check_dags(tmp_path / "dags", LIMITS).findings
    paths = {one.path.relative_to(tmp_path.resolve()).as_posix() for one in found}

    assert paths == {"dags/.env", "keys/id_ed25519", "server.pem"}
    assert {one.rule for one in found} == {"tracked-secret"}


def test_outside_of_a_repository_it_is_said_that_none_was_looked_at(tmp_path):
    [remark] = check_dags(tmp_path, LIMITS).remarks

    assert remark == "No git repository: whether it tracks secrets was not looked at."


def test_a_link_that_leads_back_is_found_and_the_dags_are_looked_at_all_the_same(tmp_path):
    write(tmp_path, {"dag.py": "from airflow.sdk import DAG\ndag = DAG('x', schedule=None)\n"})
    (tmp_path / "back").symlink_to(tmp_path, target_is_directory=True)

    found, result = found_in(tmp_path)

    assert found == {("back", 0, "symlink-loop"): 1}
    assert result.dags == 1


@pytest.fixture
def lonely(tmp_path):
    """Return a folder with a Dag that names what no other has, and what is marked in it."""
    return tmp_path, write(tmp_path, LONELY)


def test_what_no_dag_of_the_folder_makes_is_found(lonely):
    folder, marked = lonely
    (folder / "dags.zip").touch()

    found, result = found_in(folder)

    assert found == marked
    assert result.remarks[-1] == "Not looked at, since these are archives: dags.zip."


@pytest.mark.parametrize("other", ["mails.py", "", "named.py"])
def test_what_others_make_is_not_missed_where_they_are_not_known(lonely, other):
    folder, _ = lonely
    if other == "named.py":
        text = "from airflow.sdk import DAG\nfrom airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator\n"
        text += "with DAG('named', schedule=None):\n    deploy = VenvDeployOperator(task_id='d', name='{{ params.get(1) }}', source='{{ ds }}')\n"
        text += "    VenvRunOperator(task_id='r', release=deploy.output, command=['a.py'], mail='once')\n"
        (folder / other).write_text(text)
        other = ""
    elif not other:
        (folder / "broken.py").write_text("# airflow dag\n1 +\n")

    found, _ = found_in(folder / other)

    assert not {rule for _, _, rule in found} & {"unknown-report", "unknown-release"}


def test_ctrl_c_leaves_no_process(tmp_path):
    begun = tmp_path / "begun"
    text = f"from airflow.sdk import DAG\nopen({str(begun)!r}, 'w').close()\nwhile True: pass\n"
    (tmp_path / "loops.py").write_text(text)
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # what is ignored, a child ignores too
    program = subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_daybreak", "check", "--dags", tmp_path],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    signal.signal(signal.SIGINT, handler)
    try:
        until(begun.exists)
        started = psutil.Process(program.pid).children(recursive=True)
        program.send_signal(signal.SIGINT)
        program.wait(30)
    finally:
        program.kill()
        program.wait()

    assert len(started) == 2
    until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in started))


def asked_for(**options):
    """Return what the command line asks for."""
    usual = {
        "output": "table",
        "output_file": None,
        "strict": False,
        "timeout": 60,
        "memory": 4096,
        "verbose": False,
    }
    return Namespace(**usual | options)


@pytest.mark.parametrize(
    ("dags", "output", "code"), [(None, "github", 1), ("here", "yaml", 2)], ids=["without", "with --dags"]
)
def test_a_format_that_is_for_the_other_is_refused_with_those_there_are(tmp_path, capsys, dags, output, code):
    args = asked_for(dags=dags and str(tmp_path), output=output)

    with pytest.raises(SystemExit) as ended:
        check(args)

    assert ended.value.code == code
    assert f"Invalid --output '{output}'" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(InvalidValueError, match="a folder of Dags, or a Dag file"):
        check_dags(tmp_path / "none", LIMITS)


@pytest.mark.parametrize(("seconds", "memory"), [(0, 4096), (float("nan"), 4096), (1e9, 4096), (30, 1)])
def test_limits_within_which_nothing_can_be_parsed_are_refused(seconds, memory):
    with pytest.raises(InvalidValueError):
        Limits.of(seconds, memory)


def run(*words, folder):
    """Run the command as a program, and return its exit code and what it prints."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    python = Path(sys.executable)
    done = subprocess.run(
        [python, "-m", "airflow_provider_daybreak", "check", *words],
        cwd=folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_the_command_ends_with_what_it_found_and_writes_a_file_beside_it(tmp_path, capsys, monkeypatch):
    (tmp_path / ".airflowignore").write_text("helpers/\n")
    (tmp_path / "warned.py").write_text("from airflow.sdk import DAG\ndag = DAG('x', schedule='@daily')\n")

    code, said, _ = run("--dags", ".", "--output", "json", "--output-file", "found.json", folder=tmp_path)
    monkeypatch.chdir(tmp_path)
    check(asked_for(dags=".", output="json"))
    printed = capsys.readouterr().out
    missing, _, problem = run("--dags", "none", folder=tmp_path)

    assert (code, missing) == (0, 2)
    assert "warned.py:2: warning: '@daily' is by UTC's clock" in said
    assert [one["rule"] for one in json.loads((tmp_path / "found.json").read_text())["findings"]] == [
        "schedule-zone"
    ]
    assert json.loads(printed)["findings"] == json.loads((tmp_path / "found.json").read_text())["findings"]
    assert problem.startswith("python -m airflow_provider_daybreak: Invalid --dags 'none'")


@pytest.mark.parametrize(
    ("source", "strict", "code"),
    [("PASSWORD = 'correct-horse-7'", False, 1), (NEVER_CALLED, False, 0), (NEVER_CALLED, True, 1)],
)
def test_errors_end_the_command_with_1_and_warnings_with_strict(tmp_path, capsys, source, strict, code):
    (tmp_path / "look.py").write_text(f"# airflow dag\n{source}\n")

    ended = 0
    try:
        check(asked_for(dags=str(tmp_path), strict=strict))
    except SystemExit as error:
        ended = error.code

    assert ended == code
    assert "1 file, 0 Dags in" in capsys.readouterr().out


def test_the_documents_list_every_rule_with_its_severity():
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z-]+)` \| (error|warning) \| (.+) \|$", page, re.MULTILINE)

    assert listed == [(name, rule.severity, rule.finds) for name, rule in RULES.items()]
