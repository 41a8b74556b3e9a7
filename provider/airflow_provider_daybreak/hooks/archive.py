"""The archive that ``[daybreak] archive`` names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.settings import Settings

if TYPE_CHECKING:
    from airflow_provider_daybreak.archive.storage import StoragePath


def archive_of(settings: Settings | None = None) -> Archive:
    """
    Return the archive of the settings, or of the ``[daybreak]`` section.

    :raises InvalidValueError: its URI can't be used.
    """
    return archive_at((settings or Settings.load()).archive)


def archive_at(uri: str) -> Archive:
    """
    Return the archive in a folder.

    :param uri: ``file:///absolute/folder``, or any URI that Airflow's ``ObjectStoragePath`` takes, such as
        ``s3://connection@bucket/prefix``.
    :raises InvalidValueError: it is none of these.
    """
    return Archive(storage_path(uri.rstrip("/"), name="[daybreak] archive"))


def storage_path(uri: str, *, name: str) -> StoragePath:
    """
    Return the path that a URI names: of pathlib for ``file://``, an ``ObjectStoragePath`` for the rest.

    :param name: what the URI is called where it was given, for the error.
    :raises InvalidValueError: it is no absolute URI.
    """
    parts = urlsplit(uri)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return Path(unquote(parts.path))
    if not parts.scheme or parts.scheme == "file" or not parts.netloc:
        expected = "a URI such as file:///var/lib/daybreak/reports or s3://connection@bucket/prefix"
        raise InvalidValueError(name, uri, expected)
    from airflow.sdk import ObjectStoragePath

    return ObjectStoragePath(uri)
