"""PNG after ISO/IEC 15948, as far as a chart needs it: packed well, and without a transparency that it does not use."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""What every PNG begins with."""

_RGBA = b"\x08\x06\x00\x00\x00"  # 8 bits, with alpha, nothing interlaced
_RGB = b"\x08\x02\x00\x00\x00"


def smaller(png: bytes, *, see_through: bool = False) -> bytes:
    """
    Return a picture packed well, and an opaque one without its alpha channel; any other PNG as it is.

    The renderer packs for speed. Filters of PNG predict each channel from itself, so that one can be taken
    out of the filtered lines.

    :param see_through: whether it is not opaque.
    """
    chunks = list(_chunks(png))
    header = dict(chunks)[b"IHDR"]
    if header[8:] != _RGBA:
        return png
    width, height = struct.unpack(">II", header[:8])
    packed = b"".join(data for kind, data in chunks if kind == b"IDAT")
    stride = 4 * width + 1  # the filter's type, then the pixels
    lines = zlib.decompress(packed, bufsize=height * stride)
    kind, pixels = (_RGBA, lines) if see_through else (_RGB, b"".join(_without_alpha(lines, height, stride)))
    body = [(b"IHDR", header[:8] + kind), *((kind, data) for kind, data in chunks if kind == b"pHYs")]
    body += [(b"IDAT", zlib.compress(pixels, 5)), (b"IEND", b"")]
    return SIGNATURE + b"".join(_packed(kind, data) for kind, data in body)


def _without_alpha(lines: bytes, height: int, stride: int) -> Iterator[bytes]:
    for start in range(0, height * stride, stride):
        line = bytearray(lines[start : start + stride])
        del line[4::4]
        yield bytes(line)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(SIGNATURE)
    while position < len(png):
        (length,) = struct.unpack(">I", png[position : position + 4])
        yield png[position + 4 : position + 8], png[position + 8 : position + 8 + length]
        position += 12 + length


def _packed(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
