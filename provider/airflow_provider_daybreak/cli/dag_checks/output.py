"""What was found, as people and as the systems of a continuous integration read it."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_daybreak.cli.dag_checks.finding import Finding


@dataclass(frozen=True)
class Result:
    """
    What came of a check.

    :param findings: in the order of files and lines.
    :param files: the Dag files that were looked at.
    :param dags: how many Dags they hold.
    :param seconds: that it took.
    :param top: the folder that paths are shown relative to: that of the repository, or this process's.
    :param remarks: what could not be looked at, a sentence each.
    """

    findings: tuple[Finding, ...]
    files: tuple[Path, ...]
    dags: int
    seconds: float
    top: Path
    remarks: tuple[str, ...] = ()

    def shown(self, path: Path) -> str:
        """Return a path as it is shown."""
        return path.relative_to(self.top).as_posix() if path.is_relative_to(self.top) else str(path)

    @property
    def summary(self) -> str:
        """One sentence of all."""
        errors = sum(finding.severity == "error" for finding in self.findings)
        warnings = len(self.findings) - errors
        found = (
            f"{_count(errors, 'error')}, {_count(warnings, 'warning')}" if self.findings else "nothing found"
        )
        return (
            f"{_count(len(self.files), 'file')}, {_count(self.dags, 'Dag')} in {self.seconds:.1f} s: {found}."
        )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _text(result: Result) -> str:
    here = Path.cwd()

    def shown(path: Path) -> str:
        return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)

    lines = [
        f"{shown(one.path)}{f':{one.line}' if one.line else ''}: {one.severity}: {one.message} [{one.rule}]\n    {one.next_step}."
        for one in result.findings
    ]
    return "\n".join([*lines, *result.remarks, result.summary])


def _json(result: Result) -> str:
    found = [
        {
            "rule": one.rule,
            "severity": one.severity,
            "path": result.shown(one.path),
            "line": one.line,
            "message": one.message,
            "next_step": one.next_step,
        }
        for one in result.findings
    ]
    facts = {
        "findings": found,
        "files": len(result.files),
        "dags": result.dags,
        "seconds": round(result.seconds, 3),
        "remarks": list(result.remarks),
    }
    return json.dumps(facts, ensure_ascii=False, indent=2)


def _github(result: Result) -> str:
    """Commands that GitHub Actions reads from the log and shows beside the lines."""

    def data(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    def value(text: str) -> str:
        return data(text).replace(":", "%3A").replace(",", "%2C")

    lines = [
        f"::{one.severity} file={value(result.shown(one.path))},line={one.line or 1},title={value(one.rule)}"
        f"::{data(f'{one.message} {one.next_step}.')}"
        for one in result.findings
    ]
    return "\n".join([*lines, *result.remarks, result.summary])


def _gitlab(result: Result) -> str:
    """A report of GitLab's code quality."""
    seen: dict[str, int] = {}
    found = []
    for one in result.findings:
        path = result.shown(one.path)
        facts = (
            f"{one.rule}\0{path}\0{one.message}"  # not the line: what was there before is not new when it moves
        )
        seen[facts] = seen.get(facts, 0) + 1
        found.append(
            {
                "description": f"{one.message} {one.next_step}.",
                "check_name": one.rule,
                "fingerprint": hashlib.sha256(f"{facts}\0{seen[facts]}".encode()).hexdigest(),
                "severity": "major" if one.severity == "error" else "minor",
                "location": {"path": path, "lines": {"begin": one.line or 1}},
            }
        )
    return json.dumps(found, ensure_ascii=False, indent=2)


def _junit(result: Result) -> str:
    """A test case for each file, as Jenkins and others show it."""
    by_file: dict[Path, list[Finding]] = {path: [] for path in result.files}
    for one in result.findings:
        by_file.setdefault(one.path, []).append(one)
    errors = {path: [one for one in found if one.severity == "error"] for path, found in by_file.items()}
    counts = {
        "name": "daybreak check",
        "tests": str(len(by_file)),
        "failures": str(sum(map(bool, errors.values()))),
        "errors": "0",
        "time": f"{result.seconds:.3f}",
    }
    suites = ET.Element("testsuites")
    suite = ET.SubElement(suites, "testsuite", counts)
    for path, found in by_file.items():
        case = ET.SubElement(
            suite, "testcase", {"classname": "daybreak.check", "name": result.shown(path), "time": "0"}
        )
        said = [
            f"{result.shown(path)}:{one.line}: {one.severity}: {one.message} [{one.rule}] {one.next_step}."
            for one in found
        ]
        if errors[path]:
            failure = ET.SubElement(
                case, "failure", {"message": _xml(errors[path][0].message), "type": errors[path][0].rule}
            )
            failure.text = _xml("\n".join(said))
        elif said:
            ET.SubElement(case, "system-out").text = _xml("\n".join(said))
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True)


def _xml(text: str) -> str:
    """Return a text without the characters that XML has no way to write."""
    return "".join(
        one if one in "\t\n\r" or " " <= one < "\ud800" or "\udfff" < one < "\ufffe" or one > "\uffff" else "?"
        for one in text
    )


OUTPUTS: dict[str, Callable[[Result], str]] = {
    "text": _text,
    "json": _json,
    "github": _github,
    "gitlab": _gitlab,
    "junit": _junit,
}
"""How a result is written, by the name of the format."""
