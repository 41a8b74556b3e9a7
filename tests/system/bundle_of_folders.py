"""A bundle whose versions are the folders in a folder: the last one by name is the newest."""

from __future__ import annotations

from pathlib import Path

from airflow.dag_processing.bundles.base import BaseDagBundle


class FolderBundle(BaseDagBundle):
    supports_versioning = True

    def __init__(self, *, folder, **kwargs):
        super().__init__(**kwargs)
        self.folder = Path(folder)

    @property
    def path(self):
        return self.folder / (self.version or self.get_current_version())

    def get_current_version(self):
        return max(path.name for path in self.folder.iterdir())

    def refresh(self):
        pass
