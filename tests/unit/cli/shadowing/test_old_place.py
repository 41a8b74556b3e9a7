"""The lines of a crontab that a Dag stands for are commented out in one step, and put back."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import pytest

from airflow_provider_daybreak.cli.shadowing.old_place import imported, old_place
from airflow_provider_daybreak.exceptions import CutoverError
from airflow_provider_daybreak.jobs.kinds import read
from tests.imports import import_file

AT = datetime(2026, 11, 27, 7, 0, 30, tzinfo=timezone.utc)
CRONTAB = """\
MAILTO=ann@example.org
# Sales of the day
0 9 * * 1-5 cd /srv/sales && DB_PASSWORD=hunter2xY9 python daily.py --all \t
0 17 * * 1-5 cd /srv/sales && DB_PASSWORD=hunter2xY9 python daily.py --all
30 2 * * * /srv/night.py --say 'a\\%b'
0 5 * * * /usr/local/bin/other.sh
"""


@pytest.fixture
def crontab(tmp_path):
    """Return a crontab whose lines were imported."""
    file = tmp_path / "crontab"
    file.write_text(CRONTAB)
    import_file(file)
    return file


def place(crontab, name):
    return old_place(name, crontab, imported(name, str(crontab.parent / "dags" / f"{name}.py")))


def test_all_lines_of_a_dag_are_commented_out_and_no_other(crontab):
    copy = place(crontab, "daily").comment_out(AT)

    before, after = CRONTAB.splitlines(), crontab.read_text().splitlines()
    assert [number for number in range(6) if before[number] != after[number]] == [2, 3]
    assert after[2] == f"# daybreak cutover daily 2026-11-27T07:00:30+00:00: {before[2]}"
    assert copy.read_text() == CRONTAB


def test_what_was_put_back_is_what_it_was_byte_for_byte(crontab):
    place(crontab, "night").comment_out(AT)
    place(crontab, "daily").comment_out(AT)
    place(crontab, "night").put_back(AT)
    place(crontab, "daily").put_back(AT)

    assert crontab.read_bytes() == CRONTAB.encode()


def test_a_line_that_was_commented_out_is_found_with_its_instant(crontab):
    place(crontab, "night").comment_out(AT)

    found = place(crontab, "night")
    assert (found.active, found.ended) == ((), (AT,))


def test_a_line_that_was_commented_out_is_no_jobs_comment_when_it_is_imported_again(crontab):
    place(crontab, "night").comment_out(AT)

    _, jobs = read(crontab)
    assert jobs[-1].comments == ()


def test_owner_mode_and_a_link_stay_as_they_were(crontab, tmp_path):
    crontab.chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to(crontab)
    found = old_place("night", link, imported("night", str(tmp_path / "dags" / "night.py")))
    copy = found.comment_out(AT)

    assert link.is_symlink()
    assert [path.stat().st_mode & 0o777 for path in (crontab, copy)] == [0o600, 0o600]
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]


def test_somebody_who_changes_the_file_meanwhile_loses_nothing(crontab):
    found = place(crontab, "night")
    crontab.write_text(f"{CRONTAB}0 6 * * * /srv/new.py\n")

    with pytest.raises(CutoverError, match="Call it again"):
        found.comment_out(AT)
    assert crontab.read_text().endswith("new.py\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 5 * * * /usr/local/bin/other.sh\n", "none of the lines"),
        (CRONTAB.replace("--say", "--shout"), "none of the lines"),
        ("kind: CronJob\nspec: {}\n", "no crontab, but of the kind kubernetes"),
    ],
)
def test_a_file_without_the_line_is_refused_and_left_as_it_is(crontab, text, message):
    crontab.write_text(text)

    with pytest.raises(CutoverError, match=message):
        place(crontab, "night")
    assert crontab.read_text() == text


def test_two_lines_that_differ_in_a_secret_alone_are_left_to_their_owner(crontab):
    crontab.write_text(CRONTAB + CRONTAB.splitlines()[2].replace("hunter2xY9", "hunter3xY9") + "\n")
    crontab.write_text(crontab.read_text().replace(CRONTAB.splitlines()[3] + "\n", ""))

    with pytest.raises(CutoverError, match="none of the lines|but for what is secret"):
        place(crontab, "daily")


def test_a_file_of_a_system_has_its_column_of_users(tmp_path):
    file = tmp_path / "sales"
    file.write_text("# m h dom mon dow user command\n0 9 * * * root /srv/sales.py\n")
    import_file(file, user_column=True)

    place(file, "sales").comment_out(AT)
    assert file.read_text().splitlines()[1].endswith("root /srv/sales.py")
    assert file.read_text().splitlines()[1].startswith("# daybreak cutover sales ")


def test_a_file_that_cannot_be_written_is_said_so(crontab):
    found = place(crontab, "night")
    crontab.unlink()
    crontab.mkdir()

    with pytest.raises(CutoverError, match="as a user who may"):
        found.comment_out(AT)


def test_a_dag_that_was_imported_from_nowhere_says_so(tmp_path):
    file = tmp_path / "own.py"
    file.write_text('"""My own."""\n')

    with pytest.raises(CutoverError, match="--old-is-off"):
        imported("own", str(file))
    with pytest.raises(CutoverError, match="can't be read here"):
        imported("gone", str(Path(tmp_path, "gone.py")))
