"""Starts a child that won't be asked to end, writes both process ids to the file that it is told, and waits."""

import os
import subprocess
import sys
import time
from pathlib import Path

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
)

child = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE)
child.stdout.readline()
part = Path(os.environ["PIDS"] + ".part")
part.write_text(f"{os.getpid()} {child.pid}")
part.replace(os.environ["PIDS"])
time.sleep(600)
