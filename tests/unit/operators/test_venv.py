from __future__ import annotations

import copy
import json
import logging
import re

import pytest
from airflow.sdk import DAG

from airflow_provider_daybreak.exceptions import ScriptConditionError, ScriptFailedError
from airflow_provider_daybreak.operators.report import ReportOperator
from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRollbackOperator, VenvRunOperator
from airflow_provider_daybreak.releases.conditions import NoFile, NoMail, NoOutput
from airflow_provider_daybreak.reports.sources.declared import ScriptSource
from airflow_provider_daybreak.version_compat import AirflowFailException, AirflowSkipException


@pytest.fixture(autouse=True)
def _own_root(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "archive").as_uri())


@pytest.fixture
def deploy(tmp_path, make_context):
    def deploy_script(text):
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        (source / "report.py").write_text(text)
        return VenvDeployOperator(task_id="deploy", name="daily", source=source).execute(make_context())

    return deploy_script


@pytest.fixture
def run(make_context):
    def run_script(release, command=("report.py",), context=None, **options):
        operator = VenvRunOperator(task_id="run", release=release, command=list(command), **options)
        return operator.execute(context or make_context())

    return run_script


def test_a_deploy_returns_what_the_design_says_as_plain_json(deploy):
    info = deploy("print('hello')")

    assert list(info) == [
        "name",
        "release",
        "environment",
        "path",
        "python",
        "previous",
        "changed",
        "lock_sha256",
    ]
    assert json.loads(json.dumps(info)) == info
    assert (info["name"], info["previous"], info["changed"]) == ("daily", None, True)


def test_a_copied_dag_is_refused_and_a_renamed_one_goes_on(deploy, make_context, tmp_path):
    first = deploy("print('first')")
    (tmp_path / "source" / "report.py").write_text("print('copy')")
    options = {"task_id": "deploy", "name": "daily", "source": tmp_path / "source"}

    with pytest.raises(AirflowFailException, match="release 'daily' belongs to the Dag 'daily_report'"):
        VenvDeployOperator(**options).execute(make_context(dag_id="copy"))
    renamed = VenvDeployOperator(take_over="daily_report", **options).execute(make_context(dag_id="renamed"))

    assert (renamed["previous"], renamed["changed"]) == (first["release"], True)


def test_another_dag_may_run_a_release_by_its_name(deploy, run, make_context):
    deploy("print('hello')")

    assert run("daily", context=make_context(dag_id="another")) == "hello"


def test_a_new_release_that_asks_for_today_says_where_once(deploy, caplog):
    script = "from datetime import date\n\nprint(date.today())\n"

    deploy(script)
    deploy(script)

    (said,) = [record.getMessage() for record in caplog.records if "time of day" in record.getMessage()]
    assert said == (
        "daily asks for the time of day, so on backfilled days it says today, unless clock='report_date' is set where "
        "it runs:\nreport.py line 3: datetime.date.today"
    )


def test_of_many_places_that_ask_for_today_the_first_are_named(deploy, caplog):
    deploy("from datetime import date\n" + "date.today()\n" * 13)

    assert "report.py line 11: datetime.date.today\n… and 3 more" in caplog.text


def test_a_release_that_asks_for_no_time_says_nothing(deploy, caplog):
    deploy("print('hello')")

    assert "time of day" not in caplog.text


def test_a_deployed_script_runs_and_its_last_line_is_the_result(deploy, run):
    assert run(deploy("print('log'); print('result')")) == "result"


def test_a_name_means_its_current_release(deploy, run):
    deploy("print(1)")
    deploy("print(2)")

    assert run("daily") == "2"


def test_json_is_all_of_stdout_or_its_last_line(deploy, run):
    assert run(deploy("import json; print(json.dumps({'a': [1]}, indent=2))"), output="json") == {"a": [1]}
    assert run(deploy("print('working …'); print('[1, 2]')"), output="json") == [1, 2]
    assert run(deploy("print('[1, 2]')"), output="none") is None


def test_output_that_is_no_json_fails_at_once(deploy, run):
    with pytest.raises(AirflowFailException, match="'done', is JSON"):
        run(deploy("print('done')"), output="json")


