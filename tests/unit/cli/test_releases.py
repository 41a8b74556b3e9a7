from __future__ import annotations

import json

import pytest
from airflow.cli import cli_parser

from airflow_provider_daybreak.hooks.releases import ReleaseHook
from airflow_provider_daybreak.releases.deploy import Plan
from airflow_provider_daybreak.releases.files import remove_tree


@pytest.fixture
def hook(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    return ReleaseHook()


@pytest.fixture
def deploy(hook, tmp_path):
    def deploy_script(text):
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        (source / "report.py").write_text(text)
        return hook.deploy("daily", Plan(source))["release"]

    return deploy_script


@pytest.fixture
def cli(capsys):
    """Return a function that runs ``airflow daybreak releases …`` and returns what it printed."""

    def run(*words):
        args = cli_parser.get_parser().parse_args(["daybreak", "releases", *words])
        capsys.readouterr()
        args.func(args)
        return capsys.readouterr().out

    return run


def test_list_shows_what_holds_of_each_release(cli, deploy):
    first, second, third = deploy("print(1)"), deploy("print(2)"), deploy("print(3)")
    cli("rollback", "daily")

    rows = json.loads(cli("list", "-o", "json"))

    assert {row["release"]: row["state"] for row in rows} == {
        second: "current",
        first: "previous",
        third: "rolled back",
    }
    assert second in cli("list", "daily")


@pytest.mark.usefixtures("hook")
def test_list_of_nothing_says_so(cli):
    assert cli("list") == "Nothing was deployed on this machine.\n"
    assert json.loads(cli("list", "-o", "json")) == []


def test_show_tells_what_a_release_is_made_of(cli, deploy):
    release = deploy("print(1)")

    facts = json.loads(cli("show", "daily", "-o", "json"))[0]

    assert facts["release"] == release
    assert facts["files"] == 1
    assert release in cli("show", "daily")


def test_rollback_returns_to_the_release_that_is_named(cli, deploy):
    first = deploy("print(1)")
    deploy("print(2)")
    deploy("print(3)")

    assert json.loads(cli("rollback", "daily", "--to", first, "-o", "json"))[0]["release"] == first


def test_verify_finds_a_changed_file_and_fails(cli, deploy, hook, capsys):
    deploy("print(1)")
    assert json.loads(cli("verify", "daily", "-o", "json"))[0]["ok"] is True
    script = hook.get("daily").src / "report.py"
    script.chmod(0o644)
    script.write_text("print(2)")

    with pytest.raises(SystemExit) as caught:
        cli("verify", "daily")

    assert caught.value.code == 1
    assert "did not pass the comparison with its manifest:\nreport.py" in capsys.readouterr().err


def test_a_changed_lock_is_found_and_a_deploy_that_follows_the_advice_mends_it(cli, deploy, hook, capsys):
    deploy("print(1)")
    release = hook.get("daily")
    lock = release.path / "requirements.lock"
    lock.chmod(0o644)
    lock.write_text("evil==1\n")
    for command in ("verify", "lock", "rebuild"):
        with pytest.raises(SystemExit):
            cli(command, "daily")
        assert f"{lock}\nRemove '{release.path}', and deploy again" in capsys.readouterr().err

    remove_tree(release.path)
    deploy("print(1)")

    assert json.loads(cli("verify", "daily", "-o", "json"))[0]["ok"] is True


def test_an_environment_that_was_removed_is_made_anew(cli, deploy, hook):
    deploy("print(1)")
    remove_tree(hook.get("daily").environment)

    deploy("print(1)")

    assert json.loads(cli("verify", "daily", "-o", "json"))[0]["ok"] is True


def test_rebuild_makes_the_environment_anew(cli, deploy, hook):
    release = deploy("print(1)")
    config = hook.get("daily").environment / "pyvenv.cfg"
    config.unlink()

    assert json.loads(cli("rebuild", "daily", "-o", "json"))[0]["release"] == release
    assert config.exists()


def test_prune_spares_what_is_pinned(cli, deploy):
    releases = [deploy(f"print({number})") for number in range(4)]
    cli("pin", "daily", releases[0])

    removed = json.loads(cli("prune", "daily", "--keep", "1", "-o", "json"))

    assert [row["removed"] for row in removed] == [releases[1]]
    cli("pin", "daily", releases[0], "--off")
    assert [row["removed"] for row in json.loads(cli("prune", "daily", "--keep", "1", "-o", "json"))] == [
        releases[0]
    ]
    assert cli("prune", "daily", "--keep", "1") == "Nothing to remove.\n"


def test_lock_writes_the_lock_out(cli, deploy):
    deploy("print(1)")

    assert cli("lock", "daily") == ""
    assert json.loads(cli("lock", "daily", "-o", "json")) == [{"name": "daily", "lock": ""}]


@pytest.mark.usefixtures("hook")
@pytest.mark.parametrize("command", ["list", "show", "rollback", "verify", "rebuild", "prune", "lock"])
def test_a_name_that_is_not_deployed_is_one_sentence_and_leaves_nothing(cli, capsys, command, tmp_path):
    with pytest.raises(SystemExit):
        cli(command, "nothing")

    assert "airflow daybreak: There is no current release of 'nothing' here" in capsys.readouterr().err
    assert not (tmp_path / "releases" / "nothing").exists()


@pytest.mark.parametrize("keep", ["0", "-1"])
def test_pruning_that_would_keep_nothing_is_refused(cli, deploy, capsys, keep):
    deploy("print(1)")

    with pytest.raises(SystemExit):
        cli("prune", "daily", f"--keep={keep}")

    assert f"Invalid keep {keep}: expected a whole number of at least 1" in capsys.readouterr().err
