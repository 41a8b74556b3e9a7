"""Make a PDF of a report's page, from the report's own files and nothing else."""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from weasyprint import HTML  # noqa: TID253 - the one thing that this program does
from weasyprint.logger import LOGGER  # noqa: TID253 - as above
from weasyprint.urls import FatalURLFetchingError, URLFetcher  # noqa: TID253 - as above

if TYPE_CHECKING:
    import logging

# What paper asks for beside the page's own rules for print.
PAPER = """
@page { size: A4; margin: 14mm 16mm 15mm; @bottom-right { content: counter(page) " / " counter(pages); font-size: 8pt } }
body { font-size: 10pt; line-height: 1.45 } main { border-top: 3pt solid var(--info); padding-top: 9pt }
h1 { font-size: 20pt } h2 { font-size: 13.5pt; margin: 11pt 0 3pt } h3 { font-size: 11pt; margin: 12pt 0 4pt }
p { margin: 0 0 8pt } .period { font-size: 9pt; margin: 3pt 0 12pt } .caption { font-size: 9pt; margin: 8pt 0 3pt }
table { font-size: 9pt } th { padding: 3.5pt 5pt } td { padding: 3pt 5pt }
.metrics { display: flex; flex-wrap: wrap; gap: 6pt; margin: 0 0 8pt }
.metric { flex: 1 1 70pt; padding: 6pt 8pt } .label, .change, .more, footer { font-size: 8pt }
.value { font-size: 12pt } .long .value { font-size: 10.5pt } .unit { font-size: 9pt }
.figure { margin: 0 0 8pt } .notice { margin: 0 0 8pt; padding: 6pt 9pt } footer { margin-top: 10pt; padding-top: 5pt }
"""


class FilesOfReport(URLFetcher):
    """Gives WeasyPrint the files of one folder, and data URLs. Anything else ends the rendering."""

    def __init__(self, folder: Path) -> None:
        super().__init__(allowed_protocols=("file", "data"), allow_redirects=False)
        self.folder = folder.resolve()

    def fetch(self, url, headers=None):  # noqa: ANN001, ANN201 - as in the base class
        """Return the file behind the URL."""
        parts = urlsplit(url)
        if parts.scheme == "data":
            return super().fetch(url, headers)
        path = Path(unquote(parts.path)).resolve()
        if parts.scheme != "file" or parts.netloc or not path.is_relative_to(self.folder) or not path.is_file():
            raise FatalURLFetchingError(
                f"{url!r} is no file of the report. Refer to its files by relative URLs"
            )
        return super().fetch(path.as_uri(), headers)


def on_paper(html: str) -> str:
    """Return a page as paper has it, with the colours that it declares in place of their names: charts know no names."""
    html = html.replace("</head>", f"<style>{PAPER}</style></head>", 1)
    declared = re.search(r":root\{([^}]*)\}", html)
    colours = dict(re.findall(r"--([\w-]+):([^;]+);", declared[1])) if declared else {}
    return re.sub(r"var\(--([\w-]+)\)", lambda name: colours.get(name[1], name[0]), html)


def page_of(folder: Path) -> Path:
    """Return the file that is best on paper: the page; the mail where the report has none."""
    page = folder / "page.html"
    return page if page.exists() else folder / "report.html"


def render(source: Path, target: Path) -> int:
    """Write the PDF of an HTML file, the same bytes for the same content, and return its size in bytes."""
    content = source.read_bytes()
    html = HTML(
        string=on_paper(content.decode()),
        base_url=source.resolve().as_uri(),
        url_fetcher=FilesOfReport(source.parent),
    )
    missing: set[str] = set()

    def heard(record: logging.LogRecord) -> bool:
        """Keep of what WeasyPrint says of each letter without a font, each time, the letter alone."""
        of_a_letter = str(record.msg).startswith(".notdef")
        missing.update(record.args[:1] if of_a_letter else ())
        return not of_a_letter

    LOGGER.addFilter(heard)
    html.write_pdf(
        target,
        pdf_identifier=hashlib.sha256(content).digest()[:16],
        pdf_variant="pdf/ua-1",  # tagged, for screen readers
    )
    LOGGER.removeFilter(heard)
    if missing:
        shown = ", ".join(f"{letter} (U+{ord(letter):04X})" for letter in sorted(missing)[:5])
        print(
            f"render.py: {len(missing)} letters stand as boxes, since no font of the image has them: {shown} … "
            "Add fonts with them to the Dockerfile, such as fonts-noto-core or fonts-noto-cjk",
            file=sys.stderr,
        )
    return target.stat().st_size


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, nargs="?", default=page_of(Path("/in")))
    parser.add_argument("target", type=Path, nargs="?", default=Path("/out/report.pdf"))
    arguments = parser.parse_args()
    try:
        size = render(arguments.source, arguments.target)
    except (OSError, UnicodeDecodeError, FatalURLFetchingError) as error:
        print(f"render.py: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.target}: {size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
