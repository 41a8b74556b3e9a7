import sys

from tabulate import tabulate


def main():
    print(tabulate([["orders", *sys.argv[1:]]], tablefmt="plain"))


if __name__ == "__main__":
    main()
