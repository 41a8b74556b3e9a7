from tabulate import tabulate

print(tabulate([["pdm", 42]], tablefmt="plain"))
