"""
Begins what a run wants of its Pythons before their scripts begin, then makes way for the sitecustomize it hides.

Every Python that a script starts comes by here, of whatever version: any of them must be able to read this file.
"""

import os
import sys


def _begin():
    if "DAYBREAK_MAIL_RELAY" in os.environ and sys.version_info >= (3, 7):
        import daybreak_mail  # noqa: F401 - what it does, it does when imported
    if "DAYBREAK_CLOCK" in os.environ:
        if sys.version_info < (3, 8):
            sys.stderr.write("Daybreak: Python %d.%d keeps the true time\n" % sys.version_info[:2])
            return
        import daybreak_clock  # noqa: F401 - likewise


def _make_way():
    ours = sys.modules.pop("sitecustomize")
    sys.path.remove(os.path.dirname(__file__))
    try:
        import sitecustomize  # noqa: F401 - likewise
    except ImportError as error:
        if getattr(error, "name", "sitecustomize") != "sitecustomize":
            raise
        sys.modules["sitecustomize"] = ours  # there is none: the import that runs this looks for it again


_begin()
_make_way()
