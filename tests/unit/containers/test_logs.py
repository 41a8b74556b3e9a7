from __future__ import annotations

import pytest

from airflow_provider_daybreak.containers.logs import LINE_LIMIT, Lines, Tail, frames
from airflow_provider_daybreak.redact import Redactor


def frame(stream, data):
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


@pytest.mark.parametrize("size", [1, 3, 7, 8, 9, 1000])
def test_streams_come_apart_however_the_bytes_were_cut(size):
    sent = frame(1, b"out 1\n") + frame(2, b"err\n") + frame(1, b"") + frame(1, b"out 2\n")

    received = list(frames(sent[start : start + size] for start in range(0, len(sent), size)))

    assert received == [("stdout", b"out 1\n"), ("stderr", b"err\n"), ("stdout", b""), ("stdout", b"out 2\n")]


def test_a_frame_that_breaks_off_is_dropped():
    assert list(frames([frame(1, b"whole\n") + frame(1, b"broken")[:-1]])) == [("stdout", b"whole\n")]


def test_a_line_and_a_character_may_come_in_pieces():
    lines = Lines(Redactor({}))

    assert list(lines.feed("Übers".encode()[:1])) == []
    assert list(lines.feed("Übers".encode()[1:] + b"icht  \n  next")) == ["Übersicht"]
    assert list(lines.end()) == ["  next"]
    assert list(lines.end()) == []


def test_bytes_that_are_no_text_are_shown_as_such():
    assert list(Lines(Redactor({})).feed(b"\xff\xfe ok\n")) == ["\ufffd\ufffd ok"]


def test_a_line_that_never_ends_does_not_pile_up():
    lines = Lines(Redactor({}))

    cut = [line for _ in range(100) for line in lines.feed(b"x" * 10_000)]

    assert {len(line) for line in cut} == {LINE_LIMIT}
    assert len(lines._rest) <= LINE_LIMIT


def test_the_last_lines_are_kept_without_blank_ones():
    tail = Tail()
    for number in range(1000):
        tail.add(f"line {number}")
        tail.add("  ")

    assert tail.last == "line 999"
    assert str(tail).splitlines()[0] == "line 980"
    assert Tail().last is None
