"""First in each Python of a script: what Daybreak does there, then the sitecustomize that there would be without it."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

if "DAYBREAK_MAIL_RELAY" in os.environ:
    import daybreak_mail  # type: ignore[import-not-found]  # noqa: F401 - it lies beside this

_here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib takes too long to import
_other = PathFinder.find_spec("sitecustomize", [path for path in sys.path if os.path.abspath(path) != _here])  # noqa: PTH100
if _other is not None and _other.loader is not None:
    _other.loader.exec_module(module_from_spec(_other))
