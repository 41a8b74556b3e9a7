"""Shell scripts as crontabs call them, with a virtual environment beside them that no release has."""

from __future__ import annotations

import pytest

from airflow_provider_daybreak.releases.environments.verify import check_record
from airflow_provider_daybreak.releases.running.run import Job, run

PRINTS = "import os, sys; print(os.path.realpath(sys.prefix))"


@pytest.fixture
def ran(deployed, folder):
    """Return a function that runs a wrapper, and returns how it ended and the release."""

    def run_wrapper(text):
        (folder() / "run.sh").write_text(text)
        release = deployed(PRINTS).release
        return run(release, Job(("run.sh",)), on_line=lambda *_: None), release

    return run_wrapper


@pytest.mark.parametrize(
    "text",
    [
        "source venv/bin/activate\nvenv/bin/python report.py\n",
        "#!/bin/sh\n. ./.venv/bin/activate && python report.py\n",
        '#!/bin/bash\ncd "$(dirname "$0")"\nsource "$(dirname "$0")/env/bin/activate"\npython report.py\n',
        '#!/bin/bash\nDIR="$(cd "$(dirname "$0")" && pwd)"\n"$DIR/my-venv/bin/python" report.py\n',
        "exec .venv/bin/python3 report.py\n",
        "[ -d venv ] && . venv/bin/activate\npython report.py; deactivate\n",
    ],
)
def test_an_environment_beside_a_wrapper_is_that_of_the_release(ran, text):
    finished, release = ran(text)

    assert finished.last_line == str(release.environment), finished.stderr
    check_record(release.environment, "")
    assert list(release.layout.runs.iterdir()) == []


def test_an_environment_elsewhere_is_warned_of_with_the_next_step(ran, caplog):
    finished, _ = ran(
        "#!/bin/sh\n[ -f /srv/gone/venv/bin/activate ] && . /srv/gone/venv/bin/activate\npython report.py\n"
    )

    assert finished.code == 0
    assert (
        "run.sh line 2 asks for the environment /srv/gone/venv, which this machine does not have" in caplog.text
    )
    assert "write venv/bin/activate, which is found" in caplog.text


def test_a_wrapper_that_makes_its_environment_makes_its_own(ran):
    finished, release = ran(
        "python -m venv --without-pip venv && . venv/bin/activate && python report.py && cd venv && pwd -P\n"
    )

    assert finished.code == 0, finished.stderr
    assert str(release.environment) not in finished.stdout


@pytest.mark.parametrize("line", ["/usr/bin/python3 --version", "# source venv/bin/activate"])
def test_what_names_no_environment_gets_none(ran, line):
    finished, _ = ran(f"{line}\nls -A | grep -c env\n")

    assert finished.last_line == "0"
