"""``airflow daybreak releases``: what is deployed on this machine, and what to do about it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from airflow_provider_daybreak.cli.command import command, print_result
from airflow_provider_daybreak.cli.progress import busy
from airflow_provider_daybreak.exceptions import ReleaseNotFoundError
from airflow_provider_daybreak.hooks.releases import ReleaseHook

if TYPE_CHECKING:
    from argparse import Namespace

_NOTHING = "None."


@command
def list_releases(args: Namespace) -> None:
    """Show the releases of one name, or of all."""
    states = ReleaseHook().states(args.name)
    if args.name and not states:
        raise ReleaseNotFoundError(args.name, "", ())
    print_result(args.output, states, "Nothing was deployed on this machine.")


@command
def show(args: Namespace) -> None:
    """Show what one release is made of."""
    hook = ReleaseHook()
    release = hook.get(args.name, args.release)
    manifest = release.manifest
    facts = {
        "name": args.name,
        "owner": hook.owner(args.name),
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
    rows = [{"what": what, "value": value} for what, value in facts.items()] if as_rows else [facts]
    print_result(args.output, rows, _NOTHING)


@command
def rollback(args: Namespace) -> None:
    """Make an earlier release current."""
    print_result(args.output, [ReleaseHook().roll_back(args.name, to=args.to)], _NOTHING)


@command
def verify(args: Namespace) -> None:
    """Compare a release and its environment with what they were when they were made."""
    with busy("Comparing files"):
        compared = ReleaseHook().verify(args.name, args.release)
    files = {f"{what}_files": number for what, number in compared.items()}
    print_result(args.output, [{"name": args.name, **files, "ok": True}], _NOTHING)


@command
def rebuild(args: Namespace) -> None:
    """Make the environment of a release anew, of the same packages."""
    with busy("Building the environment"):
        rebuilt = ReleaseHook().rebuild(args.name, args.release)
    print_result(args.output, [rebuilt], _NOTHING)


@command
def prune(args: Namespace) -> None:
    """Remove all but the newest releases."""
    with busy("Removing releases"):
        removed = ReleaseHook().prune(args.name, keep=args.keep)
    print_result(
        args.output, [{"name": args.name, "removed": release} for release in removed], "Nothing to remove."
    )


@command
def pin(args: Namespace) -> None:
    """Keep a release, however old it gets, or no longer."""
    hook = ReleaseHook()
    hook.pin(args.name, args.release, pinned=not args.off)
    states = [state for state in hook.states(args.name) if state["release"] == args.release]
    print_result(args.output, states, _NOTHING)


@command
def lock(args: Namespace) -> None:
    """Write out the frozen lock of a release."""
    text = ReleaseHook().lock(args.name, args.release)
    if args.output in ("json", "yaml"):
        print_result(args.output, [{"name": args.name, "lock": text}], _NOTHING)
    else:
        sys.stdout.write(text)
