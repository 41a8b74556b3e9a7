from importlib.metadata import version

from prices import table

print(table(), version("prices"))
