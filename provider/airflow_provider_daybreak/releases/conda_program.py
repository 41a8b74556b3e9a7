"""Finding conda's program: micromamba, mamba or conda, as the worker has it."""

from __future__ import annotations

import os
import shutil

from airflow_provider_daybreak.exceptions import CondaMissingError

_PROGRAMS = ("micromamba", "mamba", "conda")
_NAMED_BY = ("MAMBA_EXE", "CONDA_EXE")


def program(what: str = "") -> str:
    """
    Return the path of micromamba, mamba or conda, whichever there is; "" where there is none and nothing needs it.

    :param what: what needs it.
    :raises CondaMissingError: it is needed, and there is none.
    """
    named = [path for name in _NAMED_BY if (path := os.environ.get(name)) and os.access(path, os.X_OK)]
    found = next((path for name in _PROGRAMS if (path := shutil.which(name))), named[0] if named else "")
    if what and not found:
        raise CondaMissingError(what)
    return found
