"""What a command means, without a shell: its words, and the program of the release that they name."""

from __future__ import annotations

import subprocess

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError, ScriptNotStartedError, ShellSyntaxError
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.running.command import split_command
from airflow_provider_daybreak.releases.running.run import Job, run


@pytest.fixture
def ran(deployed, folder):
    """Return a function that deploys a file with that text, runs the command, and returns its last line."""

    def run_file(name, text, command, *, mode=0o644):
        path = folder(report_py="print('a report')") / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        release = deployed("print('a report')").release
        finished = run(release, Job(split_command("command", command)), on_line=lambda *_: None)
        assert finished.code == 0, finished.stderr
        by_hand = subprocess.run(finished.by_hand, shell=True, capture_output=True, text=True, check=True)
        assert by_hand.stdout == finished.stdout
        return finished.last_line

    return run_file


@pytest.mark.parametrize("command", [["run.sh"], ["./run.sh"], "./run.sh", ["bash", "run.sh"]])
@pytest.mark.parametrize("mode", [0o755, 0o644])
def test_a_shell_script_of_the_release_runs_its_python(ran, command, mode):
    text = '#!/bin/bash\nset -euo pipefail\ncd "$(dirname "$0")"\npython report.py | tail -1\n'

    assert ran("run.sh", text, command, mode=mode) == "a report"


@pytest.mark.parametrize("mode", [0o755, 0o644])
def test_a_shell_script_without_a_first_line_that_names_a_shell_runs_in_one(ran, mode):
    assert ran("bin/run.sh", "echo $(python report.py)\n", ["bin/run.sh"], mode=mode) == "a report"


def test_a_file_of_any_name_is_run_by_what_its_first_line_names(ran):
    text = "#!/usr/bin/env python3\nimport sys; print(sys.argv[1:])\n"

    assert ran("daily", text, ["./daily", "a b"], mode=0o755) == "['a b']"
    assert ran("daily", text, ["daily", "a b"], mode=0o755) == "['a b']"


def test_a_program_goes_before_a_file_of_its_name(ran):
    assert ran("echo", "#!/bin/sh\necho file\n", ["echo", "program"], mode=0o755) == "program"
    assert ran("echo", "#!/bin/sh\necho file\n", ["./echo", "program"], mode=0o755) == "file"


@pytest.mark.parametrize(
    ("name", "text", "command", "problem"),
    [
        ("run.sh", "#!/bin/bash\r\necho\r\n", ["run.sh"], "end as on Windows.*sed -i 's/\\\\r"),
        ("run.sh", "#!/usr/bin/no-such-shell\n", ["run.sh"], "'/usr/bin/no-such-shell', which this machine"),
        ("daily", "echo\n", ["./daily"], "it has no first line.*'bash', 'report'"),
        ("run.sh", "echo\n", ["go.sh"], "no such script; it holds run.sh"),
        ("run.sh", "echo\n", ["../run.sh"], "no such script; it holds run.sh"),
        ("run.sh", "echo\n", ["/etc/report.py"], "no such script; it holds report.py"),
        ("run.sh", "echo\n", ["./no-such"], "no such script; it holds report.py, run.sh"),
        ("run.sh", "echo\n", ["no-such"], "nor a file of the release"),
    ],
)
def test_what_cannot_be_started_says_why_and_what_to_do(ran, name, text, command, problem):
    with pytest.raises(ScriptNotStartedError, match=f"(?s){problem}"):
        ran(name, text, command)


def test_a_source_of_a_shell_script_alone_is_deployed(layout, folder):
    release = deploy(layout, Plan(folder(**{"run.sh": "echo alone\n"}))).release

    assert run(release, Job(("run.sh",)), on_line=lambda *_: None).last_line == "alone"


