"""What a loss of power or a careless hand does to an environment that was complete."""

from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import StillInUseError, VerificationError
from airflow_provider_daybreak.hooks.releases import ReleaseHook
from airflow_provider_daybreak.releases.lease import leased
from airflow_provider_daybreak.settings import Settings


@pytest.fixture
def hook(layout, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(layout.root))
    return ReleaseHook(Settings.load())


@pytest.fixture
def damaged(index, source, deployed):
    """Return a release with a module that was cut off, and with it the file in uv's cache that it is linked from."""
    index.add("thing")
    release = deployed(source({"requirements.txt": "thing\n"})).release
    [module] = release.environment.glob("lib/*/site-packages/thing.py")
    module.chmod(0o644)
    with module.open("r+") as file:
        file.truncate(3)
    return release


def test_a_file_that_was_cut_off_is_found_and_the_environment_made_anew(hook, damaged, printed):
    with pytest.raises(
        VerificationError, match=rf"(?s)thing.py\nMake it anew: .*rebuild daily_report {damaged.id}"
    ):
        hook.verify("daily_report")

    info = hook.rebuild("daily_report")

    assert (info["release"], info["environment"]) == (damaged.id, damaged.environment_id)
    assert hook.verify("daily_report")["environment"] > 0
    assert printed(damaged) == "1.0"


def test_an_environment_is_not_made_anew_under_a_job(hook, damaged):
    with leased(damaged.path), pytest.raises(StillInUseError, match="Try again when it has ended"):
        hook.rebuild("daily_report")

    assert damaged.python.exists()
