"""Names of columns whose whole numbers are names of something, such as orders, and no amounts: they take no separators."""

from __future__ import annotations

import re

_HUMP = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")  # of orderNo
_WORD = re.compile(r"[^\W_]+")
_SIGN = re.compile("[№°º]")  # as in n° client
_LAST = frozenset(
    [
        "id",
        "ids",
        "uid",
        "uuid",
        "guid",
        "no",
        "nr",
        "zip",
        "plz",
        "code",
        "ean",
        "gtin",
        "upc",
        "isbn",
        "issn",
        "sku",
        "iban",
        "phone",
        "telephone",
        "mobile",
        "fax",
        "year",
        "numéro",
        "siren",
        "siret",
        "nif",
        "cif",
        "dni",
        "cpf",
        "cnpj",
        "cep",
    ]
)
_LAST_OF_SEVERAL = frozenset(("num", "number", "numero", "número"))
"""Alone they may be how many there are."""
_FIRST = frozenset(("id", "codigo", "código", "codice", "رقم"))
_ENDS = re.compile(
    "(?:nummer|nr|postleitzahl|postcode|zipcode|barcode|番号|番號|コード|编号|編號|号码|號碼|邮编|번호|מיקוד)\\Z"
)
_PHRASES = frozenset(("code postal", "الرمز البريدي"))
_RATES = frozenset(("per", "pro", "par", "por"))
"""What is counted by something is no name of it: sales per year."""


def names_something(column: str) -> bool:
    """Return whether a column is called like a number that names something: ``id``, ``orderNo``, ``Kundennummer``, ``注文番号``."""
    if _SIGN.search(column):
        return True
    words = _WORD.findall(_HUMP.sub("_", column).lower())
    if not words or not _RATES.isdisjoint(words):
        return False
    return (
        words[-1] in _LAST
        or (len(words) > 1 and words[-1] in _LAST_OF_SEVERAL)
        or words[0] in _FIRST
        or _ENDS.search(words[-1]) is not None
        or " ".join(words) in _PHRASES
    )