def test_a_notebook_whose_environment_cannot_run_it_says_what_to_add(ran):
    with pytest.raises(ScriptNotStartedError, match=r"no nbclient and no ipykernel.*requirements.txt"):
        ran("report.ipynb", "{}", ["report.ipynb"])


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("python report.py >> report.log 2>&1", ">>"),
        ("report.py > out.txt", ">"),
        ("report.py >out.txt", ">"),
        ("report.py 2> /dev/null", "2>"),
        ("report.py &> all.log", "&>"),
        ("report.py < in.txt", "<"),
        ("report.py | mail -s Report ann@example.org", "|"),
        ("cd reports && report.py", "&&"),
        ("report.py||true", "||"),
        ("report.py; echo done", ";"),
        ("report.py &", "&"),
        ("report.py $HOME/out", "$HOME"),
        ('report.py "${DAY}"', "$DAY"),
        ("report.py --date $(date +%F)", "$("),
        ("report.py `date`", "`"),
        ("report.py ~/out", "~"),
        ("~/report.py", "~"),
        ("report.py *.csv", "*.csv"),
        ("report.py data/2026-??.csv", "data/2026-??.csv"),
        ("TZ=UTC report.py", "TZ="),
    ],
)
def test_what_only_a_shell_would_act_on_is_refused_in_a_text(command, found):
    with pytest.raises(ShellSyntaxError, match=r"is for a shell.*(\['bash', '-c', |env=\{)") as raised:
        split_command("command", command)

    assert raised.value.found == found


@pytest.mark.parametrize(
    "words",
    [
        ["report.py", ">>", "report.log", "2>&1"],
        ["report.py", ">", "out.txt"],
        ["report.py", ">>report.log"],
        ["report.py", "2>/dev/null"],
        ["report.py", "2>&1"],
        ["report.py", "<", "in.txt"],
        ["cd", "reports", "&&", "report.py"],
        ["report.py", "|", "mail"],
        ["report.py", ";", "echo"],
        ["report.py", "&"],
        ["report.py", "$HOME/out"],
        ["report.py", "--out=${OUT}"],
        ["report.py", "$(date +%F)"],
        ["report.py", "--date=`date`"],
        ["report.py", "~/out"],
        ["TZ=UTC", "report.py"],
    ],
)
def test_what_only_a_shell_would_act_on_is_refused_as_a_word_of_its_own(words):
    with pytest.raises(ShellSyntaxError, match=r"is for a shell.*(\['bash', '-c', |env=\{)"):
        split_command("command", words)


@pytest.mark.parametrize(
    "words",
    [
        ["report.py", "--where", "a > b && c < d"],
        ["report.py", "--separator", ";", "--quote", "|"],
        ["report.py", "--op", ">", "5"],
        ["report.py", "<b>Sales</b>"],
        ["report.py", "*.csv", "a?"],
        ["report.py", "$.store.book", "^a$", "$5", "US$", '{"$set": 1}', r"\$HOME"],
        ["report.py", "a~b", "~ann@example.org"],
        ["report.py", "price in $USD; with (brackets)"],
        ["report.py", "https://example.org/?a=1&b=*"],
        ["find", ".", "-exec", "ls", "{}", ";"],
        ["bash", "-c", "cd x && python report.py >> $LOG 2>&1", "~"],
    ],
)
def test_an_argument_that_looks_like_it_is_taken_as_it_is(words):
    assert split_command("command", words) == tuple(words)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("report.py 'a > b' \"c | d\" ';' \\&", ["report.py", "a > b", "c | d", ";", "&"]),
        ("report.py '$HOME' \\$HOME '~/x' '*.csv'", ["report.py", "$HOME", "$HOME", "~/x", "*.csv"]),
        ("report.py --only=* https://example.org/?a=1", ["report.py", "--only=*", "https://example.org/?a=1"]),
        ("report.py a~ 5% x=1 $5 it\\'s", ["report.py", "a~", "5%", "x=1", "$5", "it's"]),
        ("bash -c 'python report.py >> report.log'", ["bash", "-c", "python report.py >> report.log"]),
    ],
)
def test_what_is_quoted_in_a_text_is_an_argument(command, words):
    assert split_command("command", command) == tuple(words)


def test_a_refusal_quotes_nothing_that_may_be_a_secret():
    with pytest.raises(ShellSyntaxError) as raised:
        split_command("command", ["report.py", "--password=correct-horse", ">>", "log"])

    assert "correct-horse" not in str(raised.value)


def test_a_quote_that_is_never_closed_is_named():
    with pytest.raises(InvalidValueError, match="No closing quotation"):
        split_command("command", "report.py 'a")
