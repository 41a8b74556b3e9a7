"""Print the day's figures. The first time that it is asked for a day it takes a while: NOTES SECONDS."""

import fcntl
import json
import os
import sys
import time
from pathlib import Path

day = os.environ["DAYBREAK_REPORT_DATE"]
notes = Path(sys.argv[1])
with (notes / f"{day}.lock").open("a") as lock:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        (notes / f"{day}.beside").touch()
        sys.exit(f"{day} already runs")
    Path("working.txt").write_text(day)  # into its own copy of the release
    begun = notes / f"{day}.begun"
    if not begun.exists():
        begun.touch()
        time.sleep(float(sys.argv[2]))
    json.dump([{"day": day, "units": int(day.replace("-", ""))}], sys.stdout)
