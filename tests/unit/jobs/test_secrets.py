"""No secret of a line is shown anywhere but in the .env, in whatever form it stands there."""

from __future__ import annotations

import subprocess

import pytest

from airflow_provider_daybreak.jobs.command import understand
from airflow_provider_daybreak.jobs.crontab import read_crontab
from airflow_provider_daybreak.jobs.secrets import hidden, without_secrets

SECRET = "hunter2xY9"
LINES = [
    "DB_PASSWORD={} python /srv/x.py",
    "DB_PASSWORD='{}' python /srv/x.py",
    "export API_KEY={} && python /srv/x.py",
    "env TOKEN={} python /srv/x.py",
    "python /srv/x.py --password {}",
    "python /srv/x.py --password={}",
    "python /srv/x.py --password '{}'",
    'python /srv/x.py --api-key "{}" --all',
    "python /srv/x.py -p 1 --secret-token={}",
    "python /srv/x.py postgres://ann:{}@db/sales",
    "python /srv/x.py 'postgres://ann:{}@db/sales'",
    'python /srv/x.py "postgres://ann:{}@db/sales"',
    "curl -u ann:{} https://example.org | python /srv/x.py",
    "curl --user 'ann:{}' https://example.org | python /srv/x.py",
    "curl -H 'Authorization: Bearer {}' https://example.org | python /srv/x.py",
    "mysqldump -u ann -p{} sales | gzip > /tmp/x.gz",
    "PGPASSWORD={} pg_dump sales | gzip > /tmp/x.gz",
    "docker run -e DB_PASSWORD={} sales",
    "docker run --env DATABASE_URL=postgres://ann:{}@db/sales sales",
    "cd /srv && TOKEN={} ./run.sh $(date +\\%F)",
    "bash -c 'TOKEN={} python /srv/x.py'",
]


@pytest.mark.parametrize("line", LINES)
def test_a_secret_is_taken_out_of_whatever_form(line):
    text = "0 9 * * * " + line.format(SECRET)
    [job] = read_crontab(text, "crontab")

    task, secrets = without_secrets(understand(job))

    assert SECRET in "".join(secrets.values())
    shown = [
        str(task.command),
        task.shell,
        str(task.environment),
        str(task.container),
        hidden(text, {}),
        hidden(text, secrets),
    ]
    assert [each for each in shown if SECRET in each] == []
    assert SECRET not in "".join(hidden(note.what, secrets) for note in task.notes)


@pytest.mark.parametrize(
    "line",
    [
        "printf '%s' --password {}",
        "printf '%s' 'a://b:{}@c'",
        'printf "%s" "a://b:{}@c"',
        "printf %s a://b:{}@c",
    ],
)
def test_a_shell_gives_the_program_what_the_line_gave_it(line):
    text = line.format(SECRET).replace("%", "\\%")
    [job] = read_crontab(f"0 9 * * * {text}", "crontab")

    task, secrets = without_secrets(understand(job))

    said, before = (
        subprocess.run(["sh", "-c", words], env=secrets, capture_output=True, text=True, check=True).stdout
        for words in (task.shell, line.format(SECRET))
    )
    assert said == before


@pytest.mark.parametrize(
    "line",
    [
        "python /srv/x.py --sort-key name",
        "python /srv/x.py --token-type=bearer",
        "REGION=north python /srv/x.py",
    ],
)
def test_what_is_no_secret_stays(line):
    [job] = read_crontab(f"0 9 * * * {line}", "crontab")

    task, secrets = without_secrets(understand(job))

    assert (secrets, task.shell) == ({}, "")
