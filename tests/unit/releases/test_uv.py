"""What is told to uv, and what its words mean."""

from __future__ import annotations

import os

import pytest

from airflow_provider_daybreak.exceptions import LockingError, UnsolvableError
from airflow_provider_daybreak.releases.uv import is_unsolvable, remedy_for, run_uv


@pytest.mark.parametrize("gap", [" ", "\n      "])
def test_a_package_without_a_wheel_has_its_remedy_however_uv_breaks_its_lines(gap):
    said = f"Because only thing==1.0 is available and thing==1.0 has no usable{gap}wheels, we can conclude that"

    assert "VenvDeployOperator(only_binary={'thing': False})" in remedy_for(said)


@pytest.mark.parametrize(
    ("variable", "below"), [("UV_CACHE_DIR", ""), ("XDG_CACHE_HOME", "uv"), ("HOME", ".cache/uv")]
)
def test_uv_keeps_what_it_fetches_where_it_is_told_to_or_at_home(monkeypatch, tmp_path, variable, below):
    for name in ("UV_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "folder"
    monkeypatch.setenv(variable, str(folder))

    assert run_uv(["cache", "dir"], cwd=tmp_path).stdout.strip() == str(folder / below)


def test_uv_goes_without_a_cache_where_it_can_have_none(monkeypatch, tmp_path):
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "access", lambda *_: False)

    told = run_uv(["cache", "dir"], cwd=tmp_path).stdout.strip()

    assert told != str(tmp_path / "cache")


@pytest.mark.parametrize(
    ("wanted", "remedy"),
    [
        ("no-such-package-of-daybreak==1", "Correct the name 'no-such-package-of-daybreak'"),
        ("six==999.0", "Ask for a version of six that there is"),
        ("six==1.16.0\nsix==1.17.0", "Loosen one of these requirements"),
    ],
)
def test_requirements_that_no_packages_fit_say_what_to_change_and_are_not_asked_for_again(
    deployed, folder, wanted, remedy
):
    folder(requirements_txt=wanted)

    with pytest.raises(UnsolvableError, match=remedy) as failed:
        deployed()
    assert failed.value.permanent


def test_an_index_that_is_away_is_asked_again(deployed, folder, monkeypatch, tmp_path):
    folder(requirements_txt="six==1.17.0")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")

    with pytest.raises(LockingError) as failed:
        deployed()
    assert not failed.value.permanent
    assert not is_unsolvable(
        "No solution found when resolving dependencies: Because six was not found in the cache … "
        "hint: Packages were unavailable because the network was disabled."
    )


def test_an_index_that_refuses_the_login_is_none_of_the_requirements():
    said = (
        "error: No solution found when resolving dependencies\n  cause: Because thing was not found in the package registry and "
        "you require thing, we can conclude that your requirements are unsatisfiable.\n\nhint: An index URL "
        "(https://example.org/simple) could not be queried due to a lack of valid authentication credentials (401 Unauthorized)"
    )

    assert not is_unsolvable(said)
    assert remedy_for(said) == (
        "The index at https://example.org/simple answered 401 Unauthorized. Correct the login and the password of the connection "
        "that index_conn_id names."
    )
