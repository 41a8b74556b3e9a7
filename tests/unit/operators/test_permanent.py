from __future__ import annotations

import errno
import traceback

import pytest

from airflow_provider_daybreak.exceptions import (
    DeliveryInFlightError,
    DeliveryPendingError,
    FileFailedError,
    InvalidValueError,
    ScriptSkippedError,
    SmtpUnavailableError,
)
from airflow_provider_daybreak.exceptions.base import _fields
from airflow_provider_daybreak.operators.delivery import ReportEmailOperator
from airflow_provider_daybreak.operators.docker import ScriptDockerOperator
from airflow_provider_daybreak.operators.permanent import fail_at_once, look_again_later
from airflow_provider_daybreak.operators.pod import ScriptPodOperator
from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.operators.venv import (
    VenvDeployOperator,
    VenvRollbackOperator,
    VenvRunOperator,
)
from airflow_provider_daybreak.storage.local import write
from airflow_provider_daybreak.version_compat import (
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSkipException,
)
from tests.unit.test_exceptions import raised_classes


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (SmtpUnavailableError("mail.example.org", 587, "cannot connect"), SmtpUnavailableError),
        (InvalidValueError("place", "x", "a city"), AirflowFailException),
    ],
)
def test_what_airflow_logs_of_a_deliberate_error_is_its_sentence_and_not_where_it_came_from(
    error, raised, caplog
):
    caplog.set_level("DEBUG")

    def within_another_library():
        raise ConnectionRefusedError(111, "Connection refused")

    def fail():
        try:
            within_another_library()
        except ConnectionRefusedError as cause:
            raise error from cause

    with pytest.raises(raised) as failed, fail_at_once():
        fail()

    shown = "".join(traceback.format_exception(failed.value))
    assert str(failed.value) == str(error)
    assert "within_another_library" not in shown
    assert "ConnectionRefusedError" not in shown
    assert "within_another_library" in caplog.text


def in_flight():
    deferred = {"ann@example.org": "another task has been sending it since 07:00"}
    return DeliveryInFlightError("sales", 3, deferred, {}, {}, "2026-03-29T07:02:00+00:00")


def test_a_mail_that_another_task_is_sending_starts_the_task_again_once_that_may_have_ended(caplog):
    with pytest.raises(AirflowRescheduleException) as again, look_again_later(), fail_at_once():
        raise in_flight()

    assert again.value.reschedule_date.isoformat() == "2026-03-29T07:02:05+00:00"
    assert "Wait until 2026-03-29T07:02:00+00:00" in caplog.text


def test_what_a_server_puts_off_is_left_to_the_retries():
    with pytest.raises(DeliveryPendingError), look_again_later(), fail_at_once():
        raise DeliveryPendingError("sales", 3, {"ann@example.org": "451 later"}, {}, {})


def test_an_airflow_that_would_start_it_again_at_once_is_left_to_the_retries(monkeypatch):
    monkeypatch.setattr("airflow_provider_daybreak.version_compat.RESCHEDULES_ANY_TASK", False)

    with pytest.raises(DeliveryInFlightError), look_again_later(), fail_at_once():
        raise in_flight()


def test_a_file_that_the_system_refuses_is_a_sentence_that_names_it_and_is_tried_again(tmp_path):
    with pytest.raises(FileFailedError) as failed, fail_at_once():
        (tmp_path / "absent" / "file").write_bytes(b"")

    assert str(failed.value).startswith(
        f"Cannot read or write '{tmp_path}/absent/file': No such file or directory."
    )
    assert not failed.value.permanent


def test_a_full_disk_is_said_with_the_file_that_had_no_room(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)

    with (
        pytest.raises(FileFailedError, match=r"'.*/report\.html': No space left on device\. Mend that"),
        fail_at_once(),
    ):
        write(tmp_path / "report.html", b"x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "refused"), TimeoutError("late"), OSError("of a library")]
)
def test_an_error_of_a_connection_is_none_of_a_file(error):
    with pytest.raises(type(error)), fail_at_once():
        raise error


