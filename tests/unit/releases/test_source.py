from __future__ import annotations

import os

import pytest

from airflow_provider_daybreak.exceptions import (
    NoScriptError,
    SourceChangedError,
    SourceLinkError,
    SourceTooLargeError,
    SourceUnreadableError,
)
from airflow_provider_daybreak.releases import source as sources
from airflow_provider_daybreak.releases.files import protect_source
from airflow_provider_daybreak.releases.source import copy_files, read_source


def test_a_folder_is_deployed_without_caches_environments_and_dotenv(folder):
    source = folder(report_py="", data__names_txt="a")
    for name in (".git/HEAD", "__pycache__/report.pyc", ".env", "env/pyvenv.cfg", "env/bin/python"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()

    assert [file["path"] for file in read_source(source).files] == ["data/names.txt", "report.py"]


def test_a_single_script_is_deployed_alone(folder):
    source = folder(report_py="", other_py="")

    assert [file["path"] for file in read_source(source / "report.py").files] == ["report.py"]


def test_the_digest_is_of_names_contents_and_modes_but_not_of_times(folder):
    source = folder(report_py="a")
    first = read_source(source).digest
    os.utime(source / "report.py", (1, 1))
    assert read_source(source).digest == first

    (source / "report.py").chmod(0o755)
    executable = read_source(source).digest
    folder(report_py="b")

    assert len({first, executable, read_source(source).digest}) == 3


def test_a_copy_has_the_same_digest(folder, tmp_path):
    source = folder(report_py="a", lib__a_py="b")
    (source / "latest.py").symlink_to("lib/a.py")
    (source / "lib" / "logs" / "old").mkdir(parents=True)

    read = read_source(source)
    copy_files(read.files, tmp_path / "copy", read.read)

    assert read_source(tmp_path / "copy").digest == read_source(source).digest
    assert (tmp_path / "copy" / "latest.py").read_text() == "b"
    assert (tmp_path / "copy" / "lib" / "logs" / "old").is_dir()


def test_a_missing_source_is_an_error(tmp_path):
    with pytest.raises(SourceUnreadableError, match="there is no such file or folder"):
        read_source(tmp_path / "nowhere")


def test_a_source_without_a_script_is_an_error(folder):
    with pytest.raises(NoScriptError, match="expected a .py, .sh or .ipynb file in it"):
        read_source(folder(readme_txt=""))


@pytest.mark.parametrize("target", ["../outside.py", "/etc/hostname"])
def test_a_link_that_leaves_the_source_is_an_error(folder, tmp_path, target):
    (tmp_path / "outside.py").touch()
    source = folder(report_py="")
    (source / "link.py").symlink_to(target)

    with pytest.raises(SourceLinkError, match="outside of the source") as caught:
        read_source(source)

    assert caught.value.target == target


def test_a_source_with_data_in_it_is_an_error_before_it_is_read(folder):
    source = folder(report_py="")
    os.truncate(source / "report.py", 0)
    with (source / "data.bin").open("wb") as file:
        file.truncate(4 * 1024**3)  # sparse: reading it would take seconds

    with pytest.raises(SourceTooLargeError, match="holds 4,096 MiB: at most 256 MiB are deployed"):
        read_source(source)


def test_too_many_files_are_an_error(folder, monkeypatch):
    monkeypatch.setattr(sources, "MAX_FILES", 1)

    with pytest.raises(SourceTooLargeError, match="holds 2 files: at most 1 files"):
        read_source(folder(report_py="", lib_py=""))


def test_a_file_that_changes_meanwhile_is_an_error(folder, tmp_path):
    read = read_source(folder(report_py="a"))
    folder(report_py="b")

    with pytest.raises(SourceChangedError, match=r"'report.py' changed while it was deployed"):
        copy_files(read.files, tmp_path / "copy", read.read)


def test_a_pipe_in_the_source_is_an_error(folder):
    os.mkfifo(folder(report_py="") / "pipe")

    with pytest.raises(SourceUnreadableError, match="neither a file nor a folder"):
        read_source(folder())


def test_what_not_everybody_may_read_stays_so_in_a_copy(folder, tmp_path):
    source = folder(report_py="a", config_txt="b", shared_txt="c")
    (source / "config.txt").chmod(0o600)
    (source / "shared.txt").chmod(0o640)
    before = read_source(source)

    copy_files(before.files, tmp_path / "copy", before.read)
    protect_source(tmp_path / "copy")

    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "copy").iterdir()}
    assert modes == {"report.py": 0o444, "config.txt": 0o400, "shared.txt": 0o400}
    (source / "config.txt").chmod(0o644)
    assert read_source(source).digest != before.digest
