"""What is found, and the rules it is found by."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pathlib import Path

IS = "<is>"
"""The key that says, in facts of a Dag, of what kind a value is that JSON has none for."""
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Rule:
    """
    One thing that is looked for.

    :param severity: ``error`` where a run fails or harm is done; ``warning`` where it does something that few mean.
    :param finds: what it finds, for the documents.
    """

    severity: Severity
    finds: str


RULES: dict[str, Rule] = {
    "syntax-error": Rule("error", "a file that is no Python, or no UTF-8"),
    "import-error": Rule("error", "a Dag file that Airflow can't load"),
    "parse-limit": Rule("error", "a Dag file that takes more time or memory than it may"),
    "parse-exit": Rule("error", "a Dag file that ends the process that loads it"),
    "symlink-loop": Rule(
        "error", "a link that leads back above itself, at which Airflow stops looking for Dag files"
    ),
    "duplicate-dag": Rule("error", "one Dag id in two files"),
    "no-dag": Rule(
        "warning",
        "a Dag that is made and that Airflow does not find: no name holds it, or nothing calls its function with `@dag`",
    ),
    "tracked-secret": Rule("error", "a `.env`, a private key or another file of secrets that git tracks"),
    "secret-in-code": Rule("error", "a password, token or key in Python code"),
    "schedule-zone": Rule("warning", "a cron expression that runs by UTC because nothing names a zone"),
    "wall-clock": Rule(
        "warning", "the time of day asked for while the file is loaded, or by what makes a report's data"
    ),
    "script-clock": Rule("warning", "a script that asks for the time of day and runs without `clock=`"),
    "script-mail": Rule("warning", "a script that mails by itself and runs without `mail=`"),
    "unpinned-image": Rule("warning", "an image without a tag or digest, or with `latest`"),
    "missing-file": Rule("error", "a source, script, template, query or Dockerfile that isn't there"),
    "file-elsewhere": Rule(
        "warning", "a file that a task names outside of the repository, and that is not here to be looked at"
    ),
    "bad-source": Rule("error", "a source or requirements that a deploy would refuse"),
    "missing-lock": Rule("warning", "requirements without a lock, so that another day installs other versions"),
    "template-error": Rule("error", "a template that does not compile"),
    "template-name": Rule("error", "a name in a report's template that its data does not have"),
    "unknown-param": Rule("warning", "`params.x` where the Dag has no param `x`"),
    "unknown-task": Rule("error", "`xcom_pull` of a task that the Dag does not have"),
    "bad-value": Rule("error", "an argument that the task would refuse when it runs"),
    "two-writers": Rule("error", "two Dags that write one report or release, of which the second is refused"),
    "unknown-release": Rule("warning", "a task that runs a release which no Dag of the folder deploys"),
    "unknown-report": Rule("warning", "a mail of a report that no Dag of the folder publishes"),
    "mail-archive": Rule("error", "a mail task that looks in another archive than its report is published in"),
    "unknown-rule": Rule("warning", "a comment that ignores a rule which does not exist"),
}
"""Every rule by its name, in the order in which documents list them."""


@dataclass(frozen=True)
class Finding:
    """
    One thing that was found.

    :param rule: name of the rule.
    :param path: the file it is in.
    :param line: its line, from 1; 0 where it is of the whole file.
    :param message: what is so, in one sentence.
    :param next_step: what to do about it, in one sentence.
    """

    rule: str
    path: Path
    line: int
    message: str
    next_step: str

    @property
    def severity(self) -> Severity:
        """How bad it is, as its rule says."""
        return RULES[self.rule].severity

    def said_from(self, folder: Path) -> Finding:
        """Return it with paths in its sentences as from a folder: they are the same on each machine that checks the same change."""
        below = f"{folder}{os.sep}"
        return replace(
            self, message=self.message.replace(below, ""), next_step=self.next_step.replace(below, "")
        )
