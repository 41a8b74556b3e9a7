"""``make demo``: run the daily chain on this machine."""

from __future__ import annotations

import signal
import sys

if __name__ == "__main__":
    signal.signal(
        signal.SIGINT, signal.SIG_DFL
    )  # until it is handled: an import that is interrupted is a traceback
    from demo.chain import main

    sys.exit(main())
