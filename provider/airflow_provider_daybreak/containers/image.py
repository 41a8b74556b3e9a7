"""Images: built from a folder under a tag that says what they were built of, or pulled when absent."""

from __future__ import annotations

import hashlib
import io
import logging
import re
import tarfile
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_daybreak.containers.engine import errors_of
from airflow_provider_daybreak.containers.identity import LABEL, digest
from airflow_provider_daybreak.containers.tarball import TIME
from airflow_provider_daybreak.exceptions import ImageBuildError, ImagePullError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from docker import APIClient

log = logging.getLogger(__name__)

_NEVER_IN_CONTEXT = re.compile(r"\.env(\..*)?|\.git|__pycache__|.*\.pyc")
"""Names that no build sees, whatever ``.dockerignore`` says: secrets, history, what differs from run to run."""

_STEP = re.compile(r"^Step \d+/\d+ : ")


@dataclass(frozen=True)
class ImageBuild:
    """
    A folder with a Dockerfile, and how to build it.

    :param folder: the build's context.
    :param dockerfile: path of the Dockerfile under the folder.
    :param args: build arguments. They stay readable in the image: no secrets.
    :param network: network of the build's RUN steps, such as ``host``; the engine's default when None.
    :param target: stage to build, the last one when None.
    """

    folder: str | Path
    dockerfile: str = "Dockerfile"
    args: Mapping[str, str] = field(default_factory=dict)
    network: str | None = None
    target: str | None = None

    @property
    def name(self) -> str:
        """The image's name without a tag: ``daybreak/`` and the folder's name."""
        slug = re.sub(r"[^a-z0-9]+", "-", Path(self.folder).resolve().name.lower()).strip("-")
        return f"daybreak/{slug or 'image'}"

    def context(self) -> bytes:
        """
        Return the build's context as a tar: the same bytes for the same content, wherever and whenever.

        :raises ImageBuildError: there is no such folder, or no such Dockerfile in it.
        """
        from docker.utils import exclude_paths

        root = Path(self.folder)
        if not root.is_dir():
            raise ImageBuildError(
                str(root), "", "there is no such folder. Name the one with the Dockerfile", ""
            )
        if not (root / self.dockerfile).is_file():
            problem = f"it holds no {self.dockerfile!r}. Add one, or name it: ImageBuild(…, dockerfile=…)"
            raise ImageBuildError(str(root), "", problem, "")
        ignore = root / ".dockerignore"
        lines = ignore.read_text().splitlines() if ignore.is_file() else []
        patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        paths = exclude_paths(str(root), patterns, dockerfile=self.dockerfile)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path in sorted(paths):
                if not any(_NEVER_IN_CONTEXT.fullmatch(part) for part in Path(path).parts):
                    _add(tar, root, path)
        return buffer.getvalue()

    def tag(self, context: bytes) -> str:
        """Return the image's full name: what it is built of, and how, decides the tag."""
        how = (self.dockerfile, dict(self.args), self.target)
        return f"{self.name}:{digest(hashlib.sha256(context).hexdigest(), *how)[:20]}"


def _add(tar: tarfile.TarFile, root: Path, path: str) -> None:
    header = tar.gettarinfo(str(root / path), arcname=path)
    if header is None or not (header.isreg() or header.isdir() or header.issym() or header.islnk()):
        return  # sockets, pipes and devices are no content
    header.uid = header.gid = 0
    header.mtime = TIME
    header.uname = header.gname = ""
    header.mode = 0o755 if header.isdir() or header.mode & 0o100 else 0o644
    if header.islnk():  # a second name of a file that is in the tar: as a file of its own
        header.type, header.size = tarfile.REGTYPE, (root / path).stat().st_size
    if header.isreg():
        with (root / path).open("rb") as content:
            tar.addfile(header, content)
    else:
        tar.addfile(header)


def build(client: APIClient, build: ImageBuild) -> str:
    """
    Return the tag of the image of that folder, built unless the engine has it.

    :raises ImageBuildError: the folder can't be used, or a step of the Dockerfile fails: says which.
    """
    from docker.errors import APIError

    context = build.context()
    tag = build.tag(context)
    if find(client, tag) is not None:
        log.info("Image %s is there: nothing in %s has changed", tag, build.folder)
        return tag
    log.info("Building image %s from %s", tag, build.folder)
    with errors_of(client, f"build an image from {str(build.folder)!r}"):
        try:
            _follow_build(build, _build_stream(client, build, context, tag))
        except APIError as error:
            raise ImageBuildError(str(build.folder), "", str(error.explanation or error), "") from error
    if find(client, tag) is None:
        raise ImageBuildError(str(build.folder), "", "the engine's answer broke off before it was done", "")
    return tag


def _build_stream(client: APIClient, build: ImageBuild, context: bytes, tag: str) -> Iterator[dict[str, Any]]:
    stream = client.build(
        fileobj=io.BytesIO(context),
        custom_context=True,
        dockerfile=build.dockerfile,
        tag=tag,
        buildargs=dict(build.args),
        network_mode=build.network,
        target=build.target,
        labels={f"{LABEL}.build": tag},
        rm=True,
        forcerm=True,
        decode=True,
    )
    return cast("Iterator[dict[str, Any]]", stream)


def _follow_build(build: ImageBuild, items: Iterable[Mapping[str, Any]]) -> None:
    step, output = "", deque[str](maxlen=20)
    for item in items:
        if "error" in item:
            raise ImageBuildError(str(build.folder), step, str(item["error"]), "\n".join(output))
        for line in str(item.get("stream", "")).splitlines():
            if not line.strip():
                continue
            log.info("%s", line.rstrip())
            if _STEP.match(line):
                step = line.strip()
                output.clear()
            else:
                output.append(line.rstrip())


def find(client: APIClient, image: str) -> Mapping[str, Any] | None:
    """Return what the engine knows of an image, or None when it has no such image."""
    from docker.errors import ImageNotFound, NotFound

    with errors_of(client, f"look for image {image!r}"):
        try:
            return cast("Mapping[str, Any]", client.inspect_image(image))  # type: ignore[no-untyped-call]
        except (ImageNotFound, NotFound):
            return None


def ensure(client: APIClient, image: str, *, pull: bool, connection: str | None) -> Mapping[str, Any]:
    """
    Return what the engine knows of an image, pulled when it is absent.

    :param image: name with a tag or a digest; ``latest`` when it has neither.
    :param pull: whether to pull it though it is there.
    :param connection: id of the Airflow connection that logs in to its registry, for the error.
    :raises ImagePullError: it can't be had.
    """
    found = None if pull else find(client, image)
    if found is None:
        _pull(client, image, connection)
        found = find(client, image)
    if found is None:
        raise ImagePullError(image, "the pull ended without it", connection)
    return found


def _pull(client: APIClient, image: str, connection: str | None) -> None:
    from docker.errors import APIError
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(image)
    log.info("Pulling image %s", image)
    said: dict[str, str] = {}
    with errors_of(client, f"pull image {image!r}"):
        try:
            for item in client.pull(repository, tag=tag or "latest", stream=True, decode=True):
                if "error" in item:
                    raise ImagePullError(image, str(item["error"]), connection)
                layer, status = str(item.get("id", "")), str(item.get("status", ""))
                if said.get(layer) != status:
                    said[layer] = status
                    log.info("%s", f"{layer}: {status}" if layer else status)
        except APIError as error:
            raise ImagePullError(image, str(error.explanation or error), connection) from error
