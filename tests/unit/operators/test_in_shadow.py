"""Containers and pods of a Dag in shadow: their mail is kept, or they don't run."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.delivery.shadow import Shadow, Shadows, event
from airflow_provider_daybreak.hooks.container import ContainerHook
from airflow_provider_daybreak.hooks.container_mail import KeptMail
from airflow_provider_daybreak.hooks.pod import PodHook
from airflow_provider_daybreak.operators.docker import ScriptDockerOperator
from airflow_provider_daybreak.operators.pod import ScriptPodOperator
from airflow_provider_daybreak.version_compat import AirflowFailException

NOW = datetime(2026, 3, 29, 12, tzinfo=timezone.utc)
DAY = date(2026, 3, 29)


class Reached(Exception):  # noqa: N818 - no error
    """The hook was to run something."""


@pytest.fixture
def shadows(tmp_path, monkeypatch):
    """Return the shadows of an archive, with that of the tests' Dag begun."""
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "archive").as_uri())
    found = Shadows(Archive(tmp_path / "archive").root)
    found.keep(Shadow("daily_report").begun(event("started", NOW, "ann")))
    return found


@pytest.fixture
def runs_with(monkeypatch, make_context):
    """Return a function that runs a container, and returns where its mail is kept."""
    given = []
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", "smtp://mail.example.org/?from_email=me%40example.org")

    def run(self, job, context, *, mail=None):  # noqa: ARG001 - as the hook has it
        given.append(mail)
        raise Reached

    monkeypatch.setattr(ContainerHook, "run", run)

    def execute(**arguments):
        operator = ScriptDockerOperator(task_id="t", image="x", command=["python", "x.py"], **arguments)
        with pytest.raises(Reached):
            operator.execute(make_context(task_id="t"))
        return given.pop()

    return execute


@pytest.mark.usefixtures("shadows")
@pytest.mark.parametrize("mail", ["direct", "once", "capture"])
def test_the_mail_of_a_container_is_kept_whatever_becomes_of_it_otherwise(runs_with, mail):
    assert isinstance(runs_with(mail=mail, network_mode="bridge"), KeptMail)


@pytest.mark.usefixtures("shadows")
def test_a_container_without_a_network_mails_nobody_and_needs_no_relay(runs_with):
    assert runs_with(mail="direct", network_mode="none") is None


def test_a_container_of_a_dag_that_never_was_in_shadow_mails_as_it_says(runs_with, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "archive").as_uri())

    assert runs_with(mail="direct", network_mode="bridge") is None


@pytest.mark.parametrize(("first", "kept"), [(DAY, False), (date(2026, 3, 30), True)])
def test_after_the_cutover_a_container_mails_for_the_days_that_are_the_dags(runs_with, shadows, first, kept):
    shadows.keep(shadows.of("daily_report").cut_over(first, event("cut over", NOW, "ann")))

    assert isinstance(runs_with(mail="direct", network_mode="bridge"), KeptMail) is kept


@pytest.fixture
def pod(monkeypatch, make_context):
    """Return a function that runs a pod."""

    def run(self, *_, **__):  # noqa: ARG001 - as the hook has it
        raise Reached

    monkeypatch.setattr(PodHook, "run", run)
    monkeypatch.setattr(PodHook, "__init__", lambda *_: None)
    monkeypatch.setattr(
        ScriptPodOperator, "_template", lambda *_: {"metadata": {"namespace": "x"}}, raising=True
    )

    def execute(**arguments):
        ScriptPodOperator(task_id="t", image="x", **arguments).execute(make_context(task_id="t"))

    return execute


@pytest.mark.usefixtures("shadows")
def test_a_pod_whose_mail_nothing_keeps_does_not_run(pod):
    with pytest.raises(AirflowFailException) as caught:
        pod(network="cluster")

    assert "a pod with a network, whose mail nothing keeps" in str(caught.value.__cause__)
    assert "airflow daybreak cutover daily_report" in str(caught.value.__cause__)


@pytest.mark.usefixtures("shadows")
def test_a_pod_without_a_network_runs(pod):
    with pytest.raises(Reached):
        pod(network="none")


def test_a_pod_runs_once_its_day_is_the_dags(pod, shadows):
    shadows.keep(shadows.of("daily_report").cut_over(DAY, event("cut over", NOW, "ann")))

    with pytest.raises(Reached):
        pod(network="cluster")
