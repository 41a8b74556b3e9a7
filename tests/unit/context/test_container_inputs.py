from __future__ import annotations

import hashlib
from datetime import date

import pytest

from airflow_provider_daybreak.archive import Archive, Draft, DraftFile
from airflow_provider_daybreak.containers.job import File
from airflow_provider_daybreak.containers.outputs import Budget, CopyLimits
from airflow_provider_daybreak.context.container_inputs import entries_of
from airflow_provider_daybreak.exceptions import ContainerInputError, InvalidValueError

LIMITS = CopyLimits(files=10, bytes=1000)


def contents(inputs, limits=LIMITS, archives=("file:///nowhere",)):
    entries = entries_of(inputs, archives, Budget(limits))
    return {entry.name: entry.open().read() for entry in entries}


def test_text_and_bytes_are_files():
    assert contents({"a.txt": "Übersicht", "b.bin": b"\0"}) == {"a.txt": "Übersicht".encode(), "b.bin": b"\0"}


@pytest.mark.parametrize(
    "said", [File, lambda path: File(str(path)), lambda path: File(path.as_uri()), lambda path: path]
)
def test_a_file_is_what_lies_there(tmp_path, said):
    (tmp_path / "a #1?.csv").write_text("1,2")

    assert contents({"data/figures.csv": said(tmp_path / "a #1?.csv")}) == {"data/figures.csv": b"1,2"}


@pytest.mark.parametrize(
    "text",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "file:/etc/passwd",
        "file:///srv/two words",
        "s3://bucket/key",
        "/etc/passwd",
        "~/.ssh/id_rsa",
        "./a",
        "../a",
        "/",
    ],
)
def test_a_text_that_is_an_address_is_neither_read_nor_given(text):
    with pytest.raises(
        InvalidValueError, match=r"expected File\(…\) of it, for what lies there, or for these words"
    ):
        contents({"a": text})

    assert contents({"a": text + "\n"}) == {"a": text.encode() + b"\n"}


@pytest.mark.parametrize(
    "text",
    ["https://example.org/", "see file:///etc/passwd", "/etc/passwd\n/etc/shadow", "1/2", "a / b", "/ 2"],
)
def test_any_other_text_is_a_file_of_these_words(text):
    assert contents({"a": text}) == {"a": text.encode()}


def test_an_output_that_lies_outside_of_the_archive_does_not_go_in(tmp_path):
    (tmp_path / "a").write_text("a")
    for uri in ((tmp_path / "a").as_uri(), (tmp_path / "archive").as_uri() + "/../a"):
        with pytest.raises(
            InvalidValueError, match=r"expected an output that lies in the archive .*, or File\('file://"
        ):
            contents(
                {"a": {"uri": uri, "sha256": "0" * 64, "bytes": 1}}, archives=[(tmp_path / "archive").as_uri()]
            )


def test_a_file_has_an_absolute_path():
    with pytest.raises(InvalidValueError, match="an absolute path, or of a URI"):
        contents({"a": File("etc/passwd")})


def test_the_uri_of_a_folder_is_all_of_its_files(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "a").write_text("a")
    (tmp_path / "deep" / "b").write_text("b")

    assert contents({".": File(tmp_path)}) == {"a": b"a", "deep/b": b"b"}


def test_what_a_container_returned_goes_into_the_next(tmp_path):
    (tmp_path / "report.pdf").write_bytes(b"%PDF")
    artifact = {
        "uri": (tmp_path / "report.pdf").as_uri(),
        "sha256": hashlib.sha256(b"%PDF").hexdigest(),
        "bytes": 4,
    }

    archives = ["file:///nowhere", tmp_path.as_uri()]
    assert contents({"x.pdf": artifact}, archives=archives) == {"x.pdf": b"%PDF"}
    assert contents({"all": {"outputs": {"pdf": artifact}}}, archives=archives) == {"all/pdf": b"%PDF"}


def test_a_report_goes_in_without_what_is_kept_for_the_next(tmp_path):
    files = [DraftFile("report.html", "text/html", b"<p>")]
    files.append(DraftFile("data/pay.snapshot.jsonl", "application/jsonl", b"{}", snapshot=True))
    period = {
        "name": "day",
        "start": "2026-03-29T00:00:00+00:00",
        "end": "2026-03-30T00:00:00+00:00",
        "timezone": "UTC",
    }
    archive = Archive(tmp_path)
    revision = archive.publish(Draft("daily_report", date(2026, 3, 29), period, "Pay", files, {}, {}))

    entries = entries_of({".": {"manifest": revision.uri}}, [archive.uri], Budget(LIMITS))

    assert [entry.name for entry in entries] == ["report.html"]


def test_an_input_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(
        ContainerInputError, match="Cannot put 'a' into the container: there is no file 'file:///"
    ):
        contents({"a": File(tmp_path / "gone")})


@pytest.mark.parametrize("path", ["/etc/passwd", "../a", ""])
def test_an_input_goes_nowhere_but_under_its_folder(path):
    with pytest.raises(ContainerInputError, match="expected a path"):
        contents({path: "text"})


def test_two_inputs_for_one_path_are_an_error():
    with pytest.raises(ContainerInputError, match="two inputs have this path; give one of them another"):
        contents({"a": "1", "./a": "2"})


def test_too_many_and_too_large_inputs_are_an_error():
    with pytest.raises(
        ContainerInputError, match="with it there are more than 2 files in all. Raise copy_limits"
    ):
        contents({"a": "", "b": "", "c": ""}, CopyLimits(files=2, bytes=100))
    with pytest.raises(ContainerInputError, match="with it there are more than 100 bytes in all"):
        contents({"a": "x" * 101}, CopyLimits(files=2, bytes=100))


def test_a_value_that_is_no_input_is_an_error():
    with pytest.raises(InvalidValueError, match=r"Invalid inputs\['a'\] 3: expected text, bytes, File"):
        contents({"a": 3})
