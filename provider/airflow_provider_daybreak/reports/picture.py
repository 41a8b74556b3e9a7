"""PNG after ISO/IEC 15948: charts packed well, without a transparency that they do not use, and what is wrong with others'."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""What every PNG begins with."""

_LARGEST = 4000
"""Pixels of a picture's side: mail programs and browsers unpack it whole."""

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PALETTE = 3
_HEADER = 13  # bytes
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)  # §8.2

_RGBA = b"\x08\x06\x00\x00\x00"  # 8 bits, with alpha, nothing interlaced
_RGB = b"\x08\x02\x00\x00\x00"


def smaller(png: bytes, *, see_through: bool = False) -> bytes:
    """
    Return a picture packed well, and an opaque one without its alpha channel; any other PNG as it is.

    The renderer packs for speed. Filters of PNG predict each channel from itself, so that one can be taken
    out of the filtered lines.

    :param see_through: whether it is not opaque.
    """
    chunks = [(kind, data) for kind, data, _ in _chunks(png)]
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


def problem_of(png: bytes) -> str:
    """
    Return what keeps a PNG from being shown everywhere, or nothing.

    It is unpacked no further than its own header says, so that none takes more memory than its size in pixels.
    """
    if not png.startswith(SIGNATURE):
        return "it does not begin as a PNG"
    chunks: list[tuple[bytes, bytes]] = []
    for kind, data, checksum in _chunks(png):
        if len(checksum) < 4:  # noqa: PLR2004 - bytes of a CRC
            break
        if struct.pack(">I", zlib.crc32(kind + data)) != checksum:
            return f"its part {kind.decode('latin-1')!r} is damaged"
        chunks.append((kind, data))
        if kind == b"IEND":
            return _problem_of(chunks)
    return "it ends too early"


def _problem_of(chunks: list[tuple[bytes, bytes]]) -> str:
    kinds = [kind for kind, _ in chunks]
    header = chunks[0][1]
    if kinds[0] != b"IHDR" or len(header) != _HEADER:
        return "it has no header"
    width, height, depth, colour, *_, interlaced = struct.unpack(">IIBBBBB", header)
    if depth not in _DEPTHS.get(colour, ()) or interlaced > 1 or header[10:12] != b"\0\0":
        return "its header says what no PNG is"
    if not (0 < width <= _LARGEST and 0 < height <= _LARGEST):
        return f"it is {width} x {height} pixels; expected at most {_LARGEST} x {_LARGEST}"
    if b"acTL" in kinds:
        return "it moves; export one picture of it"
    if colour == _PALETTE and b"PLTE" not in kinds:
        return "it has no palette"
    packed = b"".join(data for kind, data in chunks if kind == b"IDAT")
    return _problem_of_pixels(
        packed, _unpacked(width, height, depth * _CHANNELS[colour], interlaced=bool(interlaced))
    )


def _problem_of_pixels(packed: bytes, size: int) -> str:
    try:
        pixels = zlib.decompressobj().decompress(packed, size + 1)
    except zlib.error:
        return "its pixels are damaged"
    return "" if len(pixels) == size else "its pixels are fewer or more than its header says"


def _unpacked(width: int, height: int, bits: int, *, interlaced: bool) -> int:
    """Return the bytes of a picture's lines, each with its filter's type, of that many bits a pixel."""
    total = 0
    for x, y, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, lines = max(-(-(width - x) // across), 0), max(-(-(height - y) // down), 0)
        total += lines * (1 + (columns * bits + 7) // 8) if columns else 0
    return total


def _without_alpha(lines: bytes, height: int, stride: int) -> Iterator[bytes]:
    for start in range(0, height * stride, stride):
        line = bytearray(lines[start : start + stride])
        del line[4::4]
        yield bytes(line)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield kind, data and checksum of each part; of one that is cut off, what is there."""
    position = len(SIGNATURE)
    while position < len(png):
        (length,) = struct.unpack(">I", png[position : position + 4].rjust(4, b"\0"))
        begin, end = position + 8, position + 8 + length
        yield png[position + 4 : begin], png[begin:end], png[end : end + 4]
        position = end + 4


def _packed(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
