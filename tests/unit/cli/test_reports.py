from __future__ import annotations

import json
from datetime import date, datetime, timezone

import pytest
import time_machine

from airflow_provider_daybreak.archive import Archive, Draft, DraftFile


@pytest.fixture(autouse=True)
def archive(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", tmp_path.as_uri())
    archive = Archive(tmp_path)
    for day, text in ((28, "a"), (29, "a"), (29, "b")):
        publish(archive, date(2026, 3, day), text)
    return archive


def publish(archive, day, text, *further):
    return archive.publish(
        Draft(
            report="daily_report",
            report_date=day,
            period={
                "name": "day",
                "start": f"{day}T00:00:00+00:00",
                "end": "2026-03-30T00:00:00+00:00",
                "timezone": "UTC",
            },
            title="Almanac",
            files=[DraftFile("report.html", "text/html", text.encode()), *further],
            rows={"almanac": 3, "holidays": 2},
            run={"dag_id": "daily_report"},
        )
    )


@pytest.fixture
def old(archive):
    """Two revisions that were made years ago."""
    with time_machine.travel(datetime(2020, 1, 2, tzinfo=timezone.utc)):
        return [publish(archive, date(2020, 1, day), "a") for day in (1, 2)]


@pytest.fixture
def daybreak(capsys):
    """Return a function that runs ``airflow daybreak …`` and returns its exit code, output and errors."""
    from airflow.cli.cli_parser import get_parser

    def run(*words):
        args = get_parser().parse_args(["daybreak", *words])
        try:
            args.func(args)
            code = 0
        except SystemExit as ended:
            code = ended.code
        return code, *capsys.readouterr()

    return run


def test_revisions_are_listed_by_date(daybreak):
    code, out, _ = daybreak("reports", "list", "--since", "2026-03-29", "--output", "json")

    assert code == 0
    assert [(line["date"], line["revision"], line["rows"]) for line in json.loads(out)] == [
        ("2026-03-29", 1, 5),
        ("2026-03-29", 2, 5),
    ]


def test_a_damaged_manifest_does_not_take_the_list_down(archive, daybreak):
    (archive.root / "daily_report/2026/03/28/r0001/manifest.json").write_text("{")

    code, out, _ = daybreak("reports", "list", "--output", "json")

    assert code == 0
    assert [line["date"] for line in json.loads(out)] == ["2026-03-29", "2026-03-29"]


def test_an_empty_list_says_so(daybreak):
    assert daybreak("reports", "list", "--until", "2020-01-01") == (0, "No revisions.\n", "")


@pytest.mark.parametrize(
    "command", [("list",), ("verify",), ("prune", "--keep-days", "9"), ("show", "2026-03-29")]
)
@pytest.mark.usefixtures("archive")
def test_a_report_that_is_not_there_is_an_error_that_names_the_nearest(daybreak, command):
    name, *rest = command

    code, out, err = daybreak("reports", name, "dayly_report", *rest)

    assert (code, out) == (1, "")
    assert "No report 'dayly_report' in the archive" in err
    assert "Is it 'daily_report'? `airflow daybreak reports list` shows" in err


@pytest.mark.usefixtures("archive")
def test_a_range_that_ends_before_it_begins_is_refused(daybreak):
    code, _, err = daybreak("reports", "list", "--since", "2026-03-29", "--until", "2026-03-28")

    assert (code, "expected a date that is not before --since 2026-03-29" in err) == (1, True)


def test_a_date_that_is_none_is_an_error(daybreak):
    code, _, err = daybreak("reports", "list", "--until", "29.3.2026")

    assert (code, err) == (
        1,
        "airflow daybreak: Invalid --until '29.3.2026': expected a date such as 2026-03-29.\n",
    )


def test_the_newest_revision_is_shown(archive, daybreak):
    code, out, _ = daybreak("reports", "show", "daily_report", "2026-03-29", "--output", "json")

    assert code == 0
    assert json.loads(out) == archive.latest("daily_report", date(2026, 3, 29)).manifest.to_dict()


def test_a_revision_is_shown_by_number_as_fields(archive, daybreak):
    code, out, _ = daybreak(
        "reports", "show", "daily_report", "2026-03-29", "--revision", "1", "--output", "plain"
    )

    assert code == 0
    assert f"manifest           {archive.uri}/daily_report/2026/03/29/r0001/manifest.json" in out
    assert "run.dag_id         daily_report" in out
    assert "files.report.html  text/html, 1 bytes, " in out


@pytest.mark.parametrize("output", ["json", "yaml", "table", "plain"])
def test_what_is_kept_for_the_next_report_is_not_shown(archive, daybreak, output):
    publish(archive, date(2026, 3, 31), "a", DraftFile("data/pay.snapshot.jsonl", "x/y", b"{}", snapshot=True))

    code, out, _ = daybreak("reports", "show", "daily_report", "2026-03-31", "--output", output)

    assert code == 0
    assert "report.html" in out
    assert "snapshot.jsonl" not in out


def test_an_absent_revision_is_an_error(daybreak):
    code, _, err = daybreak("reports", "show", "daily_report", "2026-03-30")

    assert code == 1
    assert err.startswith("airflow daybreak: No revision at ")


def test_an_archive_as_published_verifies(daybreak):
    assert daybreak("reports", "verify") == (0, "3 revisions, 0.0 MB: all as published.\n", "")


def test_a_changed_file_is_reported_and_fails(archive, daybreak):
    archive.latest("daily_report", date(2026, 3, 28)).path("report.html").write_text("forged")

    code, out, err = daybreak("reports", "verify", "--output", "json")

    assert code == 1
    assert json.loads(out)[0]["file"] == "report.html"
    assert err == "1 of 3 revisions are not as published.\n"


def test_pruning_can_be_looked_at_first(daybreak):
    # The revisions were made today: nothing is old enough.
    assert daybreak("reports", "prune", "--keep-days", "1", "--dry-run") == (
        0,
        "Nothing to remove.\n",
        "",
    )


def test_pruning_removes_what_its_dry_run_listed(old, archive, daybreak):
    words = ("reports", "prune", "--keep-days", "400", "--output", "json")

    code, out, _ = daybreak(*words, "--dry-run")
    assert (code, json.loads(out)) == (0, [{"would remove": "revision", "uri": each.uri} for each in old])
    assert len(list(archive.revisions())) == 5

    code, out, _ = daybreak(*words)
    assert (code, json.loads(out)) == (0, [{"removed": "revision", "uri": each.uri} for each in old])
    assert len(list(archive.revisions())) == 3
    assert daybreak("reports", "prune", "--keep-days", "400") == (0, "Nothing to remove.\n", "")


def test_a_machine_whose_clock_is_years_ahead_prunes_by_that_of_the_archive(archive, daybreak):
    with time_machine.travel(datetime(2099, 1, 1, tzinfo=timezone.utc)):
        code, out, _ = daybreak("reports", "prune", "--keep-days", "400")

    assert (code, out) == (0, "Nothing to remove.\n")
    assert len(list(archive.revisions())) == 3


def test_what_was_removed_is_printed_also_when_pruning_fails(old, daybreak):
    claim = old[1].folder / "claim.json"
    claim.unlink()
    (claim / "in the way").mkdir(parents=True)

    code, out, err = daybreak("reports", "prune", "--keep-days", "400", "--output", "json")

    assert json.loads(out) == [{"removed": "revision", "uri": old[0].uri}]
    assert (code, err) == (1, f"airflow daybreak: {claim}: Is a directory. (--verbose shows where)\n")


@pytest.mark.parametrize("days", ["0", "36501", "10000000", "10000000000"])
def test_days_that_cannot_be_kept_are_refused(archive, daybreak, days):
    code, out, err = daybreak("reports", "prune", "--keep-days", days)

    assert (code, out) == (1, "")
    assert err == f"airflow daybreak: Invalid --keep-days {days}: expected a number of days from 1 to 36500.\n"
    assert len(list(archive.revisions())) == 3
