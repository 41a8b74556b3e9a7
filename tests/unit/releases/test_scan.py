from __future__ import annotations

import json

import pytest

from airflow_provider_daybreak.releases.scan import scan


def test_only_what_a_script_cannot_do_without_is_told(folder):
    source = folder(
        report_py=(
            "import os, requests\n"
            "from pandas.core import frame\n"
            "import helper\n"
            "from . import other\n"
            "if TYPE_CHECKING:\n    import mypy\n"
            "try:\n    import ujson as json\nexcept ImportError:\n    import json\n"
            "def later():\n    import matplotlib\n"
            "class A:\n    import attrs\n"
        ),
        helper_py="import requests, yaml",
        broken_py="import (",
    )

    assert scan(source, ["report.py", "helper.py", "broken.py"]).imports == {
        "requests": "report.py line 1",
        "pandas": "report.py line 2",
        "attrs": "report.py line 14",
        "yaml": "helper.py line 1",
    }


def test_who_mails_is_found_wherever_in_the_source_that_is(folder):
    source = folder(
        report_py="import json\nimport pretend_smtplib\ntext = 'import smtplib'\n",
        broken_py="import smtplib, (",
        mailer_py="from . import smtplib\ndef mail():\n    from smtplib import SMTP\n",
    )

    assert scan(source, ["report.py", "broken.py", "notes.txt"]).mails == ""
    assert scan(source, ["report.py", "broken.py", "mailer.py"]).mails == "mailer.py line 3"


@pytest.mark.parametrize(
    "text",
    [
        "import yagmail",
        "from django.core.mail import send_mail",
        "from django.core import mail",
        "import redmail as r",
        "from flask_mail import Mail",
    ],
)
def test_a_library_that_mails_is_mail(folder, text):
    assert scan(folder(report_py=f"{text}\n"), ["report.py"]).mails == "report.py line 1"


@pytest.fixture
def calls(tmp_path):
    """Return a function that looks through a script, and returns what it calls at which line."""

    def look(text, path="report.py"):
        (tmp_path / path).write_text(text)
        return [one.removeprefix(f"{path} line ") for one in scan(tmp_path, [path]).clock_calls]

    return look


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import datetime; datetime.date.today()", "datetime.date.today"),
        ("import datetime as dt; dt.datetime.now(dt.timezone.utc)", "datetime.datetime.now"),
        ("from datetime import datetime; datetime.utcnow()", "datetime.datetime.utcnow"),
        ("from datetime import date as d; print(f'{d.today():%F}')", "datetime.date.today"),
        ("def f():\n    from datetime import datetime\n    return datetime.today()", "datetime.datetime.today"),
        ("from datetime import datetime\nfield(default_factory=datetime.now)", "datetime.datetime.now"),
        ("import time; start = time.time()", "time.time"),
        ("from time import time; time()", "time.time"),
        ("from time import time_ns as t; t()", "time.time_ns"),
        ("import time; time.strftime('%F')", "time.strftime"),
        ("import time; time.localtime()", "time.localtime"),
        ("from time import ctime; ctime()", "time.ctime"),
        ("import pandas as pd; pd.Timestamp.now()", "pandas.Timestamp.now"),
        ("import pandas; pandas.Timestamp.today(tz='UTC')", "pandas.Timestamp.today"),
        ("from pandas import Timestamp; Timestamp('today')", "pandas.Timestamp"),
        ("import pandas as pd; pd.to_datetime('now')", "pandas.to_datetime"),
        ("import pendulum; pendulum.yesterday()", "pendulum.yesterday"),
    ],
)
def test_a_call_of_the_wall_clock_is_found_by_whatever_name(calls, text, name):
    (found,) = calls(text)

    line, _, found_name = found.partition(": ")
    assert (int(line), found_name) == (len(text.splitlines()), name)


@pytest.mark.parametrize(
    "text",
    [
        "import time; time.sleep(1); time.monotonic(); time.perf_counter()",
        "import time; time.strftime('%F', moment); time.localtime(0); time.ctime(stamp)",
        "from datetime import datetime; datetime(2026, 3, 28); datetime.fromisoformat(text)",
        "import pandas as pd; pd.Timestamp('2026-03-28'); pd.to_datetime(rows['now'])",
        "row.now(); today(); self.date.today()",
        "from .clock import now; now()",
        "text = 'datetime.date.today()'  # date.today()",
        "from time import time(",
    ],
)
def test_what_asks_for_no_time_of_day_is_left_alone(calls, text):
    assert calls(text) == []


def test_each_place_is_named_once_in_the_order_of_the_file(calls):
    assert calls("from datetime import date\na = date.today()\n\nb = date.today(), date.today()\n") == [
        "2: datetime.date.today",
        "4: datetime.date.today",
    ]


def notebook(*cells):
    """Return a notebook of these cells; text is code, and what begins with a hash is prose."""
    made = [
        {"cell_type": "markdown" if cell.startswith("#") else "code", "source": cell.splitlines(keepends=True)}
        for cell in cells
    ]
    return json.dumps({"cells": made, "nbformat": 4})


def test_a_notebook_is_looked_through_cell_by_cell(tmp_path):
    text = notebook(
        "# date.today() is prose",
        "%matplotlib inline\nfrom datetime import date\nimport requests\n!pip install x\nprint(date.today())",
        "%%bash\nimport nonsense",
        "import (",
        "def mail():\n    import smtplib",
    )
    (tmp_path / "sales.ipynb").write_text(text)

    found = scan(tmp_path, ["sales.ipynb"])

    assert found.imports == {"requests": "sales.ipynb cell 2 line 3"}
    assert found.clock_calls == ["sales.ipynb cell 2 line 5: datetime.date.today"]
    assert found.mails == "sales.ipynb cell 5 line 2"


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"cells": [1]}', '{"cells": [{"cell_type": "code", "source": 1}]}', "[" * 99999]
)
def test_what_is_no_notebook_is_left_to_who_runs_it(tmp_path, text):
    (tmp_path / "sales.ipynb").write_text(text)

    assert scan(tmp_path, ["sales.ipynb"]).imports == {}


@pytest.mark.parametrize(
    ("name", "text", "escapes"),
    [
        ("run.sh", "# /usr/sbin/sendmail\necho x | /usr/sbin/sendmail -t", ["run.sh line 2: /usr/sbin/sendmail"]),
        ("run.sh", "echo x | sendmail -t\nmail -s x ann@example.org", []),
        ("run.sh", "curl --url smtps://mail.example.org:465", ["run.sh line 1: curl --url smtps://"]),
        ("run.sh", "python -u -I report.py\npython3 -m pkg -S x", ["run.sh line 1: python -u -I"]),
        ("run.sh", "msmtp -t < mail", ["run.sh line 1: msmtp -"]),
        ("report.py", "import subprocess\nsubprocess.run(['/usr/sbin/sendmail', '-t'])", ["report.py line 2: /usr/sbin/sendmail"]),
        ("report.py", "import os\nos.popen('/usr/bin/mail -s x a@b')", ["report.py line 2: /usr/bin/mail"]),
        ("report.py", "import subprocess, sys\nsubprocess.run([sys.executable, '-I', 'x.py'])", ["report.py line 2: python -I"]),
        ("report.py", "text = 'We write to /usr/sbin/sendmail'", []),
    ],
)  # fmt: skip
def test_a_way_past_what_keeps_mail_is_found(tmp_path, name, text, escapes):
    (tmp_path / name).write_text(text)

    assert scan(tmp_path, [name]).escapes == escapes
