from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from airflow_provider_daybreak.containers.outputs import Budget, CopyLimits, unpack
from airflow_provider_daybreak.exceptions import ContainerOutputError

LIMITS = CopyLimits(files=10, bytes=1000)


def member(name, kind=tarfile.REGTYPE, content=b"", **fields):
    header = tarfile.TarInfo(name)
    header.type, header.size = kind, len(content)
    for field, value in fields.items():
        setattr(header, field, value)
    return header, content


def tar_of(*members, kind=tarfile.PAX_FORMAT, headers=None):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind, pax_headers=headers) as tar:
        for header, content in members:
            tar.addfile(header, io.BytesIO(content) if content else None)
    return buffer.getvalue()


class Kept(dict):
    """A store in memory that notes every name it was asked to keep."""

    def __call__(self, name, stream):
        self[name] = stream.read()
        return {"uri": f"memory://{name}", "sha256": "", "bytes": len(self[name])}


def take(tar, path="/out/report.pdf", name="pdf", limits=LIMITS, chunk=100):
    kept = Kept()
    chunks = (tar[start : start + chunk] for start in range(0, len(tar), chunk))
    return unpack(name, path, chunks, Budget(limits), kept), kept


def test_a_file_goes_to_the_store_by_its_own_name():
    stored, kept = take(tar_of(member("report.pdf", content=b"%PDF")))

    assert stored == {"pdf": {"uri": "memory://report.pdf", "sha256": "", "bytes": 4}}
    assert kept == {"report.pdf": b"%PDF"}


@pytest.mark.parametrize(("name", "kept_as"), [("pdf", "report.pdf"), ("almanac.pdf", "almanac.pdf")])
def test_a_file_is_kept_as_its_output_is_called_or_as_it_was_written(name, kept_as):
    _, kept = take(tar_of(member("report.pdf", content=b"x")), name=name)

    assert list(kept) == [kept_as]


def test_a_folder_gives_each_of_its_files():
    tar = tar_of(
        member("charts", tarfile.DIRTYPE),
        member("charts/a.png", content=b"a"),
        member("charts/deep/b.png", content=b"bc"),
    )

    stored, kept = take(tar, path="/out/charts", name="charts")

    assert list(stored) == ["charts/a.png", "charts/deep/b.png"]
    assert kept == {"a.png": b"a", "b.png": b"bc"}


def test_a_folder_without_files_is_an_error():
    with pytest.raises(
        ContainerOutputError, match="Cannot take output 'pdf' from '/out/report.pdf': the folder"
    ):
        take(tar_of(member("report.pdf", tarfile.DIRTYPE)))


def pax(name, **headers):
    header, content = member(name, content=b"x")
    header.pax_headers = headers
    return tar_of((header, content))


def claims(size, kind=tarfile.REGTYPE):
    """Return a tar whose only header claims a size that nothing follows up."""
    header = tarfile.TarInfo("report.pdf")
    header.type, header.size = kind, size
    return header.tobuf(tarfile.GNU_FORMAT) + b"x" * 600


def broken(offset, value):
    """Return a tar with a byte of its header changed."""
    tar = bytearray(tar_of(member("report.pdf", content=b"x")))
    tar[offset] = value
    return bytes(tar)


def ustar(name, prefix):
    """Return a tar whose header has the front of the name in a field of its own."""
    header = bytearray(member(name, content=b"x")[0].tobuf(tarfile.USTAR_FORMAT))
    header[345 : 345 + len(prefix)] = prefix
    return summed(header) + b"x".ljust(512, b"\0") + b"\0" * 1024


def summed(header):
    """Return a header with the sum that it should have."""
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def base256(size):
    """Return a tar that says its file's size as GNU's does where octal digits don't reach."""
    header = bytearray(member("report.pdf")[0].tobuf(tarfile.USTAR_FORMAT))
    header[124:136] = (size & (2**96 - 1) | (1 << 95)).to_bytes(12, "big")
    return summed(header) + b"x" * 1024


def raw_pax(record):
    """Return a tar whose extended header is that record."""
    header = member("x", tarfile.XHDTYPE)[0]
    header.size = len(record)
    return header.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0") + GOOD


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


