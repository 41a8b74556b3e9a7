"""A run that is cleared runs its own code again; what newer code has made current stays so."""

from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import VerificationError
from airflow_provider_daybreak.releases.dag_version import DagVersion
from airflow_provider_daybreak.releases.deploy import Plan, deploy, roll_back
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.release import get_release, is_ready
from airflow_provider_daybreak.releases.running.run import Job, run
from airflow_provider_daybreak.releases.sharing import ensure
from airflow_provider_daybreak.releases.store import Store
from airflow_provider_daybreak.releases.switch import current_id, entries_of, read_history


def uuid7(day):
    """Return the UUID of a Dag's version that was made on that day of November."""
    return f"0196e{day:03x}-0000-7000-8000-00000000000{9 - day % 10}"


def version(day, dag=None, *, commit=None, run_id=None, dag_id="daily"):
    """Return that of a run of the day, with the Dag as it was written on day ``dag``, at ``commit``."""
    return DagVersion(
        dag_id=dag_id,
        run_id=run_id or f"scheduled__{day}",
        id=uuid7(day if dag is None else dag),
        bundle_version=commit or f"commit-{day if dag is None else dag}",
        since=f"2026-11-{day:02}T09:00:00+00:00",
    )


def test_a_run_of_an_older_version_leaves_current_what_is_and_gets_its_own(layout, deployed, caplog):
    deployed("print('old')", version=version(1))
    new = deployed("print('new')", version=version(2)).release
    caplog.clear()

    cleared = deployed("print('older still')", version=version(1, run_id="scheduled__0"))

    assert (cleared.changed, cleared.previous) == (False, new.id)
    assert run(cleared.release, Job(["report.py"]), on_line=lambda *_: None).last_line == "older still"
    assert current_id(layout) == read_history(layout).current == get_release(layout).id == new.id
    assert (
        f"older version of its Dag than run scheduled__2, which deployed before: {new.id} of daily_report"
        in caplog.text
    )
    assert deployed("print('newer')", version=version(3)).changed


def test_code_that_was_current_before_does_not_become_so_again_by_a_clearing(layout, deployed):
    old = deployed("print('old')", version=version(1)).release
    new = deployed("print('new')", version=version(2)).release

    cleared = deployed("print('old')", version=version(1))

    assert cleared.release.id == old.id
    assert current_id(layout) == new.id
    assert read_history(layout).line == (old.id, new.id)


@pytest.mark.parametrize(
    ("run_of", "changes"),
    [
        (version(3), True),
        (version(1), False),
        (version(1, 2), False),  # the same commit: the same code
        (version(1, 2, commit="commit-x"), False),  # the Dag stayed the same, and the run was before
        (version(3, 2, commit="commit-x"), True),
        (version(2, 2, commit="commit-x"), True),  # cleared with the latest version, which is what mended it
        (version(1, 3), True),  # a backfill of days before
        (version(1, dag_id="other"), True),  # of another Dag nothing is known
        (None, True),  # a bundle without versions always runs the newest code
    ],
)
def test_what_is_older(deployed, run_of, changes):
    deployed("print(1)", version=version(2))

    other = (
        deployed("print(2)", version=run_of) if run_of is None or run_of.bundle_version != "commit-2" else None
    )

    assert (other.changed if other else run_of.older_than(version(2))) is changes


def test_without_a_version_on_record_a_deploy_switches_as_ever(deployed):
    deployed("print(1)")

    assert deployed("print(2)", version=version(1)).changed


def test_a_version_that_changed_nothing_counts_too(deployed):
    deployed("print(1)", version=version(1))
    assert not deployed("print(1)", version=version(3)).changed

    assert not deployed("print(2)", version=version(2)).changed


def test_a_version_is_entered_once_and_not_at_every_run(layout, deployed):
    for day in (1, 2, 3):
        deployed("print(1)", version=version(day, 1))

    assert len(entries_of(layout)) == 1


def test_a_clearing_keeps_the_dotenv_of_what_is_current(layout, deployed, folder):
    path = folder(report_py="") / ".env"
    for day, run_of in ((1, version(1)), (2, version(2)), (1, version(1))):
        path.write_text(f"DAY={day}\n")
        path.chmod(0o600)
        deployed(f"print({day})", version=run_of)

    assert layout.dotenv.read_text() == "DAY=2\n"


def test_a_clearing_whose_verify_command_fails_is_an_error(deployed):
    deployed("print(1)", version=version(2))

    with pytest.raises(VerificationError):
        deployed("raise SystemExit(3)", version=version(1), verify=["report.py"])


def test_a_release_aside_is_what_pruning_takes_last(layout, deployed):
    deployed("print(1)", version=version(2), keep=2)
    aside = deployed("print(2)", version=version(1), keep=2).release

    deployed("print(3)", version=version(3), keep=2)

    assert is_ready(layout, aside.id)


def test_rolling_back_passes_over_a_release_aside(layout, deployed):
    first = deployed("print(1)", version=version(2)).release
    deployed("print(2)", version=version(3))
    deployed("print(3)", version=version(1))

    assert roll_back(layout).release.id == first.id


def test_an_interrupted_switch_after_a_clearing_is_entered(layout, deployed):
    deployed("print(1)", version=version(2))
    deployed("print(2)", version=version(1))
    entries = len(entries_of(layout))

    deployed("print(1)", version=version(2))

    assert len(entries_of(layout)) == entries  # what is aside is not taken for a switch that was cut off


def test_other_workers_run_what_is_current_and_find_what_is_aside(tmp_path, folder):
    store = Store(tmp_path / "store" / "daily")
    here, there = (Layout(tmp_path / name, "daily") for name in ("here", "there"))
    new = deploy(here, Plan(folder(report_py="print(1)"), version=version(2)), store=store).release
    aside = deploy(here, Plan(folder(report_py="print(2)"), version=version(1)), store=store).release

    assert ensure(there, None, store=store, index_of=None).id == new.id
    assert ensure(there, aside.id, store=store, index_of=None).id == aside.id
    assert not deploy(there, Plan(folder(report_py="print(3)"), version=version(1)), store=store).changed
    assert current_id(there) == new.id


def test_a_record_that_is_not_ours_is_passed_over(layout, deployed):
    deployed("print(1)", version=version(2))
    text = layout.history.read_text()
    layout.history.write_text(text.replace('"bundle_version"', '"something"'))

    assert deployed("print(2)", version=version(1)).changed
