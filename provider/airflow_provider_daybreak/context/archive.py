"""The archive that ``[daybreak] archive`` names, and the asset that each of its reports is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from airflow_provider_daybreak.archive import Archive
from airflow_provider_daybreak.archive.layout import check_report, is_report
from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Asset, AssetAlias

    from airflow_provider_daybreak.archive import Revision
    from airflow_provider_daybreak.storage import StoragePath

REPORTS_ALIAS = "daybreak_reports"


def archive_of(settings: Settings | None = None) -> Archive:
    """
    Return the archive of the settings, or of the ``[daybreak]`` section.

    :param settings: those that say where it is; read from Airflow's configuration when None.
    :raises InvalidValueError: its URI can't be used.
    """
    return archive_at((settings or Settings.load()).archive, name="[daybreak] archive")


def archive_at(uri: str, *, name: str = "archive") -> Archive:
    """
    Return the archive in a folder.

    :param uri: ``file:///absolute/folder``, or any URI that Airflow's ``ObjectStoragePath`` takes, such as
        ``s3://connection@bucket/prefix``.
    :param name: what the URI is called where it was given, for the error.
    :raises InvalidValueError: it is none of these.
    """
    return Archive(storage_path(uri.rstrip("/"), name=name))


def storage_path(uri: str, *, name: str) -> StoragePath:
    """
    Return the path that a URI names: of pathlib for ``file://``, an ``ObjectStoragePath`` for the rest.

    :param name: what the URI is called where it was given, for the error.
    :raises InvalidValueError: it is no absolute URI.
    """
    local = _local_path(uri)
    if local is not None:
        return local
    expected = "a URI such as file:///var/lib/daybreak/reports or s3://connection@bucket/prefix"
    from airflow.sdk import ObjectStoragePath

    try:
        parts = urlsplit(uri)
        if parts.scheme and parts.scheme != "file" and parts.netloc:
            return ObjectStoragePath(uri)
    except ValueError as error:  # of an unknown scheme, or of brackets that hold no address
        raise InvalidValueError(name, uri, f"{expected} ({error})") from error
    raise InvalidValueError(name, uri, expected)


def is_local(uri: str) -> bool:
    """Return whether a URI names a folder of this host's file system."""
    return _local_path(uri) is not None


def _local_path(uri: str) -> Path | None:
    """
    Return the path that a URI with ``file://`` names, or None where it names none.

    Files have neither queries nor fragments: ``?`` and ``#`` are parts of their names, encoded or not.
    """
    scheme, _, rest = uri.partition(":")
    path = rest.removeprefix("//")
    if scheme.lower() != "file" or not path.startswith("/") or path.startswith("//") or "\0" in unquote(path):
        return None
    return Path(unquote(path))


def file_name_of(uri: str) -> str:
    """Return the name of the file that a URI is of, which is empty where it ends with none."""
    local = _local_path(uri)
    if local is not None:
        return "" if uri.endswith("/") else local.name
    return unquote(uri.partition("://")[2]).rpartition("/")[2]


def report_asset(report: str, *, archive: str | None = None) -> Asset:
    """
    Return the asset that a report is, for a Dag's ``schedule``: ``daybreak://<archive>/<report>``.

    It has one name, however the folder of the archive is spelled.

    :param report: slug of the report.
    :param archive: URI of its archive; the one of the ``[daybreak]`` section by default.
    """
    from airflow.sdk import Asset

    uri = archive or Settings.load().archive
    local = _local_path(uri)
    parts = urlsplit(uri if local is None else local.as_uri())
    place = parts.netloc.rpartition("@")[2] or "localhost"
    return Asset(f"daybreak://{place}{parts.path.rstrip('/')}/{check_report(report)}")


def announce(context: Mapping[str, Any], archive: Archive, revision: Revision) -> None:
    """
    Give the report's asset an event that says which revision there is, once the task succeeds.

    A report whose name or archive is a template has its asset known only now. Where a Dag names that asset, it
    becomes an outlet of the task. Where none does, its event goes through the alias ``daybreak_reports``, which
    makes the asset; Airflow 3.3 fails one of two tasks that make the same asset at the same time.

    :param context: the context that Airflow gives to ``execute``.
    """
    manifest = revision.manifest
    asset = report_asset(manifest.report, archive=archive.uri)
    facts = {
        "report": manifest.report,
        "report_date": manifest.report_date.isoformat(),
        "period": dict(manifest.period),
        "revision": manifest.revision,
        "manifest": revision.uri,
        "digest": manifest.digest,
        "rows": dict(manifest.rows),
    }
    outlets, events = context["task"].outlets, context["outlet_events"]
    if asset not in outlets and _is_known(asset, events):
        outlets.append(asset)
    if asset in outlets:
        events[asset].extra = facts
        return
    alias = _alias()
    if alias not in outlets:
        outlets.append(alias)
    events[alias].add(asset, extra=facts)


def outlets_of(report: object, archive: object) -> list[Asset | AssetAlias]:
    """
    Return the outlets of a report's task: its asset, or our alias where name or archive is yet to be rendered.

    :param report: slug of the report, or a template of it.
    :param archive: URI of its archive, or a template of it; the one of the ``[daybreak]`` section when None.
    """
    if is_report(report) and (archive is None or (isinstance(archive, str) and "{" not in archive)):
        return [report_asset(str(report), archive=archive)]
    return [_alias()]


def _alias() -> AssetAlias:
    from airflow.sdk import AssetAlias

    return AssetAlias(REPORTS_ALIAS)


def _is_known(asset: Asset, events: Mapping[Any, Any]) -> bool:
    """Return whether a Dag names the asset, as what it waits for or as an inlet or outlet."""
    from airflow.sdk import Asset
    from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType

    try:
        events[Asset.ref(uri=asset.uri)]
    except AirflowRuntimeError as error:
        if error.error.error is not ErrorType.ASSET_NOT_FOUND:
            raise
        return False
    return True
