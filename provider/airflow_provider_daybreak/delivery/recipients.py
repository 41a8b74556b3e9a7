"""Who a mail goes to: addresses read strictly, each once."""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email import policy
from email.errors import NonASCIILocalPartDefect, ObsoleteHeaderDefect
from email.headerregistry import Address
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_daybreak.delivery.headers import plain
from airflow_provider_daybreak.exceptions import (
    EmptyRecipientsError,
    InvalidValueError,
    NobodyAllowedError,
    NoRecipientsError,
    RecipientNotAllowedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal["to", "cc", "bcc"]

_EXPECTED = 'one address, such as jane@example.org or "Doe, Jane" <jane@example.org>'
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*|\"(?:[ !#-\[\]-~]|\\[ -~])+\"")
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.IPv]+\]")
_COMMAS = ",\N{FULLWIDTH COMMA}\N{IDEOGRAPHIC COMMA}\N{ARABIC COMMA}"
_SEPARATORS = _COMMAS + ";\N{FULLWIDTH SEMICOLON}\N{ARABIC SEMICOLON}\r\n"
_PART = re.compile(
    rf"""(?:"(?:[^"\\\r\n]|\\.)*"|<[^<>\r\n]*>|[^"<{_SEPARATORS}])+|.""", re.DOTALL
)  # up to what separates addresses
_UNSEEN = "\ufeff\u200b\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Marks that come along where an address is copied, above all from text that is written from the right."""
_MAX_LOCAL, _MAX_DOMAIN = 64, 255  # octets, RFC 5321 §4.5.3.1


@dataclass(frozen=True)
class Recipient:
    """
    One mailbox that a mail goes to.

    :param address: its addr-spec, the domain in ASCII. What is before the @ may be any letters.
    :param name: display name.
    :param kind: which list it was in. Those in ``bcc`` are in no header.
    :param alone: whether its mail names nobody else, as mails of one's own (rows) do.
    :param report: slug of the report that this mailbox gets, where several are sent.
    :param parameters: what else its row says.
    :param instead_of: the address that was meant, when the mail is redirected.
    :param message: name of the archived message that it gets, where a script wrote it.
    :param part: what tells that from the other mails of a period to this mailbox; empty for the first.
    """

    address: str
    name: str = ""
    kind: Kind = "to"
    alone: bool = False
    report: str | None = None
    parameters: Mapping[str, object] = field(default_factory=dict, hash=False)
    instead_of: str = ""
    message: str = ""
    part: str = ""

    @property
    def intended(self) -> str:
        """The address that the mail is for, wherever it goes."""
        return self.instead_of or self.address

    @property
    def normal(self) -> str:
        """What tells this mailbox from others: see :func:`normal_form`."""
        return normal_form(self.intended)

    @property
    def label(self) -> str:
        """What results and logs call it."""
        return f"{self.intended} ({self.part})" if self.part else self.intended

    @property
    def needs_utf8(self) -> bool:
        """Whether only a server with SMTPUTF8 (RFC 6531) can take mail for it."""
        return not self.address.isascii()

    @property
    def domain(self) -> str:
        """Domain of the address, in ASCII and lower case."""
        return self.address.lower().rpartition("@")[2]

    @property
    def mailbox(self) -> Address:
        """Name and address as a header shows them."""
        user, _, domain = self.address.rpartition("@")
        if user.startswith('"'):  # what is quoted how is left to its parser, which takes its time
            return Address(self.name, addr_spec=self.address)
        return Address(self.name, user, domain)


def normal_form(address: str) -> str:
    """
    Return what tells a mailbox from others: case, in practice, doesn't, and quotes that need not be don't.

    :param address: its addr-spec, such as ``"joe"@example.org``.
    """
    local, _, domain = address.lower().rpartition("@")
    if local.startswith('"'):
        bare = re.sub(r"\\(.)", r"\1", local[1:-1])
        local = bare if _DOT_ATOM.fullmatch(bare) else _quoted(bare)
    return f"{local}@{domain}"


def other_forms(address: str) -> list[str]:
    """Return the forms of an address that older versions took for other mailboxes."""
    normal = normal_form(address)
    local, _, domain = normal.rpartition("@")
    forms = [address.lower()] if address.lower() != normal else []
    if not local.startswith('"') and f'"{local}"@{domain}' not in forms:
        forms.append(f'"{local}"@{domain}')
    return forms


def _quoted(text: str) -> str:
    return '"' + re.sub(r'([\\"])', r"\\\1", text) + '"'


