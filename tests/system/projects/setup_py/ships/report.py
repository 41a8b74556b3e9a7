from tabulate import tabulate

print(tabulate([["setup.py", 42]], tablefmt="plain"))
