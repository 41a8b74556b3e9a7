from __future__ import annotations

from airflow_provider_daybreak.releases.imports import importer_of, imports_of


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

    assert imports_of(source, ["report.py", "helper.py", "broken.py"]) == {
        "requests": "report.py line 1",
        "pandas": "report.py line 2",
        "attrs": "report.py line 14",
        "yaml": "helper.py line 1",
    }


def test_who_imports_a_module_is_found_wherever_in_the_source_that_is(folder):
    source = folder(
        report_py="import json\nimport pretend_smtplib\ntext = 'import smtplib'\n",
        broken_py="import smtplib, (",
        mailer_py="from . import smtplib\ndef mail():\n    from smtplib import SMTP\n",
    )

    assert importer_of("smtplib", source, ["report.py", "broken.py", "notes.txt"]) is None
    assert importer_of("smtplib", source, ["report.py", "broken.py", "mailer.py"]) == "mailer.py line 3"