def parse_address(value: object, *, kind: Kind = "to") -> Recipient:
    """
    Return the recipient that text names: exactly one address, with or without a display name.

    :raises InvalidValueError: it is no address, or several.
    """
    found = _parse_list(value, kind)
    if len(found) != 1:
        raise InvalidValueError("recipient", value, _EXPECTED)
    return found[0]


def parse_sender(value: object, *, name: str) -> Address:
    """
    Return the mailbox that mails are from, or that answers go to.

    :param name: what it is called where it was given, for the error.
    :raises InvalidValueError: it is no address, or one that only some servers could send from.
    """
    try:
        return sending_mailbox(parse_address(value), name=name)
    except InvalidValueError as error:
        raise InvalidValueError(name, value, error.expected) from error


def sending_mailbox(found: Recipient, *, name: str) -> Address:
    """
    Return the mailbox as one that mails are from, or that answers go to.

    :raises InvalidValueError: only some servers could send from it, or answer it.
    """
    if found.needs_utf8:
        raise InvalidValueError(name, found.address, "an address with only ASCII before the @")
    return found.mailbox


def ascii_domain(domain: str, *, name: str) -> str:
    """
    Return a domain as mail servers and name servers know it: one in ASCII as it is.

    Others are mapped as browsers do (UTS 46, non-transitional) and encoded by IDNA 2008: ``faß.de`` is
    ``xn--fa-hia.de``, and not ``fass.de``, which belongs to somebody else.

    :param name: what it is called where it was given, for the error.
    :raises InvalidValueError: no such domain can be.
    """
    if domain.isascii():
        return domain
    import idna

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except UnicodeError as error:
        raise InvalidValueError(
            name, domain, f"a domain that can be registered (IDNA 2008: {error})"
        ) from error


def is_domain(text: str) -> bool:
    """Return whether text is a domain in ASCII, or an address in brackets, such as ``[192.0.2.1]``."""
    return len(text) <= _MAX_DOMAIN and _DOMAIN.fullmatch(text) is not None


def parse_recipients(value: object, *, kind: Kind = "to") -> list[Recipient]:
    """
    Return the recipients that an argument names.

    :param value: None, text as people write it (addresses with commas, semicolons, of any script, or line ends between them),
        JSON text of a list, or a list whose items are texts of one address each, or rows:
        ``{"address": …, "name": …}``.
    :raises InvalidValueError: an item is no address, or several.
    """
    value = _unwrapped(value)
    if value is None:
        return []
    if isinstance(value, str):
        return _parse_list(value, kind) if value.strip() else []
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, Sequence):
        raise InvalidValueError(kind, value, "a list of addresses")
    return [
        _parse_row(item, kind) if isinstance(item, Mapping) else parse_address(item, kind=kind)
        for item in value
    ]


def choose_recipients(
    to: object,
    cc: object = (),
    bcc: object = (),
    *,
    default: object = (),
    allowed_domains: Sequence[str] = (),
) -> list[Recipient]:
    """
    Return everybody that a mail goes to, each mailbox once (for each report), in the order given.

    :param default: who gets it when ``to``, ``cc`` and ``bcc`` are empty.
    :param allowed_domains: the only domains that may be mailed; any when empty.
    :raises NoRecipientsError: there is nobody; an :class:`EmptyRecipientsError` where a list was given.
    :raises RecipientNotAllowedError: somebody's domain isn't allowed.
    """
    everybody = [
        *parse_recipients(to, kind="to"),
        *parse_recipients(cc, kind="cc"),
        *parse_recipients(bcc, kind="bcc"),
    ] or parse_recipients(default, kind="to")
    if not everybody:
        given = any(isinstance(_unwrapped(each), list) for each in (to, cc, bcc))
        raise EmptyRecipientsError if given else NoRecipientsError
    check_domains(everybody, allowed_domains)
    unique = {(recipient.normal, recipient.report): recipient for recipient in reversed(everybody)}
    return list(unique.values())[::-1]


def check_domains(recipients: Iterable[Recipient], allowed: Sequence[str]) -> None:
    """
    Refuse recipients outside of the allowed domains.

    :param allowed: domains, such as ``example.org``. Subdomains are others. Any when empty.
    :raises RecipientNotAllowedError: somebody's domain isn't allowed; a :class:`NobodyAllowedError` where nobody's is.
    """
    if isinstance(allowed, str):
        raise InvalidValueError("allowed_domains", allowed, 'a list of domains, such as ["example.org"]')
    domains = {ascii_domain(domain.strip().lstrip("@"), name="allowed_domains").lower() for domain in allowed}
    everybody = list(recipients)
    outside = tuple(each.address for each in everybody if domains and each.domain not in domains)
    if outside:
        error = NobodyAllowedError if len(outside) == len(everybody) else RecipientNotAllowedError
        raise error(outside, tuple(sorted(domains)))


