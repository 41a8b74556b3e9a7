"""Which file a run's Dag stands in: one, since of several with one id Airflow runs the one that it read last, and says nothing."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.archive import layout
from airflow_provider_daybreak.context.archive import archive_of
from airflow_provider_daybreak.exceptions import DagInTwoFilesError, ManifestUnreadableError
from airflow_provider_daybreak.version_compat import dags_of_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_daybreak.storage import StoragePath

log = logging.getLogger(__name__)


class _DagFile(NamedTuple):
    """
    A Dag's file, as all workers know it.

    :param bundle: name of the bundle it is in.
    :param path: from the bundle's folder.
    """

    bundle: str
    path: str


def check_only_file(context: Mapping[str, Any]) -> None:
    """
    Refuse a run whose Dag stands in another file than before, while that one has it too, as after a copy whose id stayed.

    A file that was moved or renamed goes on. The archive of the settings remembers the file, for all workers.

    :param context: the context that Airflow gives to ``execute``.
    :raises DagInTwoFilesError: both files have a Dag of that id.
    """
    here, dag_id = _file_of(context), context["ti"].dag_id
    if here is None:
        return
    memory = archive_of().root / layout.DAGS / layout.dag_name(dag_id)
    content = json.dumps(here._asdict()).encode()
    while (known := _known(memory)) is None:
        if storage.create_if_absent(memory, content):
            return
    if known == here:
        return
    other = _place(known, context["ti"].bundle_instance)
    if other is not None and _has(other, dag_id):
        raise DagInTwoFilesError(dag_id, str(context["dag"].fileloc), str(other))
    log.info("The Dag %s stands in %s from now on; before, it stood in %s", dag_id, here.path, known.path)
    storage.write(memory, content)


def _file_of(context: Mapping[str, Any]) -> _DagFile | None:
    """Return the file of a run's Dag, or None where nobody knows it, as in a test or a preview."""
    bundle = getattr(context["ti"], "bundle_instance", None)
    fileloc = getattr(context["dag"], "fileloc", None)
    if bundle is None or not fileloc:
        return None
    top, path = Path(bundle.path).resolve(), Path(fileloc).resolve()
    return _DagFile(bundle.name, str(path.relative_to(top))) if path.is_relative_to(top) else None


def _known(memory: StoragePath) -> _DagFile | None:
    try:
        facts = json.loads(storage.read(memory))
        return _DagFile(str(facts["bundle"]), str(facts["path"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError) as error:
        problem = "it names no file of a Dag; remove it, and the file that runs next is the Dag's"
        raise ManifestUnreadableError(storage.uri_of(memory), problem) from error


def _place(known: _DagFile, bundle: Any) -> Path | None:
    """Return where a file is on this worker, or None where its bundle is no more."""
    if known.bundle != bundle.name:
        from airflow.dag_processing.bundles.manager import DagBundlesManager

        try:
            bundle = DagBundlesManager().get_bundle(known.bundle)
        except ValueError:
            return None
    return Path(bundle.path, known.path)


def _has(path: Path, dag_id: str) -> bool:
    """Return whether a file has a Dag of that id. One that can't be read as a Dag file has none that could run."""
    if not path.is_file():
        return False
    sys.path.append(str(path.parent))  # as Airflow does with the bundle's folder
    try:
        dags, _ = dags_of_file(path)
    finally:
        sys.path.remove(str(path.parent))
    return any(dag.dag_id == dag_id for dag in dags)
