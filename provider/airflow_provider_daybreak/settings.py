"""The ``[daybreak]`` section of Airflow's configuration as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from airflow_provider_daybreak.exceptions import InvalidValueError

_LEAST_KEY = 32


@dataclass(frozen=True)
class Settings:
    """
    What ``[daybreak]`` says. The options are described in ``get_provider_info``.

    :param archive: URI of the folder that keeps reports.
    :param archive_is_shared: whether a local folder there is one mount that all workers share.
    :param claim_lifetime: how long a mail is in flight whose sender gives no sign of life.
    :param releases: the folder on this worker that keeps deployed scripts.
    :param index: the folder on this machine that keeps the index of the archive.
    :param release_store: URI of the folder that several workers get releases from, or None.
    :param pack_environments: whether deploys put environments into the release store as they are, for other workers to unpack.
    :param release_keys: with the first of them what goes there is signed, and any of them may have signed what is taken.
    """

    archive: str
    releases: Path
    release_store: str | None
    archive_is_shared: bool = False
    claim_lifetime: timedelta = timedelta(minutes=2)
    pack_environments: bool = False
    release_keys: tuple[str, ...] = field(default=(), repr=False)
    index: Path = Path()

    @classmethod
    def load(cls) -> Settings:
        """
        Read the section.

        :raises InvalidValueError: an option's value can't be used.
        """
        from airflow.configuration import AIRFLOW_HOME, conf

        home = Path(AIRFLOW_HOME).absolute()
        archive = conf.get("daybreak", "archive", fallback="") or (home / "daybreak" / "reports").as_uri()
        releases = Path(conf.get("daybreak", "releases", fallback="") or home / "daybreak" / "releases")
        index = Path(conf.get("daybreak", "index", fallback="") or home / "daybreak" / "index")
        for option, folder in (("releases", releases), ("index", index)):
            if not folder.is_absolute():
                raise InvalidValueError(f"[daybreak] {option}", str(folder), "an absolute path on this machine")
        keys = _keys(conf.get("daybreak", "release_key", fallback="") or "")
        pack = _boolean("pack_environments", conf.get("daybreak", "pack_environments", fallback=""))
        if pack and not keys:
            expected = (
                "False where [daybreak] release_key is not set: nothing but a signature tells that a packed environment is what was "
                "deployed. Set it to what 'openssl rand -hex 32' writes, on all workers"
            )
            raise InvalidValueError("[daybreak] pack_environments", pack, expected)
        return cls(
            archive=archive.rstrip("/"),
            releases=releases,
            index=index,
            release_store=conf.get("daybreak", "release_store", fallback="").rstrip("/") or None,
            archive_is_shared=_boolean(
                "archive_is_shared", conf.get("daybreak", "archive_is_shared", fallback="")
            ),
            claim_lifetime=_seconds("claim_lifetime", conf.get("daybreak", "claim_lifetime", fallback="")),
            pack_environments=pack,
            release_keys=keys,
        )


def _seconds(option: str, value: str) -> timedelta:
    """Return how long an option says, two minutes when it is empty."""
    text = value.strip() or "120"
    if not (text.isascii() and text.isdecimal() and 30 <= int(text[:9]) <= 1200):  # noqa: PLR2004 - as it says
        raise InvalidValueError(f"[daybreak] {option}", value, "a whole number of seconds from 30 to 1200")
    return timedelta(seconds=int(text))


def _keys(value: str) -> tuple[str, ...]:
    """Return the keys of a list with commas. A short one could be guessed from what it signed."""
    keys = tuple(key.strip() for key in value.split(",") if key.strip())
    if any(len(key) < _LEAST_KEY for key in keys):
        expected = f"keys of at least {_LEAST_KEY} characters, such as openssl rand -hex 32 writes, with commas between them"
        raise InvalidValueError("[daybreak] release_key", "***", expected)
    return keys


def _boolean(option: str, value: str) -> bool:
    """Return what an option says, no when it is empty. What is neither yes nor no must not pass for either."""
    known = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False, "": False}
    if value.strip().lower() not in known:
        raise InvalidValueError(f"[daybreak] {option}", value, "True or False")
    return known[value.strip().lower()]
