"""Benchmarks: what the lab does, measured against what one would do without it."""

import sys
from pathlib import Path

# The same folders as in pyproject.toml, for pytest and mypy.
PLUGINS = Path(__file__).parent.parent / "plugins"
sys.path += [str(PLUGINS / kind) for kind in ("modules", "filter", "lookup")]
