"""Files that tasks hand on: what an ``attachments`` argument may hold, from results of container tasks to URIs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote, urlsplit

from airflow_provider_daybreak.context.archive import storage_path
from airflow_provider_daybreak.delivery.attachments import Attachment, media_type_of
from airflow_provider_daybreak.exceptions import InvalidValueError

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
    name = unquote(urlsplit(uri).path).rpartition("/")[2]
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
    if not isinstance(item, Mapping) or not {"uri", "sha256", "bytes"} <= item.keys():
        expected = "the result of a container task, an artifact {uri, sha256, bytes}, or a file's name or URI"
        raise InvalidValueError("attachment", item, expected)
    uri = str(item["uri"])
    name = str(item.get("name") or name_of(uri))
    path = storage_path(uri, name="uri of an attachment")
    return Attachment(name, media_type_of(name), uri, path, str(item["sha256"]), int(item["bytes"]))
