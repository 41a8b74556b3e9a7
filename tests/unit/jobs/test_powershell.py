"""Scripts of PowerShell that register tasks: each task is a job, and nothing of the script is run."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_daybreak.jobs.job import Job, Refusal
from airflow_provider_daybreak.jobs.powershell import is_script, read_script

SCRIPT = r"""
# Reports of the morning
Import-Module ScheduledTasks
$folder = "C:\\My Reports"
$action = New-ScheduledTaskAction -Execute "C:\\Python311\\python.exe" `
    -Argument "`"$folder\\daily.py`" --all" -WorkingDirectory $folder
$trigger = New-ScheduledTaskTrigger -Daily -At 9am
$settings = New-ScheduledTaskSettingsSet -StartWhenAvailable -ExecutionTimeLimit (New-TimeSpan -Hours 1 -Minutes 30) `
    -MultipleInstances IgnoreNew -RestartCount 3
Register-ScheduledTask -TaskName "\\Reports\\Daily sales" -Action $action -Trigger $trigger -Settings $settings -Description "For the board"
Write-Host "Registered on $(Get-Date)"
""".replace("\\\\", "\\")


def job_of(trigger, action="New-ScheduledTaskAction -Execute python -Argument x.py"):
    [found] = read_script(
        f"Register-ScheduledTask -TaskName X -Action ({action}) -Trigger ({trigger})", "x.ps1"
    )
    return found


def test_a_task_is_what_its_action_trigger_and_settings_say():
    [job] = read_script(SCRIPT, "x.ps1")

    assert (job.name, job.command, job.when.expressions) == (
        "Daily sales",
        "python daily.py --all",
        ("0 9 * * *",),
    )
    assert (job.catches_up, job.overlaps, job.retries, job.timeout) == (True, False, 3, timedelta(minutes=90))
    assert job.comments == ("For the board",)
    assert "from C:\\My Reports into the Dag's folder" in job.notes[0].why
    assert job.place.line == 10


@pytest.mark.parametrize(
    ("trigger", "expression"),
    [
        ("New-ScheduledTaskTrigger -Daily -At 09:05", "5 9 * * *"),
        ("New-ScheduledTaskTrigger -Daily -At '7:30 PM'", "30 19 * * *"),
        ("New-ScheduledTaskTrigger -Daily -At 12am", "0 0 * * *"),
        ("New-ScheduledTaskTrigger -At 2026-01-01T06:15:00 -Daily -DaysInterval 1", "15 6 * * *"),
        ("New-ScheduledTaskTrigger -Weekly -DaysOfWeek Monday,Friday -At 3pm", "0 15 * * 1,5"),
        ("New-ScheduledTaskTrigger -Weekly -DaysOfWeek @('Sunday', \"Tuesday\") -At 3pm", "0 15 * * 0,2"),
        ("new-scheduledtasktrigger -DAILY -at:9am", "0 9 * * *"),
    ],
)
def test_a_trigger_is_cron_s_fields(trigger, expression):
    assert job_of(trigger).when.expressions == (expression,)


@pytest.mark.parametrize(
    ("trigger", "reason"),
    [
        ("New-ScheduledTaskTrigger -AtLogOn", "-atlogon has no time of day"),
        ("New-ScheduledTaskTrigger -Once -At 9am", "-once has no time of day"),
        ("New-ScheduledTaskTrigger -Daily -At noon", "'noon' is no time of day: expected -At 9am"),
        ("New-ScheduledTaskTrigger -Daily -At 25:00", "'25:00' is no time of day"),
        ("New-ScheduledTaskTrigger -Daily -DaysInterval 2 -At 9am", "Every 2 of them is no date"),
        ("New-ScheduledTaskTrigger -Weekly -At 9am", "It names no day of the week"),
        (
            "New-ScheduledTaskTrigger -Weekly -DaysOfWeek mon-fri -At 9am",
            "'mon-fri' is no day that -DaysOfWeek takes",
        ),
        (
            "New-ScheduledTaskTrigger -Daily -At 9am -RepetitionInterval (New-TimeSpan -Minutes 5)",
            "It repeats within",
        ),
        ("$unknown", "Nothing above says what $unknown is"),
    ],
)
def test_a_trigger_that_cron_can_t_say_is_refused(trigger, reason):
    assert job_of(trigger).reason.startswith(reason)


def test_parameters_may_stand_in_a_table():
    text = """
$p = @{
  TaskName = 'Splat'; Action = (New-ScheduledTaskAction -Execute 'x.py')
  Trigger = @(
    (New-ScheduledTaskTrigger -Daily -At 9am)
    (New-ScheduledTaskTrigger -AtStartup)
  )
}
Register-ScheduledTask @p -User 'DOM\\svc' -Password 'hunter2' | Out-Null
"""
    [job] = read_script(text, "x.ps1")

    assert (job.name, job.when.expressions, job.command) == ("Splat", ("0 9 * * *",), "python x.py")
    assert job.notes[0].what == "a trigger"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("Register-ScheduledTask -TaskName X -Xml (Get-Content x.xml | Out-String)", "It is made of XML"),
        ("Register-ScheduledTask -TaskName X", "It has 0 programs"),
        (
            "Register-ScheduledTask -TaskName X -Action (New-ScheduledTaskAction -Execute x.py)",
            "Nothing starts it at a time",
        ),
        (
            "Register-ScheduledTask X -Action (New-ScheduledTaskAction -Execute notepad.exe) -Trigger (New-ScheduledTaskTrigger -Daily -At 9am)",
            "'notepad.exe' is a program of Windows",
        ),
        ("$a = @{ Action }; Register-ScheduledTask X @a", "It has 0 programs"),
    ],
)
def test_what_is_no_job_is_refused_with_its_line(statement, reason):
    [found] = read_script(f"# first\n{statement}\n", "x.ps1")

    assert isinstance(found, Refusal)
    assert (found.place.line, found.reason[: len(reason)]) == (2, reason)


def test_the_other_tasks_of_a_script_are_read_all_the_same():
    text = SCRIPT + "Register-ScheduledTask Y -Action $nothing -Trigger $trigger\n" + SCRIPT

    assert [type(found) for found in read_script(text, "x.ps1")] == [Job, Refusal, Job]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(",
        "Register-ScheduledTask (",
        "$a = ",
        "$a =",
        '"never',
        "@{",
        "} ) ]",
        "`",
        "Register-ScheduledTask -A @{ x = (",
    ],
)
def test_no_script_is_more_than_refused(text):
    assert all(isinstance(found, Refusal) for found in read_script(text, "x.ps1"))


def test_a_script_is_told_by_what_it_registers():
    assert is_script(SCRIPT)
    assert not is_script("# Register-ScheduledTask\nGet-ScheduledTask\n")
