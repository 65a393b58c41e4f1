"""Print the command line of every process that runs from now on, once each."""

import contextlib
from pathlib import Path

seen = set()
while True:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        # A process may end while its command line is read.
        with contextlib.suppress(OSError):
            line = path.read_text().replace("\0", " ")
            if line not in seen:
                seen.add(line)
                print(line, flush=True)
