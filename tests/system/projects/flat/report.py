import sys
from helpers import sales
from tabulate import tabulate

rows = [r for r in sales() if len(sys.argv) < 2 or r["region"] == sys.argv[1]]
print(tabulate(rows, headers="keys"))
print("Total:", sum(int(r["sold"]) for r in rows))
