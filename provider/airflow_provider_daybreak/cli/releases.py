"""``airflow daybreak releases``: what is deployed on this machine, and what to do about it."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from airflow_provider_daybreak.cli.command import command
from airflow_provider_daybreak.hooks.releases import ReleaseHook

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence


@command
def list_releases(args: Namespace) -> None:
    """Show the releases of one name, or of all."""
    _print(args, ReleaseHook().states(args.name))


@command
def show(args: Namespace) -> None:
    """Show what one release is made of."""
    release = ReleaseHook().get(args.name, args.release)
    manifest = release.manifest
    facts = {
        "name": args.name,
        "release": release.id,
        "created": manifest["created"],
        "path": str(release.path),
        "python": str(release.python),
        "source": manifest["source"],
        "source_sha256": manifest["source_sha256"],
        "files": len(manifest["files"]),
        "requirements": manifest["requirements"],
        "lock_sha256": release.lock_sha256,
        "environment": release.environment_id,
        "interpreter": f"{manifest['interpreter']['implementation']} {manifest['interpreter']['version']}",
        "installer": manifest["installer"],
        "provider_version": manifest["provider_version"],
    }
    as_rows = args.output in ("table", "plain")
    _print(args, [{"what": what, "value": value} for what, value in facts.items()] if as_rows else [facts])


@command
def rollback(args: Namespace) -> None:
    """Make an earlier release current."""
    _print(args, [ReleaseHook().roll_back(args.name, to=args.to)])


@command
def verify(args: Namespace) -> None:
    """Compare a release and its environment with what they were when they were made."""
    compared = ReleaseHook().verify(args.name, args.release)
    _print(
        args,
        [{"name": args.name, **{f"{what}_files": number for what, number in compared.items()}, "ok": True}],
    )


@command
def prune(args: Namespace) -> None:
    """Remove all but the newest releases."""
    removed = ReleaseHook().prune(args.name, keep=args.keep)
    _print(args, [{"name": args.name, "removed": release} for release in removed])


@command
def pin(args: Namespace) -> None:
    """Keep a release, however old it gets, or no longer."""
    hook = ReleaseHook()
    hook.pin(args.name, args.release, pinned=not args.off)
    _print(args, [state for state in hook.states(args.name) if state["release"] == args.release])


@command
def lock(args: Namespace) -> None:
    """Write out the frozen lock of a release."""
    text = ReleaseHook().lock(args.name, args.release)
    if args.output in ("json", "yaml"):
        _print(args, [{"name": args.name, "lock": text}])
    else:
        sys.stdout.write(text)


def _print(args: Namespace, rows: Sequence[Any]) -> None:
    from airflow.cli.simple_table import AirflowConsole

    if args.output == "json":  # the console colours it, and would break its lines
        print(json.dumps(rows, ensure_ascii=False, indent=2))
    elif rows:
        AirflowConsole().print_as(data=[dict(row) for row in rows], output=args.output)
    else:
        print("None.")
