"""Limits that hold where Python takes hours in one step."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError, TemplateError, TemplateLimitError
from airflow_provider_daybreak.reports import apart as apart_module
from airflow_provider_daybreak.reports.apart import apart
from airflow_provider_daybreak.reports.rows import Rows
from airflow_provider_daybreak.reports.templates.limits import Limits

DEEP = (
    "{% set n = namespace(a=(1,), b=(1,)) %}"
    "{% for i in range(60) %}{% set n.a = (n.a, n.a) %}{% set n.b = (n.b, n.b) %}{% endfor %}\n\n"
)
LIMITS = Limits(seconds=1, memory=256 * 1024 * 1024)


@pytest.fixture
def rendered_apart(make_document, tmp_path):
    """Return a function that renders a template in a child."""

    def render(source, data=None, *, limits=LIMITS, **options):
        rows = [value for value in (data or {}).values() if isinstance(value, Rows)]
        return apart(
            lambda _: make_document(source, data, limits=limits, **options),
            limits=limits,
            template=str(tmp_path / "report.md.j2"),
            answer=lambda asked: asked,
            rows=rows,
        )

    return render


@pytest.mark.parametrize(
    "source",
    [
        DEEP + "{{ 1 if n.a == n.b else 2 }}",
        DEEP + "{{ 1 if n.a in [n.b] else 2 }}",
        DEEP + "{{ [n.a, n.b] | sort | length }}",
        DEEP + "{{ [n.a] | select('in', [n.b]) | list | length }}",
        DEEP + "{{ {n.a: 1} | length }}",
        "One.\n\n{{ 5 | round(-10 ** 9) }}",
        "One.\n\n{{ ([[0] * 1000] * 100000) | sum(start=[]) | length }}",
        "One.\n\n{% for i in range(10 ** 5) %}{% for j in range(10 ** 5) %}{% endfor %}{% endfor %}",
    ],
)
def test_a_step_that_takes_hours_is_ended_and_its_line_named(rendered_apart, monkeypatch, source):
    monkeypatch.setattr(apart_module, "_GRACE", 0.5)

    with pytest.raises(TemplateLimitError, match="ran for more than 1 seconds") as stopped:
        rendered_apart(source)

    assert stopped.value.line == 3
    assert stopped.value.path.endswith("report.md.j2")


@pytest.mark.parametrize(
    "source",
    [
        "One.\n\n{{ [1] | slice(10 ** 11) | list | length }}",
        "One.\n\n{{ 'x' * 10 ** 10 }}",
        "One.\n\n{{ '%.999999999f' | format(1.0) | length }}",
        "One.\n\n{{ 'x' | center(10 ** 10) }}",
    ],
)
def test_a_step_that_takes_gigabytes_is_ended_and_its_line_named(rendered_apart, source):
    with pytest.raises(TemplateLimitError, match="took more than 268,435,456 bytes of memory") as stopped:
        rendered_apart(source, limits=Limits(seconds=60, memory=256 * 1024 * 1024))

    assert stopped.value.line == 3


def test_the_document_is_that_which_would_be_rendered_here(rendered_apart, make_document):
    source = "# Sales of {{ rows | length }}\n\n{{ table(rows) }}\n\n{{ table(rows[1:], ['b']) }}\n\n{{ chart(rows, 'a', 'b') }}\n"
    rows = Rows(("a", "b"), [(1, 2.5), (2, None)], name="rows")

    here, there = make_document(source, {"rows": rows}), rendered_apart(source, {"rows": rows})

    assert (there.title, there.template_sha256) == (here.title, here.template_sha256)
    assert there.language == here.language
    assert [token.as_dict() for token in there.body if token.meta == {}] == [
        token.as_dict() for token in here.body if token.meta == {}
    ]
    whole, part, _ = there.blocks
    assert whole.rows is rows
    assert list(part.rows.tuples()) == [(2, None)]


def test_what_the_child_asks_for_is_got_in_the_parent():
    asked = []

    def answer(name):
        asked.append((name, os.getpid()))
        return name * 2

    said = apart(lambda ask: [ask("a"), ask("b"), os.getpid()], limits=Limits(), template="x", answer=answer)

    assert said[:2] == ["aa", "bb"]
    assert asked == [("a", os.getpid()), ("b", os.getpid())]
    assert said[2] != os.getpid()


def test_an_error_comes_back_as_it_is(rendered_apart):
    with pytest.raises(TemplateError, match="line 3, column 4: 'slaes' is undefined"):
        rendered_apart("One.\n\n{{ slaes }}")


def test_an_error_that_cannot_be_handed_over_says_what_it_was():
    class Odd(Exception):  # noqa: N818 - not ours
        pass

    def work(_):
        raise Odd("it is odd")

    with pytest.raises(RuntimeError, match="Odd: it is odd"):
        apart(work, limits=Limits(), template="x", answer=None)


def test_a_child_that_is_killed_is_an_error():
    with pytest.raises(TemplateLimitError, match="was ended"):
        apart(lambda _: os.kill(os.getpid(), signal.SIGKILL), limits=Limits(), template="x", answer=None)


def test_an_answer_that_fails_ends_the_child():
    started = []

    def answer(pid):
        started.append(pid)
        raise InvalidValueError("name", "x", "another")

    with pytest.raises(InvalidValueError):
        apart(lambda ask: ask(os.getpid()), limits=Limits(), template="x", answer=answer)

    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)


def test_other_threads_of_the_parent_change_nothing():
    end = threading.Event()
    threads = [threading.Thread(target=end.wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        assert apart(lambda _: sum(range(10)), limits=Limits(), template="x", answer=None) == 45
    finally:
        end.set()
        for thread in threads:
            thread.join()


def test_a_child_does_not_outlive_its_parent(tmp_path):
    if (child := os.fork()) == 0:
        try:
            apart(
                lambda _: (tmp_path.joinpath("pid").write_text(str(os.getpid())), time.sleep(600)),
                limits=Limits(seconds=600),
                template="x",
                answer=None,
            )
        finally:
            os._exit(1)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.01)
    grandchild = int((tmp_path / "pid").read_text())

    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

    while os.path.exists(f"/proc/{grandchild}") and " Z " not in open(f"/proc/{grandchild}/stat").read():  # noqa: PTH110, PTH123, SIM115 - of the kernel
        time.sleep(0.01)
