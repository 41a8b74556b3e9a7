"""
Measure Daybreak beside its peers: a line a figure, and all of them in ``.bench/results.json``.

Each part is a module here with a function ``figures`` that yields :class:`harness.Figure`. Arguments name
the parts to run; when there are none, all of them run but those that take hours or a Celery, and but the short form, ``--short``,
which says in a minute whether something has become worse.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness import Figure

HERE = Path(__file__).parent
RESULTS = HERE.parent.parent / ".bench" / "results.json"
PARTS = sorted(
    path.stem
    for path in HERE.glob("*.py")
    if path.stem not in ("__main__", "harness") and not path.stem.endswith("_report")
)
SHORT = "short"
NAMED_ALONE = ("backfill", "workers", SHORT)


def main(arguments: list[str]) -> int:
    wanted = [SHORT if argument == "--short" else argument for argument in arguments]
    unknown = sorted(set(wanted) - set(PARTS))
    if unknown:
        print(f"Unknown part {unknown[0]!r}: expected one of {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    parts = wanted or [part for part in PARTS if part not in NAMED_ALONE]
    earlier = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    results = [result for result in earlier if result["name"].split(".")[0] not in parts]
    RESULTS.parent.mkdir(exist_ok=True)
    missed = 0
    for part in parts:
        for figure in import_module(part).figures():
            print(figure.line(), flush=True)
            missed += not figure.ok
            results = [result for result in results if result["name"] != figure.name]
            results.append(_as_result(figure))
            RESULTS.write_text(json.dumps(sorted(results, key=lambda result: result["name"]), indent=2) + "\n")
    return 1 if missed else 0


def _as_result(figure: Figure) -> dict[str, object]:
    return asdict(figure) | {"ratio": figure.ratio, "ok": figure.ok}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
