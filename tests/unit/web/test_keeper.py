"""The keeper of the index: no request waits for what it is at, but the one that has nothing to be told yet."""

from __future__ import annotations

from datetime import datetime, timezone
from threading import Event
from types import SimpleNamespace

import pytest

from airflow_provider_daybreak.overview.facts import Freshness
from airflow_provider_daybreak.web import keeper
from airflow_provider_daybreak.web.keeper import Keeper

NOW = datetime(2026, 11, 27, 9, 5, tzinfo=timezone.utc)


class Hook:
    """A hook whose look at the archive lasts until it is let go."""

    def __init__(self):
        self.index = SimpleNamespace(freshness=Freshness)
        self.let_go, self.done = Event(), []

    @property
    def answers(self):
        return "answer" in self.done

    def refresh(self, _, *, everything=False):
        self.let_go.wait(60)
        self.done.append("everything" if everything else "new")

    def renew(self, _):
        self.done.append("answer")


@pytest.fixture
def hook(monkeypatch):
    made = Hook()
    monkeypatch.setattr(keeper, "OverviewHook", lambda: made)
    yield made
    made.let_go.set()


def test_a_new_answer_is_ready_after_each_look_the_new_days_before_everything(hook):
    hook.let_go.set()
    asked = Keeper()

    asked.hook(NOW)
    asked._thread.join(60)
    assert hook.done == ["new", "answer", "everything", "answer"]


def test_who_can_be_answered_does_not_wait_for_a_look_that_another_began(hook, monkeypatch):
    asked = Keeper()
    asked.hook(NOW)  # begins the look
    hook.done.append("answer")
    joined = []
    monkeypatch.setattr(asked._thread, "join", joined.append)

    assert asked.hook(NOW) is hook
    assert not joined
    hook.done.clear()
    asked.hook(NOW)
    assert joined  # nothing is known yet: that may be worth a moment
