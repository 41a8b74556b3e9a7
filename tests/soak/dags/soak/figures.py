"""Print the day's figures, as a script with a lock of its own does: two of one day never run beside each other."""

import fcntl
import json
import os
import sys
import time
from pathlib import Path

day = os.environ["DAYBREAK_REPORT_DATE"]
notes = Path(sys.argv[1])
with (notes / f"{day}.lock").open("w") as lock:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        (notes / f"{day}.beside").touch()
        sys.exit(f"{day} already runs")
    time.sleep(0.5)
    Path("working.txt").write_text(day)  # into its own copy of the release
    json.dump([{"day": day, "units": int(day.replace("-", ""))}], sys.stdout)
