from __future__ import annotations

import io
import os
import tarfile

import pytest

from airflow_provider_daybreak.containers.image import ImageBuild, _follow_build
from airflow_provider_daybreak.exceptions import ImageBuildError


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "PDF maker"
    (folder / "sub").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    (folder / "sub" / "run.sh").write_text("echo\n")
    return folder


def names(build):
    with tarfile.open(fileobj=io.BytesIO(build.context())) as tar:
        return set(tar.getnames())


def tag(folder, **how):
    build = ImageBuild(folder, **how)
    return build.tag(build.context())


def test_the_tag_says_what_is_built_not_where_or_when(folder, tmp_path):
    first = tag(folder)
    folder.rename(tmp_path / "elsewhere").rename(folder)
    os.utime(folder / "Dockerfile", (1, 1))
    (folder / "__pycache__").mkdir()

    assert tag(folder) == first
    assert first.startswith("daybreak/pdf-maker:")


@pytest.mark.parametrize("how", [{"args": {"a": "1"}}, {"target": "base"}, {"dockerfile": "sub/run.sh"}])
def test_how_it_is_built_changes_the_tag(folder, how):
    assert tag(folder, **how) != tag(folder)


def test_the_network_of_the_build_does_not_change_the_tag(folder):
    assert tag(folder, network="host") == tag(folder)


def test_content_modes_and_names_change_the_tag(folder):
    tags = {tag(folder)}
    (folder / "sub" / "run.sh").chmod(0o755)
    tags.add(tag(folder))
    (folder / "sub" / "run.sh").write_text("echo 2\n")
    tags.add(tag(folder))
    (folder / "sub" / "run.sh").rename(folder / "sub" / "start.sh")
    tags.add(tag(folder))

    assert len(tags) == 4


def test_secrets_and_history_never_reach_the_engine(folder):
    for name in (
        ".env",
        "sub/.env",
        "sub/.env.local",
        ".git/config",
        "sub/.git/config",
        "sub/__pycache__/a.pyc",
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("secret")
    (folder / ".dockerignore").write_text("# even when it is asked for\n!**/.env\n!.git\nnothing\n")

    assert names(ImageBuild(folder)) == {"Dockerfile", ".dockerignore", "sub", "sub/run.sh"}


def test_a_dockerignore_is_respected(folder):
    (folder / ".dockerignore").write_text("sub\n")

    assert names(ImageBuild(folder)) == {"Dockerfile", ".dockerignore"}


def test_what_is_no_content_is_left_out(folder):
    os.mkfifo(folder / "pipe")
    os.link(folder / "sub" / "run.sh", folder / "sub" / "same.sh")

    assert names(ImageBuild(folder)) == {"Dockerfile", "sub", "sub/run.sh", "sub/same.sh"}


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ImageBuildError, match="Cannot build an image from '.*gone': there is no such folder"):
        ImageBuild(tmp_path / "gone").context()


def test_a_folder_without_a_dockerfile_is_an_error(tmp_path):
    with pytest.raises(ImageBuildError, match="it holds no 'Dockerfile'. Add one, or name it"):
        ImageBuild(tmp_path).context()


def test_a_step_that_fails_is_named_with_what_it_said():
    items = [
        {"stream": "Step 1/2 : FROM scratch\n"},
        {"stream": "Step 2/2 : RUN false\n"},
        {"stream": "no such thing\n"},
        {"error": "returned a non-zero code: 1"},
    ]

    with pytest.raises(ImageBuildError) as raised:
        _follow_build(ImageBuild("/src/app"), items)

    assert str(raised.value) == (
        "Cannot build an image from '/src/app' at 'Step 2/2 : RUN false': returned a non-zero code: 1\n"
        "The last it said:\nno such thing"
    )
