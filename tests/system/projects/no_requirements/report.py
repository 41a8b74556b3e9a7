import getpass
import locale
import os
import pathlib
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor

locale.setlocale(locale.LC_ALL, "")


def square(n):
    return n * n


if __name__ == "__main__":
    with ProcessPoolExecutor(2) as pool:
        total = sum(pool.map(square, range(4)))
    scratch = pathlib.Path(tempfile.gettempdir(), "scratch.txt")
    scratch.write_text("größer")
    text = subprocess.run([sys.executable, "part.py", str(scratch)], capture_output=True, text=True, check=True).stdout
    print(f"{text.strip()} als {total}: {getpass.getuser() != ''}")
