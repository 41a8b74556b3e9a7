"""Lines of requirements in pip's format: read, taken apart, and refused where they can't be deployed."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_daybreak.exceptions import RequirementRefusedError, RequirementsError
from airflow_provider_daybreak.releases.requirements.addresses import (
    has_credentials,
    is_clean,
    without_credentials,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HASHES = re.compile(r"(?:\s+--hash[= ][a-z0-9]+:[0-9a-f]+)+\s*")
_HASH = re.compile(r"[a-z0-9]+:[0-9a-f]+")
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]* ?== ?[A-Za-z0-9.!+]+( ?;[^;@#$]+)?")
_PINNED = re.compile(r"==\s*[^*]+$|@\s*https://")
_COMMENT = re.compile(r"(^|\s)#.*$")
_VCS = re.compile(r"(git|hg|svn|bzr)(\+|://)")
_INDEX_URL = re.compile(r"https?://[^\s/?#@\\$]+(/[^\s?#@\\$]*)?", re.IGNORECASE)
_ONLY_BINARY = re.compile(r"--only-binary[ =]+(?!:none:)\S+|--prefer-binary")
_ARCHIVE = re.compile(r"\.(whl|zip|tar\.gz|tgz|tar\.bz2)$", re.IGNORECASE)
_MARKS = (  # the longer before those that they begin with
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_CODING = re.compile(rb"(?:[^\n]*\n)?[ \t]*#[^\n]*?coding[:=][ \t]*([-\w.]+)")
_NO_TEXT = "it is not UTF-8 text. Save it as UTF-8."
IN_CLEAR = "its credentials stand in clear. Put them into a connection, and name it in index_conn_id."
_NO_INDEX = "expected the address of a simple index, such as https://packages.example/simple."
_NO_VCS = (
    "what a repository gives today it may not give tomorrow. Publish the package, or copy it into the source."
)
_NO_PATH = "a path of one machine leads nowhere on another. Publish the package, or copy it into the source."
NO_PROJECT = (
    "there is no project (pyproject.toml, setup.cfg or setup.py) in the source there. Copy it into the source."
)
_NO_FREEZE = (
    "it is where one machine had its file, as 'pip freeze' notes of what conda installed. Write its version: "
    "'pip list --format=freeze' does."
)
_NO_NAME = "an address has its package's name before it. Write it as name @ https://…."
_NO_HTTP = "an address without TLS can be anybody's. Use https://."
_NO_ADDRESS = (
    "its address can't be used: it stands in locks and logs, so it has no query, which may hold a key, and no user. Publish the "
    "package on an index, or copy it into the source."
)
_NO_VARIABLE = "variables are not filled in: they would differ between workers. Write the value itself."
_NO_LINKS = (
    "a page of links is no index that can be locked. Name an index, by --index-url or --extra-index-url."
)
_NO_BINARY = "it is for packages by name. Name those that are to be built, as in --no-binary thing."
_REFUSED = {
    "--no-binary": _NO_BINARY,
    "-e": _NO_VCS,
    "--editable": _NO_VCS,
    "-f": _NO_LINKS,
    "--find-links": _NO_LINKS,
}
_KNOWN = "-r, -c, -e, --index-url, --extra-index-url, --hash, --require-hashes, --only-binary, --no-binary, --prefer-binary, --pre"


@dataclass(frozen=True)
class Line:
    """
    A requirement, with the place it stands at.

    :param options: its hashes, as they are written. A lock has a thousand: they are taken apart when they are needed.
    :param included: whether it stands in a file that another one names. Nothing tells what that was meant to
        hold, so it is never quoted.
    """

    path: str
    number: int
    text: str
    options: str = ""
    included: bool = False

    @property
    def hashes(self) -> tuple[str, ...]:
        """
        Its hashes, as ``sha256:…``.

        :raises RequirementRefusedError: they can't be read.
        """
        if self.options and not _HASHES.fullmatch(self.options):
            raise self.refused("its hashes can't be read. Write each as --hash=sha256:….")
        return tuple(sorted(_HASH.findall(self.options)))

    @property
    def pinned(self) -> bool:
        """Whether it leaves no version open."""
        return bool(_PINNED.search(self.text.split(";")[0]))

    def refused(self, problem: str) -> RequirementRefusedError:
        """Return the error that says why it can't be deployed."""
        text = "" if self.included else without_credentials(self.text)
        return RequirementRefusedError(self.path, self.number, text, problem)


def read_text(path: Path) -> str:
    """
    Return the text of a file in UTF-8, or in what the mark it begins with says, as PowerShell writes it, or a comment, as for Python.

    :raises RequirementsError: it can't be read, or is no text.
    """
    try:
        data = path.read_bytes()
        encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), "")
        said = _CODING.match(data)
        text = data.decode(encoding or (said[1].decode() if said else "utf-8"))
    except (UnicodeDecodeError, LookupError) as error:
        raise RequirementsError(str(path), _NO_TEXT) from error
    except OSError as error:
        problem = f"{error.strerror or error}. Expected a readable file."
        raise RequirementsError(str(path), problem) from error
    if "\0" in text:
        raise RequirementsError(str(path), _NO_TEXT)
    return text


