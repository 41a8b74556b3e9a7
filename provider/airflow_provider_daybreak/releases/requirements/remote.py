"""Constraints that are at an address: read when versions are chosen, and what they said then stays in the lock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.exceptions import RequirementsError
from airflow_provider_daybreak.releases.requirements.lines import Line, logical_lines, requirement
from airflow_provider_daybreak.storage.temporary import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECONDS = 30
_MOST = 4 * 1024**2


def fetched(addresses: Sequence[Line]) -> tuple[Line, ...]:
    """
    Return the constraints at these https:// addresses.

    :raises RequirementsError: one can't be read.
    :raises RequirementRefusedError: what is there is more than constraints.
    """
    found: list[Line] = []
    for address in addresses:
        with temporary_folder("daybreak-constraints-") as folder:
            path = Path(folder, "constraints.txt")
            path.write_bytes(_get(address.text))
            for line in logical_lines(path, included=True):
                said = requirement(Line(address.text, line.number, line.text, included=True))
                if said.options:
                    raise said.refused(
                        "a hash is compared where the package is asked for. Move it to the requirement."
                    )
                found.append(said)
    return tuple(found)


def _get(url: str) -> bytes:
    from urllib.error import HTTPError
    from urllib.request import HTTPRedirectHandler, build_opener

    class OverTls(HTTPRedirectHandler):
        """Follows no redirection that leads away from TLS."""

        def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str) -> Any:
            if not newurl.startswith("https://"):
                raise HTTPError(req.full_url, code, "it is redirected to an address without TLS", headers, fp)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    try:
        with build_opener(OverTls).open(url, timeout=_SECONDS) as answer:
            data: bytes = answer.read(_MOST + 1)
    except (OSError, ValueError) as error:
        problem = f"it can't be fetched ({error}). Expected a file of constraints, or copy it into the source."
        raise RequirementsError(url, problem) from error
    if len(data) > _MOST:
        raise RequirementsError(url, f"it is larger than {_MOST // 1024**2} MiB. Copy it into the source.")
    return data
