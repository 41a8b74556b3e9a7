"""Build the site in ``build/site`` with warnings as errors: ``make docs``."""

# ruff: noqa: INP001, T201 - a program that prints, in a folder that is no package

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENTRY = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Daybreak</title><meta http-equiv="refresh" content="0; url=en/docs/index.html"></head>
<body><p><a href="en/docs/index.html">English</a> · <a href="fr/docs/fr/index.html" lang="fr">Français</a></p></body></html>
"""


def build(target: Path) -> int:
    """
    Write the site of each language below a folder.

    :param target: the folder, which is made anew.
    :return: 0, or the exit status of the build that failed.
    """
    from sphinx.cmd.build import main

    shutil.rmtree(target, ignore_errors=True)
    for language in ("en", "fr"):
        os.environ["DAYBREAK_DOCS_LANGUAGE"] = language
        trees = str(target / ".doctrees" / language)
        status = main(
            ["--builder", "html", "--fail-on-warning", "--keep-going", "--quiet", "--jobs", "auto", "--conf-dir",
             str(ROOT / "docs" / "site"), "--doctree-dir", trees, str(ROOT), str(target / language)]
        )  # fmt: skip
        if status:
            return status
    shutil.rmtree(target / ".doctrees")
    (target / "index.html").write_text(ENTRY)
    return 0


if __name__ == "__main__":
    where = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site")
    ended = build(where)
    from docs.site import french

    for page, translated in french.twins().items():
        if changed := french.outdated(page):
            print(f"{translated} is of an older {page}; these sections have changed: {', '.join(changed)}")
    if not ended:
        print(f"The site is in {where / 'index.html'}")
    sys.exit(ended)
