"""What a worker takes from the store is what was deployed, whoever may write to the store."""

from __future__ import annotations

import hashlib
import json
import re
import shutil

import pytest

from airflow_provider_daybreak.exceptions import StoredReleaseError, VerificationError
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.manifest_check import check_source
from airflow_provider_daybreak.releases.release import get_release
from airflow_provider_daybreak.releases.sharing import ensure
from airflow_provider_daybreak.releases.store import Store
from airflow_provider_daybreak.releases.uv import Index

KEYS = ("first-key-of-many-characters-0001", "other-key-of-many-characters-0002")
EVIL = "evil==1 --hash=sha256:" + "0" * 64 + "\n"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store" / "daily_report")


@pytest.fixture
def release(layout, folder, store):
    source = folder(report_py="print('hello')\n", data_txt="1")
    (source / "link").symlink_to("data.txt")
    return deploy(layout, Plan(source), store=store).release


@pytest.fixture
def taken(tmp_path, release):
    """Return a function that makes the release on a worker that never had it."""

    def take(store):
        other = Layout(tmp_path / "other", "daily_report")
        shutil.rmtree(other.root, ignore_errors=True)
        return ensure(other, release.id, store=store, index_of=Index)

    return take


def write(path, data):
    path.chmod(0o644)
    path.write_text(data)


def change(store, of, /, **facts):
    """Change what the store's manifest says."""
    path = store.folder / "releases" / of.id / "MANIFEST.json"
    write(path, json.dumps({**json.loads(path.read_text()), **facts}))


def test_what_was_deployed_is_taken(store, release, taken):
    assert taken(store).manifest == release.manifest


def test_a_lock_is_not_another_one_under_the_same_id(store, release, taken):
    write(store.folder / "releases" / release.id / "requirements.lock", EVIL)
    change(store, release, lock_sha256=hashlib.sha256(EVIL.encode()).hexdigest())

    with pytest.raises(StoredReleaseError, match=f"it is not that of release {release.id}"):
        taken(store)


@pytest.mark.parametrize(
    "facts",
    [
        {"python": "/tmp/python"},
        {"index": "https://evil.example/simple"},
        {"index_conn_id": "another"},
        {"only_binary": False},
        {"installer": "uv 0"},
        {"interpreter": {"version": "2.7"}},
        {"environment": "0" * 16, "lock_sha256": "0" * 64},
        {"files": []},
        {"name": "another"},
        {"release": "0" * 16},
    ],
)
def test_no_fact_that_makes_a_release_is_another_one_under_the_same_id(store, release, taken, facts):
    change(store, release, **facts)

    with pytest.raises(StoredReleaseError, match=f"it is not that of release {release.id}"):
        taken(store)


def test_a_local_release_whose_lock_is_another_one_is_found_by_comparing_it(release):
    lock, manifest = release.path / "requirements.lock", release.path / "MANIFEST.json"
    lock.unlink()
    lock.write_text(EVIL)
    facts = {**json.loads(manifest.read_text()), "lock_sha256": hashlib.sha256(EVIL.encode()).hexdigest()}
    write(manifest, json.dumps(facts))

    with pytest.raises(VerificationError, match="comparison with its id"):
        check_source(get_release(release.layout))


@pytest.mark.parametrize(
    "files",
    [
        [{"link": "/etc", "path": "a"}],
        [{"link": "../../..", "path": "a"}],
        [{"link": "../../x", "path": "deep/a"}],
        [{"link": "", "path": "../../a"}],
        [{"link": "", "path": "/a/"}],
        [{"link": "", "path": "../"}],
    ],
)
def test_no_file_of_a_manifest_leads_out_of_the_release(store, release, taken, monkeypatch, files):
    whole = [{"bytes": 0, "sha256": "", "executable": False, **file} for file in files]
    change(store, release, files=whole)
    monkeypatch.setattr("airflow_provider_daybreak.releases.store.is_manifest_of", lambda *_: True)

    with pytest.raises(StoredReleaseError, match="outside of it|leads out of the source"):
        taken(store)


SHAPES = [None, 1, "x", [], {}, [1], [{"path": "a"}], {"a": []}, True, 1e400, "\ud800"]


@pytest.mark.parametrize("key", [
    "files", "interpreter", "lock_sha256", "environment", "installer", "name", "release", "created", "python", "index",
    "index_conn_id", "only_binary", "env_file", "source", "secrets", "schema",
])  # fmt: skip
def test_a_manifest_of_any_shape_is_an_error_that_names_it(store, release, key):
    path = store.folder / "releases" / release.id / "MANIFEST.json"
    whole = path.read_text()
    for shape in SHAPES:
        if shape == json.loads(whole)[key]:
            continue
        change(store, release, **{key: shape})
        if key not in ("created", "env_file", "source", "secrets") or not isinstance(shape, (str, list)):
            with pytest.raises(StoredReleaseError, match=re.escape(str(path))):
                store.manifest(release.id)
        write(path, whole)
    for text in ("", "{", "[]", "nul", "[" * 100_000):
        write(path, text)
        with pytest.raises(StoredReleaseError):
            store.manifest(release.id)
    write(path, whole)


def test_with_a_key_only_what_was_signed_is_taken(layout, folder, tmp_path):
    signing = Store(tmp_path / "store" / "daily_report", KEYS[:1])
    source = folder(report_py="print('hello')\n")
    release = deploy(layout, Plan(source), store=signing).release
    other = Layout(tmp_path / "other", "daily_report")

    for keys in (KEYS[:1], KEYS, KEYS[::-1], ()):
        assert Store(signing.folder, keys).manifest(release.id)["release"] == release.id
    with pytest.raises(StoredReleaseError, match=r"none of the keys in \[daybreak\] release_key has signed it"):
        ensure(other, release.id, store=Store(signing.folder, KEYS[1:]), index_of=Index)
    change(signing, release, env_file="/home/ann/.env")
    with pytest.raises(StoredReleaseError, match="none of the keys") as caught:
        ensure(other, release.id, store=signing, index_of=Index)
    assert not any(key in str(caught.value) + repr(signing) for key in KEYS)


def test_a_new_key_signs_what_an_old_one_or_none_had(layout, folder, store, release):
    deploy(layout, Plan(folder()), store=Store(store.folder, KEYS[:1]))
    assert Store(store.folder, KEYS[:1]).manifest(release.id)
    deploy(layout, Plan(folder()), store=Store(store.folder, KEYS[::-1]))

    assert Store(store.folder, KEYS[1:]).manifest(release.id)
    store.remove(release.id)
    assert not [path for path in store.folder.glob("releases/*/*") if path.is_file()]
