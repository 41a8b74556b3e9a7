"""Core: revisions of reports and their manifests, on disk or object storage. Knows no Airflow."""

from __future__ import annotations

from airflow_provider_daybreak.archive.archive import Archive, Revision
from airflow_provider_daybreak.archive.artifacts import Artifact
from airflow_provider_daybreak.archive.manifest import ArchivedFile, Draft, DraftFile, Manifest

__all__ = [
    "Archive",
    "ArchivedFile",
    "Artifact",
    "Draft",
    "DraftFile",
    "Manifest",
    "Revision",
]
