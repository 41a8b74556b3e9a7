"""An archive that hangs, fails or answers, asked patiently."""

from __future__ import annotations

from threading import Event

import pytest

from airflow_provider_daybreak.exceptions import ArchiveAwayError, RevisionNotFoundError
from airflow_provider_daybreak.web import patience
from airflow_provider_daybreak.web.patience import patiently


@pytest.fixture
def hangs(monkeypatch):
    """Yield what hangs until the test ends, with little patience for it."""
    monkeypatch.setattr(patience, "PATIENCE", 0.1)
    goes_on = Event()
    yield goes_on.wait
    goes_on.set()


def raises(error):
    raise error


def test_an_answer_is_returned_and_an_error_raised_as_it_is():
    assert patiently("file:///reports", lambda: 7) == 7
    assert patiently("file:///reports", lambda: None) is None
    with pytest.raises(RevisionNotFoundError):
        patiently("file:///reports", lambda: raises(RevisionNotFoundError("file:///reports/x")))


def test_a_disk_that_fails_is_away_with_its_own_words():
    with pytest.raises(ArchiveAwayError, match="file:///reports: .*Stale file handle"):
        patiently("file:///reports", lambda: raises(OSError(116, "Stale file handle")))


def test_one_that_hangs_is_left_after_a_while(hangs):
    with pytest.raises(ArchiveAwayError, match="it gave no answer within"):
        patiently("file:///reports", hangs)


def test_of_many_that_hang_no_more_than_some_are_waited_for_and_others_are_answered_once_they_end(
    hangs, monkeypatch
):
    monkeypatch.setattr(patience, "_WAITING", patience.BoundedSemaphore(2))
    for _ in range(2):
        with pytest.raises(ArchiveAwayError):
            patiently("a", hangs)
    asked = []
    with pytest.raises(ArchiveAwayError):
        patiently("a", lambda: asked.append(1))
    assert not asked
    hangs.__self__.set()
    monkeypatch.setattr(patience, "PATIENCE", 60)
    assert patiently("a", lambda: 7) == 7
