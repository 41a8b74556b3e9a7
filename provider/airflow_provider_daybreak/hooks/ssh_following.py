"""What a host was asked to do, followed to its end: its log, its outcome, and what it left."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from airflow_provider_daybreak.context.archive import archive_of
from airflow_provider_daybreak.hooks.ssh_session import CutError, session
from airflow_provider_daybreak.releases import uv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airflow_provider_daybreak.hooks.ssh import Host
    from airflow_provider_daybreak.hooks.ssh_session import Session
    from airflow_provider_daybreak.releases.source import Source
    from airflow_provider_daybreak.storage.artifact import ArtifactInfo

log = logging.getLogger(__name__)


class Followed:
    """
    One thing that is asked of a host, and how far its events have been seen.

    :param of: whose it is: the task's key, its attempt, and the round of its tries.
    :param on_line: called with the stream and each line that the script writes.
    :param source: what a deploy's files are read from.
    :param keep: called with the name and the content of each file that the script's relay left.
    :ivar at: bytes of its events that have been seen.
    :ivar was_asked: whether the host may have begun with it.
    """

    def __init__(
        self,
        host: Host,
        of: Mapping[str, str],
        request: Mapping[str, Any],
        on_line: Callable[[str, str], None],
        source: Source | None,
        keep: Callable[[str, BinaryIO], object] | None,
    ) -> None:
        self._host = host
        self._of = of
        self._request = request
        self._on_line = on_line
        self._source = source
        self._keep = keep
        self._kept: set[str] = set()
        self._begun: str | None = None
        self._stored: dict[str, ArtifactInfo] = {}
        self.at = 0
        self.was_asked = False

    def follow(self) -> tuple[dict[str, Any], dict[str, ArtifactInfo]]:
        """
        Follow it to its end over a connection, and return its outcome and what it left, stored with the archive.

        :raises CutError: the connection was lost; it goes on from there when it is called again.
        :raises DaybreakError: the host could not begin: see :class:`Session`.
        """
        with_uv = self._request["what"] == "deploy" or bool(self._request.get("clock"))
        with session(self._host, with_uv=with_uv) as host:
            self.was_asked = True
            begun = self._begin(host)
            host.say(do="follow", key=self._of["key"], begun=begun, **{"from": self.at})
            while "outcome" not in (said := host.hear()):
                self._show(said)
            outcome: dict[str, Any] = said["outcome"]
            for name, left in outcome.get("files", {}).items():
                if name not in self._stored:
                    with self._fetched(host, begun, left) as file:
                        self._stored[name] = archive_of().store_artifact(left["file"], file).info()
            if self._keep is not None:
                for name, left in outcome.get("mails", {}).items():
                    if name not in self._kept:
                        with self._fetched(host, begun, left) as file:
                            self._keep(name, file)
                        self._kept.add(name)
            host.say(do="take", key=self._of["key"], begun=begun, round=self._of["round"])
            host.hear()
            return outcome, self._stored

    def _begin(self, host: Session) -> str:
        host.say(do="begin", request=self._request, uv_version=uv.version(), **self._of)
        said = host.hear()
        if said.get("need") == "source":
            host.send(self._content())
            said = host.hear()
        from airflow.sdk.log import mask_secret

        for value in said["mask"]:
            mask_secret(value)
        begun = str(said["begun"])
        if self._begun not in (None, begun):
            self.at = 0
        if self._begun is None:
            log.info("%s on %s", "It begins" if said["new"] else "An earlier try's is taken up", self._host)
        self._begun = begun
        return begun

    def _content(self) -> Iterator[bytes]:
        """Yield what the files of the source hold, each as long as it was when it was read: the host checks the digests."""
        if self._source is None:
            return
        for file in self._source.files:
            left = file["bytes"]
            if file["link"] or file["path"].endswith("/"):
                continue
            for chunk in self._source.read(file["path"]):
                yield chunk[:left]
                left -= min(len(chunk), left)
            yield b"\0" * left

    def _show(self, said: Mapping[str, Any]) -> None:
        if "stream" in said:
            self._on_line(said["stream"], said["text"])
        elif "log" in said:
            log.log(said["log"], "%s", said["text"])
        self.at = said["at"]

    @contextmanager
    def _fetched(self, host: Session, begun: str, left: Mapping[str, Any]) -> Iterator[BinaryIO]:
        """Open a file that it left, once its digest is known to be right."""
        host.say(do="fetch", key=self._of["key"], begun=begun, number=left["number"])
        size = host.hear()["bytes"]
        digest = hashlib.sha256()
        with tempfile.SpooledTemporaryFile(1 << 22) as file:
            for chunk in host.content(size):
                digest.update(chunk)
                file.write(chunk)
            if digest.hexdigest() != left["sha256"]:
                raise CutError(f"{left['file']} came with another SHA-256 than it was left with")
            file.seek(0)
            yield cast("BinaryIO", file)
