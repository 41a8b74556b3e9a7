from __future__ import annotations

import pytest

from airflow_provider_daybreak.releases.switch import current_id, heal, new_entry, read_history, switch

A, B, C = ("a" * 16, "b" * 16, "c" * 16)


@pytest.fixture
def history(layout):
    """Return a function that goes through steps such as 'A', or '<A' for a roll back, and returns the history."""
    layout.make()

    def go(*steps):
        for step in steps:
            action = "rollback" if step.startswith("<") else "deploy"
            switch(layout, new_entry(layout, step[-1].lower() * 16, action=action))
        return read_history(layout)

    return go


def test_the_last_switch_is_current(layout, history):
    history("A", "B")

    assert current_id(layout) == B
    assert str(layout.current.readlink()) == f"releases/{B}"


@pytest.mark.parametrize(
    ("steps", "line", "rolled_back"),
    [
        ((), (), ()),
        (("A",), (A,), ()),
        (("A", "B"), (A, B), ()),
        (("A", "B", "A"), (B, A), ()),
        (("A", "B", "<A"), (A,), (B,)),
        (("A", "B", "C", "<A"), (A,), (B, C)),
        (("A", "B", "<A", "C"), (A, C), (B,)),
        (("A", "B", "<A", "<B"), (B,), (A,)),
    ],
)
def test_a_release_that_was_rolled_back_is_no_more_in_the_line(history, steps, line, rolled_back):
    found = history(*steps)

    assert found.line == line
    assert found.rolled_back == frozenset(rolled_back)
    assert found.current == (line[-1] if line else None)


def test_a_line_that_a_crash_cut_off_is_left_out(layout, history):
    history("A")
    with layout.history.open("ab") as file:
        file.write(b'{"action": "deploy", "rel')

    assert history("B").line == (A, B)


def test_a_switch_that_a_crash_kept_out_of_the_history_is_entered_later(layout, history):
    history("A")
    layout.current.unlink()
    layout.current.symlink_to(f"releases/{B}")

    heal(layout)

    assert read_history(layout).line == (A, B)