ROWS = "import json\nrows = [{'n': n, 'text': 'x' * 700} for n in range(6_000)]\n"


@pytest.mark.parametrize("output", ["json", "last_line"])
@pytest.mark.parametrize(
    "script", ["print(json.dumps(rows))", "print('begin'); print(json.dumps(rows), end='')"]
)
def test_output_that_is_too_large_is_an_error_and_never_less_of_it(deploy, run, script, output):
    with pytest.raises(AirflowFailException) as caught:
        run(deploy(ROWS + script), output=output)

    assert re.search(r"larger than 4 MiB: it wrote 4,\d{3},\d{3} bytes", str(caught.value))
    assert "at most 4,194,304 are taken. Write the data to a file in DAYBREAK_OUTPUT_DIR" in str(caught.value)


def test_json_over_many_lines_that_is_too_large_is_an_error(deploy, run):
    with pytest.raises(AirflowFailException, match="its stdout is larger than 4 MiB"):
        run(deploy(ROWS + "print(json.dumps(rows, indent=1))"), output="json")


def test_a_last_line_is_returned_however_much_was_logged_before_it(deploy, run):
    text = ROWS + "print(json.dumps(rows, indent=1))\nprint('[1, 2]')\n"

    assert run(deploy(text), output="json") == [1, 2]
    assert run(deploy(text)) == "[1, 2]"


def test_output_just_as_large_as_it_may_be_is_returned_whole(deploy, run):
    assert len(run(deploy("print('x' * (4 * 1024**2 - 1))"))) == 4 * 1024**2 - 1


@pytest.fixture
def deploy_with_secret(deploy, tmp_path):
    """Return a function that deploys a script with the secret ``pa"ss-ü`` in its .env."""

    def deploy_script(text):
        (tmp_path / "source").mkdir(exist_ok=True)
        (tmp_path / "source" / ".env").write_text("EMAIL_PASSWORD='pa\"ss-ü'\nSORT_KEY=region\nDEBUG=true\n")
        (tmp_path / "source" / ".env").chmod(0o600)
        return deploy("import base64, json, os, sys\nsecret = os.environ['EMAIL_PASSWORD']\n" + text)

    return deploy_script


def test_a_secret_is_masked_in_the_texts_of_json_which_stays_json(deploy_with_secret, run, caplog):
    caplog.set_level(logging.DEBUG)
    text = (
        "print(json.dumps({'region': 'north', 'debug': True, 'rows': [secret, f'ana:{secret}', secret + '!']}))"
    )

    result = run(deploy_with_secret(text), output="json")

    assert result == {"region": "north", "debug": True, "rows": ["***", "ana:***", "***!"]}
    assert "ss-" not in caplog.text
    assert '{"region": "north", "debug": true, "rows": ["***", "ana:***", "***!"]}' in caplog.text


@pytest.mark.parametrize(
    "written",
    [
        "json.dumps(secret)",
        "json.dumps(json.dumps(secret))",
        "base64.b64encode(secret.encode())",
        "repr(secret)",
    ],
)
def test_a_secret_is_masked_in_logs_results_and_errors(deploy_with_secret, run, caplog, written):
    caplog.set_level(logging.INFO)
    release = deploy_with_secret(
        f"text = str({written})\nprint(text)\nprint(text, file=sys.stderr)\nsys.exit(len(sys.argv) - 1)"
    )

    result = run(release)
    with pytest.raises(ScriptFailedError) as failed:
        run(release, command=["report.py", 'pa"ss-ü'])
    with pytest.raises(AirflowFailException) as no_json:
        run(deploy_with_secret(f"print('>', {written})"), output="json")

    for said in (result, str(failed.value), repr(failed.value), str(no_json.value), caplog.text):
        assert "***" in said
        assert not [part for part in ("ss-", "cGEic3Mt", "c3Mt") if part in said]


def test_the_script_knows_its_dates_in_the_dags_zone(deploy, run):
    text = "import os; print(*(os.environ['DAYBREAK_' + k] for k in ('REPORT_DATE', 'PERIOD_START', 'PERIOD_END')))"

    assert run(deploy(text)) == "2026-03-29 2026-03-29T00:00:00+01:00 2026-03-30T00:00:00+02:00"
    assert run(deploy(text), period="month", offset=-1, timezone="UTC").startswith(
        "2026-03-29 2026-02-01T00:00:00+00:00"
    )