GOOD = tar_of(member("report.pdf", content=b"x"))
HOSTILE = {
    "symlink": tar_of(member("report.pdf", tarfile.SYMTYPE, linkname="/etc/passwd")),
    "relative symlink": tar_of(member("report.pdf", tarfile.SYMTYPE, linkname="../../etc/passwd")),
    "hard link": tar_of(member("report.pdf", tarfile.LNKTYPE, linkname="/etc/passwd")),
    "hard link in a folder": tar_of(
        member("d", tarfile.DIRTYPE),
        member("d/a", content=b"x"),
        member("d/b", tarfile.LNKTYPE, linkname="d/a"),
    ),
    "link, then a file through it": tar_of(
        member("d", tarfile.SYMTYPE, linkname="/tmp"), member("d/owned", content=b"x")
    ),
    "character device": tar_of(member("report.pdf", tarfile.CHRTYPE, devmajor=1, devminor=5)),
    "block device": tar_of(member("report.pdf", tarfile.BLKTYPE, devmajor=8, devminor=0)),
    "pipe": tar_of(member("report.pdf", tarfile.FIFOTYPE)),
    "contiguous file": tar_of(member("report.pdf", tarfile.CONTTYPE)),
    "unknown kind": tar_of(member("report.pdf", b"Z")),
    "gnu sparse file": tar_of(member("report.pdf", tarfile.GNUTYPE_SPARSE)),
    "gnu dumpdir": tar_of(member("report.pdf", b"D")),
    "volume header": tar_of(member("report.pdf", b"V")),
    "multi-volume": tar_of(member("report.pdf", b"M")),
    "absolute path": tar_of(member("/etc/cron.d/x", content=b"x")),
    "climbs out": tar_of(member("../x", content=b"x")),
    "climbs out in a folder": tar_of(member("d", tarfile.DIRTYPE), member("d/../../x", content=b"x")),
    "climbs out by pax": pax("report.pdf", path="../../etc/passwd"),
    "absolute by pax": pax("report.pdf", path="/etc/passwd"),
    "link by pax": tar_of(member("a", tarfile.SYMTYPE, pax_headers={"linkpath": "/etc/passwd"})),
    "only dots": tar_of(member("..", tarfile.DIRTYPE)),
    "newline in the name": tar_of(member("a\nb", content=b"x")),
    "escape in the name": tar_of(member("a\x1b[2Jb", content=b"x")),
    "backslashes": tar_of(member("..\\..\\x", content=b"x")),
    "very long name": tar_of(member("x" * 5000, content=b"x")),
    "very long gnu name": tar_of(member("x" * 5000, content=b"x"), kind=tarfile.GNU_FORMAT),
    "same name twice": tar_of(member("d/a", content=b"x"), member("d/a", content=b"y")),
    "too many files": tar_of(*(member(f"d/{number}", content=b"x") for number in range(11))),
    "too many folders": tar_of(*(member(f"d/{number}", tarfile.DIRTYPE) for number in range(1100))),
    "too large": tar_of(member("report.pdf", content=b"x" * 1001)),
    "too large together": tar_of(*(member(f"d/{number}", content=b"x" * 400) for number in range(3))),
    "claims 8 EiB": claims(2**62),
    "claims less than nothing": claims(-1),
    "claims more than follows": claims(900),
    "pax header of 4 GiB": claims(2**32, tarfile.XHDTYPE),
    "global pax header of 4 GiB": claims(2**32, tarfile.XGLTYPE),
    "long name of 4 GiB": claims(2**32, tarfile.GNUTYPE_LONGNAME),
    "long link of 4 GiB": claims(2**32, tarfile.GNUTYPE_LONGLINK),
    "pax size that is none": pax("report.pdf", size="many"),
    "pax size below zero": pax("report.pdf", size="-1"),
    "pax sparse map": pax("report.pdf", **{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}),
    "pax sparse size": pax(
        "report.pdf",
        **{"GNU.sparse.map": "0,1", "GNU.sparse.size": str(2**62), "GNU.sparse.numblocks": "1"},
    ),
    "headers for headers": claims(512, tarfile.XHDTYPE)[:512] + (claims(0, tarfile.XHDTYPE)[:512] * 2000),
    "wrong checksum": broken(148, ord("7")),
    "garbage": b"\xff" * 2048,
    "zeros": b"\0" * 10240,
    "nothing": b"",
    "cut in the header": GOOD[:300],
    "cut in the content": tar_of(member("report.pdf", content=b"x" * 900))[:900],
    "compressed": gzip.compress(GOOD),
    "compressed with bzip2": bz2.compress(GOOD),
    "compressed with xz": lzma.compress(GOOD),
    "a bomb that is compressed": gzip.compress(tar_of(member("report.pdf", content=b"\0" * 10**6))),
    "a zip": zipped({"report.pdf": b"x"}),
    "a zip behind a tar": tar_of(member("d", tarfile.DIRTYPE)) + zipped({"../x": b"x"}),
    "climbs out by a prefix": ustar("etc/passwd", prefix=b"../.."),
    "absolute by a prefix": ustar("passwd", prefix=b"/etc"),
    "climbs out by a long gnu name": tar_of(
        member("../" * 40 + "etc/passwd", content=b"x"), kind=tarfile.GNU_FORMAT
    ),
    "a folder that climbs out": tar_of(member("d/../..", tarfile.DIRTYPE), member("d/x", content=b"x")),
    "a device in a folder": tar_of(
        member("d", tarfile.DIRTYPE), member("d/null", tarfile.CHRTYPE, devmajor=1, devminor=3)
    ),
    "a pipe in a folder": tar_of(member("d", tarfile.DIRTYPE), member("d/x", tarfile.FIFOTYPE)),
    "a link to a folder above, then its file": tar_of(
        member("d", tarfile.DIRTYPE),
        member("d/up", tarfile.SYMTYPE, linkname=".."),
        member("d/up/x", content=b"x"),
    ),
    "a hard link to itself": tar_of(member("report.pdf", tarfile.LNKTYPE, linkname="report.pdf")),
    "a hard link by pax": tar_of(member("a", tarfile.LNKTYPE, pax_headers={"linkpath": "../../etc/shadow"})),
    "a link with content": tar_of(member("report.pdf", tarfile.SYMTYPE, b"x" * 600, linkname="x")),
    "a file, then a folder of its name": tar_of(
        member("d/a", content=b"x"), member("d/a/b", tarfile.DIRTYPE), member("d/a", content=b"y")
    ),
    "the same name with a dot": tar_of(member("d/a", content=b"x"), member("d/./a", content=b"y")),
    "the same name with two slashes": tar_of(member("d/a", content=b"x"), member("d//a", content=b"y")),
    "the same name in a folder of another": tar_of(member("d/a", content=b"x"), member("e/a", content=b"y")),
    "a name of right to left": tar_of(member("d/\u202efdp.exe", content=b"x")),
    "a name with a line separator": tar_of(member("d/a\u2028b", content=b"x")),
    "a name that is no text": tar_of(member("d/\udcff", content=b"x")),
    "an empty name by pax": pax("report.pdf", path=""),
    "a name of spaces and a nul by pax": pax("report.pdf", path=" \0../x"),
    "a global path for all": tar_of(member("d/a", content=b"x"), headers={"path": "../../x"}),
    "a global size for all": tar_of(member("report.pdf", content=b"x"), headers={"size": "900"}),
    "a pax size that is a fraction": pax("report.pdf", size="1.5"),
    "a pax size of digits that are none of ASCII": pax("report.pdf", size="\u0661\u0660"),
    "a pax record that is longer than it says": raw_pax(b"5 path=../../etc/passwd\n"),
    "a pax record without end": raw_pax(b"99 path=x\n"),
    "a pax record of length nought": raw_pax(b"0 path=x\n"),
    "a pax sparse file of version 1": pax(
        "report.pdf", **{"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "../x"}
    ),
    "a pax sparse name": pax(
        "report.pdf",
        **{
            "GNU.sparse.name": "../../x",
            "GNU.sparse.realsize": str(2**60),
            "GNU.sparse.major": "0",
            "GNU.sparse.minor": "1",
        },
    ),
    "a size in base 256": base256(2**40),
    "a size below nought in base 256": base256(-(2**40)),
    "a size that is no number": broken(124, ord("x")),
    "a tar in a tar that is cut": tar_of(member("report.pdf", content=GOOD[:900]))[:1000],
    "ten thousand empty headers": tar_of(*(member("d", tarfile.DIRTYPE) for _ in range(10_000))),
}


@pytest.mark.attack("hostile archives")
@pytest.mark.parametrize("tar", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_archive_is_refused(tar, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = Kept()
    chunks = (tar[start : start + 100] for start in range(0, len(tar), 100))

    with pytest.raises(ContainerOutputError, match="Cannot take output 'pdf' from '/out/x'"):
        unpack("pdf", "/out/x", chunks, Budget(LIMITS), kept)

    assert list(tmp_path.iterdir()) == []
    assert not any("/" in name or name in (".", "..") for name in kept)


ODD = {
    "a pax size that is smaller": pax("report.pdf", size="0"),
    "a pax record of no length": raw_pax(b"path=x\n"),
    "a pax record below nought": raw_pax(b"-9 path=x\n"),
    "a checksum of spaces": broken(148, ord(" ")),
}


@pytest.mark.attack("hostile archives")
@pytest.mark.parametrize("tar", ODD.values(), ids=ODD.keys())
def test_of_an_odd_archive_nothing_is_taken_but_the_file_that_was_asked_for(tar):
    if not tarfile.is_tarfile(io.BytesIO(tar)):  # as newer versions of Python say of records of no length
        with pytest.raises(ContainerOutputError, match="no tar"):
            take(tar)
        return

    _, kept = take(tar)

    assert list(kept) == ["report.pdf"]
    assert kept["report.pdf"] in (b"x", b"")


def test_an_engine_that_sends_without_end_is_cut_off():
    def endless():
        while True:
            yield member("x/", tarfile.DIRTYPE)[0].tobuf()

    with pytest.raises(ContainerOutputError, match="more than 1 files in all"):
        unpack("pdf", "/out/x", endless(), Budget(CopyLimits(files=1, bytes=1000)), Kept())
