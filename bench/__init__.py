"""The lab's benchmarks: ratios of what the lab does to what a user would do otherwise."""

import sys
from pathlib import Path

# The modules that send requests and read traces.
sys.path.append(str(Path(__file__).parent.parent / "playbooks/library"))
