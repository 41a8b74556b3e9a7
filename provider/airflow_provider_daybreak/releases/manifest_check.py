"""Says whether a release on disk is still what its manifest says."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import VerificationError
from airflow_provider_daybreak.releases.environments.verify import shown
from airflow_provider_daybreak.releases.release import is_manifest_of

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.source import FileEntry

_REMEDY = "Remove '{}', and deploy again: it is made anew."


def check_source(release: Release) -> int:
    """
    Compare a release's id with its manifest, and every file with that.

    :return: how many files were compared.
    :raises VerificationError: the manifest is another one's, or a file is missing, differs, or is new.
    """
    if not is_manifest_of(release.manifest, release.id):
        explanation = f"It is made of something else than its id says.\n{_REMEDY.format(release.path)}"
        raise VerificationError(f"Release {release.id}", "the comparison with its id", explanation)
    listed = {file["path"]: file for file in release.manifest["files"]}
    wrong = [path for path, file in listed.items() if _changed(release.src / path, file)]
    found = {
        str(path.relative_to(release.src))
        for path in release.src.rglob("*")
        if (path.is_symlink() or path.is_file()) and path.suffix != ".pyc"
    }
    wrong += sorted(found - listed.keys() - {".env"})
    if wrong:
        explanation = f"{shown(wrong)}\n{_REMEDY.format(release.path)}"
        raise VerificationError(f"Release {release.id}", "the comparison with its manifest", explanation)
    return len(listed)


def _changed(path: Path, file: FileEntry) -> bool:
    if file["path"].endswith("/"):
        return not path.is_dir()
    if file["link"]:
        return not path.is_symlink() or str(path.readlink()) != file["link"]
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() != file["sha256"]
    except OSError:
        return True
