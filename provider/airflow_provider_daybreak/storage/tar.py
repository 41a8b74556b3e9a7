"""Tars that somebody else made: what Python's reader of them does not guard against."""

from __future__ import annotations

import tarfile

DAMAGED = (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError)
"""What reading one may raise, where it is none or was made to harm."""


class SmallHeader(tarfile.TarInfo):
    """A header whose extensions are small: tarfile reads those into memory whole, whatever size they claim."""

    _LARGEST = 64 * 1024
    _EXTENSIONS = (
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    )

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> SmallHeader:
        """Return the header that those bytes are, unless it claims less than nothing, or a large extension."""
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.type in cls._EXTENSIONS and header.size > cls._LARGEST):
            raise tarfile.ReadError(f"a header claims {header.size} bytes")
        return header


def has_size(member: tarfile.TarInfo) -> bool:
    """Return whether the member is as long as all of its headers say."""
    return member.size >= 0 and member.pax_headers.get("size", str(member.size)) == str(member.size)


def is_regular(member: tarfile.TarInfo) -> bool:
    """Return whether the member is a file whose bytes follow, and no link, device or sparse file."""
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and member.sparse is None