def test_the_weeks_and_years_of_a_script_begin_where_its_dag_says(deploy, run):
    release = deploy("import os; print(os.environ['DAYBREAK_PERIOD_START'][:10])")

    assert run(release, period="week", week_start="sunday") == "2026-03-29"
    assert run(release, period="year", fiscal_year_start=4) == "2025-04-01"


def test_a_clock_that_there_is_none_of_fails_at_once(deploy, run):
    with pytest.raises(AirflowFailException, match="Invalid clock 'yesterday': expected report_date, or None"):
        run(deploy(""), clock="yesterday")


def test_a_failing_script_shows_its_code_its_stderr_and_the_way_to_run_it(deploy, run):
    with pytest.raises(ScriptFailedError) as caught:
        run(deploy("import sys; print('no rows', file=sys.stderr); sys.exit(3)"))

    assert "'report.py' ended with exit code 3. Its last lines:\nno rows" in str(caught.value)
    assert "To run it by hand: cd " in str(caught.value)


@pytest.mark.parametrize(
    ("ending", "codes", "again"),
    [
        ("sys.exit(1)", None, True),
        ("sys.exit(2)", None, False),
        ("sys.exit(75)", [75], True),
        ("sys.exit(1)", [75], False),
        ("sys.exit(2)", [2], True),
        ("os.kill(os.getpid(), 9)", [], True),
    ],
)
def test_a_script_is_tried_again_after_the_exit_codes_that_promise_something(deploy, run, ending, codes, again):
    with pytest.raises(ScriptFailedError if again else AirflowFailException):
        run(deploy(f"import os, sys; {ending}"), retry_exit_codes=codes)


@pytest.mark.parametrize("codes", ["75", 75, [0], [256], ["75"], [True]])
def test_exit_codes_that_are_none_are_refused(deploy, run, codes):
    with pytest.raises(AirflowFailException, match="Invalid retry_exit_codes"):
        run(deploy("print(1)"), retry_exit_codes=codes)


@pytest.mark.parametrize(("output", "level"), [("json", "DEBUG"), ("last_line", "INFO")])
def test_what_a_script_prints_is_logged_as_data_where_it_is(deploy, run, caplog, output, level):
    caplog.set_level("DEBUG")

    run(deploy("import sys; print(42); print('at work', file=sys.stderr)"), output=output)

    logged = {record.message: record.levelname for record in caplog.records}
    assert (logged["42"], logged["at work"]) == (level, "INFO")


def test_both_streams_are_logged(deploy, run, caplog):
    caplog.set_level(logging.INFO)

    run(deploy("import sys; print('to stdout'); print('to stderr', file=sys.stderr)"))

    by_logger = {record.name.rpartition(".")[2]: record.getMessage() for record in caplog.records}
    assert (by_logger["stdout"], by_logger["stderr"]) == ("to stdout", "to stderr")


def test_files_become_artifacts_of_the_archive(deploy, run, make_context, tmp_path):
    pushed = {}
    context = make_context()
    context["ti"].xcom_push = lambda key, value: pushed.update({key: value})

    run(
        deploy("import os; open(os.environ['DAYBREAK_OUTPUT_DIR'] + '/rows.csv', 'w').write('a,b')"),
        context=context,
        artifacts=["*.csv"],
    )

    artifact = pushed["artifacts"]["rows.csv"]
    assert artifact["uri"].startswith((tmp_path / "archive").as_uri())
    assert artifact["uri"].endswith("/rows.csv")
    assert artifact["bytes"] == 3


def test_a_script_that_mails_by_itself_is_told_of_once(deploy, run, caplog):
    script = "import smtplib\ndef mail():\n    import smtplib\nprint('sent')"
    deploy(script)
    run(deploy(script))

    [warning] = [record.getMessage() for record in caplog.records if "mail='once'" in record.getMessage()]
    assert warning.startswith(
        "report.py line 1 imports what mails: what the script mails by itself goes out again"
    )


