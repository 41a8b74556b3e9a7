"""Scripts that remember where they were, unmodified, from run to run."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import threading

import pytest

from airflow_provider_daybreak.exceptions import ScriptFailedError, StateError
from airflow_provider_daybreak.operators.venv import VenvDeployOperator, VenvRunOperator
from airflow_provider_daybreak.releases.layout import Layout
from airflow_provider_daybreak.releases.running.state import State
from airflow_provider_daybreak.version_compat import AirflowFailException
from tests.waiting import until

COUNTER = """
import pathlib, sys
place = pathlib.Path(sys.argv[1])
count = int(place.read_text()) + 1 if place.exists() else 1
place.parent.mkdir(exist_ok=True)
place.write_text(str(count))
print(count)
raise SystemExit(int(sys.argv[2]) if sys.argv[2:] else 0)
"""


@pytest.fixture
def release(tmp_path, monkeypatch, make_context):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "releases"))
    monkeypatch.setenv("AIRFLOW__DAYBREAK__ARCHIVE", (tmp_path / "archive").as_uri())

    def deploy(text=COUNTER, python=None, **files):
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        (source / "report.py").write_text(text)
        for name, content in files.items():
            (source / name).write_text(content)
        return VenvDeployOperator(task_id="deploy", name="daily", source=source, python=python).execute(
            make_context()
        )

    return deploy


@pytest.fixture
def run(make_context):
    def run_script(*arguments, **options):
        command = ["report.py", *arguments]
        return VenvRunOperator(task_id="run", release="daily", command=command, **options).execute(
            make_context()
        )

    return run_script


@pytest.mark.parametrize("place", ["last_id", "cache/last_id"])
def test_a_script_finds_its_file_again_at_its_next_run(release, run, place):
    release()

    assert [run(place, state_dir=[place]) for _ in range(3)] == ["1", "2", "3"]


def test_a_folder_is_kept_whole_and_what_is_gone_from_it_stays_gone(release, run):
    release(
        "import pathlib; cache = pathlib.Path('cache'); old = sorted(cache.rglob('*.id')); print(len(old))\n"
        "for one in old: one.unlink()\n"
        "(cache / 'deep').mkdir(parents=True, exist_ok=True); (cache / 'deep' / f'{len(old)}.id').touch()\n"
        "if not old: (cache / 'more.id').touch()"
    )

    assert [run(state_dir=["cache"]) for _ in range(3)] == ["0", "2", "1"]


def test_a_file_that_came_with_the_source_is_that_of_the_last_run(release, run):
    release(last_id="41")
    assert run("last_id", state_dir=["last_id"]) == "42"

    release(COUNTER + "# changed", last_id="7")

    assert run("last_id", state_dir=["last_id"]) == "43"


def test_true_keeps_the_folder_that_a_variable_names(release, run):
    release(
        "import os, pathlib; place = pathlib.Path(os.environ['DAYBREAK_STATE_DIR'], 'seen')\n"
        "print(place.exists()); place.touch()"
    )

    assert [run(state_dir=True) for _ in range(2)] == ["False", "True"]


def test_without_state_dir_nothing_is_kept(release, run):
    release()

    assert [run("last_id") for _ in range(2)] == ["1", "1"]


def test_a_failed_run_leaves_what_was_remembered(release, run):
    release()
    run("last_id", state_dir=["last_id"])

    with pytest.raises(ScriptFailedError):
        run("last_id", "1", state_dir=["last_id"])

    assert run("last_id", state_dir=["last_id"]) == "2"


def test_of_two_runs_at_once_neither_forgets(release, run, tmp_path):
    release(
        f"import pathlib, time\n{COUNTER.replace('print(count)', 'print(count); time.sleep(0.5)')}"
        f"pathlib.Path({str(tmp_path)!r}, str(count)).touch()"
    )
    runs = [
        threading.Thread(target=run, args=("last_id",), kwargs={"state_dir": ["last_id"]}) for _ in range(3)
    ]

    for each in runs:
        each.start()
    for each in runs:
        each.join()

    assert run("last_id", state_dir=["last_id"]) == "4"


def test_workers_with_a_store_share_it(release, run, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASE_STORE", (tmp_path / "store").as_uri())
    release()
    assert run("last_id", state_dir=["last_id"]) == "1"

    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(tmp_path / "another"))

    assert run("last_id", state_dir=["last_id"]) == "2"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may run as another user")
def test_another_user_has_it_too(release, run, public, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DAYBREAK__RELEASES", str(public / "releases"))
    release(python="/usr/bin/python3")  # the tests' own may lie in root's home

    assert [run("cache/id", state_dir=["cache"], run_as="nobody") for _ in range(2)] == ["1", "2"]


def test_a_link_that_a_script_leaves_is_not_followed(release, run, tmp_path):
    (tmp_path / "secret").write_text("hunter2")
    release(f"import os; os.symlink({str(tmp_path / 'secret')!r}, 'last_id')")

    run(state_dir=["last_id"])

    with tarfile.open(tmp_path / "releases" / "daily" / "shared" / "state.tar") as kept:
        assert kept.getnames() == []


def test_it_is_for_its_owner_alone(release, run, tmp_path):
    release()
    run("last_id", state_dir=["last_id"])

    place = tmp_path / "releases" / "daily" / "shared" / "state.tar"
    assert place.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "given", [["../x"], ["/etc/passwd"], [""], ["a//b"], [3], "last_id", [], [".env"], ["."]]
)
def test_what_leads_elsewhere_is_refused(release, run, given):
    release()

    with pytest.raises(AirflowFailException, match="state_dir"):
        run("last_id", state_dir=given)


def kept(*members, kind=tarfile.PAX_FORMAT):
    """Return what a store may hold in place of what a script left: members are a name, or more of a header."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=kind) as archive:
        for name, fields in members:
            header = tarfile.TarInfo(name)
            data = fields.pop("data", b"")
            header.size = len(data)
            for field, value in fields.items():
                setattr(header, field, value)
            archive.addfile(header, io.BytesIO(data))
    return content.getvalue()


