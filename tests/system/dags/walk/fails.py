"""Fails in the ways in which scripts do."""

import sys

if sys.argv[1] == "module":
    import no_such_module  # noqa: F401 - it is missing on purpose
raise ValueError("no rows for the day")
