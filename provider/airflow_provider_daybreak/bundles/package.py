"""Serve the Dags that an installed package ships."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from airflow.dag_processing.bundles.local import LocalDagBundle

from airflow_provider_daybreak.exceptions import InvalidValueError

__all__ = ["PackageDagBundle"]


class PackageDagBundle(LocalDagBundle):
    """
    A bundle of the Dag files in an installed package.

    It has no versions of its own: what is installed is what runs.

    :param package: import name of the package whose folder holds the Dags.
    :raises InvalidValueError: no such package is installed.
    """

    def __init__(self, *, package: str = "airflow_provider_daybreak.dags", **kwargs: Any) -> None:
        try:
            spec = find_spec(package)
        except (ImportError, ValueError):
            spec = None
        if spec is None or not spec.submodule_search_locations:
            raise InvalidValueError("package of a Dag bundle", package, "an installed package that holds Dags")
        super().__init__(path=str(Path(str(files(package)))), **kwargs)
