"""Tables in docs/: a row for each test that records a result."""

from collections.abc import Callable
from pathlib import Path

from tests.support.commands import unfold

RELIABILITY = """# What faults do to the lab

Written by `make reliability`. Two faults need other machines: exceeding Jaeger's memory limit needs
a kernel that enforces it (`make test-vagrant`), and differing clocks need several hosts
(`molecule test -s two-tier`).

| behaviour | fault | expected | measured |
"""
SETUPS = """# Set-ups in which the lab works

Written by `make reliability`, from tests of machines as people have them.

| behaviour | set-up | action | result |
"""


class Table:
    """Rows by what was tested, in the order of the tests, each with the results that it had."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.rows: dict[tuple[str, str, str], list[str]] = {}

    def recorder(self, test: Callable) -> Callable[[str], None]:
        """Return a function that adds a result to a test's row.

        The first line of the test's docstring is the fault or set-up, the others are what must come
        of it, or what is done there.
        """
        first, _, rest = (test.__doc__ or "").partition("\n")
        name = test.__name__.removeprefix("test_").replace("_", " ")
        row = self.rows.setdefault((name, first.rstrip("."), unfold(rest)), [])
        return row.append

    def write(self, path: Path) -> None:
        """Write the rows that have results to a file, in Markdown; leave it if there are none."""
        cells = [
            ("---",) * 4,
            *((*row, "; ".join(dict.fromkeys(texts))) for row, texts in self.rows.items() if texts),
        ]
        if len(cells) > 1:
            path.write_text(self.title + "".join(f"| {' | '.join(row)} |\n" for row in cells))
