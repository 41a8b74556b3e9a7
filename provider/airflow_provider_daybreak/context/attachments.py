"""Files that tasks hand on: what an ``attachments`` argument may hold, from results of container tasks to URIs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.context.archive import file_name_of, storage_path
from airflow_provider_daybreak.delivery.attachments import Attachment, media_type_of
from airflow_provider_daybreak.exceptions import DataUnreadableError, InvalidValueError
from airflow_provider_daybreak.reports.document import RenderedFile

log = logging.getLogger(__name__)


def each_attachment(given: object) -> Iterator[str | Attachment]:
    """
    Yield the attachments of an argument: artifacts as such, and texts as they are.

    :param given: None, or a list of results of container tasks (all of whose outputs are meant), artifacts
        ``{"uri", "sha256", "bytes"}``, texts, and None for a task that was skipped.
    :raises InvalidValueError: an item is none of these.
    """
    if given is None:
        return
    if isinstance(given, (str, Mapping)):
        given = [given]
    if not isinstance(given, Iterable):
        raise InvalidValueError("attachments", given, "a list")
    for item in given:
        if item is None:
            log.info("an attachment is None: the task that makes it was skipped, or makes none")
        elif isinstance(item, str):
            yield item
        else:
            yield from map(_artifact, _artifacts(item))


def name_of(uri: str) -> str:
    """
    Return the name of the file that the URI is of.

    :raises InvalidValueError: it ends with no name.
    """
    name = file_name_of(uri)
    if not name:
        raise InvalidValueError("uri of an attachment", uri, "the URI of a file")
    return name


def _artifacts(item: object) -> list[object]:
    """Return the artifacts in a task's result."""
    if isinstance(item, Mapping):
        for name in ("outputs", "artifacts"):
            if isinstance(item.get(name), Mapping):
                return list(item[name].values())
    if isinstance(item, (list, tuple)):
        return list(item)
    return [item]


def _artifact(item: object) -> Attachment:
    known = isinstance(item, Mapping) and isinstance(item.get("bytes"), int)
    if not isinstance(item, Mapping) or not known or not {"uri", "sha256"} <= item.keys():
        expected = "the result of a container task, an artifact {uri, sha256, bytes}, or a file's name or URI"
        raise InvalidValueError("attachment", item, expected)
    uri = str(item["uri"])
    name = str(item.get("name") or name_of(uri))
    path = storage_path(uri, name="uri of an attachment")
    return Attachment(name, media_type_of(name), uri, path, str(item["sha256"]), item["bytes"])


def attached_files(given: object) -> list[RenderedFile]:
    """Return the files that go with the report: by their URIs, or as artifacts, whose digests then must be right."""
    files: dict[str, RenderedFile] = {}
    for one in each_attachment(given):
        if isinstance(one, str):
            name, uri, path = name_of(one), one, storage_path(one, name="uri of an attachment")
        else:
            name, uri, path = one.name, one.uri, one.path
        try:
            with storage.connected(path):
                content: bytes = path.read_bytes()
        except (OSError, ValueError) as error:  # a name that no file can have
            problem = getattr(error, "strerror", None) or str(error)
            raise DataUnreadableError("attachments", uri, problem) from error
        if not isinstance(one, str) and hashlib.sha256(content).hexdigest() != one.sha256:
            raise DataUnreadableError("attachments", uri, f"its SHA-256 is not {one.sha256}; it was changed")
        if name in files:
            raise InvalidValueError(
                "attachments", uri, f"one file called {name!r}; give the other another name"
            )
        files[name] = RenderedFile(f"attachments/{name}", media_type_of(name), content)
    return list(files.values())
