"""What a container is to do, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.containers import tarball
from airflow_provider_daybreak.containers.identity import digest
from airflow_provider_daybreak.exceptions import ContainerOutputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

INPUTS = "/in"
SECRETS = "/run/secrets"
BOOT = "/run/daybreak"
"""Folder of what a container's programs begin with."""
RESULT = "result"
SPOOL = "spool"
_ANYBODY = 0o1777  # as /tmp: whoever the container runs as may write there


@dataclass(frozen=True)
class Boot:
    """
    What a container's programs begin with.

    :param files: files to put under ``/run/daybreak``.
    :param before: program and arguments that run the command, which follows them.
    :param spool: folder that they leave files in, to be taken whatever becomes of the command; none when None.
    :param asked: what a retry compares: that of the environment which tells one try from the next is not in it.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    files: Sequence[tarball.Entry] = ()
    before: Sequence[str] = ()
    spool: str | None = None
    asked: Sequence[str] = ()

    def __or__(self, other: Boot) -> Boot:
        """Return what both begin."""
        files = {entry.name: entry for entry in (*self.files, *other.files)}
        return Boot(
            {**self.environment, **other.environment},
            list(files.values()),
            before=(*self.before, *other.before),
            spool=other.spool or self.spool,
            asked=(*self.asked, *other.asked),
        )


@dataclass(frozen=True)
class ContainerSpec:
    """
    What a container is to do.

    :param image: the image, as it was named.
    :param image_id: the image, as the engine names it: no tag can move between its check and its use.
    :param command: program and arguments, or a line that is split as a shell does; the image's when None.
    :param user: user and group it runs as.
    :param host: arguments of ``docker.APIClient.create_host_config``.
    :param create: further arguments of ``docker.APIClient.create_container``.
    :param inputs: files to put under ``/in``.
    :param secrets: files to put under ``/run/secrets``, readable for the user alone where that is a number.
    :param boot: files to put under ``/run/daybreak``: what its programs begin with.
    :param outputs: what comes out: a path in the container by name.
    :param spool: folder in the container whose files come out too, for who asks for them; none when None.
    :param result: path of a JSON file in the container whose value comes out too, or None.
    :param asked: digest of all that it was asked for, as given: what a retry compares.
    """

    image: str
    image_id: str
    command: str | list[str] | None = None
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    host: Mapping[str, Any] = field(default_factory=dict)
    create: Mapping[str, Any] = field(default_factory=dict)
    inputs: Sequence[tarball.Entry] = ()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    boot: Sequence[tarball.Entry] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    result: str | None = None
    spool: str | None = None
    asked: str = ""

    @property
    def digest(self) -> str:
        """What tells this work from other work of the same task. No secret goes into it."""
        return digest(self.asked, self.image_id, self.command, self.user, self._paths)

    @property
    def folders(self) -> tuple[str, ...]:
        """Folders of outputs, none inside of another. Each becomes a volume that lives as long as the container."""
        return output_folders(self._paths, tmpfs=self.host.get("tmpfs") or {}, mounts=self._mounted)

    @property
    def _paths(self) -> dict[str, str]:
        return {
            **self.outputs,
            **({RESULT: self.result} if self.result else {}),
            **({SPOOL: self.spool} if self.spool else {}),
        }

    @property
    def _mounted(self) -> Collection[str]:
        return [str(mount["Target"]) for mount in self.host.get("mounts") or ()]

    @property
    def volumes(self) -> list[str]:
        """Every folder that is a volume of the container's own."""
        return [
            *([INPUTS] if self.inputs else []),
            *([SECRETS] if self.secrets else []),
            *([BOOT] if self.boot else []),
            *self.folders,
        ]

    def seeds(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield each folder that something goes into before the start, and that as a tar."""
        if self.inputs:
            yield INPUTS, tarball.stream(self.inputs)
        if self.secrets:
            uid = self.user.partition(":")[0]
            mode, owner = (0o400, int(uid)) if uid.isdigit() else (0o444, 0)
            entries = [tarball.Entry.of(name, value.encode()) for name, value in self.secrets.items()]
            yield SECRETS, tarball.stream(entries, mode=mode, owner=owner)
        if self.boot:
            yield BOOT, tarball.stream(self.boot)
        for folder in self.folders:
            yield folder, iter((tarball.folder("/", mode=_ANYBODY), *self._subfolders(folder), tarball.END))

    def _subfolders(self, folder: str) -> Iterator[bytes]:
        """Yield the folders between a volume and the outputs in it, so that a script need not make them."""
        root = PurePosixPath(folder)
        needed = {
            str(parent.relative_to(root))
            for path in self._paths.values()
            for parent in PurePosixPath(path).parents
            if root in parent.parents
        }
        for path in sorted(needed):
            yield tarball.folder(path, mode=_ANYBODY)


def output_folders(
    outputs: Mapping[str, str], *, tmpfs: Collection[str] = (), mounts: Collection[str] = ()
) -> tuple[str, ...]:
    """
    Return the folders that outputs lie in, none inside of another, without those that are mounts already.

    :param outputs: a path in the container by name.
    :param tmpfs: folders in memory. They are gone when a container has ended.
    :param mounts: folders that are mounted anyway.
    :raises ContainerOutputError: a path is not absolute, lies in memory, or in no folder of its own.
    """
    folders: set[PurePosixPath] = set()
    for name, text in outputs.items():
        path = PurePosixPath(str(text))
        if not path.is_absolute() or ".." in path.parts or not str(text).isprintable():
            raise ContainerOutputError(name, str(text), "expected an absolute path, such as /out/report.pdf")
        around = path.parents
        if any(PurePosixPath(folder) in (path, *around) for folder in tmpfs):
            problem = "that folder is in memory and gone when the container has ended. Write it to /out"
            raise ContainerOutputError(name, str(text), problem)
        if len(around) < 2:  # noqa: PLR2004 - the root, and a folder under it
            raise ContainerOutputError(name, str(text), "expected a path in a folder, such as /out/report.pdf")
        if not any(PurePosixPath(mount) in (path, *around) for mount in mounts):
            folders.add(path.parent)
    return tuple(sorted(str(folder) for folder in folders if not folders.intersection(folder.parents)))
