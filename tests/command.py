"""The command line in a process of its own that listens to interrupts."""

from __future__ import annotations

import sys

#: What to start, before the command's own words. What starts the tests may ignore interrupts (a shell's background job
#: does), and a child would inherit that.
OOSBENCH = [
    sys.executable,
    "-c",
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from oosbench.__main__ import main; print('ready', flush=True); sys.exit(main())",
]
