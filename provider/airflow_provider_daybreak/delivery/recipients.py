"""Who a mail goes to: addresses read strictly, each once."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from email import policy
from email.errors import ObsoleteHeaderDefect
from email.headerregistry import Address
from typing import TYPE_CHECKING, Any, Literal, cast

from airflow_provider_daybreak.delivery.headers import plain
from airflow_provider_daybreak.exceptions import (
    InvalidValueError,
    NoRecipientsError,
    RecipientNotAllowedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal["to", "cc", "bcc"]

_EXPECTED = 'one address, such as jane@example.org or "Doe, Jane" <jane@example.org>'
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*|\"(?:[ !#-\[\]-~]|\\[ -~])+\"")
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.IPv]+\]")
_QUOTING = re.compile(r'["(:;\\]')  # without these, a comma stands between addresses and nowhere else
_MAX_LOCAL, _MAX_DOMAIN = 64, 255  # octets, RFC 5321 §4.5.3.1


@dataclass(frozen=True)
class Recipient:
    """
    One mailbox that a mail goes to.

    :param address: its addr-spec, the domain in ASCII.
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
        """What tells this mailbox from others: case, in practice, doesn't."""
        return self.intended.lower()

    @property
    def label(self) -> str:
        """What results and logs call it."""
        return f"{self.intended} ({self.part})" if self.part else self.intended

    @property
    def domain(self) -> str:
        """Domain of the address, in lower case."""
        return self.address.lower().rpartition("@")[2]

    @property
    def mailbox(self) -> Address:
        """Name and address as a header shows them."""
        user, _, domain = self.address.rpartition("@")
        if user.startswith('"'):  # what is quoted how is left to its parser, which takes its time
            return Address(self.name, addr_spec=self.address)
        return Address(self.name, user, domain)


def parse_address(value: object, *, kind: Kind = "to") -> Recipient:
    """
    Return the recipient that text names: exactly one address, with or without a display name.

    :raises InvalidValueError: it is no address, or several.
    """
    found = _parse_list(value, kind)
    if len(found) != 1:
        raise InvalidValueError("recipient", value, _EXPECTED)
    return found[0]


def parse_recipients(value: object, *, kind: Kind = "to") -> list[Recipient]:
    """
    Return the recipients that an argument names.

    :param value: None, text as a header has it (addresses with commas between them), JSON text of a list,
        or a list whose items are texts of one address each, or rows: ``{"address": …, "name": …}``.
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
    :raises NoRecipientsError: there is nobody.
    :raises RecipientNotAllowedError: somebody's domain isn't allowed.
    """
    everybody = [
        *parse_recipients(to, kind="to"),
        *parse_recipients(cc, kind="cc"),
        *parse_recipients(bcc, kind="bcc"),
    ] or parse_recipients(default, kind="to")
    if not everybody:
        raise NoRecipientsError
    check_domains(everybody, allowed_domains)
    unique = {(recipient.normal, recipient.report): recipient for recipient in reversed(everybody)}
    return list(unique.values())[::-1]


def check_domains(recipients: Iterable[Recipient], allowed: Sequence[str]) -> None:
    """
    Refuse recipients outside of the allowed domains.

    :param allowed: domains, such as ``example.org``. Subdomains are others. Any when empty.
    :raises RecipientNotAllowedError: somebody's domain isn't allowed.
    """
    if isinstance(allowed, str):
        raise InvalidValueError("allowed_domains", allowed, 'a list of domains, such as ["example.org"]')
    domains = {domain.lower().lstrip("@") for domain in allowed}
    outside = tuple(each.address for each in recipients if domains and each.domain not in domains)
    if outside:
        raise RecipientNotAllowedError(outside, tuple(sorted(domains)))


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
    text = value.strip()
    if _is_addr_spec(text):
        return [Recipient(text, kind=kind)]
    if "," in text and not _QUOTING.search(text):
        return [found for part in text.split(",") for found in _parse_list(part, kind)]
    plain("recipient", text)
    try:
        header = cast("Any", policy.default.header_factory("To", text))
        groups = header.groups
        defects = [defect for defect in header.defects if not isinstance(defect, ObsoleteHeaderDefect)]
    except (ValueError, IndexError, AttributeError, TypeError) as error:  # what its parser fails with
        raise InvalidValueError("recipient", value, _EXPECTED) from error
    if not groups or defects or any(group.display_name is not None for group in groups):
        raise InvalidValueError("recipient", value, _EXPECTED)
    return [_recipient(address, value, kind) for group in groups for address in group.addresses]


def _recipient(address: Address, value: str, kind: Kind) -> Recipient:
    domain = address.domain
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise InvalidValueError("recipient", value, _EXPECTED) from error
    spec = f"{Address(username=address.username).addr_spec.removesuffix('@')}@{domain}"
    if not _is_addr_spec(spec):
        raise InvalidValueError("recipient", value, f"{_EXPECTED}, with only ASCII before the @")
    return Recipient(spec, plain("name of a recipient", address.display_name), kind)


def _is_addr_spec(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    return bool(
        at
        and len(local) <= _MAX_LOCAL
        and len(domain) <= _MAX_DOMAIN
        and _LOCAL.fullmatch(local)
        and _DOMAIN.fullmatch(domain)
    )
