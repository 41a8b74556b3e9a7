from __future__ import annotations

import fcntl
import os
import time

import pytest

from airflow_provider_daybreak.releases.remote.attempts import Attempts, sweep


@pytest.fixture
def attempts(tmp_path):
    made = Attempts(tmp_path / "key")
    with made.locked():
        yield made


@pytest.fixture
def alive():
    """Hold an attempt as its supervisor does."""
    held = []

    def hold(attempt):
        (attempt.folder / "pid").write_text("0")
        held.append(os.open(attempt.folder / "alive", os.O_RDWR | os.O_CREAT))
        fcntl.flock(held[-1], fcntl.LOCK_EX)

    yield hold
    for each in held:
        os.close(each)


def ended(attempt, **outcome):
    (attempt.folder / "pid").write_text("0")
    attempt.end_with({"ok": True, **outcome})
    return attempt


def test_what_still_goes_on_stands_for_a_later_try(attempts, alive):
    first = attempts.new("one")
    alive(first)

    assert attempts.current("two", "2") == first


def test_a_good_end_that_nobody_took_stands_for_a_later_try(attempts):
    first = ended(attempts.new("one"))

    assert attempts.current("two", "2") == first


def test_what_was_taken_stands_for_the_tries_of_its_round_since_who_took_it_may_be_lost(attempts):
    first = ended(attempts.new("one"))
    first.files.mkdir()
    first.take("2")

    assert attempts.current("one", "2") == first
    assert attempts.current("two", "2") == first
    assert first.files.exists()


def test_what_was_taken_in_a_round_before_is_done_anew(attempts):
    first = ended(attempts.new("one"))
    first.take("2")

    assert attempts.current("two", "5") is None


def test_what_was_taken_leaves_no_files_after_an_hour(tmp_path):
    attempts = Attempts(tmp_path / "runs" / "key")
    with attempts.locked():
        first, second = (ended(attempts.new(name)) for name in ("one", "two"))
    for each in (first, second):
        each.files.mkdir()
        each.take("2")
    past = time.time() - 3601
    os.utime(first.folder / "taken", (past, past))
    (tmp_path / "incoming").mkdir()

    sweep(tmp_path / "runs", tmp_path / "incoming")

    assert not first.files.exists()
    assert second.files.exists()


def test_after_a_bad_end_a_later_try_begins_anew(attempts):
    ended(attempts.new("one"), ok=False)

    assert attempts.current("two", "2") is None


def test_what_was_lost_stands_for_its_own_try_alone(attempts):
    first = attempts.new("one")
    (first.folder / "pid").write_text("0")

    assert attempts.current("one", "2") == first
    assert attempts.current("two", "2") is None


def test_what_never_had_its_request_stands_for_nothing(attempts):
    attempts.new("one")

    assert attempts.current("one", "2") is None
