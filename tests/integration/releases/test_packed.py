"""Environments in the store: a worker with an empty disk unpacks what another one built, and never anything else."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import signal
import time

import pytest

from airflow_provider_daybreak.exceptions import StoredReleaseError
from airflow_provider_daybreak.releases.deploy import Plan, deploy
from airflow_provider_daybreak.releases.environments import environment as environments
from airflow_provider_daybreak.releases.environments.verify import check_consistency, check_record
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.sharing import ensure
from airflow_provider_daybreak.releases.store import Store
from airflow_provider_daybreak.releases.uv import Index
from tests.integration.releases.package_index import wheel

KEYS = ("first-key-of-many-characters-0001", "other-key-of-many-characters-0002")
SCRIPT = {"thing.py": "__version__ = '1.0'\ndef main():\n    print('of the script')\n"}


class Scene:
    """A release that was deployed into a store."""

    def __init__(self, folder, source, index):
        self.folder = folder
        self.store = Store(folder / "store" / "daily", KEYS[:1], packs=True)
        self.one = Layout(folder / "one", "daily")
        self.index = index
        points = {"thing-1.0.dist-info/entry_points.txt": "[console_scripts]\nthing = thing:main\n"}
        index.add_file("thing-1.0-py3-none-any.whl", wheel("thing", "1.0", {**SCRIPT, **points}))
        self.plan = Plan(source({"requirements.txt": "thing\n"}), index=Index(index.url))
        self.release = deploy(self.one, self.plan, store=self.store).release
        [self.pack] = (folder / "store").rglob("PACK.json")
        [self.archive] = (folder / "store").rglob("*.tar.gz")

    def worker(self, name):
        """Return a worker that has nothing, not even in uv's cache."""
        self.index.requests.clear()
        os.environ["UV_CACHE_DIR"] = str(self.folder / f"cache-{name}")
        return Layout(self.folder / name, "daily")

    def take(self, name="two", store=None):
        return ensure(
            self.worker(name), self.release.id, store=store or self.store, index_of=Index, other_python=True
        )


@pytest.fixture
def scene(tmp_path, source, index, caplog):
    caplog.set_level(logging.INFO)
    return Scene(tmp_path, source, index)


def test_a_worker_with_an_empty_disk_has_the_environment_that_was_built_and_asks_no_index(scene, printed):
    taken = scene.take()

    assert scene.index.requests == []
    assert printed(taken) == "1.0"
    assert printed(taken, ("thing",)) == "of the script"
    assert check_record(taken.environment, "") == check_record(scene.release.environment, "") > 0
    check_consistency(taken.environment)
    facts = [json.loads((one.environment / "COMPLETE.json").read_text()) for one in (taken, scene.release)]
    assert facts[0] == {**facts[1], "created": facts[0]["created"]} | {"files": facts[0]["files"]}
    assert [path.name for path in taken.environment.glob("lib/python*/site-packages/__pycache__/thing.*.pyc")]
    assert not any(
        path.stat().st_mode & 0o222 for path in taken.environment.rglob("*") if not path.is_symlink()
    )
    assert list(taken.layout.trash.iterdir()) == []


def changed(data):
    return data[:-20] + bytes([data[-20] ^ 0xFF]) + data[-19:]


def as_another_says(data):
    value = json.loads(data)
    value["environment"]["sha256"] = "0" * 64
    return json.dumps(value).encode()


DAMAGE = {
    "an archive that was cut": ("archive", lambda data: data[:100], "it is cut off or damaged"),
    "an archive that was changed": ("archive", changed, "Cannot unpack the environment"),
    "an archive that is gone": ("archive", None, "No such file"),
    "what nobody signed": ("pack", as_another_says, "none of the keys"),
    "what is no JSON": ("pack", lambda _: b"[1", "it is no JSON of a packed environment"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_not_as_it_was_signed_is_not_unpacked_and_the_environment_made_of_its_lock(
    scene, caplog, printed, damage
):
    of, change, said = DAMAGE[damage]
    path = getattr(scene, of)
    data = path.read_bytes()
    path.unlink()
    if change:
        path.write_bytes(change(data))

    taken = scene.take()

    assert printed(taken) == "1.0"
    assert said in caplog.text
    assert "Unpacked environment" not in caplog.text
    assert scene.index.requests


def test_without_the_key_that_signed_it_nothing_is_unpacked(scene, caplog):
    scene.take(store=Store(scene.store.folder))
    with pytest.raises(StoredReleaseError, match="none of the keys"):
        scene.take("three", Store(scene.store.folder, KEYS[1:]))

    assert "Unpacked environment" not in caplog.text


def test_a_new_key_signs_what_an_old_one_did_without_packing_it_again(scene, caplog):
    before = scene.archive.read_bytes()

    deploy(scene.one, scene.plan, store=Store(scene.store.folder, KEYS[::-1], packs=True))

    assert scene.archive.read_bytes() == before
    assert scene.take(store=Store(scene.store.folder, KEYS[1:])).environment.exists()
    assert "packed in" not in caplog.text


def test_what_of_a_pack_can_not_be_used_the_next_deploy_puts_there_anew(scene, caplog):
    scene.pack.chmod(0o644)
    scene.pack.write_bytes(as_another_says(scene.pack.read_bytes()))
    os.environ["UV_CACHE_DIR"] = str(scene.folder / "uv-cache")
    deploy(scene.one, scene.plan, store=scene.store)

    assert scene.take().environment.exists()
    assert "is packed anew" in caplog.text


def test_environments_of_releases_that_are_gone_go_from_the_store_too(scene, source):
    for number in range(3):
        scene.index.add("thing", f"2.{number}")
        folder = source({"requirements.txt": f"thing==2.{number}\n"})
        deploy(scene.one, Plan(folder, index=scene.plan.index, keep=1), store=scene.store)

    there = [path.parent.name for path in (scene.folder / "store").rglob("PACK.json")]
    assert len(there) == 2
    assert scene.release.environment_id not in there
    assert not scene.archive.exists()


def taking(scene, name, begun=None):
    if begun is not None:
        unpack = environments.unpack

        def slowly(*arguments):
            begun.set()
            time.sleep(0.2)
            unpack(*arguments)
            time.sleep(60)

        environments.unpack = slowly
    logging.basicConfig(filename=scene.folder / f"log-{os.getpid()}", level=logging.INFO, force=True)
    scene.take(name)


@pytest.fixture
def process():
    """Return a function that starts a process for a function, which ends with the test."""
    context = multiprocessing.get_context("fork")
    started = []

    def start(*arguments):
        started.append(context.Process(target=taking, args=arguments))
        started[-1].start()
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.join()


def test_a_worker_that_is_killed_while_it_unpacks_leaves_nothing_that_another_takes_for_whole(
    scene, process, printed
):
    begun = multiprocessing.get_context("fork").Event()
    killed = process(scene, "two", begun)
    assert begun.wait(60)
    killed.kill()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert [path.name for path in (scene.folder / "two" / "daily" / "environments").iterdir()]

    taken = scene.take("two")

    assert printed(taken) == "1.0"
    assert list(taken.layout.trash.iterdir()) == []


def test_of_two_that_ask_at_once_one_unpacks(scene, process, printed):
    both = [process(scene, "two"), process(scene, "two")]
    for one in both:
        one.join(120)

    logs = "".join(path.read_text() for path in scene.folder.glob("log-*"))
    assert [one.exitcode for one in both] == [0, 0]
    assert logs.count("Unpacked environment") == 1
    assert printed(scene.take("two")) == "1.0"
