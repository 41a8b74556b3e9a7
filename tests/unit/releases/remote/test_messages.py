from __future__ import annotations

import json
from pathlib import Path

from airflow_provider_daybreak.exceptions import DiskFullError, ReleaseNotFoundError, RequirementsError
from airflow_provider_daybreak.releases.conditions import Ending, NoFile, NoOutput
from airflow_provider_daybreak.releases.dag_version import DagVersion
from airflow_provider_daybreak.releases.deploy import Plan
from airflow_provider_daybreak.releases.remote.messages import (
    ending_of,
    error_of,
    plan_of,
    said_of_ending,
    said_of_error,
    said_of_plan,
)
from airflow_provider_daybreak.releases.uv import Index


def sent(value):
    return json.loads(json.dumps(value))


def test_a_plan_arrives_as_it_was_but_for_its_files():
    plan = Plan(
        Path("/here/source"),
        commands=(["run.py"], "bash run.sh"),
        only_binary={"thing": False},
        index=Index("https://index.example/simple", "user", "secret", "index"),
        version=DagVersion("dag", "run", "id", "bundle", "2026-01-01T00:00:00+00:00"),
    )
    there = plan_of(sent(said_of_plan(plan)), Path("/there/source"), None)

    assert there.source == Path("/there/source")
    assert (there.index, there.version, there.commands) == (plan.index, plan.version, plan.commands)
    assert there.only_binary == plan.only_binary


def test_how_an_end_is_read_arrives_as_it_was():
    ending = Ending([75], (99,), ("ERROR", NoOutput(), NoFile("*.csv")))

    assert ending_of(sent(said_of_ending(ending))) == ending


def test_an_error_arrives_as_it_was():
    for error in (DiskFullError("/there", "full"), ReleaseNotFoundError("orders", "", ("a", "b"))):
        there = error_of(sent(said_of_error(error)))

        assert type(there) is type(error)
        assert str(there) == str(error)


def test_an_error_names_the_file_where_the_user_has_it():
    error = RequirementsError("/there/source/requirements.txt", "it is no text")

    assert "/here/requirements.txt" in str(error_of(said_of_error(error, "/there/source", "/here")))
