from __future__ import annotations

from types import SimpleNamespace

import pytest
from airflow.exceptions import AirflowException

from airflow_provider_daybreak.containers.identity import Identity
from airflow_provider_daybreak.hooks.container import ContainerHook


class Engines:
    """Engines by address: whether each answers, and whether it has the task's container."""

    def __init__(self, **engines):
        self.engines = engines
        self.asked = []

    def __call__(self, address):
        self.asked.append(address)
        return SimpleNamespace(address=address, get_conn=lambda: self._connect(address), _log=None)

    def _connect(self, address):
        found = self.engines[address]
        if found is None:
            raise AirflowException("away")
        listed = [{"Names": ["/daybreak-x"]}] if found else []
        return SimpleNamespace(containers=lambda **_: listed, base_url=address)


class State(dict):
    """What a task's tries share."""

    def set(self, key, value):
        self[key] = value


IDENTITY = Identity("file:///reports", "dag", "run", "task", -1)


@pytest.mark.parametrize(
    ("engines", "noted", "taken"),
    [
        ({"a": False, "b": False}, None, "a"),
        ({"a": None, "b": False}, None, "b"),
        ({"a": False, "b": True}, None, "b"),
        ({"a": False, "b": False}, "b", "b"),
        ({"a": False, "b": None}, "b", "a"),
    ],
)
def test_of_several_engines_the_one_with_the_tasks_container_is_taken(engines, noted, taken):
    state = State({"daybreak_container": {"engine": noted, "container": "x"}} if noted else {})
    hook = ContainerHook(Engines(**engines), list(engines))

    assert hook._engine_for(IDENTITY, {"task_state_store": state}).address == taken
    assert state["daybreak_container"] == {"engine": taken, "container": IDENTITY.name}


def test_one_engine_is_not_asked_for_what_it_has():
    engines = Engines(a=True)

    assert ContainerHook(engines, ["a"])._engine_for(IDENTITY, {}).address == "a"
    assert engines.asked == ["a"]
