"""Sum up sales by product: /in/sales.csv to /out/summary.md."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from tabulate import tabulate

sums: Counter[str] = Counter()
with Path("/in/sales.csv").open(newline="") as file:
    for row in csv.DictReader(file):
        sums[row["product"]] += int(row["sold"])

table = tabulate(sums.most_common(), headers=("Product", "Sold"), tablefmt="github")
Path("/out/summary.md").write_text(table + "\n")
print(f"{len(sums)} products")
