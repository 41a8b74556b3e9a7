from __future__ import annotations

import os
import sys
from threading import Thread

import pytest

from airflow_provider_daybreak.exceptions import InvalidValueError, JobsUnreadableError, MissingExtraError
from airflow_provider_daybreak.jobs.job import Job, Refusal
from airflow_provider_daybreak.jobs.kinds import KINDS, content_of, kind_of, read

TEXTS = {
    "crontab": "# jobs\nMAILTO=ann@example.org\n0 9 * * * python /srv/sales.py\n",
    "anacrontab": "SHELL=/bin/sh\n1\t5\tcron.daily\trun-parts /etc/cron.daily\n@monthly 15 sales python /srv/sales.py\n",
    "systemd": "[Timer]\nOnCalendar=daily\n[Service]\nExecStart=/srv/sales.py\n",
    "kubernetes": "apiVersion: batch/v1\nkind: CronJob\nspec: {}\n",
    "github": "on:\n  schedule: [{cron: '0 6 * * *'}]\njobs: {a: {steps: [{run: ls}]}}\n",
    "gitlab": '[{"id": 1, "cron": "0 9 * * *", "cron_timezone": "UTC"}]',
    "jenkins": "pipeline {\n  triggers { cron('H 9 * * *') }\n}\n",
    "compose": "services:\n  a:\n    labels: {ofelia.job-exec.x.schedule: '0 9 * * *'}\n",
    "amazon": "Resources:\n  A: {Type: AWS::Serverless::Function, Properties: {X: !Ref Y}}\n",
    "google": '{"name": "x", "schedule": "0 9 * * *", "httpTarget": {"uri": "https://example.org"}}',
    "terraform": '{"terraform_version": "1.9.0", "values": {"root_module": {}}}',
    "azure": '{"bindings": [{"type": "timerTrigger", "schedule": "0 0 9 * * *"}]}',
    "prefect": "deployments:\n- name: x\n  schedule: {cron: '0 9 * * *'}\n",
    "dagster": "import dagster\nx = dagster.ScheduleDefinition(cron_schedule='0 9 * * *')\n",
    "windows": '<?xml version="1.0"?>\n<Task xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"/>\n',
    "powershell": "$a = New-ScheduledTaskAction -Execute x.py\nRegister-ScheduledTask -TaskName Sales -Action $a\n",
    "schtasks": "@echo off\nschtasks /create /tn Sales /tr x.py /sc daily /st 09:00\n",
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_kind_is_told_by_what_stands_in_the_file(tmp_path, kind):
    assert kind_of(TEXTS[kind], tmp_path / "jobs") == kind
    assert set(TEXTS) | {"supercronic"} == set(KINDS)


@pytest.mark.parametrize("text", ["just words\n", "a: 1\n", "{}", "kind: Pod\n"])
def test_a_file_of_no_kind_says_how_to_name_one(tmp_path, text):
    with pytest.raises(JobsUnreadableError, match=r"it is none of crontab, .*Name the kind by --kind"):
        kind_of(text, tmp_path / "jobs.yaml")


def test_an_empty_crontab_has_no_jobs(tmp_path):
    (tmp_path / "crontab").write_text("")

    assert read(tmp_path / "crontab") == ("crontab", [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_may_be_in_any_unicode(tmp_path, encoding):
    (tmp_path / "jobs").write_text("# Verkäufe\n0 9 * * * python /srv/verkäufe.py\n", encoding=encoding)

    _, [job] = read(tmp_path / "jobs")

    assert (job.command, job.comments) == ("python /srv/verkäufe.py", ("Verkäufe",))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: 1\nb: \xff\n", r"line 2: it is not UTF-8\. Save it as UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x80", r"line 1: it is not UTF-8\. Save it as UTF-8"),
        (b"\xff\xfe0\x00 \xd8", r"line 1: it is not UTF-16\. Save it as UTF-8"),
        (b'<?xml version="1.0" encoding="klingon"?><Task/>\xff', "line 1: no encoding is called 'klingon'"),
        (b"0 9 * * * x\0", "line 1: it is no text"),
    ],
)
def test_what_is_no_text_is_an_error_with_its_line(tmp_path, content, said):
    (tmp_path / "jobs").write_bytes(content)

    with pytest.raises(JobsUnreadableError, match=said):
        read(tmp_path / "jobs")


def test_a_line_of_another_encoding_is_refused_and_all_others_are_read(tmp_path):
    text = "# Verk\xe4ufe\n0 9 * * * python /srv/sales.py\n0 9 * * * python /srv/verk\xe4ufe.py\nNAME=M\xfcller\n0 8 * * * python /srv/x.py\n"
    (tmp_path / "jobs").write_bytes(text.encode("cp1252"))

    kind, found = read(tmp_path / "jobs")

    assert kind == "crontab"
    assert [each.place.line for each in found if isinstance(each, Refusal)] == [3, 4]
    assert "save the file as UTF-8" in found[0].reason
    assert [each.command for each in found if isinstance(each, Job)] == [
        "python /srv/sales.py",
        "python /srv/x.py",
    ]


def test_an_export_is_in_the_encoding_that_it_names(tmp_path):
    text = '<?xml version="1.0" encoding="windows-1252"?>\n<Task xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task"><RegistrationInfo><URI>\\Verk\xe4ufe</URI></RegistrationInfo></Task>'
    (tmp_path / "jobs").write_bytes(text.encode("cp1252"))

    _, [found] = read(tmp_path / "jobs")

    assert found.place.text == "Task 'Verk\xe4ufe'"


def test_what_comes_out_of_a_pipe_is_read_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    Thread(target=(tmp_path / "pipe").write_text, args=("0 9 * * * python /srv/sales.py\n",)).start()

    content = content_of(tmp_path / "pipe")

    assert read(tmp_path / "pipe", content)[0] == "crontab"


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(JobsUnreadableError, match="No such file"):
        read(tmp_path / "jobs")


def test_an_unknown_kind_names_those_there_are(tmp_path):
    (tmp_path / "jobs").write_text("")

    with pytest.raises(InvalidValueError, match="one of crontab, supercronic"):
        read(tmp_path / "jobs", kind="cron")


def test_a_hundred_thousand_lines_are_read_and_each_is_told(tmp_path):
    (tmp_path / "jobs").write_text("0 9 * * * python /srv/sales.py\nnonsense\n" * 50_000)

    _, found = read(tmp_path / "jobs")

    assert [sum(isinstance(each, kind) for each in found) for kind in (Job, Refusal)] == [50_000, 50_000]


def test_without_its_packages_the_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "jobs").write_text(TEXTS["windows"])
    monkeypatch.setitem(sys.modules, "defusedxml", None)
    with pytest.raises(MissingExtraError, match=r"airflow-provider-daybreak\[import\]"):
        read(tmp_path / "jobs")
    monkeypatch.setitem(sys.modules, "cronsim", None)
    with pytest.raises(MissingExtraError, match=r"Reading schedules needs .*\[import\]"):
        read(tmp_path / "jobs")
