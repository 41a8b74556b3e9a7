from tabulate import tabulate

print(tabulate([["pipfile", 42]], tablefmt="plain"))
