"""Files of a source that look like secrets: told at each deploy, and kept out of what workers share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow_provider_daybreak.releases.source import FileEntry

DOTENV_OF = r"\.env\.(?!example$|sample$|template$|dist$).+"
"""Expression of the names of ``.env`` files for one use, which hold what no example does."""
_NAMES = re.compile(
    rf"{DOTENV_OF}|[._]netrc|\.pgpass|\.pypirc|\.my\.cnf|\.git-credentials|\.htpasswd"
    r"|id_(rsa|dsa|ecdsa|ed25519)|credentials\.json|client_secret.*\.json|service[-_]account.*\.json"
    r"|.+\.(p12|pfx|jks|kdbx|ppk)",
    re.IGNORECASE,
)
_KEYS = re.compile(r".+\.(pem|key)", re.IGNORECASE)
_PRIVATE = b"PRIVATE KEY"
_MOST = 1 << 20


def secrets_in(folder: Path, files: Sequence[FileEntry]) -> list[str]:
    """
    Return the paths of files that look like secrets: by their name, and ``.pem`` and ``.key`` by a private key in them.

    :param folder: the source's folder, which the paths are relative to.
    """
    return [
        file["path"]
        for file in files
        if file["sha256"] and looks_like_secret(folder / file["path"], file["bytes"])
    ]


def looks_like_secret(path: Path, size: int) -> bool:
    """
    Return whether a file looks like secrets: by its name, and ``.pem`` and ``.key`` by a private key in it.

    :param size: its bytes.
    """
    if _NAMES.fullmatch(path.name):
        return True
    return bool(_KEYS.fullmatch(path.name)) and size < _MOST and _PRIVATE in path.read_bytes()
