from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError, ScriptFailedError, ScriptGaveUpError
from airflow_provider_daybreak.redact import Redactor
from airflow_provider_daybreak.releases.conditions import Ending, NoFile, NoMail, NoOutput
from airflow_provider_daybreak.releases.running.finished import Finished


def test_one_of_each_may_be_given_without_a_list():
    assert Ending.of(skip_on_exit_code=99, fail_on="ERROR") == Ending(None, (99,), ("ERROR",))
    assert Ending.of(fail_on=[NoOutput(), "a|b"]).patterns == ("a|b",)
    assert Ending.of() == Ending()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fail_on": "("}, r"Invalid fail_on '\(': expected a regular expression: missing \)"),
        ({"fail_on": ["a", 3]}, "Invalid fail_on 3: expected a regular expression such as"),
        ({"fail_on": {"ERROR": 1}}, "Invalid fail_on .*or a list of them"),
        ({"fail_on": NoMail}, "Invalid fail_on <class .*NoMail"),
        (
            {"skip_on_exit_code": 0},
            "Invalid skip_on_exit_code .*: expected an exit code from 1 to 255, such as 99",
        ),
        ({"skip_on_exit_code": True}, "Invalid skip_on_exit_code True"),
        ({"skip_on_exit_code": "99"}, "Invalid skip_on_exit_code '99'"),
        ({"retry_exit_codes": [256]}, "Invalid retry_exit_codes"),
        (
            {"fail_on": NoMail(), "without": {NoMail: "mail='once'"}},
            r"Invalid fail_on NoMail\(\): expected mail='once'",
        ),
    ],
)
def test_what_can_not_be_used_is_refused(given, message):
    with pytest.raises(InvalidValueError, match=message):
        Ending.of(**given)


def test_a_pattern_for_files_is_no_regular_expression():
    assert Ending.of(fail_on=NoFile("*.csv")).patterns == ()


NO_MODULE = "Traceback (most recent call last):\nModuleNotFoundError: No module named 'openpyxl'"


@pytest.mark.parametrize(
    ("said", "ending", "raised"),
    [
        (NO_MODULE, Ending(), ScriptGaveUpError),
        (NO_MODULE, Ending(retry_exit_codes=(1,)), ScriptFailedError),
        (f"{NO_MODULE}\nconnection refused", Ending(), ScriptFailedError),
        ("connection refused", Ending(), ScriptFailedError),
    ],
)
def test_a_script_that_lacks_a_module_says_where_to_name_it_and_is_not_tried_again_unless_that_is_asked(
    said, ending, raised
):
    finished = Finished("report.py", 1, b"", 0, said, "", "python report.py", 0.1, Redactor({}))

    with pytest.raises(ScriptFailedError) as failed:
        ending.check(finished, lambda _: ())

    assert type(failed.value) is raised
    assert ("no module 'openpyxl'. Name the package that brings it" in str(failed.value)) == (NO_MODULE in said)
    assert str(failed.value).endswith("To run it by hand: python report.py")
