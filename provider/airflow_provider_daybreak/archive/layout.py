"""Where things lie in an archive. Names only: nothing here touches storage."""

from __future__ import annotations

import hashlib
import re
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.storage.path import below

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_daybreak.storage import StoragePath

MANIFEST = "manifest.json"
MANIFEST_DEPTH = 6  # report, year, month, day, revision, manifest
CLAIM = "claim.json"
OWNER = "owner.json"
DELIVERIES = "deliveries"
ARTIFACTS = "_artifacts"
DAGS = "_dags"
SHADOWS = "_shadows"
MARK = "_mark"

_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_REVISION = re.compile(r"r([0-9]{4,})")
_MANIFEST = re.compile(rf"({_SLUG.pattern})/([0-9]{{4}})/([0-9]{{2}})/([0-9]{{2}})/r([0-9]{{4,}})/{MANIFEST}")
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")  # what is no text in UTF-8, too
_LONGEST_NAME = 200  # bytes; file systems end at 255, and a temporary name adds to it


def check_report(report: object) -> str:
    """
    Return the report's slug.

    :raises InvalidValueError: it is none.
    """
    if not is_report(report):
        expected = "1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit"
        raise InvalidValueError("report", report, expected)
    return str(report)


def is_report(name: object) -> bool:
    """Return whether this can be a report's slug."""
    return isinstance(name, str) and _SLUG.fullmatch(name) is not None


def check_file_name(name: str, *, own: Collection[str] = (MANIFEST, CLAIM)) -> str:
    """
    Return the name of a file in a revision: a relative path of plain parts, such as ``charts/daylight.png``.

    :param own: names that the archive itself writes there.
    :raises InvalidValueError: it leads elsewhere, hides, is no text, or is one of the archive's own.
    """
    parts = () if _FORBIDDEN.search(name) else name.split("/")
    plain = all(part and not part.startswith(".") and len(part.encode()) <= _LONGEST_NAME for part in parts)
    if not parts or not plain or name in own:
        expected = (
            f"another name than {' and '.join(own)}, which the archive writes itself"
            if name in own
            else "a relative path such as charts/daylight.png, with no part that begins with a dot or is over 200 bytes"
        )
        raise InvalidValueError("name of an archived file", name, expected)
    return name


def dag_name(dag_id: str) -> str:
    """Return the name of the file that remembers something of a Dag."""
    name = quote(dag_id, safe="")
    return f"{name if len(name) < _LONGEST_NAME else hashlib.sha256(name.encode()).hexdigest()}.json"


def report_folder(root: StoragePath, report: str) -> StoragePath:
    """Return the folder of a report."""
    return root / check_report(report)


def day_folder(root: StoragePath, report: str, report_date: date) -> StoragePath:
    """Return the folder of a report's revisions for one date."""
    return below(report_folder(root, report), day_name(report_date))


def day_name(report_date: date) -> str:
    """Return what the folder of a date is called, such as ``2026/03/29``."""
    return report_date.isoformat().replace("-", "/")


def is_hidden(name: str) -> bool:
    """Return whether a file's name marks it as somebody's work in progress."""
    return name.rpartition("/")[2].startswith(".")


def revision_name(number: int) -> str:
    """Return what a revision's folder is called."""
    return f"r{number:04d}"


def revision_number(name: str) -> int | None:
    """Return the number of the revision that a folder of this name holds, or None where it holds none."""
    match = _REVISION.fullmatch(name)
    return int(match[1]) if match and revision_name(int(match[1])) == name else None


def parse_manifest(relative: str) -> tuple[str, date, int] | None:
    """Return report, date and number of the revision whose manifest lies there, or None where none can."""
    match = _MANIFEST.fullmatch(relative)
    if match is None or revision_number(f"r{match[5]}") is None:
        return None
    try:
        return match[1], date(int(match[2]), int(match[3]), int(match[4])), int(match[5])
    except ValueError:
        return None
