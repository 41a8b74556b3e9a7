from tabulate import tabulate

print(tabulate([["Zürich", 3]], tablefmt="plain"))
