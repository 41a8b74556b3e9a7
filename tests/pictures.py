"""Pictures that the documents show, kept by the tests that look at the same: ``DAYBREAK_PICTURES=docs/images``."""

from __future__ import annotations

import io
import os
import subprocess
import tempfile
from pathlib import Path

GAP = 8  # pixels


def keep(picture, name):
    """Keep a picture, in few colours."""
    folder = os.environ.get("DAYBREAK_PICTURES")
    if not folder:
        return
    from PIL import Image

    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(96, dither=Image.Dither.NONE)
    image.save(Path(folder) / f"{name}.png", optimize=True)


def keep_beside(pictures, name, *, height=None):
    """
    Keep pictures beside each other, on grey.

    :param height: how much of each is shown, in pixels.
    """
    if not os.environ.get("DAYBREAK_PICTURES"):
        return
    from PIL import Image

    sheets = [Image.open(io.BytesIO(picture)).convert("RGB") for picture in pictures]
    width = sum(sheet.width + GAP for sheet in sheets) + GAP
    whole_height = max(sheet.height for sheet in sheets) + 2 * GAP
    whole = Image.new("RGB", (width, min(height or whole_height, whole_height)), "#8a929c")
    at = GAP
    for sheet in sheets:
        whole.paste(sheet, (at, GAP))
        at += sheet.width + GAP
    kept = io.BytesIO()
    whole.save(kept, "png")
    keep(kept.getvalue(), name)


def paper(path, *, pages=1, resolution=54, width=None):
    """
    Return pictures of the first pages of a PDF.

    :param resolution: dots an inch.
    :param width: of each picture in pixels, in place of a resolution.
    """
    size = ["-scale-to-x", str(width), "-scale-to-y", "-1"] if width else ["-r", str(resolution)]
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["pdftoppm", "-png", *size, "-l", str(pages), path, f"{scratch}/page"], check=True)
        return [page.read_bytes() for page in sorted(Path(scratch).iterdir())]
