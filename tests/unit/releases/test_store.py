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


@pytest.mark.attack("hostile archives")
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


@pytest.fixture
def history(layout, folder, tmp_path):
    """Return a store with a key, in whose history the second of two releases is current, and their ids."""
    store = Store(tmp_path / "store" / "daily_report", KEYS[:1])
    ids = [deploy(layout, Plan(folder(report_py=f"print({n})\n")), store=store).release.id for n in (1, 2)]
    return store, ids


@pytest.fixture
def current(tmp_path):
    """Return a function that returns the release that is current on another worker, by the store's history."""
    return lambda store: (
        ensure(Layout(tmp_path / "other", "daily_report"), None, store=store, index_of=Index).id
    )


def entry(store, number):
    return store.folder / "history" / f"{number:08d}.json"


def test_with_a_key_a_signed_history_says_what_is_current(history, current):
    store, ids = history

    assert current(store) == ids[1]
    assert [each["release"] for each in store.entries()] == ids
    assert current(Store(store.folder, KEYS[::-1])) == ids[1]
    assert current(Store(store.folder)) == ids[1]


@pytest.mark.parametrize(
    "written",
    [
        lambda first, _: {key: value for key, value in first.items() if key != "signature"},
        lambda first, _: first,
        lambda first, last: {**last, "release": first["release"]},
        lambda first, last: {**last, "action": "rollback", "release": first["release"]},
        lambda first, _: {**first, "signature": "0" * 64},
        lambda first, _: {**first, "signature": None},
        lambda first, _: {**first, "signature": "\ud800"},
        lambda first, _: {**first, "signature": ["x"]},
    ],
)
def test_who_has_no_key_makes_no_other_release_current(history, written):
    store, ids = history
    first, last = (json.loads(entry(store, number).read_text()) for number in (1, 2))
    for number in (3, 4):
        entry(store, number).write_text(json.dumps(written(first, last)))

    assert [each["release"] for each in store.entries()] == ids
    assert store.length() == 2


def test_a_history_whose_end_was_removed_is_refused_by_who_has_seen_it_and_mended_by_a_deploy(
    history, current, layout, folder
):
    store, ids = history
    assert current(store) == ids[1]
    entry(store, 2).unlink()

    with pytest.raises(
        StoredReleaseError, match="it went up to entry 2, and ends with 1: somebody removed or changed some"
    ):
        current(store)
    deploy(layout, Plan(folder()), store=store)

    assert current(store) == ids[1]
    assert store.length() == 2


def test_an_entry_that_is_gone_from_the_middle_holds_no_deploy_back(history, current, layout, folder):
    store, _ = history
    deploy(layout, Plan(folder(report_py="print(3)\n")), store=store)
    for number in (1, 2):
        entry(store, number).unlink()

    last = deploy(layout, Plan(folder(report_py="print(4)\n")), store=store).release.id

    assert current(store) == last


def test_a_key_that_was_replaced_and_is_gone_takes_no_deploy_with_it(history, current, layout, folder):
    store, _ = history
    both, new = Store(store.folder, KEYS[::-1]), Store(store.folder, KEYS[1:])
    last = deploy(layout, Plan(folder(report_py="print(3)\n")), store=both).release.id
    assert current(both) == last

    assert current(new) == last
    assert [each["release"] for each in new.entries()] == [last]


def test_a_history_of_another_name_is_none_of_this_one(history):
    store, _ = history
    other = Store(store.folder.with_name("another"), store.keys)
    shutil.copytree(store.folder, other.folder)

    with pytest.raises(StoredReleaseError, match="none of the keys"):
        other.check_history(0)


def test_a_history_from_before_there_was_a_key_is_signed_by_the_next_deploy(
    layout, folder, store, release, current
):
    signing = Store(store.folder, KEYS[:1])
    with pytest.raises(StoredReleaseError, match="none of the keys .* has signed it. Deploy on a worker"):
        current(signing)

    deploy(layout, Plan(folder()), store=signing)

    assert current(signing) == release.id
    assert [each["release"] for each in signing.entries()] == [release.id]
