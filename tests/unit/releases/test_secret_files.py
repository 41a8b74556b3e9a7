from __future__ import annotations

import pytest

from airflow_provider_daybreak.exceptions import SecretNotHereError
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.running.run import Job, run
from airflow_provider_daybreak.releases.secret_files import secrets_in
from airflow_provider_daybreak.releases.sharing import ensure
from airflow_provider_daybreak.releases.source import read_source
from airflow_provider_daybreak.releases.store import Store

KEY = "-----BEGIN RSA PRIVATE KEY-----\n"


def test_secrets_are_known_by_their_names_and_keys_by_what_they_hold(folder):
    names = [".env.prod", ".netrc", "id_rsa", "keys/own.pem", "sub/credentials.json", "service-account-1.json"]
    others = [".env.example", "ca.pem", "id_rsa.pub", "credentials.py", "netrc.txt"]
    source = folder(report_py="")
    for name in (*names, *others):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text(KEY if name == "keys/own.pem" else "-----BEGIN CERTIFICATE-----\n")

    found = secrets_in(source, read_source(source).files)

    assert found == sorted(names)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store" / "daily_report")


@pytest.fixture
def other(tmp_path):
    """Return the folder of the same name on another worker."""
    return Layout(tmp_path / "other", "daily_report")


SCRIPT = "import os; print(open('id_rsa').read(), oct(os.stat('id_rsa').st_mode & 0o777))"


def deploy(layout, source, store, **options):
    from airflow_provider_daybreak.releases.deploy import Plan, deploy

    return deploy(layout, Plan(source, **options), store=store).release


def test_a_secret_is_named_and_reaches_other_workers_by_their_own_source_alone(
    layout, other, folder, store, tmp_path, caplog
):
    source = folder(report_py=SCRIPT)
    (source / "id_rsa").write_text("canary")
    (source / "id_rsa").chmod(0o600)

    deploy(layout, source, store)

    assert "look like secrets: id_rsa" in caplog.text
    stored = [path for path in (tmp_path / "store").rglob("*") if path.is_file()]
    assert stored
    assert not any(b"canary" in path.read_bytes() for path in stored)
    there = ensure(other, None, store=store, index_of=None)
    finished = run(there, Job(("report.py",)), on_line=lambda *_: None)
    assert finished.last_line == "canary 0o600"


def test_a_worker_without_the_secret_says_what_to_do(layout, other, folder, store):
    source = folder(report_py=SCRIPT)
    (source / "id_rsa").write_text("canary")
    deploy(layout, source, store)
    (source / "id_rsa").unlink()

    with pytest.raises(
        SecretNotHereError, match="'id_rsa' looks like a secret.*No such file.*store_secrets=True"
    ):
        ensure(other, None, store=store, index_of=None)


def test_a_secret_goes_through_the_store_where_that_is_asked_for(layout, other, folder, store):
    source = folder(report_py=SCRIPT)
    (source / "id_rsa").write_text("canary")
    deploy(layout, source, store, store_secrets=True)
    (source / "id_rsa").unlink()

    there = ensure(other, None, store=store, index_of=None)

    assert (there.src / "id_rsa").read_text() == "canary"
