from __future__ import annotations

import pickle
import subprocess

import pytest

from airflow_provider_daybreak.dotenv import read_dotenv
from airflow_provider_daybreak.exceptions import DotenvSyntaxError, DotenvUnreadableError


@pytest.fixture
def dotenv(tmp_path):
    def write(text: str | bytes):
        path = tmp_path / ".env"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(0o600)
        return path

    return write


def test_comments_and_keys_without_a_value_set_nothing(dotenv):
    path = dotenv("# mail\nexport A=1\nB='x # kept'\nC=\nD\n")

    assert read_dotenv(path).values == {"A": "1", "B": "x # kept", "C": ""}


@pytest.mark.parametrize(
    "text",
    [
        "A=1\nB=${A}\nC=x${A}y${B}z",
        "A=1\nB='${A} # kept'\nC=\"${A}\\n${A}\"",
        "A=${B:-default}\nB=${A}\nC=${NOBODY:-}",
        "A=${HOME}/reports\nB=${HOME:-x}",
        "A=$B\nB=$(date)\nC=$$\nD=${\nE=}",
        "DOLLAR=$\nPASSWORD=ab${DOLLAR}{c}d",
        'A=${A:-first}\nB="a\n${A}\nb"',
        "A\nB=${A:-default}\nC=x${A}y",
        "A\nA=1\nB=${A:-default}",
        "URL=smtp://${USER_NAME:-me}@${HOST_NAME:-mail.example.org}:587/?x=%20#frag",
    ],
)
def test_names_stand_for_what_python_dotenv_says(dotenv, monkeypatch, text):
    from dotenv import dotenv_values

    monkeypatch.setenv("HOME", "/home/me")
    path = dotenv(text)

    assert read_dotenv(path).values == {
        key: value for key, value in dotenv_values(path).items() if value is not None
    }


def test_a_home_is_that_of_whoever_reads_the_file(dotenv, monkeypatch):
    monkeypatch.setenv("HOME", "/home/worker")
    monkeypatch.setenv("USER", "worker")
    path = dotenv("DATA=${HOME}/data\nWHO=${USER:-nobody}")

    assert read_dotenv(path, {"HOME": "/home/ann", "SECRET": "x"}).values == {
        "DATA": "/home/ann/data",
        "WHO": "nobody",
    }
    with pytest.raises(DotenvSyntaxError, match=r"names \$\{SECRET\}"):
        read_dotenv(dotenv("A=${SECRET}"), {"SECRET": "x"})


def test_nothing_of_the_workers_own_secrets_can_be_named(dotenv, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "hunter2")

    with pytest.raises(
        DotenvSyntaxError, match=r"line 2: the value of B names \$\{AIRFLOW__CORE__FERNET_KEY\}, which no"
    ):
        read_dotenv(dotenv("A=1\nB=${AIRFLOW__CORE__FERNET_KEY}"))


def test_a_name_that_is_set_below_is_an_error_that_shows_no_value(dotenv):
    with pytest.raises(DotenvSyntaxError, match=r"names \$\{B\}.*Set it, give a default") as caught:
        read_dotenv(dotenv("A=hunter2${B}\nB=1"))

    assert "hunter2" not in str(caught.value)


def test_each_key_knows_its_line(dotenv):
    assert read_dotenv(dotenv("\n\n# c\nA=1\n\nB=2\n")).lines == {"A": 4, "B": 6}


def test_an_open_quote_is_an_error_with_line_and_key_but_without_value(dotenv):
    with pytest.raises(DotenvSyntaxError) as caught:
        read_dotenv(dotenv("A=1\n\nEMAIL_PASSWORD='hunter2\n"))

    assert "line 3: the quote opened at EMAIL_PASSWORD is never closed" in str(caught.value)
    assert "hunter2" not in repr(caught.value) + str(caught.value)


@pytest.mark.parametrize("again", ["A=2", "A"])
def test_a_key_set_twice_is_an_error(dotenv, again):
    with pytest.raises(DotenvSyntaxError, match="line 2: A was set on line 1 already"):
        read_dotenv(dotenv(f"A=1\n{again}\n"))


def test_a_line_that_is_no_assignment_is_an_error(dotenv):
    with pytest.raises(DotenvSyntaxError, match="line 1: expected KEY=value"):
        read_dotenv(dotenv("=oops\n"))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(DotenvUnreadableError, match="no such file"):
        read_dotenv(tmp_path / ".env")


@pytest.mark.parametrize("name", ["a\ud800b", "a\0b"])
def test_a_path_that_no_file_can_have_is_an_error_that_can_be_printed(tmp_path, name):
    with pytest.raises(DotenvUnreadableError, match="no file can have such a path") as caught:
        read_dotenv(tmp_path / name)

    assert str(caught.value).encode()


def test_the_way_out_of_a_path_with_other_bytes_can_be_printed(tmp_path):
    path = tmp_path / "caf\udce9 bar"
    path.touch(mode=0o644)

    with pytest.raises(DotenvUnreadableError, match="chmod 600") as caught:
        read_dotenv(path)

    assert str(caught.value).encode()


def test_bytes_that_are_not_utf8_are_an_error_that_shows_none_of_them(dotenv):
    with pytest.raises(DotenvUnreadableError) as caught:
        read_dotenv(dotenv(b"A=\xff\xfe"))

    assert caught.value.__cause__ is None


def test_a_file_that_everybody_can_read_is_an_error_with_the_way_out(dotenv):
    path = dotenv("A=1\n")
    path.chmod(0o644)

    with pytest.raises(DotenvUnreadableError, match=r"mode 0644\); run: chmod 600"):
        read_dotenv(path)


def test_showing_the_values_object_shows_no_value(dotenv):
    assert "hunter2" not in repr(read_dotenv(dotenv("A=hunter2\n")))


def test_errors_survive_pickling(dotenv):
    with pytest.raises(DotenvSyntaxError) as caught:
        read_dotenv(dotenv("A='\n"))

    copy = pickle.loads(pickle.dumps(caught.value))

    assert str(copy) == str(caught.value)


@pytest.mark.parametrize("name", [".env.example", ".env.sample", "example.env", "env.template"])
def test_a_file_that_is_missing_says_which_example_to_copy(tmp_path, name):
    (tmp_path / name).write_text("EMAIL_SENDER=\n")
    path = tmp_path / ".env"

    with pytest.raises(DotenvUnreadableError) as refused:
        read_dotenv(path)
    sentence = str(refused.value)
    assert f"there is no such file. Copy the example {name!r} beside it" in sentence
    command = sentence.partition("(")[2].partition(")")[0]
    assert subprocess.run(command, shell=True, check=True).returncode == 0
    assert read_dotenv(path).values == {"EMAIL_SENDER": ""}


def test_a_file_that_is_missing_without_an_example_says_what_it_would_hold(tmp_path):
    with pytest.raises(DotenvUnreadableError, match=r"no such file; expected one of KEY=value lines"):
        read_dotenv(tmp_path / ".env")