def claiming(size, kind=tarfile.REGTYPE):
    header = tarfile.TarInfo("cache/x")
    header.type, header.size = kind, size
    return header.tobuf(tarfile.GNU_FORMAT) + b"x" * 1024


HOSTILE = {
    "above": kept(("../../escaped", {})),
    "above by a part": kept(("cache/../../escaped", {})),
    "absolute": kept(("/escaped", {})),
    "another file of the source": kept(("report.py", {"data": b"print('evil')"})),
    "beside a folder that is kept": kept(("cached/x", {})),
    "in the environment": kept((".env", {"data": b"PASSWORD=x"})),
    "the folder itself": kept(("cache/", {})),
    "a part that is empty": kept(("cache//x", {})),
    "a part that is a dot": kept(("cache/./x", {})),
    "twice": kept(("cache/x", {"data": b"1"}), ("cache/x", {"data": b"2"})),
    "a file below a file": kept(("cache/x", {"data": b"1"}), ("cache/x/y", {"data": b"2"})),
    "a file in place of a folder": kept(("cache/x/y", {"data": b"1"}), ("cache/x", {"data": b"2"})),
    "a name that no disk takes": kept(("cache/" + "x" * 300, {})),
    "a path that no disk takes": kept(("cache/" + "x/" * 3000 + "y", {})),
    "a nul in a name": kept(("cache/x", {"pax_headers": {"path": "cache/a\0b"}})),
    "a path by pax": kept(("cache/x", {"pax_headers": {"path": "../../escaped"}})),
    "a symbolic link": kept(("cache/x", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})),
    "a symbolic link to a folder": kept(
        ("cache", {"type": tarfile.SYMTYPE, "linkname": "/tmp"}), ("cache/escaped", {"data": b"x"})
    ),
    "a hard link": kept(("cache/x", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"})),
    "a device": kept(("cache/x", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5})),
    "a pipe": kept(("cache/x", {"type": tarfile.FIFOTYPE})),
    "a folder": kept(("cache/x", {"type": tarfile.DIRTYPE})),
    "a contiguous file": kept(("cache/x", {"type": tarfile.CONTTYPE})),
    "a sparse file of an exbibyte": kept(
        (
            "cache/x",
            {
                "pax_headers": {
                    "GNU.sparse.map": "0,1",
                    "GNU.sparse.size": str(2**60),
                    "GNU.sparse.numblocks": "1",
                }
            },
        )
    ),
    "a size that is none": kept(("cache/x", {"pax_headers": {"size": "many"}})),
    "a size below nought": kept(("cache/x", {"pax_headers": {"size": "-1"}})),
    "a claim of eight exbibytes": claiming(2**62),
    "a claim of less than nothing": claiming(-1),
    "a claim of more than follows": claiming(9_000),
    "an extension of four gibibytes": claiming(2**32, tarfile.XHDTYPE),
    "a long name of four gibibytes": claiming(2**32, tarfile.GNUTYPE_LONGNAME),
    "headers for headers": claiming(512, tarfile.XHDTYPE)[:512] + claiming(0, tarfile.XHDTYPE)[:512] * 2_000,
    "compressed": gzip.compress(kept(("cache/x", {}))),
    "no tar": b"no tar",
}


