"""Images built from a folder."""

from __future__ import annotations

import uuid

import pytest

from airflow_provider_daybreak.exceptions import ImageBuildError, ImagePullError

pytestmark = pytest.mark.engine


@pytest.fixture
def folder(tmp_path, engine):
    folder = tmp_path / f"test-{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM python:3.12-slim\nCOPY . /app\n")
    (folder / "hello.txt").write_text("hello\n")
    yield folder
    for image in engine.images(name=f"daybreak/{folder.name}"):
        engine.remove_image(image["Id"], force=True)


def test_a_folder_becomes_an_image_once(run, engine, folder):
    first = run("cat /app/hello.txt", image="", build=folder)
    second = run("cat /app/hello.txt", image="", build=str(folder))

    assert first["last_line"] == "hello"
    assert second["image"] == first["image"]
    assert len(engine.images(name=f"daybreak/{folder.name}")) == 1


def test_a_changed_folder_becomes_another_image(run, folder):
    first = run("cat /app/hello.txt", image="", build=folder)
    (folder / "hello.txt").write_text("bye\n")
    second = run("cat /app/hello.txt", image="", build=folder)

    assert second["image"] != first["image"]
    assert second["last_line"] == "bye"


def test_a_step_that_fails_is_named(run, folder):
    (folder / "Dockerfile").write_text("FROM python:3.12-slim\nRUN echo looking; ls /no-such-folder\n")

    with pytest.raises(ImageBuildError) as raised:
        run("true", image="", build=folder)

    assert "at 'Step 2/3 : RUN echo looking; ls /no-such-folder'" in str(raised.value)
    assert "cannot access '/no-such-folder'" in str(raised.value)


def test_a_dockerfile_that_can_not_be_parsed_is_an_error(run, folder):
    (folder / "Dockerfile").write_text("FORM python\n")

    with pytest.raises(ImageBuildError, match="unknown instruction: FORM"):
        run("true", image="", build=folder)


def test_an_image_that_does_not_exist_is_an_error(run):
    with pytest.raises(ImagePullError, match="Cannot pull image '127.0.0.1:1/no/such:image': "):
        run("true", image="127.0.0.1:1/no/such:image")
