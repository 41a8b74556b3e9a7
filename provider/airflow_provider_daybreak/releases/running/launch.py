"""
Runs between fork and script, by the release's Python: takes on limits and a user, then becomes the script.

Takes the facts as JSON, ``{"limits": {name: value}, "user": [uid, gid, [group, …]] or null}``, and the script's
arguments. Needs no more than Python 3.8, and nothing installed.
"""

from __future__ import annotations

import json
import os
import resource
import sys

_PR_SET_NO_NEW_PRIVS = 38


def main(facts: str, arguments: list[str]) -> None:
    """First what needs privileges, then their loss, then the script."""
    wanted = json.loads(facts)
    for name, value in wanted["limits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))
    if wanted["user"]:
        import ctypes

        uid, gid, groups = wanted["user"]
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        ctypes.CDLL(None).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    try:
        os.execv(arguments[0], arguments)  # noqa: S606 - there is no shell, which is the point
    except OSError as error:
        sys.exit(f"Cannot execute {arguments[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
