"""A packed environment is unpacked as it was, and an archive that is not what was said of it is refused."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import os
import tarfile
from dataclasses import replace

import pytest

from airflow_provider_daybreak.exceptions import PackedEnvironmentError
from airflow_provider_daybreak.releases.environments.packed import Packed, fits, pack, problem_of, unpack

MODULE = "lib/python3.12/site-packages/thing/__init__.py"
RECORD = "lib/python3.12/site-packages/thing-1.dist-info/RECORD"


def digest(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def skeleton(folder):
    """Make what uv makes of an empty environment."""
    for inside in ("bin", "lib/python3.12/site-packages"):
        (folder / inside).mkdir(parents=True)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (folder / "bin" / "python").symlink_to("/usr/bin/python3")
    (folder / "bin" / "activate").write_text(f"VIRTUAL_ENV={folder}\n")
    (folder / "lib64").symlink_to("lib")
    return folder


@pytest.fixture
def made(tmp_path):
    """Return an environment with a module, its bytecode, a script and a program, and its RECORD."""
    folder = skeleton(tmp_path / "made")
    script = f"#!{folder}/bin/python\nprint('thing')\n".encode()
    program = b"\x7fELF\0" + str(folder).encode()
    for name, data in ((MODULE, b"__version__ = '1'\n"), ("bin/thing", script), ("bin/program", b"\x7fELF\0")):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "bin" / "thing").chmod(0o555)
    cache = (folder / MODULE).parent / "__pycache__"
    cache.mkdir()
    (cache / "__init__.cpython-312.pyc").write_bytes(program)
    (folder / RECORD).parent.mkdir()
    (folder / RECORD).write_text(
        f"thing/__init__.py,sha256={digest(b'__version__ = ' + b'1')},17\n"
        f"../../../bin/thing,sha256={digest(script)},{len(script)}\n"
    )
    os.utime(folder / MODULE, (1_700_000_000, 1_700_000_000.75))
    return folder


@pytest.fixture
def packed(made, tmp_path):
    """Return what is said of the environment, and its archive."""
    archive = tmp_path / "made.tar.gz"
    with archive.open("wb") as file:
        facts = {**pack(made, file), "imports": {}, "modules": []}
    return Packed(facts, lambda: archive.open("rb"), "the store's"), archive


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def test_files_are_as_they_were_with_the_second_that_bytecode_knows_its_source_by(packed, made, tmp_path):
    about, archive = packed
    other = skeleton(tmp_path / "other")
    unpack(replace(about, facts={**about.facts, "folder": str(other)}), other)

    assert problem_of(about.facts) == ""
    assert about.facts["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert files_of(other).keys() == files_of(made).keys()
    for name in files_of(made).keys() - {"bin/activate"}:
        assert (other / name).read_bytes() == (made / name).read_bytes()
    assert (other / MODULE).stat().st_mtime == 1_700_000_000
    assert (other / MODULE).stat().st_mode & 0o777 == 0o444
    assert (other / "bin" / "thing").stat().st_mode & 0o777 == 0o555
    assert (other / "bin" / "activate").read_text() == f"VIRTUAL_ENV={other}\n"  # uv's own, of that place


def test_scripts_name_the_folder_that_they_are_unpacked_into_and_their_record_knows(packed, tmp_path):
    about, _ = packed
    other = skeleton(tmp_path / "another place")

    unpack(about, other)

    script = (other / "bin" / "thing").read_bytes()
    assert script == f"#!{other}/bin/python\nprint('thing')\n".encode()
    assert f"../../../bin/thing,sha256={digest(script)},{len(script)}\n" in (other / RECORD).read_text()


@pytest.mark.parametrize(
    ("name", "fitting"),
    [("environments/other", True), ("with space", False), ("ümlaut", False), ("deep/" + "x" * 120, False)],
)
def test_a_folder_that_a_scripts_first_line_cannot_name_takes_no_packed_environment(
    packed, tmp_path, name, fitting
):
    assert fits(packed[0], tmp_path / "made")
    facts = {**packed[0].facts, "folder": "/srv/made"}
    assert fits(replace(packed[0], facts=facts), type(tmp_path)("/srv") / name) is fitting


def archive_of(path, *members):
    """Write an archive of members, each a name, a content and fields of their own."""
    with tarfile.open(path, "w:gz") as tar:
        for name, data, fields in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            for field, value in fields.items():
                setattr(member, field, value)
            tar.addfile(member, io.BytesIO(data))
    return path


def as_said(packed, archive, **said):
    """Return what is said of an archive, its digest too."""
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    facts = {**packed[0].facts, "sha256": digest, **said}
    return replace(packed[0], facts=facts, reading=lambda: archive.open("rb"))


HOSTILE = {
    "a path that leaves the folder": ("lib/../../out", {}),
    "an absolute path": ("/tmp/out", {}),
    "a file at the top": ("sitecustomize.py", {}),
    "an empty part": ("lib//x", {}),
    "a link": ("lib/x", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
    "a hard link": ("lib/x", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}),
    "a device": ("lib/x", {"type": tarfile.CHRTYPE}),
    "a folder": ("lib/x", {"type": tarfile.DIRTYPE}),
    "a pipe": ("lib/x", {"type": tarfile.FIFOTYPE}),
    "a file behind a link": ("lib64/x", {}),
    "a file in the interpreter": ("bin/python/x", {}),
    "a contiguous file": ("lib/x", {"type": tarfile.CONTTYPE}),
    "a part that is a dot": ("lib/./x", {}),
    "a name that no disk takes": ("lib/" + "x" * 300, {}),
    "a path that no disk takes": ("lib/" + "x" * 250 + "/" + "y/" * 3000 + "z", {}),
    "a path by pax": ("lib/x", {"pax_headers": {"path": "../../out"}}),
    "a nul by pax": ("lib/x", {"pax_headers": {"path": "lib/a\0b"}}),
    "a size that is none": ("lib/x", {"pax_headers": {"size": "many"}}),
    "a size below nought": ("lib/x", {"pax_headers": {"size": "-1"}}),
    "a sparse file of an exbibyte": (
        "lib/x",
        {"pax_headers": {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(2**60), "GNU.sparse.numblocks": "1"}},
    ),
}


@pytest.mark.attack("hostile archives")
@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_but_files_of_its_own_folder_is_unpacked(packed, tmp_path, name):
    path, fields = HOSTILE[name]
    archive = archive_of(tmp_path / "hostile.tar.gz", (path, b"", fields))
    other = skeleton(tmp_path / "other")
    before = sorted(files_of(other))

    with pytest.raises(PackedEnvironmentError, match=r"Cannot unpack the environment \"the store's\""):
        unpack(as_said(packed, archive, files=1, unpacked=0), other)

    assert sorted(files_of(other)) == before
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_there_twice_is_refused(packed, tmp_path):
    archive = archive_of(tmp_path / "twice.tar.gz", ("lib/x", b"1", {}), ("lib/x", b"2", {}))

    with pytest.raises(PackedEnvironmentError, match="'lib/x' is there twice"):
        unpack(as_said(packed, archive, files=2, unpacked=2), skeleton(tmp_path / "other"))


@pytest.mark.parametrize("said", [{"files": 1}, {"unpacked": 10}])
def test_no_more_is_unpacked_than_was_said(packed, tmp_path, said):
    with pytest.raises(PackedEnvironmentError, match="it holds more than was said of it"):
        unpack(as_said(packed, packed[1], **said), skeleton(tmp_path / "other"))


def test_an_archive_that_holds_less_is_refused(packed, tmp_path):
    with pytest.raises(PackedEnvironmentError, match="it holds less than was said of it"):
        unpack(as_said(packed, packed[1], files=100, unpacked=10**6), skeleton(tmp_path / "other"))


def test_an_archive_that_was_cut_or_changed_anywhere_is_refused(packed, tmp_path):
    about, archive = packed
    whole = archive.read_bytes()
    damaged = [whole[:length] for length in range(0, len(whole), max(1, len(whole) // 40))]
    damaged += [
        whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
        for at in range(10, len(whole), len(whole) // 40)
    ]
    damaged.append(gzip.compress(b"no tar"))

    for number, data in enumerate(damaged):
        archive.write_bytes(data)
        with pytest.raises(PackedEnvironmentError):
            unpack(about, skeleton(tmp_path / str(number)))


def test_an_archive_that_is_another_one_is_refused_though_it_can_be_unpacked(packed, tmp_path):
    with pytest.raises(PackedEnvironmentError, match="its content is not what was said of it"):
        unpack(as_said(packed, packed[1], sha256="0" * 64), skeleton(tmp_path / "other"))


@pytest.mark.parametrize(
    "facts", [None, [], {}, {"schema": 2}, {"sha256": "../../out"}, {"files": "many"}, {"imports": []}]
)
def test_what_says_nothing_of_a_packed_environment_has_a_problem(packed, facts):
    assert problem_of({**packed[0].facts, **facts} if isinstance(facts, dict) and facts else facts)