@pytest.fixture(scope="module")
def restored(tmp_path_factory):
    """Return a function that puts what a store holds into a working directory, and returns that."""

    def restore(content, paths=("cache",)):
        folder = tmp_path_factory.mktemp("kept")
        layout = Layout(folder / "releases", "daily")
        place = State(layout, paths).place
        place.parent.mkdir(parents=True)
        place.write_bytes(content)
        work = folder / "above" / "work"
        work.mkdir(parents=True)
        descriptor = os.open(work, os.O_RDONLY)
        try:
            State(layout, paths).restore(descriptor, None)
        finally:
            os.close(descriptor)
            assert [path.name for path in (folder / "above").iterdir()] == ["work"]
        return work

    return restore


@pytest.mark.attack("hostile archives")
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_somebody_else_put_there_is_refused(restored, content):
    with pytest.raises(StateError, match="none of the script's|it is damaged|in it twice|more than 64 MiB"):
        restored(content)


def test_more_than_a_script_may_leave_is_not_read_into_memory(restored):
    much = {f"cache/{number}": 20 << 20 for number in range(4)}
    content = b"".join(header(name, size).tobuf() + b"\0" * size for name, size in much.items())

    with pytest.raises(StateError, match="with 'cache/3' it is more than 64 MiB"):
        restored(content + b"\0" * 1024)


def header(name, size):
    made = tarfile.TarInfo(name)
    made.size = size
    return made


def test_no_bit_of_a_mode_is_taken_but_that_of_a_program(restored):
    work = restored(kept(("cache/x", {"mode": 0o6777}), ("cache/y", {"mode": 0o644})))

    assert [(work / "cache" / name).stat().st_mode & 0o7777 for name in "xy"] == [0o700, 0o600]


def test_a_damaged_file_is_an_error_that_says_how_to_begin_anew(release, run, tmp_path):
    release()
    (tmp_path / "releases" / "daily" / "shared" / "state.tar").write_bytes(b"no tar")

    with pytest.raises(AirflowFailException, match="it is damaged.*remove that file"):
        run("last_id", state_dir=["last_id"])


def test_too_much_is_refused_and_what_was_remembered_stays(release, run):
    release()
    run("last_id", state_dir=["last_id", "big"])
    release("open('big', 'wb').truncate(70_000_000)")

    with pytest.raises(AirflowFailException, match="with 'big' it is more than 64 MiB"):
        run(state_dir=["last_id", "big"])

    release()
    assert run("last_id", state_dir=["last_id", "big"]) == "2"


def test_a_run_that_waits_for_another_says_so(release, run, tmp_path, caplog):
    caplog.set_level("INFO")
    release(
        "import pathlib, time\nwhile not pathlib.Path(__import__('sys').argv[1]).exists(): time.sleep(0.02)"
    )
    runs = [
        threading.Thread(target=run, args=(str(tmp_path / "go"),), kwargs={"state_dir": True}) for _ in range(2)
    ]
    for each in runs:
        each.start()

    until(lambda: "waiting for its end" in caplog.text)
    (tmp_path / "go").touch()
    for each in runs:
        each.join()
