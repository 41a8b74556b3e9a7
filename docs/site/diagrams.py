"""
The drawings of the pages' Mermaid: a repository draws it itself, and the site shows a picture, so that it asks nobody for a program.

The pictures lie in ``docs/images/diagrams``, each named by the text it is drawn of, so that none can be of an older one: a build
without the picture of a text fails, and says so. ``make pictures`` draws them, in Chromium, by Mermaid of npm.
"""
# ruff: noqa: INP001 - the site's folder is no package

from __future__ import annotations

import hashlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "images" / "diagrams"
SCHEMES = {"light": "neutral", "dark": "dark"}
"""By Furo's scheme, which of Mermaid's themes draws it."""

_BLOCK = re.compile(r"^```mermaid\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PAGE = """<!doctype html><meta charset="utf-8"><body><script>{program}</script><script>
async function draw(text, theme) {{
  mermaid.initialize({{startOnLoad: false, theme, htmlLabels: false, deterministicIds: true,
    fontFamily: "Verdana, DejaVu Sans, sans-serif", flowchart: {{useMaxWidth: false, htmlLabels: false}}}});
  return (await mermaid.render("drawn", text)).svg;
}}</script></body>"""


def texts(page: str) -> list[str]:
    """Return what is to be drawn of a page's text."""
    return _BLOCK.findall(page)


def picture(text: str, scheme: str) -> Path:
    """Return where the picture of a text lies, whether it is there or not."""
    return PICTURES / f"{hashlib.sha256(text.encode()).hexdigest()[:12]}-{scheme}.svg"


def with_pictures(page: str, folder: str) -> str:
    """
    Return a page's text with pictures in place of what they are drawn of, which screen readers and searches still read below each.

    :param folder: where the pictures are, as the page's links have it.
    :raises FileNotFoundError: a text has no picture yet.
    """

    def shown(found: re.Match[str]) -> str:
        text, images = found[1], []
        for scheme in SCHEMES:
            where = picture(text, scheme)
            if not where.is_file():
                raise FileNotFoundError(
                    f"{where.name} is not there: a diagram has changed. Draw it: make pictures"
                )
            images.append(
                f"```{{image}} {folder}/{where.name}\n:class: only-{scheme}\n:alt: {_said(text)}\n```"
            )
        return "\n\n".join(images)

    return _BLOCK.sub(shown, page)


def _said(text: str) -> str:
    """Return a diagram as a screen reader can say it: its arrows, in its order."""
    names = dict(re.findall(r"(\w+)\[\(?(.+?)\)?\]", text))
    plain = re.sub(r"(\w+)\[\(?.+?\)?\]", r"\1", text)
    arrows = [line.strip() for line in plain.splitlines() if "-->" in line]
    words = "; ".join(arrows).replace("-->", "to").replace("&", "and")
    return re.sub(r"\w+", lambda found: names.get(found[0], found[0]).replace("<br/>", " "), words)


def draw(program: Path, browser: str) -> int:
    """
    Draw what has no picture yet, remove the pictures of what is no more, and return how many there are.

    :param program: Mermaid, as one file of script.
    :param browser: the Chromium that runs it.
    """
    from playwright.sync_api import sync_playwright

    pages = [path.read_text(encoding="utf-8") for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))]
    wanted = {picture(text, scheme): (text, theme)
              for page in pages for text in texts(page) for scheme, theme in SCHEMES.items()}  # fmt: skip
    PICTURES.mkdir(exist_ok=True)
    for path in set(PICTURES.iterdir()) - set(wanted):
        path.unlink()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page()
        page.set_content(_PAGE.format(program=program.read_text(encoding="utf-8")))
        for path, (text, theme) in wanted.items():
            if not path.exists():
                path.write_text(page.evaluate("([text, theme]) => draw(text, theme)", [text, theme]) + "\n")
        chromium.close()
    return len(wanted)


if __name__ == "__main__":
    import sys

    print(f"{draw(Path(sys.argv[1]), sys.argv[2])} pictures of diagrams are there.")  # noqa: T201 - a program
