"""How an error takes its facts, and that it keeps them on the way to the scheduler."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from airflow_provider_daybreak import exceptions
from airflow_provider_daybreak.cli.command import told
from airflow_provider_daybreak.exceptions import (
    ClusterError,
    ContainerFailedError,
    DaybreakError,
    EngineError,
    InvalidValueError,
    MissingColumnError,
    NobodyAllowedError,
    NoPreviousReleaseError,
    NothingInDoubtError,
    ReleaseNotFoundError,
    SmtpLoginError,
    TemplateLimitError,
    french,
)
from airflow_provider_daybreak.exceptions.base import _fields, one_of


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


@pytest.mark.parametrize(
    "error",
    [
        MissingColumnError("sum", "sales", ()),
        NoPreviousReleaseError("sales", ()),
        ReleaseNotFoundError("sales", "", ()),
        InvalidValueError("param", "place", one_of((), having="the Dag")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_where_there_is_nothing_to_choose_from_nobody_is_told_to_choose_none(error):
    assert not re.search(r"(one of|are|has|holds)[^.]*: none\b", str(error))
    assert re.search(r"Deploy|of which it has none|since the Dag has none", str(error))


def test_a_container_that_lacks_a_module_says_where_it_is_added():
    error = ContainerFailedError(
        "daily-1", "sales:1", 1, "exit code 1", "ModuleNotFoundError: No module named 'openpyxl'"
    )

    assert str(error).endswith("Let the image install the package that brings the module 'openpyxl'.")


@pytest.mark.parametrize(
    ("error", "step"), [(EngineError, "or see its own log."), (ClusterError, "or ask who runs the cluster.")]
)
def test_what_another_program_refuses_is_said_in_its_words_with_a_next_step(error, step):
    assert str(error("start container x", "no space left.")).endswith(
        f"refused to start container x: no space left. Mend what it says, {step}"
    )


AGAIN = {
    "AirflowDatabaseError": "it may be there again",
    "ArchiveAwayError": "it may be there again",
    "BackfillFailedError": "the backfill before may have ended",
    "ChecksFailedError": "the data may be there later",
    "ClockError": "the package of the clock is fetched",
    "ClusterError": "the cluster may have been busy",
    "ClusterUnavailableError": "it may be there again",
    "CondaError": "what it fetches may be there again",
    "ContainerFailedError": "what the script asks may answer again",
    "ContainerNameTakenError": "the other container may be gone",
    "ContainerOutputError": "the next run may write it",
    "ContainerStoppedError": "nobody may stop it the next time",
    "DataUnreadableError": "the file may be there later",
    "DeliveryInFlightError": "the other task may have ended",
    "DeliveryPendingError": "the server may take it later",
    "DeployLockTimeoutError": "the other deploy may have ended",
    "DiskFullError": "there may be room",
    "EmptyReportError": "the data may be there later",
    "EngineError": "the engine may have been busy",
    "EngineUnavailableError": "it may be there again",
    "FileFailedError": "the mount may be there again",
    "HostFolderError": "the disk may be there again",
    "HostUnreachableError": "it may be there again",
    "ImageBuildError": "what the build fetches may be there again",
    "ImagePullError": "the registry may be there again",
    "IndexUnwritableError": "the disk may be there again",
    "InstallError": "the index may be there again",
    "InterpreterElsewhereError": "another worker may have it",
    "LockingError": "the index may be there again",
    "PackedEnvironmentError": "the store may have it whole",
    "PodStartError": "a node may be free",
    "QueryError": "the database may be there again",
    "RelayUnavailableError": "a port may be free",
    "RemoteMailError": "the host may take it again",
    "RemoteProgramError": "the connection may hold",
    "RemoteRunLostError": "the host may not be restarted",
    "RemoteRunStoppedError": "nobody may stop it the next time",
    "ScriptConditionError": "what the script asks may answer again",
    "ScriptFailedError": "what the script asks may answer again",
    "SecretsBackendError": "the backend may be there again",
    "SmtpUnavailableError": "the server may be there again",
    "SourceChangedError": "nobody may write to it",
    "StillInUseError": "the job may have ended",
    "StorageError": "the disk may be there again",
    "StoredReleaseError": "somebody may have removed it",
    "VerificationError": "what its check asks may answer again",
}
"""Errors that Airflow's retries are for, with what another try may find. All others fail at once, but for a skip."""


def raised_classes():
    """Return the classes that are raised: all that bases of others are not made for."""
    ours = [cls for cls in every(DaybreakError) if cls.__module__.startswith("airflow_provider_daybreak.")]
    return sorted(
        (cls for cls in ours if "__str__" in vars(cls) or not cls.__subclasses__()),
        key=lambda cls: cls.__name__,
    )


def test_each_error_fails_at_once_or_the_table_says_what_another_try_may_find():
    tried_again = {cls.__name__ for cls in raised_classes() if not cls.permanent} - {"ScriptSkippedError"}

    assert tried_again == AGAIN.keys(), (
        "A class that another try can't mend wants permanent=True; any other one a line in AGAIN."
    )


CLASSES = {cls.__name__: cls for cls in every(DaybreakError) if cls.__module__.startswith(exceptions.__name__)}


def concrete():
    """Yield each class that is raised: those that say a sentence."""
    yield from (name for name, cls in CLASSES.items() if cls.__str__ is not Exception.__str__)


def test_each_error_has_its_next_step_in_french_and_no_other_has_one():
    missing, unknown = set(concrete()) - set(french.NEXT_STEPS), set(french.NEXT_STEPS) - set(concrete())

    assert not missing, "exceptions/french.py: say what to do then; the class above it has the words otherwise"
    assert not unknown


@pytest.mark.parametrize("name", sorted(concrete()))
def test_a_next_step_in_french_has_the_facts_of_its_error_and_names_what_the_error_names(name):
    error = CLASSES[name](**dict.fromkeys(_fields(CLASSES[name]), "fact"))
    source = " ".join(inspect.getsource(CLASSES[name].__str__).replace('"', " ").split())

    step = french.next_step(error)

    assert step
    step.encode("cp1252")  # what a terminal without UTF-8 shows
    for code in re.findall(
        r"airflow \w+(?: [a-z]+)*|\[daybreak\] \w+|--\w+|\b[a-z]+_[a-z_]+\b|\b(?!fact)[a-z_]+=\S+", step
    ):
        words = code.split() if code.startswith("airflow") else [code.rstrip(".,;")]
        assert all(word in source for word in words[:3]), (code, source)


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("fr_FR.UTF-8", "\nQue faire : Corrigez l'identifiant et le mot de passe de la connexion."),
        ("en_GB.UTF-8", ""),
    ],
)
def test_the_command_line_says_the_next_step_in_french_to_who_reads_it(monkeypatch, language, says):
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", language)
    error = SmtpLoginError("mail.example.org", 587, "535 no", "ann")

    assert told(error) == f"{error}{says}"


def test_a_next_step_in_french_names_commands_as_the_program_was_called(monkeypatch):
    monkeypatch.setenv("LANGUAGE", "fr")
    monkeypatch.setattr("sys.argv", ["/usr/bin/daybreak"])

    assert told(NothingInDoubtError("file:///a")).endswith("avec : daybreak deliveries")


def test_an_error_of_a_class_without_a_next_step_says_that_of_the_class_above(monkeypatch):
    monkeypatch.delitem(french.NEXT_STEPS, "NobodyAllowedError")

    assert french.next_step(NobodyAllowedError((), ())) == french.NEXT_STEPS["RecipientNotAllowedError"]
    assert french.next_step(DaybreakError()) == ""