def test_a_script_that_does_not_mail_is_not_warned_of(deploy, run, caplog):
    run(deploy("print('quiet')"))

    assert "imports what mails" not in caplog.text


SWALLOWS = "try: 1 / 0\nexcept ZeroDivisionError as error: print('ERROR: no server:', error)\nprint('done')"


@pytest.mark.parametrize(
    ("script", "fail_on", "message"),
    [
        (SWALLOWS, r"^ERROR", r"a line of its output matches '\^ERROR': 'ERROR: no server: division by zero'"),
        ("import sys; print('oops', file=sys.stderr); print(1)", ["never", "oops"], "matches 'oops': 'oops'"),
        ("print('x' * 100_000 + 'ERROR'); print('fine ' * 2_000_000)", "ERROR", "matches 'ERROR'"),
        ("print('  ')", NoOutput(), "it wrote nothing to stdout"),
        ("print(1)", NoFile("*.csv"), r"it left no file like '\*.csv'"),
    ],
    ids=["stdout", "stderr", "long ago", "nothing", "no file"],
)
def test_a_script_that_swallows_its_error_fails_where_that_is_said(deploy, run, script, fail_on, message):
    with pytest.raises(ScriptConditionError, match=message) as caught:
        run(deploy(script), fail_on=fail_on, output="none")

    assert "ended with exit code 0, and by fail_on it failed" in str(caught.value)
    assert not caught.value.permanent


def test_what_no_condition_holds_of_has_ended_well(deploy, run):
    script = "import os; open('rows.csv', 'w').write('a'); print('no error: 0 ERRORS')"

    assert run(deploy(script), fail_on=["ERROR$", NoOutput(), NoFile("*.csv")]) == "no error: 0 ERRORS"


def test_a_secret_is_masked_in_the_line_that_is_shown(deploy, run, tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / ".env").write_text("API_TOKEN=hunter2secret\n")
    (tmp_path / "source" / ".env").chmod(0o600)

    with pytest.raises(ScriptConditionError) as caught:
        run(deploy("import os; print('ERROR with', os.environ['API_TOKEN'])"), fail_on="ERROR with hunter2")

    assert "hunter2secret" not in str(caught.value)


def test_a_mail_can_be_missed_only_where_it_is_kept(deploy, run):
    with pytest.raises(AirflowFailException, match=r"Invalid fail_on NoMail\(\): expected mail='once'"):
        run(deploy("print(1)"), fail_on=NoMail())


def test_a_script_that_mails_nothing_fails_where_it_must_mail(deploy, run):
    with pytest.raises(ScriptConditionError, match="it mailed nothing"):
        run(deploy("print(1)"), fail_on=NoMail(), mail="capture")


@pytest.mark.parametrize("codes", [99, [3, 99]])
def test_a_script_with_nothing_to_do_is_skipped(deploy, run, codes):
    with pytest.raises(AirflowSkipException, match="ended with exit code 99, which skip_on_exit_code takes"):
        run(deploy("raise SystemExit(99)"), skip_on_exit_code=codes)


def test_another_exit_code_is_a_failure_still(deploy, run):
    with pytest.raises(ScriptFailedError, match="exit code 98"):
        run(deploy("raise SystemExit(98)"), skip_on_exit_code=99)


LATIN = "import sys; sys.stdout.buffer.write('Zürich\\n'.encode('latin-1'))"


def test_bytes_that_are_no_utf8_are_an_error_that_says_what_to_do(deploy, run):
    with pytest.raises(
        AirflowFailException, match=r"no utf-8 text: the byte 0xfc at offset 1 .*encoding='latin-1'"
    ):
        run(deploy(LATIN))


def test_another_encoding_may_be_said(deploy, run):
    assert run(deploy(LATIN), encoding="latin-1") == "Zürich"


def test_output_that_nobody_asks_for_may_be_of_any_bytes(deploy, run, caplog):
    caplog.set_level(logging.INFO)

    assert run(deploy(LATIN), output="none") is None
    assert r"Z\xfcrich" in caplog.text


def test_an_encoding_that_python_does_not_know_fails_at_once(deploy, run):
    with pytest.raises(AirflowFailException, match="Invalid encoding 'utf-9': expected one that Python knows"):
        run(deploy("print(1)"), encoding="utf-9")


