# /// script
# requires-python = ">=3.10"
# dependencies = ["tabulate>=0.9"]
# ///
from tabulate import tabulate

print(tabulate([["a subfolder", 42]], tablefmt="plain"))
