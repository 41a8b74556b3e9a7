from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_daybreak.exceptions import JobsUnreadableError
from airflow_provider_daybreak.jobs.job import Fate, Refusal
from airflow_provider_daybreak.jobs.systemd import is_unit, read_timer

SERVICE = """
[Service]
User=reports
WorkingDirectory=/srv/app
Environment=REGION=north "TITLE=my sales"
EnvironmentFile=-/etc/sales.env
ExecStart=/srv/app/venv/bin/python sales.py \\
    --all
RuntimeMaxSec=1h 30min
"""


def job_of(calendar, *, service=SERVICE, more=""):
    [job] = read_timer(f"[Timer]\nOnCalendar={calendar}\n{more}\n{service}", "/etc/systemd/system/sales.timer")
    return job


@pytest.mark.parametrize(
    ("calendar", "expression", "zone"),
    [
        ("daily", "0 0 * * *", None),
        ("weekly", "0 0 * * 1", None),
        ("Mon..Fri 09:00", "0 9 * * 1-5", None),
        ("Mon,Thu *-*-* 07:05:00", "5 7 * * 1,4", None),
        ("*-*-* 09:00:00", "0 9 * * *", None),
        ("*-*-01 06:30", "30 6 1 * *", None),
        ("*-01,07-01 00:00:00", "0 0 1 1,7 *", None),
        ("09:00", "0 9 * * *", None),
        ("*-*-* 08..18/2:00:00", "0 8-18/2 * * *", None),
        ("*-*-* 00/6:00:00", "0 */6 * * *", None),
        ("Mon *-*-* 09:00 Europe/Paris", "0 9 * * 1", "Europe/Paris"),
        ("daily UTC", "0 0 * * *", "UTC"),
        ("Sun 2026-*-* 09:00", None, None),
        ("*-*-* 09:00:30", None, None),
        ("Mon *-*-1..7 09:00", None, None),
        ("whenever", None, None),
        ("*:0/5", None, None),
    ],
)
def test_a_time_is_cron_s_or_refused(calendar, expression, zone):
    job = job_of(calendar)

    if expression is None:
        assert isinstance(job, Refusal)
        assert "Cannot schedule" in job.reason
    else:
        assert (job.when.expressions, job.when.zone) == ((expression,), zone)


def test_a_service_beside_its_timer_says_what_runs(tmp_path):
    (tmp_path / "sales.timer").write_text(
        "[Unit]\nDescription=Sales\n[Timer]\nOnCalendar=daily\nPersistent=true\n"
    )
    (tmp_path / "sales.service").write_text(SERVICE)

    [job] = read_timer((tmp_path / "sales.timer").read_text(), str(tmp_path / "sales.timer"))

    assert (job.name, job.user, job.folder) == ("sales", "reports", "/srv/app")
    assert job.command == "/srv/app/venv/bin/python sales.py --all"
    assert job.environment == {"REGION": "north", "TITLE": "my sales"}
    assert job.env_files == ("/etc/sales.env",)
    assert job.timeout == timedelta(minutes=90)
    assert (job.catches_up, job.overlaps) == (True, False)
    assert job.comments == ("Sales",)
    assert (job.place.line, job.place.text) == (4, "OnCalendar=daily")


def test_several_times_are_one_job():
    assert job_of("Mon 09:00\nOnCalendar=Thu 17:00").when.expressions == ("0 9 * * 1", "0 17 * * 4")


def test_an_empty_setting_takes_back_those_before_it():
    assert job_of("Mon 09:00\nOnCalendar=\nOnCalendar=Thu 17:00").when.expressions == ("0 17 * * 4",)


@pytest.mark.parametrize("setting", ["OnBootSec=5min", "OnUnitActiveSec=1h"])
def test_what_has_no_time_of_day_is_refused(setting):
    [refusal] = read_timer(f"[Timer]\n{setting}\n{SERVICE}", "sales.timer")

    assert refusal.reason.startswith(f"{setting.partition('=')[0]}= has no time of day")


def test_what_is_left_out_is_said():
    job = job_of(
        "daily", more="RandomizedDelaySec=10m\nOnBootSec=1m", service=f"{SERVICE}OnFailure=mail@%n.service\n"
    )

    assert [(note.fate, note.what) for note in job.notes] == [
        (Fate.ADAPTED, "RandomizedDelaySec=10m"),
        (Fate.ADAPTED, "OnFailure=mail@%n.service"),
        (Fate.ADAPTED, "OnBootSec=1m"),
    ]


def test_a_command_whose_failure_does_not_count_fails_here():
    job = job_of("daily", service="[Service]\nExecStart=-/srv/app/sales.py\n")

    assert job.command == "/srv/app/sales.py"
    assert job.notes[0].what == "ExecStart=-/srv/app/sales.py"


def test_a_timer_without_its_service_says_what_to_do(tmp_path):
    with pytest.raises(
        JobsUnreadableError, match=r"its service sales\.service can't be read .* Put both into one folder"
    ):
        list(read_timer("[Timer]\nOnCalendar=daily\n", str(tmp_path / "sales.timer")))


def test_an_instance_of_a_service_stands_for_its_name(tmp_path):
    (tmp_path / "report@.service").write_text("[Service]\nExecStart=/srv/report.py %i 100%%i\n")

    [job] = read_timer("[Timer]\nOnCalendar=daily\nUnit=report@north.service\n", str(tmp_path / "x.timer"))

    assert job.command == "/srv/report.py north 100%i"


def test_a_timer_without_a_time_needs_no_service_to_say_so(tmp_path):
    [refusal] = read_timer("[Timer]\nOnBootSec=5min\n", str(tmp_path / "sales.timer"))

    assert refusal.reason.startswith("OnBootSec= has no time of day")


def test_a_line_that_is_no_setting_is_named():
    with pytest.raises(JobsUnreadableError, match=r"line 2: 'nonsense' is no setting\. Expected NAME=value"):
        list(read_timer("[Timer]\nnonsense\n", "sales.timer"))


def test_a_timer_is_told_by_its_section():
    assert is_unit("[Unit]\n[Timer]\nOnCalendar=daily")
    assert not is_unit("0 9 * * * echo '[Timer]'")
