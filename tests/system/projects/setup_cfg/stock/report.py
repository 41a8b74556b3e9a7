import csv
import sys
from importlib.metadata import version
from importlib.resources import files

from tabulate import tabulate


def main():
    rows = list(csv.reader(files("stock").joinpath("items.csv").read_text().splitlines()))
    print(tabulate(rows, tablefmt="plain"))
    print(version("stock-report"), *sys.argv[1:])
