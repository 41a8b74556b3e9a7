"""A file that one task hands to another, as plain JSON."""

from __future__ import annotations

from typing import TypedDict


class ArtifactInfo(TypedDict):
    """Where a file lies, the SHA-256 of its bytes in hexadecimal digits, and how many they are."""

    uri: str
    sha256: str
    bytes: int
