from __future__ import annotations

import pytest
from airflow.cli.cli_parser import get_parser


def test_resending_has_no_option_that_nothing_reads(capsys):
    with pytest.raises(SystemExit):
        get_parser().parse_args(["daybreak", "resend", "daily_report", "--help"])

    assert "--dag" not in capsys.readouterr().out
