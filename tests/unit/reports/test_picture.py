from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from airflow_provider_daybreak.exceptions import InvalidThemeError
from airflow_provider_daybreak.reports.picture import SIGNATURE, problem_of, smaller
from airflow_provider_daybreak.reports.theme import Theme
from tests.mail import png

PIXELS = {"1": 1, "L": 90, "LA": (90, 9), "P": 3, "RGB": (1, 2, 3), "RGBA": (1, 2, 3, 4), "I;16": 900}
WHOLE = png(5, 3)


def saved(mode, size=(11, 7), kind="PNG", **options):
    """Return a picture as Pillow writes it."""
    written = io.BytesIO()
    Image.new(mode, size, PIXELS.get(mode)).save(written, kind, **options)
    return written.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def made(width=2, height=2, depth=8, colour=2, *, ways=(0, 0, 0), pixels=None, before=b""):
    """Return a picture whose header says what it is told to say."""
    lines = zlib.compress(b"\0" * (7 * 2)) if pixels is None else pixels
    header = struct.pack(">IIBBBBB", width, height, depth, colour, *ways)
    return SIGNATURE + chunk(b"IHDR", header) + before + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


@pytest.mark.parametrize("mode", PIXELS)
def test_every_kind_of_png_is_taken(mode):
    assert problem_of(saved(mode)) == ""


def test_a_palette_with_transparency_is_taken():
    assert problem_of(saved("P", transparency=3)) == ""


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 2), (5, 9), (8, 8), (17, 1)])
def test_an_interlaced_picture_has_as_many_bytes_as_its_passes(width, height):
    lines = 0
    for x, y, across, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        columns = len(range(x, width, across))
        lines += len(range(y, height, down)) * (1 + 3 * columns) if columns else 0
    picture = made(width, height, ways=(0, 0, 1), pixels=zlib.compress(b"\0" * lines))

    assert Image.open(io.BytesIO(picture)).convert("RGB").size == (width, height)
    assert problem_of(picture) == ""


BROKEN = {
    "empty": (b"", "does not begin as a PNG"),
    "a jpeg": (saved("RGB", kind="JPEG"), "does not begin as a PNG"),
    "a jpeg for print": (saved("CMYK", kind="JPEG"), "does not begin as a PNG"),
    "an svg with a script": (
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>",
        "does not begin",
    ),
    "an svg with entities": (b"<!DOCTYPE s [<!ENTITY a 'b'>]><svg>&a;</svg>", "does not begin as a PNG"),
    "an svg with a link": (b"<svg><image href='https://example.org/x.png'/></svg>", "does not begin as a PNG"),
    "a gif": (saved("P", kind="GIF"), "does not begin as a PNG"),
    "zeros": (bytes(500), "does not begin as a PNG"),
    "a signature": (SIGNATURE, "ends too early"),
    "a signature and zeros": (SIGNATURE + bytes(400), "'\\x00\\x00\\x00\\x00' is damaged"),
    "a length of four gigabytes": (SIGNATURE + b"\xff" * 12, "ends too early"),
    "a wrong checksum": (WHOLE.replace(b"IDAT", b"IDAX"), "is damaged"),
    "a changed pixel": (WHOLE[:45] + b"\1" + WHOLE[46:], "is damaged"),
    "nothing but an end": (SIGNATURE + chunk(b"IEND", b""), "has no header"),
    "a short header": (SIGNATURE + chunk(b"IHDR", b"1") + chunk(b"IEND", b""), "has no header"),
    "very large": (made(50_000, 50_000), "is 50000 x 50000 pixels; expected at most 4000 x 4000"),
    "without width": (made(0, 2), "is 0 x 2 pixels"),
    "without height": (made(2, 0), "is 2 x 0 pixels"),
    "animated": (made(before=chunk(b"acTL", struct.pack(">II", 2, 0))), "it moves"),
    "of three bits": (made(depth=3), "what no PNG is"),
    "of a colour that is none": (made(colour=5), "what no PNG is"),
    "packed otherwise": (made(ways=(1, 0, 0)), "what no PNG is"),
    "filtered otherwise": (made(ways=(0, 1, 0)), "what no PNG is"),
    "interlaced otherwise": (made(ways=(0, 0, 2)), "what no PNG is"),
    "without its palette": (made(colour=3), "has no palette"),
    "without pixels": (made(pixels=b""), "fewer or more than its header says"),
    "with few pixels": (made(pixels=zlib.compress(b"\0")), "fewer or more than its header says"),
    "with a bomb for pixels": (
        made(pixels=zlib.compress(bytes(30_000_000))),
        "fewer or more than its header says",
    ),
    "with noise for pixels": (made(pixels=b"noise"), "pixels are damaged"),
    "with half of its pixels": (made(pixels=zlib.compress(b"\0" * 14)[:-8]), "fewer or more"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_logo_is_refused_with_what_is_wrong(tmp_path, name):
    content, problem = BROKEN[name]
    (tmp_path / "logo.png").write_bytes(content)
    (tmp_path / "theme.toml").write_text('logo = "logo.png"\n')

    assert problem in problem_of(content).replace("\\\\", "\\")
    with pytest.raises(InvalidThemeError, match=r"export the picture"):
        Theme.load(tmp_path / "theme.toml")


@pytest.mark.parametrize("whole", [WHOLE, saved("P", transparency=3), saved("RGBA")])
def test_a_picture_that_ends_too_early_is_refused_wherever_it_ends(whole):
    assert all(problem_of(whole[:length]) for length in range(len(whole)))


@pytest.mark.parametrize("mode", PIXELS)
def test_a_picture_that_is_not_the_renderers_stays_as_it_is(mode):
    content = saved(mode)

    same = smaller(content)

    assert same == content or mode == "RGBA"
    assert problem_of(same) == ""
