"""The course: exercises on a working copy of the app, checked against live traces."""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
# The same folders as in pyproject.toml, for pytest and mypy.
sys.path += [str(REPOSITORY / "plugins/filter"), str(REPOSITORY / "plugins/modules")]
