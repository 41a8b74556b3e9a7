from tabulate import tabulate


def table():
    return tabulate([["screws", 3]], tablefmt="plain")
