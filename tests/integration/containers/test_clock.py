"""A container's own day, on a real engine: by its Python, or by libfaketime."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta, timezone

import pytest
import time_machine
from airflow.sdk.exceptions import AirflowFailException

from airflow_provider_daybreak.exceptions import ClockError

pytestmark = pytest.mark.engine

ASK = """
import datetime, json, subprocess, sys, time
child = "import datetime; print(datetime.date.today())"
print(json.dumps({
    "today": str(datetime.date.today()),
    "now": datetime.datetime.now().astimezone().isoformat(),
    "time": time.time(),
    "child": subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout.strip(),
}))
"""
DUE = datetime(2026, 3, 29, 7, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def no_python(engine, tmp_path_factory):
    """Return a function that makes an image without Python, of a few programs of the common one."""
    from airflow_provider_daybreak.containers.image import ImageBuild, build

    def make(*steps):
        folder = tmp_path_factory.mktemp("image")
        steps = ["FROM python:3.12-slim", *steps, "RUN rm -rf /usr/local/bin/python* /usr/bin/python*"]
        (folder / "Dockerfile").write_text("\n".join(steps))
        return build(engine, ImageBuild(folder, network="host"))

    return make


def test_an_unmodified_script_in_a_container_begins_at_its_runs_instant(run, context):
    result = run(command=["python", "-c", ASK], clock="report_date", in_context=context(logical_date=DUE))

    said = json.loads(result["last_line"])
    assert (said["today"], said["child"]) == ("2026-03-29", "2026-03-29")
    assert said["now"].startswith("2026-03-29T09:")
    assert said["now"].endswith("+02:00")
    assert 0 <= said["time"] - DUE.timestamp() < 600


def test_an_image_is_asked_once_for_what_it_has(run, context, monkeypatch):
    from airflow_provider_daybreak.containers.probe import Probe

    run(command=["python3", "-c", ASK], clock="report_date", in_context=context(logical_date=DUE))
    monkeypatch.delattr(Probe, "python")
    monkeypatch.delattr(Probe, "first_of")
    again = run(command=["python3", "-c", ASK], clock="report_date", in_context=context(logical_date=DUE))

    assert json.loads(again["last_line"])["today"] == "2026-03-29"


def test_the_zone_comes_along_where_the_image_knows_none(run, context, engine, tmp_path):
    from airflow_provider_daybreak.containers.image import ImageBuild, build

    (tmp_path / "Dockerfile").write_text("FROM python:3.12-slim\nRUN rm -rf /usr/share/zoneinfo")

    result = run(
        image=build(engine, ImageBuild(tmp_path)),
        command=["python", "-c", ASK],
        clock="report_date",
        in_context=context(logical_date=DUE),
    )

    assert json.loads(result["last_line"])["now"].endswith("+02:00")


def test_an_image_without_python_takes_libfaketime(run, context, no_python):
    image = no_python("RUN apt-get update -qq && apt-get install -yqq --no-install-recommends libfaketime")

    result = run("date +%FT%H%z", image=image, clock="report_date", in_context=context(logical_date=DUE))

    assert result["last_line"] == "2026-03-29T09+0200"


def test_libfaketime_never_begins_before_the_instant(run, context, no_python):
    image = no_python("RUN apt-get update -qq && apt-get install -yqq --no-install-recommends libfaketime")
    instant = datetime.fromtimestamp(
        time.time() - 1_000_000.55, timezone.utc
    )  # the nearest second is an earlier one

    result = run("date +%s.%N", image=image, clock="report_date", in_context=context(logical_date=instant))

    assert 0 <= float(result["last_line"]) - instant.timestamp() < 600


@pytest.mark.parametrize("minutes", [-5, 5])
def test_a_clock_begins_at_its_instant_where_worker_and_engine_do_not_agree_what_time_it_is(
    run, context, no_python, minutes
):
    image = no_python("RUN apt-get update -qq && apt-get install -yqq --no-install-recommends libfaketime")
    given = {"clock": "report_date", "in_context": context(logical_date=DUE)}

    with time_machine.travel(datetime.now(timezone.utc) + timedelta(minutes=minutes)):
        by_python = run(command=["python", "-c", ASK], **given)
        by_library = run("date +%s", image=image, **given)

    assert 0 <= json.loads(by_python["last_line"])["time"] - DUE.timestamp() < 200
    assert 0 <= int(by_library["last_line"]) - DUE.timestamp() < 200


def test_pythons_that_begin_one_after_another_in_a_container_have_one_clock(run, context):
    ask = "python -c 'import time; print(time.time())'"

    result = run(f"{ask}; sleep 2; {ask}", clock="report_date", in_context=context(logical_date=DUE))

    assert 2 <= float(result["last_line"]) - DUE.timestamp() < 600


def test_an_image_with_neither_is_refused_with_what_was_looked_for(run, no_python):
    with pytest.raises(
        ClockError, match=r"looked for python3, python\) nor libfaketime \(looked for /usr/lib/x86"
    ):
        run("date", image=no_python(), clock="report_date")


def test_a_clock_that_there_is_none_of_is_refused(run):
    with pytest.raises(AirflowFailException, match="Invalid clock 'now': expected report_date"):
        run("date", clock="now")
