"""Whose a report is: that Dag's which published it first, until another one takes it over from it by name."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import layout
from airflow_provider_daybreak.exceptions import ManifestUnreadableError, OwnedByAnotherDagError

if TYPE_CHECKING:
    from airflow_provider_daybreak.storage import StoragePath

log = logging.getLogger(__name__)


def owner_of(folder: StoragePath) -> str | None:
    """
    Return the id of the Dag whose a report is, or None while it is nobody's.

    :param folder: the report's.
    :raises ManifestUnreadableError: the file that says so is damaged.
    """
    path = folder / layout.OWNER
    try:
        return _dag_id(json.loads(storage.read(path))["dag_id"])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError) as error:
        problem = "it names no Dag; remove it, and the Dag that publishes next owns the report"
        raise ManifestUnreadableError(storage.uri_of(path), problem) from error
    except OSError as error:
        if not storage.is_no_file(error):
            raise
        problem = "something else lies in its place; remove that"
        raise ManifestUnreadableError(storage.uri_of(path), problem) from error


def _dag_id(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"dag_id is {value!r}, expected a Dag's id")
    return value


def claim(folder: StoragePath, dag_id: str, *, take_over: str | None = None) -> None:
    """
    Make the report the Dag's, unless it is another's. Of several that are the first at once, one is.

    :param folder: the report's.
    :param take_over: id of the Dag from which it may be taken.
    :raises OwnedByAnotherDagError: it is another's.
    """
    path, content = folder / layout.OWNER, json.dumps({"dag_id": dag_id}).encode()
    while (owner := owner_of(folder)) is None:
        if storage.create_if_absent(path, content):
            return
    if owner == dag_id:
        return
    if owner != take_over:
        raise OwnedByAnotherDagError("report", folder.name, owner, dag_id)
    storage.write(path, content)
    storage.synchronise([folder])
    log.warning("Report %s was Dag %s's, and is Dag %s's from now on", folder.name, owner, dag_id)
