"""What lines.txt does not say of crontabs: columns of users, supercronic's and anacron's."""

from __future__ import annotations

import pytest

from airflow_provider_daybreak.jobs.crontab import read_anacrontab, read_crontab
from airflow_provider_daybreak.jobs.job import Refusal, Rule


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/crontab", "0 9 * * * reports python /srv/sales.py\n"),
        ("/mnt/old/etc/cron.d/sales", "0 9 * * * reports python /srv/sales.py\n"),
        ("jobs", "# m h dom mon dow user  command\n0 9 * * * reports python /srv/sales.py\n"),
        ("jobs", "0 9 * * * root python /srv/sales.py\n@daily daemon python /srv/sales.py\n"),
    ],
    ids=["etc", "cron.d", "heading", "users"],
)
def test_a_column_of_users_is_found_out(path, text):
    users = [job.user for job in read_crontab(text, path)]

    assert "" not in users


def test_a_program_is_no_user():
    [job] = read_crontab("0 9 * * * reports --all\n", "jobs")

    assert (job.user, job.command) == ("", "reports --all")


def test_a_column_of_users_may_be_said():
    [job] = read_crontab("0 9 * * * reports --all\n", "jobs", user_column=True)

    assert (job.user, job.command) == ("reports", "--all")


def test_supercronic_mails_nothing_and_takes_a_percent_sign_as_it_is():
    [job] = read_crontab("MAILTO=ann@example.org\n0 9 * * * date +%F\n", "jobs", supercronic=True)

    assert (job.command, job.mail_to, job.when.rule) == ("date +%F", (), Rule.ROBFIG)


def test_a_column_of_seconds_is_refused():
    [refusal] = read_crontab("0 0 9 * * * python x.py\n", "jobs", supercronic=True)

    assert refusal.reason == "It has a column of seconds, which no report needs: take it away."


ANACRONTAB = """
START_HOURS_RANGE=3-22
MAILTO=ann@example.org
1	5	daily	python /srv/daily.py
7	10	weekly	python /srv/weekly.py
@monthly	65	monthly	python /srv/monthly.py
2	5	other	python /srv/other.py
1	soon	broken	python /srv/x.py
"""


def test_anacron_s_periods_are_days_of_a_calendar():
    found = list(read_anacrontab(ANACRONTAB, "/etc/anacrontab"))
    jobs = [each for each in found if not isinstance(each, Refusal)]

    assert [(job.name, job.when.expressions[0]) for job in jobs] == [
        ("daily", "5 3 * * *"),
        ("weekly", "10 3 * * 1"),
        ("monthly", "5 4 1 * *"),
    ]
    assert all(job.catches_up and not job.overlaps and job.mail_to == ("ann@example.org",) for job in jobs)
    assert [each.reason for each in found if isinstance(each, Refusal)] == [
        "Every 2 days is no date of a calendar: give it days of the week or the month.",
        "Expected a period in days, a delay in minutes, a name and a command.",
    ]
