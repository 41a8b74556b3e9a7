from __future__ import annotations

from dataclasses import replace

import pytest

from airflow_provider_daybreak.containers.identity import Identity, Task
from airflow_provider_daybreak.containers.leftovers import Found, sweep
from airflow_provider_daybreak.exceptions import EngineError, EngineUnavailableError

OWN = Identity("file:///reports", "dag", "run 2", "task", -1, mark="ours")
OTHER = replace(OWN, run_id="run 1")


class Engine:
    """What there is, by name; whether it lists and removes."""

    def __init__(self, *identities, refuses=()):
        self.there = {f"container {number}": identity for number, identity in enumerate(identities)}
        self.refuses = refuses

    def look(self, mark):
        for name, identity in list(self.there.items()):
            if identity.mark == mark:
                yield Found(name, identity.labels(work="x", try_number=1), lambda name=name: self.remove(name))

    def remove(self, name):
        if name in self.refuses:
            raise EngineError(f"remove {name}", "busy")
        del self.there[name]


def everything(tasks):
    return tasks


def test_what_an_ended_task_left_is_removed():
    engine = Engine(OTHER)

    sweep(engine.look, OWN, everything)

    assert engine.there == {}


@pytest.mark.parametrize(
    ("there", "ended"),
    [
        (OTHER, lambda _: set()),
        (OWN, everything),
        (replace(OTHER, mark="another's"), everything),
        (replace(OTHER, mark=""), everything),
    ],
    ids=["of a task that goes on", "its own", "of another Airflow", "of before there were marks"],
)
def test_what_may_be_of_use_stays(there, ended):
    engine = Engine(there)

    sweep(engine.look, OWN, ended)

    assert list(engine.there.values()) == [there]


def test_nothing_is_looked_for_by_who_does_not_know_which_airflow_it_is_of():
    engine = Engine(replace(OTHER, mark=""))

    sweep(engine.look, replace(OWN, mark=""), everything)

    assert len(engine.there) == 1


def test_one_that_can_not_be_removed_is_named_and_hinders_no_other(caplog):
    engine = Engine(OTHER, replace(OTHER, map_index=3), refuses=("container 0",))

    sweep(engine.look, OWN, everything)

    assert list(engine.there) == ["container 0"]
    assert "container 0 may be left over" in caplog.text


def test_an_engine_that_can_not_list_is_said_to_be_so_and_the_task_goes_on(caplog):
    def look(_mark):
        raise EngineUnavailableError(("tcp://engine",), "away")

    sweep(look, OWN, everything)

    assert "was not looked for" in caplog.text


@pytest.mark.parametrize("damage", [{"daybreak.map_index": "x"}, {"daybreak.map_index": None}])
def test_labels_that_name_no_task_are_nobodys(damage):
    labels = OTHER.labels(work="x", try_number=1)
    assert Task.of(labels) == OTHER.task

    labels |= damage
    labels = {name: value for name, value in labels.items() if value is not None}

    assert Task.of(labels) is None