def lines_of(path: Path) -> tuple[Line, ...]:
    """Return the requirements in a lock that uv wrote."""
    return tuple(requirement(line) for line in logical_lines(path))


def logical_lines(path: Path, *, included: bool = False) -> Iterator[Line]:
    """Yield what the file says, without comments, and with continued lines joined."""
    begun = 0
    parts: list[str] = []
    for number, physical in enumerate([*read_text(path).splitlines(), ""], start=1):
        begun = begun or number
        said = _COMMENT.sub("", physical) if "#" in physical else physical
        if said.endswith("\\"):
            parts.append(said[:-1])
            continue
        whole = " ".join([*parts, said]).replace("\t", " ").strip()
        if whole:
            yield Line(str(path), begun, whole, included=included)
        begun, parts = 0, []


def index_url(line: Line, url: str) -> str:
    """
    Return the address of an index.

    :raises RequirementRefusedError: it is none, or has credentials in it.
    """
    if has_credentials(url):
        raise line.refused(IN_CLEAR)
    if not _INDEX_URL.fullmatch(url) or not _can_be_asked(url):
        raise line.refused(_NO_INDEX)
    return url


def wants_wheels(line: Line) -> bool:
    """
    Return whether the line is an option that keeps packages from being built.

    :raises RequirementRefusedError: it is another option.
    """
    if _ONLY_BINARY.fullmatch(line.text):
        return True
    option = re.split(r"[\s=]", line.text, maxsplit=1)[0]
    raise line.refused(
        _REFUSED.get(option, f"this option is unknown here, or does not stand alone. Known are {_KNOWN}.")
    )


def local_folder(line: Line) -> tuple[str, list[str]] | None:
    """
    Return the path and the extras of a line that asks for a project in a folder, or None where it asks for something else.

    :raises RequirementRefusedError: it is one of a folder that can't be in the source.
    """
    text = re.sub(
        r"^(-e|--editable)(\s+|=)|^[A-Za-z0-9._-]+\s*(?=(\[[^\]]*\])?\s*@\s*(file:|\.))", "", line.text
    ).strip("\"' ")
    named = re.match(r"(\[[^\]]*\])?\s*@\s*", text)
    extras = (named[1] or "") if named and named[0] else ""
    text = text[named.end() :] if named and named[0] else text
    said = re.sub(r"^file:(?!//)", "./", text, flags=re.IGNORECASE)
    editable = line.text.startswith(("-e", "--editable"))
    if _VCS.match(said) or "://" in said or _ARCHIVE.search(said.partition("#")[0]):
        if editable and not _VCS.match(said):
            raise line.refused(_NO_PATH)
        return None
    if not (
        editable
        or said.startswith(("./", "../"))
        or re.fullmatch(r"\.{1,2}(\[.*\])?", said)
        or (re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?(\[.*\])?", said))
    ):
        return None
    found = re.fullmatch(r"(?P<path>[^\[;#@]+)(\[(?P<extras>[^\]]*)\])?", said.strip())
    if found is None:
        raise line.refused(_NO_PATH)
    names = (found["extras"] or extras.strip("[]")).split(",")
    return found["path"].strip(), [name.strip() for name in names if name.strip()]


def requirement(line: Line) -> Line:
    """
    Return the line taken apart.

    :raises RequirementRefusedError: it asks for what can't be deployed.
    """
    whole, mark, rest = line.text.partition(" --hash")
    text = " ".join(whole.split())
    if not _PLAIN.fullmatch(text):  # which is quick to see, and what a lock is made of
        _check(line, text)
    return Line(line.path, line.number, text, mark + rest, line.included)


def _check(line: Line, text: str) -> None:
    from packaging.requirements import InvalidRequirement, Requirement

    if has_credentials(text):
        raise line.refused(IN_CLEAR)
    if "${" in text:
        raise line.refused(_NO_VARIABLE)
    if _VCS.match(text):
        raise line.refused(_NO_VCS)
    if re.match(r"https?://", text, re.IGNORECASE):
        raise line.refused(_NO_NAME)
    if re.match(r"[./~]|file:", text) or re.search(r"\.(whl|zip|tar\.gz)$", re.split("[;@]", text)[0].strip()):
        raise line.refused(_NO_PATH)
    try:
        url = Requirement(text).url or ""
    except InvalidRequirement as error:
        said = "it can't be read" if line.included else str(error).splitlines()[0].rstrip(".:")
        problem = f"{said}. Expected a requirement such as requests>=2.31."
        raise line.refused(problem) from None  # its text quotes the line
    if _VCS.match(url):
        raise line.refused(_NO_VCS)
    if url and not url.startswith("https://"):
        of_file = _NO_FREEZE if url.startswith("file://") else _NO_PATH
        raise line.refused(of_file if "://" not in url or url.startswith("file:") else _NO_HTTP)
    if url and not is_clean(url):
        raise line.refused(_NO_ADDRESS)


def _can_be_asked(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname) and urlsplit(url).port != 0
    except ValueError:
        return False
