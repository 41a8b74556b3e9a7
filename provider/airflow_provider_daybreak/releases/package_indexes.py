"""From which index each package of a deploy comes, and with whose credentials."""

from __future__ import annotations

import logging
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_daybreak.exceptions import InvalidValueError
from airflow_provider_daybreak.releases.requirements.choosing import STRATEGIES
from airflow_provider_daybreak.releases.uv import Index, Indexes, OtherIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from airflow_provider_daybreak.releases.requirements.declared import Requirements

log = logging.getLogger(__name__)


def indexes_of(requirements: Requirements, offered: Sequence[Index], strategy: str = "") -> Indexes:
    """
    Return where the packages of a source come from.

    :param offered: indexes with credentials. One whose address the source names is that index; another one is the default.
    :param strategy: which versions count where several indexes have a package; what the source says when "".
    :raises InvalidValueError: there are two indexes that the source does not name, or there is no such strategy.
    """
    if strategy and strategy not in STRATEGIES:
        raise InvalidValueError("index_strategy", strategy, f"one of {', '.join(STRATEGIES)}")
    choosing = requirements.choosing
    named = {_normal(one.url) for one in choosing.indexes}
    rest = [one for one in offered if _normal(one.url) not in named]
    if len(rest) > 1:
        expected = "one connection for the default index, and else such as have the address of an index that the source names"
        raise InvalidValueError("index_conn_id", ", ".join(one.conn_id or one.url for one in rest), expected)
    others = tuple(
        OtherIndex(
            _with_credentials(one.url, one.name, offered),
            explicit=one.explicit,
            searched=requirements.hashed and not requirements.content and not one.explicit,
            name=one.name,
        )
        for one in choosing.indexes
    )
    default = _default(requirements, rest[0] if rest else None)
    return Indexes(default, others, (strategy or choosing.strategy) if others else "")


def manifest_of(indexes: Indexes) -> dict[str, Any]:
    """Return what a manifest says of them, so that another worker takes the same: addresses and names, no credentials."""
    default = indexes.default
    return {
        "index": default.url if default else "",
        "index_conn_id": default.conn_id if default else "",
        "indexes": [
            {
                "url": one.index.url,
                "index_conn_id": one.index.conn_id,
                "name": one.name,
                "searched": one.searched,
            }
            for one in indexes.others
        ],
    }


def indexes_in(manifest: Mapping[str, Any], index_of: Callable[[str], Index]) -> Indexes | None:
    """
    Return where the packages of a release come from; None for what the worker takes by default.

    :param index_of: returns the index of a connection's id.
    """
    default = Index(manifest["index"]) if manifest["index"] else None
    if manifest["index_conn_id"]:
        default = index_of(manifest["index_conn_id"])
    said = manifest.get("indexes", [])
    others = tuple(
        OtherIndex(
            _with_credentials(
                one["url"], one["name"], [index_of(one["index_conn_id"])] if one["index_conn_id"] else []
            ),
            searched=one["searched"],
            name=one["name"],
        )
        for one in said
    )
    return Indexes(default, others) if default or others else None


def _default(requirements: Requirements, given: Index | None) -> Index | None:
    """Return the default index; a lock's own gives way to the worker's, since its hashes are compared."""
    named = requirements.index
    if not named or (given is None and requirements.content and os.environ.get("UV_DEFAULT_INDEX")):
        return given
    if given and not requirements.content and _normal(given.url) != _normal(named):
        log.warning("%s names the index %s: %s is used instead", requirements.path, named, given.url)
    return given or _with_credentials(named, "", ())


def _with_credentials(url: str, name: str, offered: Sequence[Index]) -> Index:
    """
    Return an index with the credentials that are for its address: an index's, or those of the worker's environment.

    A name alone gets none: whoever writes a source may call any address by it.
    """
    for one in offered:
        if _normal(one.url) == _normal(url):
            return Index(url, one.username, one.password, one.conn_id)
    for said in [*os.environ.get("UV_INDEX", "").split(), os.environ.get("UV_DEFAULT_INDEX", "")]:
        known, equals, address = said.partition("=")
        if equals and "/" not in known and _normal(address) == _normal(url) and name in ("", known):
            prefix = f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', known.upper())}"
            return Index(
                url, os.environ.get(f"{prefix}_USERNAME", ""), os.environ.get(f"{prefix}_PASSWORD", "")
            )
    return Index(url)


def _normal(url: str) -> str:
    parts = urlsplit(url.rstrip("/"))
    return parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower()).geturl()
