"""The worker's side of a relay elsewhere, in a container or on a host: what goes there, and what the script mailed when it has ended."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import airflow_provider_daybreak
from airflow_provider_daybreak.delivery.certificate import own_certificate
from airflow_provider_daybreak.delivery.contained import CERTIFICATE, INDEX, SETTINGS
from airflow_provider_daybreak.delivery.intake import RelayedMessage
from airflow_provider_daybreak.delivery.recipients import check_domains, parse_address, parse_sender
from airflow_provider_daybreak.delivery.script_mail import VARIABLES
from airflow_provider_daybreak.exceptions import ContainerOutputError, DaybreakError, RemoteMailError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import Self

    from airflow_provider_daybreak.delivery.intake import Limits
    from airflow_provider_daybreak.delivery.script_mail import Kind

MAIL = "mail"
_PACKAGE = Path(airflow_provider_daybreak.__file__).parent
_SHIPPED = (
    "__init__.py",
    "delivery/__init__.py",
    *(
        f"delivery/{name}.py"
        for name in (
            "certificate",
            "contained",
            "dialogue",
            "headers",
            "intake",
            "recipients",
            "relay",
            "rules",
            "script_mail",
            "server",
        )
    ),
)
_NAME = re.compile(r"[1-9][0-9]{0,8}\.eml")
_INDEX_BYTES = 16_000_000
BESIDE = "from pathlib import Path; from airflow_provider_daybreak.delivery.contained import beside; beside(Path(sys.argv[2]))"
"""What a host's Python runs beside a script, where it finds our program: its argument is the folder for messages."""
_BEGIN = (
    "import sys; from pathlib import Path; home = Path({home!r}); sys.path.insert(0, {home!r}); "
    "from airflow_provider_daybreak.delivery.contained import end, main; end(main(home, sys.argv[1:]))"
)


class _MailElsewhere(ABC):
    """Messages that a relay elsewhere took, once they came here."""

    def __init__(self, inbox: Path, limits: Limits) -> None:
        self.limits = limits
        self._inbox = inbox

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:  # noqa: B027 - there is nothing that another one had to do
        """Nothing is to be ended: it lives and ends with the script."""

    @abstractmethod
    def _error(self, problem: str) -> DaybreakError:
        """Return the error of files that are not the relay's."""

    def keep(self, name: str, stream: BinaryIO) -> int:
        """
        Keep a file that came from there, and return its bytes.

        :raises DaybreakError: it is none of the relay's.
        """
        if name != INDEX and not _NAME.fullmatch(name):
            raise self._error(f"{name!r} is no message of the relay")
        size = 0
        with (self._inbox / name).open("xb") as file:
            while piece := stream.read(1 << 20):
                size += file.write(piece)
        return size

    @property
    def messages(self) -> list[RelayedMessage]:
        """The messages that it took, in that order."""
        return self._index[0]

    @property
    def refused(self) -> dict[str, str]:
        """What it answered to messages that it did not take, by recipient."""
        return self._index[1]

    @cached_property
    def _index(self) -> tuple[list[RelayedMessage], dict[str, str]]:
        """What is said there of the messages: whoever wrote the script may have written it, so it is read so."""
        path = self._inbox / INDEX
        if not path.exists():  # it was killed, or never began
            return [], {}
        try:
            with path.open("rb") as file:  # of more, a part is no JSON
                said = json.loads(file.read(_INDEX_BYTES))
            messages = [self._message(*mail) for mail in said["mails"]]
            refused = {str(name): str(reply) for name, reply in said["refused"].items()}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, DaybreakError) as error:
            raise self._error(f"{INDEX} is not the relay's ({error})") from error
        return messages, refused

    def _message(self, name: Any, sender: Any, recipients: Any) -> RelayedMessage:
        file = self._inbox / str(name)
        if not _NAME.fullmatch(str(name)) or not file.is_file():
            raise ValueError(f"there is no message {name!r}")
        if file.stat().st_size > self.limits.max_bytes:
            raise ValueError(f"message {name!r} has more than {self.limits.max_bytes} bytes")
        addresses = [parse_address(str(each)) for each in recipients]
        check_domains(addresses, self.limits.allowed_domains)
        if not addresses:
            raise ValueError(f"message {name!r} has no recipients")
        envelope = parse_sender(str(sender), name="sender").addr_spec if sender else ""
        return RelayedMessage(envelope, tuple(each.address for each in addresses), file)


class ContainedMail(_MailElsewhere):
    """
    Stands where a :class:`Relay` stands for a script of a release.

    :param inbox: folder on the worker that messages come to when the script has ended.
    :param limits: what the relay takes. Whose programs connect it need not ask: it is alone with the script.
    :param home: folder in the container that its files are in.
    :param spool: folder in the container that messages go to.
    :ivar port: where it begins in clear.
    :ivar tls_port: where it speaks TLS from the start.
    """

    port = 2525
    tls_port = 4465

    def __init__(self, inbox: Path, limits: Limits, *, home: str, spool: str) -> None:
        super().__init__(inbox, limits)
        self.spool = spool
        self._home = home

    def _error(self, problem: str) -> DaybreakError:
        return ContainerOutputError(MAIL, self.spool, problem)

    def command(self, python: str) -> list[str]:
        """Return what stands before the script's command, to be run by that Python."""
        return [python, "-I", "-c", _BEGIN.format(home=self._home)]

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Yield what it needs in the container: paths under its home, and contents."""
        import idna

        shipped = [_PACKAGE / name for name in _SHIPPED] + sorted((_PACKAGE / "exceptions").glob("*.py"))
        for path in shipped:
            yield str(path.relative_to(_PACKAGE.parent)), path.read_bytes()
        library = Path(idna.__file__).parent
        for path in sorted(library.glob("*.py")):
            yield f"idna/{path.name}", path.read_bytes()
        settings = {
            "folder": self.spool,
            "ports": [self.port, self.tls_port],
            "max_bytes": self.limits.max_bytes,
            "max_total": self.limits.max_total,
            "allowed_domains": list(self.limits.allowed_domains),
        }
        yield SETTINGS, json.dumps(settings).encode()
        yield CERTIFICATE, b"".join(own_certificate(days=30))


class HostMail(_MailElsewhere):
    """
    Stands where a :class:`Relay` stands for a script that runs on a host without Airflow.

    :param inbox: folder on the worker that messages come to when the script has ended.
    :param limits: what the relay takes; whose programs may connect is said there.
    :param host: what the host is called in errors.
    """

    port = tls_port = 0
    """Any that are free there: what leads the script to them is made there too."""

    def __init__(self, inbox: Path, limits: Limits, *, host: str) -> None:
        super().__init__(inbox, limits)
        self._host = host

    def _error(self, problem: str) -> DaybreakError:
        return RemoteMailError(self._host, problem)

    def asked(self, variables: Mapping[str, Kind]) -> dict[str, Any]:
        """
        Return what :func:`~.delivery.contained.beside` is asked for, but for the script's own variables and users.

        :param variables: further ones that the script reads its server from, each with what it is.
        """
        return {
            "max_bytes": self.limits.max_bytes,
            "max_total": self.limits.max_total,
            "allowed_domains": list(self.limits.allowed_domains),
            "variables": {**VARIABLES, **variables},
            "certificate": b"".join(own_certificate(days=30)).decode(),
        }
