"""The table of docs/reliability.md: a row for each test that records a result."""

from collections.abc import Callable
from pathlib import Path

from tests.support.commands import unfold

TITLE = """# What faults do to the lab

Written by `make reliability`. Two faults need other machines: exceeding Jaeger's memory limit needs
a kernel that enforces it (`make test-vagrant`), and differing clocks need several hosts
(`molecule test -s two-tier`).

"""


class Table:
    """Rows by what was tested, in the order of the tests, each with the results that it had."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str], list[str]] = {}

    def recorder(self, test: Callable) -> Callable[[str], None]:
        """Return a function that adds a result to a test's row.

        The first line of the test's docstring is the fault, the others are what must come of it.
        """
        fault, _, expected = (test.__doc__ or "").partition("\n")
        name = test.__name__.removeprefix("test_").replace("_", " ")
        row = self.rows.setdefault((name, fault.rstrip("."), unfold(expected)), [])
        return row.append

    def write(self, path: Path) -> None:
        """Write the rows that have results to a file, in Markdown."""
        cells = [
            ("behaviour", "fault", "expected", "measured"),
            ("---",) * 4,
            *((*row, "; ".join(dict.fromkeys(texts))) for row, texts in self.rows.items() if texts),
        ]
        path.write_text(TITLE + "".join(f"| {' | '.join(row)} |\n" for row in cells))
