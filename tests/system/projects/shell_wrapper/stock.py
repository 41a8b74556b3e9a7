import os
import sys

from tabulate import tabulate

print(tabulate([[sys.argv[1], os.environ["WAREHOUSE"]]], tablefmt="plain"))
