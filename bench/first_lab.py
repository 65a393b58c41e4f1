"""How long a first `make lab` takes, with empty caches and in a second clone; what ran when."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.measure import Comparison, seconds
from tests.support.commands import REPOSITORY, must_run

# What belongs to a part, in the command line of one of its processes.
PARTS = {
    "the tools (pip)": r"/pip install .*requirements\.txt",
    "lab/create.yml": r"ansible-playbook lab/create\.yml",
    "base tree": r"/files/build-base ",
    "Go toolchain (pip)": r"lab/mirror/build toolchain ",
    "Jaeger (go build)": r"lab/mirror/build program ",
    "its archive": r"lab/mirror/build pack ",
    "site.yml": r"ansible-playbook .* site\.yml",
    "the app's packages (pip)": r"/build_wheelhouse\.py ",
    "first requests, status": r"ansible-playbook .*playbooks/(traffic|status)\.yml",
}
WHOLE = "make lab"
# They consist of the others.
PLAYBOOKS = {WHOLE, "lab/create.yml", "site.yml", "first requests, status"}
INTERVAL = 0.25

# For each part, when it began and ended, in seconds.
Timeline = dict[str, tuple[float, float]]

COMPARISONS = [
    Comparison("P7", "first `make lab`, empty caches ÷ its longest single part", 1.6, "s"),
    Comparison("P7 again", "`make lab` in another clone, warm caches ÷ 45 s", 1.0, "s"),
]


def command_lines(folder: Path) -> list[str]:
    """Return the command lines of the running processes that name a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # It has ended.
        if str(folder) in line:
            found.append(line.replace("\0", " "))
    return found


def extend(timeline: Timeline, lines: list[str], now: float) -> None:
    """Add to the timeline that processes with these command lines run now."""
    for part, pattern in PARTS.items():
        if any(re.search(pattern, line) for line in lines):
            began, _ = timeline.get(part, (now, now))
            timeline[part] = (began, now)


def watch(process: subprocess.Popen, folder: Path) -> Timeline:
    """Return when `make lab`, which is running, and its parts ran, in seconds since its start.

    Raises RuntimeError if it fails.
    """
    timeline: Timeline = {}
    start = time.monotonic()
    while process.poll() is None:
        extend(timeline, command_lines(folder), round(time.monotonic() - start, 2))
        time.sleep(INTERVAL)
    if process.returncode:
        raise RuntimeError(f"make lab failed in {folder}; its output is above")
    return {**timeline, WHOLE: (0, round(time.monotonic() - start, 2))}


def longest_part(timeline: Timeline) -> float:
    """Return the seconds of the longest part that is not a playbook."""
    return max(ended - began for part, (began, ended) in timeline.items() if part not in PLAYBOOKS)


@contextmanager
def new_clone(parent: Path, name: str) -> Iterator[Path]:
    """Clone the repository; the end removes the clone's lab."""
    clone = parent / name
    must_run("git", "clone", "--quiet", REPOSITORY, clone)
    try:
        yield clone
    finally:
        must_run("make", "destroy", cwd=clone)


def first_and_second() -> tuple[Timeline, float]:
    """Return when the parts of a first `make lab` ran, and the seconds of one in another clone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        caches = {
            "XDG_CACHE_HOME": f"{folder}/cache",
            "PIP_CACHE_DIR": f"{folder}/pip",
            "GOMODCACHE": f"{folder}/modules",
        }
        with new_clone(folder, "first") as clone:
            command = ["make", "lab"]
            process = subprocess.Popen(command, cwd=clone, env={**os.environ, **caches})
            timeline = watch(process, clone)
        with new_clone(folder, "second") as clone:
            return timeline, seconds(lambda: must_run("make", "lab", cwd=clone, env=caches))


def make_lab(rounds: int) -> dict[str, Any]:
    """Compare a first `make lab` with its longest part, and a second clone's with 45 s."""
    first, second = [], []
    timeline: Timeline = {}
    for number in range(1, max(rounds // 2, 1) + 1):
        timeline, again = first_and_second()
        total, longest = timeline[WHOLE][1], longest_part(timeline)
        print(f"P7, round {number}: {total:.4g} / {longest:.4g}, again {again:.4g}", flush=True)
        first.append([total, longest])
        second.append([round(again, 2), 45.0])
    return {"P7": first, "P7 again": second, "timeline": timeline}
