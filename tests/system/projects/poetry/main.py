from tabulate import tabulate

print(tabulate([["poetry", 42]], tablefmt="plain"))
