"""What somebody is asked to approve: written down when it is shown, and sent as it was written down."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.context.archive import storage_path
from airflow_provider_daybreak.exceptions import ApprovalError, ContentChangedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_daybreak.archive import Archive
    from airflow_provider_daybreak.archive.artifacts import ArtifactInfo

_NAME = "approval.json"


@dataclass(frozen=True)
class Proposal:
    """
    What was shown, as plain JSON.

    :param request: what to mail to whom, with its templates rendered and its reports pinned to their revisions.
    :param rules: those of the mailing that decide what is sent.
    :param connection: where it goes out.
    :param messages: what each mail says and where it goes, see :meth:`Mailing.shown`.
    :param keys: of the mails to send, in the ledger.
    """

    request: Mapping[str, Any]
    rules: Mapping[str, Any]
    connection: Mapping[str, Any]
    messages: Sequence[Mapping[str, Any]]
    keys: Sequence[str]

    def store(self, archive: Archive) -> ArtifactInfo:
        """Keep it in the archive, and return what tells it from any other."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        data = json.dumps(values, ensure_ascii=False, default=_plain).encode()
        return archive.store_artifact(_NAME, BytesIO(data)).info()

    @classmethod
    def load(cls, artifact: ArtifactInfo) -> Proposal:
        """
        Return what was kept.

        :raises ApprovalError: it is gone, or something else lies there.
        """
        try:
            data = storage.read(storage_path(artifact["uri"], name="uri of a proposal"))
        except FileNotFoundError as error:
            raise ApprovalError(f"what was shown is gone from {artifact['uri']}") from error
        if sha256(data).hexdigest() != artifact["sha256"]:
            raise ApprovalError(f"what lies at {artifact['uri']} is not what was shown")
        return cls(**json.loads(data))

    def check(self, connection: Mapping[str, Any], messages: Iterable[Mapping[str, Any]]) -> None:
        """
        Refuse to send anything else than was shown.

        :param messages: what would be sent now; others than those of the reports that were shown don't matter.
        :raises ContentChangedError: something would be different.
        """
        found = {message["report"]: json.loads(json.dumps(message)) for message in messages}
        for message in self.messages:
            report = message["report"]
            now = {"connection": dict(connection), **found.get(report, {})}
            for what, approved in {"connection": self.connection, **message}.items():
                if approved != now.get(what):
                    raise ContentChangedError(report, what, *_without_common(approved, now.get(what)))


def _without_common(before: Any, now: Any) -> tuple[Any, Any]:
    """Return two values, of lists only what the other has not."""
    if not isinstance(before, list) or not isinstance(now, list):
        return before, now
    gone, come = [each for each in before if each not in now], [each for each in now if each not in before]
    return (gone, come) if gone or come else (before, now)


def _plain(value: object) -> object:
    """Return a value that JSON doesn't know: what a mapped task gives is a list that is read when it is asked for."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Iterable) else str(value)
