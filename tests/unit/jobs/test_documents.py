from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import JobsUnreadableError
from airflow_provider_daybreak.jobs.documents import documents, line_of, text_of

BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghijklm", "bcdefghijklmn", strict=True)
)


def test_keys_know_their_lines():
    [document] = documents("a: 1\nb:\n  c: 2\n", "x.yaml")

    assert [line_of(document, "b"), line_of(document.fields("b"), "c"), line_of(document, "z")] == [2, 3, 0]


@pytest.mark.parametrize(
    "text",
    [
        "a: [1",
        "a: !!python/object/apply:os.system ['touch /tmp/x']",
        "a: !env X",
        "? [1, 2]\n: 3",
        "a: \x00",
        "a: *nothing",
        BOMB,
        "a: " + "[" * 1500,
    ],
    ids=["open", "code", "tag", "key", "control", "alias", "bomb", "deep"],
)
def test_what_is_no_plain_yaml_is_an_error(text):
    with pytest.raises(JobsUnreadableError, match=r"Cannot read 'x\.yaml'"):
        list(documents(text, "x.yaml"))


def test_what_is_no_mapping_is_left_out():
    assert list(documents("- 1\n---\ntext\n---\n", "x.yaml")) == []


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (3, "3"), ("x", "x"), (None, ""), ([1], ""), (1.5, "1.5")]
)
def test_plain_values_are_texts(value, text):
    assert text_of(value) == text


def test_a_template_is_to_be_rendered_first():
    with pytest.raises(JobsUnreadableError, match=r"line 2: it is a template, .* 'helm template'"):
        list(documents("a: 1\nb: {{ .Values.b }}\n", "x.yaml"))