REPORT = {"task_id": "t", "report": "daily_report"}
OPERATORS = {
    "deploy": (
        lambda: VenvDeployOperator(task_id="t", name="sales", source="/sales"),
        "hooks.releases.ReleaseHook.deploy",
    ),
    "run": (
        lambda: VenvRunOperator(task_id="t", release="sales", command="report.py"),
        "hooks.releases.ReleaseHook.run",
    ),
    "run that mails": (
        lambda: VenvRunOperator(task_id="t", release="sales", command="report.py", mail="once"),
        "hooks.script_mail.script_of",
    ),
    "run over SSH": (
        lambda: VenvRunOperator(task_id="t", release="sales", command="report.py", ssh_conn_id="far"),
        "hooks.remote.RemoteReleases.__init__",
    ),
    "roll back": (
        lambda: VenvRollbackOperator(task_id="t", name="sales"),
        "hooks.releases.ReleaseHook.roll_back",
    ),
    "report": (lambda: ReportOperator(**REPORT, template="report.md.j2"), "hooks.report.ReportHook.publish"),
    "mail": (lambda: ReportEmailOperator(**REPORT, to="a@example.org"), "hooks.delivery.DeliveryHook.send"),
    "mail that is held": (
        lambda: ReportEmailOperator(**REPORT, to="a@example.org", mode="hold"),
        "hooks.delivery.DeliveryHook.question",
    ),
    "mail for a trial": (
        lambda: ReportEmailOperator(**REPORT, to="a@example.org", mode="dry_run"),
        "hooks.delivery.DeliveryHook.dry_run",
    ),
    "container": (
        lambda: ScriptDockerOperator(task_id="t", image="sales"),
        "hooks.container.ContainerHook.run",
    ),
    "container that mails": (
        lambda: ScriptDockerOperator(task_id="t", image="sales", mail="once"),
        "hooks.script_mail.ScriptMailHook.run",
    ),
    "pod": (
        lambda: ScriptPodOperator(task_id="t", image="sales"),
        "operators.pod.ScriptPodOperator._template",
    ),
}
NOBODY = ("EmptyRecipientsError", "NobodyAllowedError")


def made(cls):
    """Return an error of the class, with facts that only its sentence looks at."""
    facts = dict.fromkeys(_fields(cls), "fact")
    for name in facts.keys() & {"refused", "unknown", "deferred"}:
        facts[name] = {"ann@example.org": "later"}
    return cls(**facts | {name: number for name, number in NUMBERS.items() if name in facts})


NUMBERS = {"line": 1, "column": 1, "rows": 1, "size": 1, "limit": 1, "waited": 1.0, "code": 99, "sent": 0}
NUMBERS |= {"until": "2026-03-29T07:02:00+00:00", "exit_code": 1}


@pytest.mark.parametrize("kind", OPERATORS)
def test_an_operator_leaves_to_the_retries_what_another_try_may_mend_and_nothing_else(
    kind, make_context, monkeypatch
):
    make, called = OPERATORS[kind]
    operator, wrong = make(), []
    for cls in raised_classes():
        error = made(cls)
        sentence = str(error)

        def fail(*_args, error=error, **_named):
            raise error

        monkeypatch.setattr(f"airflow_provider_daybreak.{called}", fail)
        expected = AirflowFailException if cls.permanent else cls
        if cls is ScriptSkippedError or (kind.startswith("mail") and cls.__name__ in NOBODY):
            expected = AirflowSkipException
        elif kind.startswith("mail") and cls is DeliveryInFlightError:
            expected = AirflowRescheduleException
        try:
            operator.execute(make_context())
        except Exception as raised:  # noqa: BLE001 - whatever it is, it is told below
            ours = [f.filename for f in traceback.extract_tb(raised.__traceback__)[1:]]
            if type(raised) is not expected or (
                expected is not AirflowRescheduleException and str(raised) != sentence
            ):
                wrong.append(f"{cls.__name__}: {type(raised).__name__}: {raised}")
            if any(not name.endswith(("operators/" + MODULES[kind.split()[0]], *PASSED)) for name in ours):
                wrong.append(f"{cls.__name__} shows where in our packages it was: {ours}")

    assert not wrong


MODULES = {
    "deploy": "venv.py",
    "run": "venv.py",
    "roll": "venv.py",
    "report": "report.py",
    "mail": "delivery.py",
}
MODULES |= {"container": "docker.py", "pod": "pod.py"}
PASSED = ("operators/permanent.py", "operators/container_result.py", "contextlib.py", "bases/operator.py")
