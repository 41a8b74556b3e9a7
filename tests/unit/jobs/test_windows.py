from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_daybreak.exceptions import JobsUnreadableError
from airflow_provider_daybreak.jobs.job import Refusal
from airflow_provider_daybreak.jobs.windows import is_command, read_commands, read_task

NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
DAILY = "<ScheduleByDay><DaysInterval>1</DaysInterval></ScheduleByDay>"
PYTHON = (
    r"<Command>C:\Python311\python.exe</Command><Arguments>&quot;C:\My Reports\sales.py&quot; --all</Arguments>"
)


def task(calendar=DAILY, *, program=PYTHON, settings="", trigger="CalendarTrigger", more=""):
    start = "<StartBoundary>2024-01-01T09:05:00</StartBoundary>"
    return (
        f'<?xml version="1.0" encoding="UTF-16"?><Task xmlns="{NAMESPACE}"><RegistrationInfo><URI>\\Reports\\Daily Sales</URI>'
        f"</RegistrationInfo><Triggers><{trigger}>{start}{more}{calendar}</{trigger}></Triggers>"
        f"<Settings>{settings}</Settings><Actions><Exec>{program}</Exec></Actions></Task>"
    )


def job_of(*said, **more):
    [job] = read_task(task(*said, **more), "sales.xml")
    return job


WEEKLY = "<ScheduleByWeek><WeeksInterval>{}</WeeksInterval><DaysOfWeek><Monday/><Friday/></DaysOfWeek></ScheduleByWeek>"
MONTHLY = "<ScheduleByMonth><DaysOfMonth><Day>1</Day><Day>{}</Day></DaysOfMonth><Months><January/><July/></Months></ScheduleByMonth>"
NTH = "<ScheduleByMonthDayOfWeek><Weeks><Week>{}</Week></Weeks><DaysOfWeek><Monday/></DaysOfWeek></ScheduleByMonthDayOfWeek>"


@pytest.mark.parametrize(
    ("calendar", "expression"),
    [
        (DAILY, "5 9 * * *"),
        (WEEKLY.format(1), "5 9 * * 1,5"),
        (MONTHLY.format(15), "5 9 1,15 1,7 *"),
        (MONTHLY.format("Last"), "5 9 1,L 1,7 *"),
        (NTH.format(2), "5 9 * * 1#2"),
        (NTH.format("Last"), None),
        (WEEKLY.format(2), None),
        (DAILY.replace("1", "3"), None),
        ("", None),
    ],
)
def test_a_calendar_is_cron_s_fields_or_refused(calendar, expression):
    job = job_of(calendar)

    assert isinstance(job, Refusal) if expression is None else job.when.expressions == (expression,)


def test_a_python_script_is_given_to_python():
    job = job_of(
        settings="<StartWhenAvailable>true</StartWhenAvailable><ExecutionTimeLimit>PT1H30M</ExecutionTimeLimit>"
    )

    assert (job.name, job.command) == ("Daily Sales", "python sales.py --all")
    assert (job.catches_up, job.overlaps, job.timeout) == (True, False, timedelta(minutes=90))
    assert r"from C:\My Reports into the Dag's folder" in job.notes[-1].why


@pytest.mark.parametrize(
    "program",
    [
        r"<Command>C:\tools\report.exe</Command>",
        "<Command>cmd.exe</Command><Arguments>/c x</Arguments>",
        r"<Command>C:\run.bat</Command>",
        "<Command></Command>",
    ],
)
def test_a_program_of_windows_is_refused(program):
    assert isinstance(job_of(program=program), Refusal)


@pytest.mark.parametrize("trigger", ["BootTrigger", "LogonTrigger", "TimeTrigger"])
def test_what_has_no_time_that_comes_again_is_refused(trigger):
    assert isinstance(job_of(trigger=trigger), Refusal)


def test_what_repeats_within_the_day_is_refused():
    job = job_of(more="<Repetition><Interval>PT5M</Interval></Repetition>")

    assert job.reason.startswith("It repeats within the day")


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE x [<!ENTITY a "b">]><Task/>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Task>&a;</Task>',
        '<!DOCTYPE x SYSTEM "http://example.org/x.dtd"><Task/>',
        "<Task>",
        "<Other/>",
    ],
    ids=["entity", "external", "dtd", "open", "other"],
)
def test_what_is_no_export_is_an_error(text):
    with pytest.raises(JobsUnreadableError, match=r"Cannot read 'sales\.xml'"):
        list(read_task(text, "sales.xml"))


@pytest.mark.parametrize(
    "declared", ["<!DOCTYPE x [<!ENTITY a 'b'>]>", "<!DOCTYPE x SYSTEM 'http://example.org/x.dtd'>"]
)
def test_what_an_attack_has_is_called_what_it_is(declared):
    with pytest.raises(JobsUnreadableError, match="it has a document type, as no export has"):
        list(read_task(f"{declared}<Task/>", "sales.xml"))


def test_what_a_dag_has_in_another_way_is_told():
    job = job_of(
        more="<EndBoundary>2027-01-01T00:00:00</EndBoundary><RandomDelay>PT30M</RandomDelay>",
        settings="<Enabled>false</Enabled>",
    )

    assert {"Enabled: false", "EndBoundary 2027-01-01T00:00:00", "RandomDelay PT30M"} <= {
        note.what for note in job.notes
    }


@pytest.mark.parametrize(
    ("options", "expression"),
    [
        ("/sc daily /st 09:00", "0 9 * * *"),
        ("/sc weekly /d MON,FRI /st 07:30", "30 7 * * 1,5"),
        ("/sc monthly /d 15 /st 06:00", "0 6 15 * *"),
        ("/sc monthly /st 06:00", "0 6 1 * *"),
        ("/SC DAILY /ST 09:00:00", "0 9 * * *"),
    ],
)
def test_a_line_of_schtasks_is_a_job(options, expression):
    [job] = read_commands(
        rf'schtasks /create /tn "\Reports\Sales" /tr "C:\Python\python.exe C:\r\sales.py" {options}', "x.cmd"
    )

    assert (job.name, job.when.expressions, job.command) == ("Sales", (expression,), "python sales.py")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("/sc weekly /d mon-fri /st 09:00", "'mon-fri' is no day that schtasks takes"),
        ("/sc weekly /st 09:00", "It names no day of the week"),
        ("/sc minute /mo 5 /st 09:00", "Every 5 is no date"),
        ("/sc onlogon", "It has no time of day"),
        ("/sc onstart /st 09:00", "/sc onstart has no time of day"),
        ("/sc monthly /d last /st 09:00", "'last' is no day of the month"),
    ],
)
def test_a_line_of_schtasks_that_cron_can_t_say_is_refused(options, reason):
    [job] = read_commands(f"schtasks /create /tn Sales /tr python.exe {options}", "x.cmd")

    assert job.reason.startswith(reason)


def test_other_lines_of_a_script_are_refused_or_left_out():
    found = list(read_commands("@echo off\nrem sales\nschtasks /query\ncopy a b\n", "x.cmd"))

    assert [job.place.line for job in found] == [4]
    assert is_command("schtasks.exe /Create /tn x")
