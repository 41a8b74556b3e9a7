from tabulate import tabulate

print(tabulate([["environment.yml", 42]], tablefmt="plain"))
