"""``airflow daybreak check``: what is configured, what is missing, and what answers."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from airflow_provider_daybreak import storage
from airflow_provider_daybreak.cli.command import command, print_result, program, sentence, told
from airflow_provider_daybreak.exceptions import (
    DaybreakError,
    DotenvError,
    InvalidValueError,
    MissingConnectionError,
    SenderRefusedError,
    SmtpUnavailableError,
)
from airflow_provider_daybreak.settings import Settings

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

_NUMBERED = re.compile(r"\[Errno \d+\] ([^'\")]+)")
_LOGIN = re.compile(r"//[^/\s@]+@")
_GIBIBYTE = 1 << 30
_PATIENCE = 10  # seconds
_SMALL = 1000  # bytes, of a mail that is begun and given up


@dataclass(frozen=True)
class Finding:
    """
    What was found out about one part.

    :param state: ``ok``, ``missing`` (not configured or not installed; what needs it can't be used) or
        ``failed`` (configured, and it doesn't work).
    """

    part: str
    state: Literal["ok", "missing", "failed"]
    detail: str


_OF_SETUP = ("table", "json", "yaml", "plain")


@command
def check(args: Namespace) -> None:
    """
    Print a line a part; exit with 1 when one that is configured doesn't work.

    With ``--dags`` that is what is wrong in a folder of Dags: exit with 1 where something is, with 2 where it could not look.
    """
    if args.dags is not None:
        _check_dags(args)
        return
    if args.output not in _OF_SETUP:
        raise InvalidValueError("--output", args.output, f"one of {', '.join(_OF_SETUP)}, or --dags with it")
    findings = [replace(each, detail=_without_secrets(each.detail)) for each in findings_of_setup()]
    print_result(args.output, [asdict(finding) for finding in findings], "")
    if any(finding.state == "failed" for finding in findings):
        raise SystemExit(1)


def _without_secrets(text: str) -> str:
    """Return what is said without what a server echoes of a login, and without that of an address."""
    from airflow_provider_daybreak.context.masking import masked

    return _LOGIN.sub("//***@", masked(text))


def _check_dags(args: Namespace) -> None:
    from airflow_provider_daybreak.cli.dag_checks.check import check_dags
    from airflow_provider_daybreak.cli.dag_checks.output import OUTPUTS
    from airflow_provider_daybreak.cli.dag_checks.parsing import Limits

    output = "text" if args.output == "table" else args.output
    try:
        if output not in OUTPUTS:
            raise InvalidValueError("--output", output, f"with --dags one of {', '.join(OUTPUTS)}")
        with redirect_stdout(sys.stderr):  # what Airflow says meanwhile is for nobody who reads findings
            result = check_dags(Path(args.dags), Limits.of(args.timeout, args.memory))
        written = OUTPUTS[output](result)
        if args.output_file:
            Path(args.output_file).write_text(f"{written}\n", encoding="utf-8")
            written = OUTPUTS["text"](result)
    except (DaybreakError, OSError) as error:
        print(f"{program()}: {told(error)}", file=sys.stderr)
        raise SystemExit(2) from error
    print(written)
    if any(found.severity == "error" or args.strict for found in result.findings):
        raise SystemExit(1)


def findings_of_setup() -> Iterator[Finding]:
    """Look at each part in turn. What goes wrong with one is its finding."""
    try:
        settings = Settings.load()
    except DaybreakError as error:
        yield Finding("settings", "failed", told(error))
        return
    parts: tuple[tuple[str, Callable[[Settings], Finding]], ...] = (
        (".env", _dotenv),
        ("workers", _workers),
        ("archive", _archive),
        ("clock", _clock),
        ("releases", _releases),
        ("mail server", _mail_server),
        ("Docker engine", _engine),
    )
    for part, function in parts:
        try:
            yield function(settings)
        except Exception as error:  # noqa: BLE001, PERF203 - of whatever a part builds on, and no other part's fault
            yield Finding(part, "failed", told(error))


def _dotenv(_settings: Settings) -> Finding:
    from airflow.configuration import conf

    from airflow_provider_daybreak.dotenv import read_dotenv
    from airflow_provider_daybreak.secrets.dotenv import CONN_PREFIX, SMTP_CONN_ID, DotenvBackend

    backend = DotenvBackend.__module__ + "." + DotenvBackend.__qualname__
    if conf.get("secrets", "backend", fallback="") != backend:
        return Finding(
            ".env",
            "missing",
            f"not served to Airflow; to serve one, set backend = {backend} in the section secrets",
        )
    kwargs = conf.getjson("secrets", "backend_kwargs", fallback={})
    backend_ = DotenvBackend(**kwargs)  # type: ignore[arg-type]  # what is no object of arguments fails as such
    path = backend_.path
    dotenv = read_dotenv(path)
    names = [name.removeprefix(CONN_PREFIX).lower() for name in dotenv.values if name.startswith(CONN_PREFIX)]
    with _quiet(DotenvBackend.__module__):  # which says what is wrong in the log too
        for conn_id in (SMTP_CONN_ID, *names):
            backend_.get_connection(conn_id)
    return Finding(".env", "ok", f"{path} sets {', '.join(dotenv.values) or 'nothing'}")


@contextmanager
def _quiet(logger: str) -> Iterator[None]:
    """Keep back what a module logs: it is what is found."""
    log = logging.getLogger(logger)
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = False


@contextmanager
def _usable(option: str, value: str) -> Iterator[None]:
    """Name the setting of a place that can't be used, whatever library says so."""
    try:
        yield
    except DaybreakError:
        raise
    except Exception as error:
        expected = f"a place that this user can read and write ({sentence(error).rstrip('.')})"
        raise InvalidValueError(f"[daybreak] {option}", value, expected) from error


def _workers(_settings: Settings) -> Finding:
    from airflow_provider_daybreak.context.hosts import remote_executors

    if not (executors := remote_executors()):
        return Finding("workers", "ok", "all tasks run on the scheduler's host")
    return Finding(
        "workers",
        "ok",
        f"tasks run on several hosts ({', '.join(executors)}): what a Dag or a setting names by a local path, such as "
        f"a script's source, a file of data or a .env, must be on each of them",
    )


def _archive(settings: Settings) -> Finding:
    from airflow_provider_daybreak.context.archive import archive_of
    from airflow_provider_daybreak.context.hosts import check_shared
    from airflow_provider_daybreak.delivery.ledger import Ledger

    archive = archive_of(settings)
    check_shared(archive)
    with _usable("archive", settings.archive):
        Ledger(archive.root).probe(at_once=8)
        reports = len(archive.reports())
    return Finding(
        "archive", "ok", f"{archive.uri} can be written, and holds {reports} report{'s' * (reports != 1)}"
    )


def _clock(settings: Settings) -> Finding:
    from airflow_provider_daybreak.context.archive import archive_of
    from airflow_provider_daybreak.delivery.claims import clocks_apart

    archive = archive_of(settings)
    with _usable("archive", settings.archive):
        apart = clocks_apart(archive.root, storage.clock(archive.root))
    if apart:
        return Finding("clock", "failed", apart)
    return Finding("clock", "ok", "this machine's differs from that of the archive by no minute")


def _releases(settings: Settings) -> Finding:
    from airflow_provider_daybreak.context.archive import is_local
    from airflow_provider_daybreak.context.hosts import remote_executors
    from airflow_provider_daybreak.releases import uv

    folder = settings.releases
    with _usable("releases", str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidValueError("[daybreak] releases", str(folder), "a folder that this user can write")
    free = shutil.disk_usage(folder).free / _GIBIBYTE
    store = settings.release_store or "none: releases stay on the worker that deployed them"
    state: Literal["ok", "missing"] = "ok"
    if remote_executors():
        if settings.release_store is None:
            state = "missing"
            store += ", and others can't run them. Set [daybreak] release_store"
        elif is_local(settings.release_store):
            store += ", which must be one mount that all workers share"
    return Finding("releases", state, f"{folder}, {free:.0f} GiB free, uv {uv.version()}; store: {store}")


def _mail_server(_settings: Settings) -> Finding:
    from airflow_provider_daybreak.delivery.server import Timeouts
    from airflow_provider_daybreak.delivery.transport import Dropped, Session
    from airflow_provider_daybreak.hooks.delivery import DeliveryHook
    from airflow_provider_daybreak.secrets.dotenv import DotenvBackend

    try:
        with _quiet(DotenvBackend.__module__):
            settings = DeliveryHook().settings()
    except MissingConnectionError as error:
        return Finding("mail server", "missing", told(error))
    except DotenvError:
        return Finding("mail server", "failed", "not asked: its connection is in the .env, which is refused")
    server = settings.server
    patience = Timeouts(
        connect=_PATIENCE, greeting=_PATIENCE, command=_PATIENCE
    )  # somebody waits for the answer
    session = Session.open(replace(server, timeouts=patience))
    try:
        reply = session.mail(settings.sender.addr_spec, _SMALL)
        session.reset()
    except Dropped as error:
        raise SmtpUnavailableError(server.host, server.port, error.reason) from error
    finally:
        session.close()
    if not reply.ok:
        raise SenderRefusedError(server.host, server.port, str(reply))
    login = f"logged in as {server.login}" if server.logs_in else "without login"
    recipients = "default recipients are set" if settings.default_recipients else "no default recipients"
    return Finding(
        "mail server",
        "ok",
        f"{server.host}:{server.port}, {server.security}, {login}, takes mail from {settings.sender.addr_spec}; {recipients}",
    )


def _engine(_settings: Settings) -> Finding:
    import docker
    from requests import RequestException

    from airflow_provider_daybreak.containers.engine import SOCKET, default_address, diagnose

    address = default_address()
    try:
        # Of no version of the API: that is what a socket proxy lets through.
        version = docker.from_env(timeout=_PATIENCE).version(api_version=False)["Version"]
    except (docker.errors.DockerException, RequestException) as error:
        there = address != SOCKET or Path(urlsplit(SOCKET).path).exists()
        reason = _NUMBERED.findall(str(error)) or [str(error)]  # within three wrappers of other libraries
        detail = f"{address}: {reason[-1]}. {diagnose(address).capitalize()}"
        return Finding("Docker engine", "failed" if there else "missing", detail)
    return Finding("Docker engine", "ok", f"{address}, version {version}")