def test_separators_of_unicode_are_data(deploy, run):
    script = "import json; print('log'); print(json.dumps('a\\u2028b\\x85c\\x0cd', ensure_ascii=False))"

    assert run(deploy(script), output="json") == "a\u2028b\x85c\x0cd"


def test_what_a_failed_script_left_is_kept(deploy, run, make_context):
    context, pushed = make_context(), {}
    context["ti"].xcom_push = lambda key, value: pushed.update({key: value})

    with pytest.raises(ScriptFailedError):
        run(
            deploy("open('run.log', 'w').write('so far'); raise SystemExit(1)"),
            context=context,
            artifacts=["*.log", "*.csv"],
        )

    assert list(pushed["artifacts"]) == ["run.log"]


def test_the_error_shows_stdout_where_stderr_is_empty(deploy, run):
    with pytest.raises(ScriptFailedError, match="Its last lines:\nwhat went wrong\n"):
        run(deploy("print('what went wrong'); raise SystemExit(1)"))


def test_a_signal_without_a_name_is_told_by_its_number(deploy, run):
    with pytest.raises(ScriptFailedError, match="ended with signal 40"):
        run(deploy("import os; os.kill(os.getpid(), 40)"))


def test_a_child_that_goes_on_printing_does_not_hold_the_task(deploy, run):
    chatty = (
        "import subprocess; subprocess.Popen(['sh', '-c', 'while true; do echo noise; done']); print('result')"
    )

    assert run(deploy(chatty), output="none") is None


def test_a_missing_artifact_fails_at_once(deploy, run):
    with pytest.raises(AirflowFailException, match="it left no file like '\\*.csv'"):
        run(deploy("print()"), artifacts=["*.csv"])


def test_rolling_back_returns_the_release_that_is_current_again(deploy, run, make_context):
    first = deploy("print(1)")
    deploy("print(2)")

    info = VenvRollbackOperator(task_id="roll_back", name="daily").execute(make_context())

    assert info["release"] == first["release"]
    assert run("daily") == "1"


def test_a_missing_source_fails_at_once(make_context, tmp_path):
    operator = VenvDeployOperator(task_id="deploy", name="daily", source=tmp_path / "nowhere")

    with pytest.raises(AirflowFailException, match="Cannot read the source"):
        operator.execute(make_context())


def test_a_relative_source_fails_at_once(make_context):
    with pytest.raises(AirflowFailException, match="expected an absolute path"):
        VenvDeployOperator(task_id="deploy", name="daily", source="script").execute(make_context())


def test_template_fields_are_kept_as_they_were_given():
    with DAG("daily", schedule=None):
        deploy = VenvDeployOperator(task_id="deploy", name="daily", source="{{ params.source }}")
        run = VenvRunOperator(task_id="run", release=deploy.output, command=["report.py"], output="json")

    assert run.upstream_task_ids == {"deploy"}
    assert deploy.source == "{{ params.source }}"


def test_a_deploy_installs_what_the_script_asks_for_that_its_dag_runs(tmp_path, make_context, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "airflow_provider_daybreak.hooks.releases.ReleaseHook.deploy",
        lambda _self, _name, plan: seen.extend(plan.commands),
    )
    with DAG("daily", schedule=None):
        deploy = VenvDeployOperator(task_id="deploy", name="daily", source=tmp_path)
        VenvRunOperator(task_id="first", release=deploy.output, command=["jobs/daily.py", "{{ ds }}"])
        VenvRunOperator(task_id="named", release="daily", command="python jobs/weekly.py")
        VenvRunOperator(task_id="other", release="another", command=["jobs/other.py"])
        VenvRunOperator.partial(task_id="mapped", release=deploy.output, command=["jobs/each.py"]).expand(
            env=[{}]
        )
        source = ScriptSource(release=deploy.output, command=["jobs/data.py"])
        ReportOperator(task_id="report", report="daily", template="x.md.j2", data={"rows": source})

    copy.copy(deploy).execute(make_context())  # as Airflow does

    assert seen == [["jobs/daily.py", "{{ ds }}"], "python jobs/weekly.py", ["jobs/each.py"], ["jobs/data.py"]]
