"""Make a PDF of a report's HTML, from the report's own files and nothing else."""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from weasyprint import HTML  # noqa: TID253 - the one thing that this program does
from weasyprint.urls import FatalURLFetchingError, URLFetcher  # noqa: TID253


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


def render(source: Path, target: Path) -> int:
    """Write the PDF of an HTML file, the same bytes for the same content, and return its size in bytes."""
    content = source.read_bytes()
    html = HTML(
        string=content.decode(), base_url=source.resolve().as_uri(), url_fetcher=FilesOfReport(source.parent)
    )
    html.write_pdf(target, pdf_identifier=hashlib.sha256(content).digest()[:16])
    return target.stat().st_size


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, nargs="?", default=Path("/in/report.html"))
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
