"""How an error takes its facts, and that it keeps them on the way to the scheduler."""

from __future__ import annotations

import pickle

import pytest

from airflow_provider_daybreak import exceptions
from airflow_provider_daybreak.exceptions import DaybreakError, InvalidValueError, TemplateLimitError


def test_facts_are_given_in_order_or_by_name():
    error = InvalidValueError("place", 3, expected="a city")

    assert (error.name, error.value, error.expected) == ("place", 3, "a city")
    assert str(error) == "Invalid place 3: expected a city."
    assert repr(error) == "InvalidValueError(name='place', value=3, expected='a city')"


def test_a_fact_with_a_default_may_be_left_out():
    assert TemplateLimitError("report.md.j2", "ran too long").line == 0


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (("place",), {}),
        (("place", 3, "a city", "more"), {}),
        (("place", 3), {"expected": "a city", "name": "place"}),
        (("place", 3, "a city"), {"wanted": "a city"}),
    ],
    ids=["missing", "too many", "twice", "unknown"],
)
def test_facts_that_it_does_not_have_are_refused_without_a_value_in_the_message(values, named):
    with pytest.raises(TypeError, match=r"InvalidValueError takes \('name', 'value', 'expected'\)") as caught:
        InvalidValueError(*values, **named)
    assert "a city" not in str(caught.value)


def every(cls):
    for each in cls.__subclasses__():
        yield each
        yield from every(each)


def test_every_error_survives_pickling():
    for cls in every(DaybreakError):
        names = [
            name for each in cls.__mro__ for name in getattr(each, "__annotations__", {}) if name != "permanent"
        ]
        error = cls(**dict.fromkeys(names, "fact"))

        again = pickle.loads(pickle.dumps(error))

        assert type(again) is cls
        assert vars(again) == vars(error)


@pytest.mark.parametrize("value", ["x" * 1_000_000, 10**5000], ids=["text", "number"])
def test_a_long_value_is_shortened_in_the_sentence(value):
    sentence = str(InvalidValueError("limit", value, "a number"))

    assert sentence.startswith("Invalid limit ")
    assert sentence.endswith(": expected a number.")
    assert len(sentence) < 300


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    def drawn(cls, depth):
        yield "    " * depth + cls.__name__
        for each in sorted(cls.__subclasses__(), key=lambda each: each.__name__):
            if each.__module__.startswith("airflow_provider_daybreak."):
                yield from drawn(each, depth + 1)

    said = [line[4:] for line in exceptions.__doc__.splitlines() if line.startswith("    ")]

    assert said == list(drawn(DaybreakError, 0))
    assert sorted(line.strip() for line in said) == exceptions.__all__