def redirected(recipients: Sequence[Recipient], address: str) -> list[Recipient]:
    """Return the recipients with every mail going to one address instead, each named as it was meant."""
    target = parse_address(address)
    return [
        replace(
            each,
            address=target.address,
            name=f"{each.name or each.address} (trial)",
            alone=True,
            instead_of=each.address,
        )
        for each in recipients
    ]


def _unwrapped(value: object) -> object:
    """Return the list that the text of a template field shows, and any other value as it is."""
    if not isinstance(value, str) or not value.strip().startswith("["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        pass
    try:
        return ast.literal_eval(value.strip())  # what Jinja makes of a list
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return value


def _parse_row(row: Mapping[str, Any], kind: Kind) -> Recipient:
    if "address" not in row:
        raise InvalidValueError("row of recipients", dict(row), 'a row with "address"')
    parsed = parse_address(row["address"], kind=kind)
    rest = {str(key): value for key, value in row.items() if key not in ("address", "name", "report")}
    name, report = row.get("name") or parsed.name, row.get("report")
    if isinstance(report, Mapping):
        report = report.get("report")
    return replace(parsed, name=plain("name of a recipient", name), alone=True, report=report, parameters=rest)


def _parse_list(value: object, kind: Kind) -> list[Recipient]:
    if not isinstance(value, str):
        raise InvalidValueError("recipient", value, _EXPECTED)
    text = _bare(value)
    if text.isascii() and _is_addr_spec(text):
        return [Recipient(text, kind=kind)]
    return [_parse_mailbox(part, value, kind) for part in _split(text, value)]


def _split(text: str, value: str) -> list[str]:
    """
    Return the mailboxes of a list, as texts of one each.

    A comma also stands within names, as in ``Roe, Ann <ann@example.org>``: what has no @ belongs to what follows.

    :param value: the whole, for the error.
    """
    found: list[str] = []
    name, comma = "", ","
    for part in _PART.findall(text):
        piece = _bare(part)
        if part in _SEPARATORS or not piece:
            if name and part not in _COMMAS:
                break
            comma = part
            continue
        if name:
            before, bracket, address = piece.partition("<")
            quoted = '"' in name + before
            if bracket and not quoted and "@" not in before:
                piece, name = f'"{name}{comma} {before.strip()}" <{address}', ""
        if "@" not in piece:
            name = f"{name}{comma} {piece}" if name else piece
            continue
        if name:
            break
        found.append(piece)
    if name:
        raise InvalidValueError("recipient", value, _EXPECTED)
    return found


def _bare(text: str) -> str:
    """Return a text without the white space and the marks at its ends that nobody sees."""
    return text.strip().strip(_UNSEEN).strip()


def _parse_mailbox(text: str, value: str, kind: Kind) -> Recipient:
    if text.isascii() and _is_addr_spec(text):
        return Recipient(text, kind=kind)
    plain("recipient", text)
    try:
        header: Any = policy.default.header_factory("To", text)
        groups = header.groups
        defects = [
            defect
            for defect in header.defects
            if not isinstance(defect, (ObsoleteHeaderDefect, NonASCIILocalPartDefect))
        ]
    except (ValueError, IndexError, AttributeError, TypeError) as error:  # what its parser fails with
        raise InvalidValueError("recipient", value, _EXPECTED) from error
    addresses = [address for group in groups for address in group.addresses]
    if len(addresses) != 1 or defects or any(group.display_name is not None for group in groups):
        raise InvalidValueError("recipient", value, _EXPECTED)
    return _recipient(addresses[0], value, kind)


def _recipient(address: Address, value: str, kind: Kind) -> Recipient:
    domain = ascii_domain(address.domain, name="domain of a recipient")
    local = Address(username=unicodedata.normalize("NFC", address.username)).addr_spec.removesuffix("@")
    if not _is_addr_spec(f"{local}@{domain}"):
        raise InvalidValueError("recipient", value, _EXPECTED)
    return Recipient(f"{local}@{domain}", plain("name of a recipient", address.display_name), kind)


def _is_addr_spec(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    return bool(
        at
        and len(local.encode("utf-8", "surrogatepass")) <= _MAX_LOCAL
        and _LOCAL.fullmatch(local)
        and is_domain(domain)
        and (local.isascii() or not any(unicodedata.category(each)[0] in "CZ" for each in local))
    )
