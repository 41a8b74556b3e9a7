"""Scripts as they are, mailing by smtplib to hosts that don't exist, led to a relay."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_daybreak import releases
from airflow_provider_daybreak.delivery.relay import HOST, Relay

BOOT = Path(releases.__file__).parent / "running" / "boot"
SEND = 'server.sendmail("me@example.org", "ann@example.org", "Subject: Hello\\n\\nGood morning.")'


@pytest.fixture
def mailed(tmp_path):
    """Return a function that runs a script, and returns how many mails a relay got of it."""

    def run(script):
        with Relay(tmp_path) as relay:
            environment = {
                **os.environ,
                "PYTHONPATH": str(BOOT),
                "DAYBREAK_MAIL_RELAY": f"{HOST}:{relay.port}:{relay.tls_port}",
            }
            command = [sys.executable, "-c", f"import daybreak_mail\n{script}"]
            subprocess.run(command, env=environment, check=True)
        return len(relay.messages)

    return run


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(f"with SMTP('mail.invalid', 25) as server: {SEND}", id="in clear"),
        pytest.param(
            "with SMTP('mail.invalid', 587) as server:\n"
            f" server.starttls(); server.login('me', 'secret'); {SEND}",
            id="starttls",
        ),
        pytest.param(
            "with SMTP('mail.invalid', 587) as server:\n"
            f" server.starttls(context=ssl.create_default_context()); {SEND}",
            id="starttls with a context that verifies",
        ),
        pytest.param(
            "with SMTP_SSL('mail.invalid', 465, context=ssl.create_default_context()) as server:\n"
            f" server.login('me', 'secret'); {SEND}",
            id="tls from the start",
        ),
        pytest.param(f"server = SMTP(timeout=5); server.connect('mail.invalid:2525'); {SEND}", id="no goodbye"),
        pytest.param(f"with LMTP('/run/lmtp') as server: {SEND}", id="a socket of the machine"),
        pytest.param(
            f"import os\nif os.fork() == 0:\n with SMTP('mail.invalid') as server: {SEND}\nelse: os.wait()",
            id="a fork",
        ),
        pytest.param(
            f"import subprocess, sys\nscript = r'''import daybreak_mail, smtplib\n"
            f"with smtplib.SMTP('mail.invalid') as server: {SEND}'''\n"
            "subprocess.run([sys.executable, '-c', script], check=True)",
            id="a child",
        ),
        pytest.param(f"class Mine(SMTP): pass\nwith Mine('mail.invalid') as server: {SEND}", id="a subclass"),
    ],
)
def test_a_host_in_the_code_is_the_relay(mailed, script):
    assert mailed(f"import ssl\nfrom smtplib import LMTP, SMTP, SMTP_SSL\n{script}") == 1


def test_other_connections_are_verified_as_ever(mailed):
    script = (
        "import smtplib, ssl\n"
        "assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED\n"
        "assert ssl.create_default_context().check_hostname"
    )

    assert mailed(script) == 0


def test_smtplib_is_not_imported_for_who_does_not(mailed):
    assert mailed("import sys; assert not {'smtplib', 'ssl', 'socket'} & sys.modules.keys()") == 0
