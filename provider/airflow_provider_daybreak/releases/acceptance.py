"""What a release must show before it becomes current: that its imports are there, and that a command succeeds in it."""

from __future__ import annotations

import logging
import shlex
from typing import TYPE_CHECKING

from airflow_provider_daybreak.exceptions import VerificationError
from airflow_provider_daybreak.releases.environments.environment import facts_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airflow_provider_daybreak.releases.release import Release
    from airflow_provider_daybreak.releases.scan import Findings

log = logging.getLogger(__name__)

_TAIL_LINES = 20


def check_imports(findings: Findings, environment: Path) -> None:
    """
    Compare what the source imports with what the environment was seen to import.

    :raises VerificationError: it can't import a module that is installed.
    """
    facts = facts_of(environment)
    if facts is None:
        return
    for module, place in findings.imports.items():
        if module not in facts["modules"]:
            log.warning(
                "%s imports %s, which is neither in the source nor installed by its requirements", place, module
            )
        elif problem := facts["imports"].get(module, ""):
            what = f"Environment {environment.name}"
            raise VerificationError(what, f"the import of {module}, which {place} needs", problem)


def check_command(release: Release, verify: Sequence[str] | str) -> None:
    """
    Run a command in a release that is not current yet.

    :raises VerificationError: it does not succeed.
    """
    from airflow_provider_daybreak.releases.running.command import split_command
    from airflow_provider_daybreak.releases.running.run import Job, run

    command = split_command("verify", verify)
    lines: list[str] = []
    finished = run(release, Job(command), on_line=lambda _, line: lines.append(line))
    if finished.code:
        said = "\n".join(lines[-_TAIL_LINES:]) or "It said nothing."
        check = f"its verify command {shlex.join(command)} ({finished.ending})"
        raise VerificationError(f"Release {release.id}", check, said)
