"""
Attachments that open with a password: PDFs by AES-256 (ISO 32000-2), workbooks as Excel does it (MS-OFFCRYPTO, agile).

The archive keeps what was published, and the ledger its digests. What goes out is made of it once for each message: salts
are random, so another try sends other bytes of the same content.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, NamedTuple
from zipfile import is_zipfile

from airflow_provider_daybreak.delivery.attachments import Attachment, media_type_of
from airflow_provider_daybreak.exceptions import (
    AttachmentNotEncryptableError,
    EncryptionPasswordError,
    MissingExtraError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

_SHORTEST = 12  # characters: whoever has the file may guess as fast as his machines do
_LONGEST = 127  # bytes that a PDF's password may have (ISO 32000-2 §7.6.4.3.3)
_FEWEST_DIFFERENT = 5
_IN_MEMORY = 2**20


@dataclass(frozen=True)
class Encryption:
    """
    What attachments open with.

    :param connection: id of the connection whose password it is, for people and for the ledger.
    :param password: 12 to 127 letters, digits and signs of ASCII, which every reader and keyboard writes alike.
    :raises EncryptionPasswordError: it is none, or one that is easily guessed.
    """

    connection: str
    password: str = field(repr=False)

    def __post_init__(self) -> None:
        problem = _problem(self.password)
        if problem:
            raise EncryptionPasswordError(self.connection, problem)

    def check(self, attachment: Attachment) -> None:
        """
        Make sure that a file can be encrypted, as far as it shows without that being done.

        :raises AttachmentChangedError: the file is gone, or its bytes are not those that were recorded.
        :raises AttachmentNotEncryptableError: it is of another kind, not what its name says, encrypted already, or signed.
        :raises MissingExtraError: the extra ``encrypt`` is not installed.
        """
        way, content = _way_of(attachment), _content_of(attachment)
        with _blamed_on(attachment):
            way.refuse(content)

    def applied_to(self, attachment: Attachment) -> Attachment:
        """
        Return the attachment as it goes out.

        :raises AttachmentChangedError: as :meth:`check`.
        :raises AttachmentNotEncryptableError: as :meth:`check`.
        :raises MissingExtraError: as :meth:`check`.
        """
        way, content = _way_of(attachment), _content_of(attachment)
        file: IO[bytes] = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - lives as long as the attachment
        with _blamed_on(attachment):
            way.refuse(content)
            content.seek(0)
            way.encrypt(content, self.password, file)
        digest, size = sha256(), 0
        file.seek(0)
        while chunk := file.read(_IN_MEMORY):
            digest.update(chunk)
            size += len(chunk)
        values = vars(replace(attachment, sha256=digest.hexdigest(), size=size))
        return _Encrypted(**values, content=file)


@dataclass(frozen=True)
class _Encrypted(Attachment):
    """An attachment whose bytes are no longer those at its place."""

    content: IO[bytes] = field(repr=False, compare=False, kw_only=True)

    def opened(self) -> AbstractContextManager[IO[bytes]]:
        return _Again(self.content)


class _Again:
    """A file that is read from its beginning each time that it is entered, and stays open."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __enter__(self) -> IO[bytes]:
        self._file.seek(0)
        return self._file

    def __exit__(self, *_: object) -> None:
        pass


class _RefusedError(Exception):
    """A file that is not to be encrypted, with the reason."""


class _Way(NamedTuple):
    """
    How files of one kind are encrypted.

    :param refuse: raises where a file is not to be.
    :param encrypt: reads one, and writes another that the password opens.
    """

    refuse: Callable[[IO[bytes]], None]
    encrypt: Callable[[IO[bytes], str, IO[bytes]], None]


def _refuse_pdf(source: IO[bytes]) -> None:
    from pypdf import PdfReader

    if source.read(5) != b"%PDF-":
        raise _RefusedError("it is called a PDF, and isn't one")
    reader = PdfReader(source)
    if reader.is_encrypted:
        raise _RefusedError("it is encrypted already")
    form = reader.root_object.get("/AcroForm")
    if form is not None and form.get_object().get("/SigFlags", 0) & 1:
        raise _RefusedError("it is signed, and its signature would no longer hold")


def _encrypt_pdf(source: IO[bytes], password: str, target: IO[bytes]) -> None:
    from pypdf import PdfWriter

    writer = PdfWriter(clone_from=source)
    writer.encrypt(user_password=password, algorithm="AES-256")
    writer.write(target)


def _refuse_workbook(source: IO[bytes]) -> None:
    if not is_zipfile(source):
        raise _RefusedError("it is called a workbook, and isn't one, or is encrypted already")


def _encrypt_workbook(source: IO[bytes], password: str, target: IO[bytes]) -> None:
    from msoffcrypto.format.ooxml import OOXMLFile

    OOXMLFile(source).encrypt(password, target)


_WAYS = {
    media_type_of("_.pdf"): _Way(_refuse_pdf, _encrypt_pdf),
    media_type_of("_.xlsx"): _Way(_refuse_workbook, _encrypt_workbook),
}


def _way_of(attachment: Attachment) -> _Way:
    """Return how files of this kind are encrypted."""
    way = _WAYS.get(attachment.media_type or media_type_of(attachment.name))
    if way is None:
        raise AttachmentNotEncryptableError(attachment.name, "it is neither a PDF nor a workbook (.xlsx)")
    try:
        import msoffcrypto  # noqa: F401 - that it is there
        import pypdf  # noqa: F401 - that it is there
    except ImportError as error:
        raise MissingExtraError("'encrypt'", "encrypt") from error
    return way


def _content_of(attachment: Attachment) -> BytesIO:
    """Return its bytes, checked: what reads PDFs and workbooks goes to and fro in them."""
    return BytesIO(b"".join(attachment.chunks()))


@contextmanager
def _blamed_on(attachment: Attachment) -> Iterator[None]:
    """Turn what a broken file does to what reads it into the error that it can't be encrypted."""
    try:
        yield
    except _RefusedError as refused:
        raise AttachmentNotEncryptableError(attachment.name, str(refused)) from refused
    except (OSError, MemoryError):  # the worker's: its temporary folder is full
        raise
    except Exception as error:
        problem = f"it can't be read ({type(error).__name__})"
        raise AttachmentNotEncryptableError(attachment.name, problem) from error


def _problem(password: str) -> str:
    """Return what is wrong with a password, without telling any of it."""
    if not password:
        return "it has none"
    if not (password.isascii() and password.isprintable()):
        return "its password has other than printable ASCII characters, which readers take for different bytes"
    if not _SHORTEST <= len(password) <= _LONGEST:
        return f"its password doesn't have {_SHORTEST} to {_LONGEST} characters"
    if len(set(password)) < _FEWEST_DIFFERENT:
        return f"its password has fewer than {_FEWEST_DIFFERENT} different characters"
    return ""
