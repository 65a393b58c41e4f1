"""Commands run to their end, and conditions waited for."""

import fcntl
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

REPOSITORY = Path(__file__).resolve().parents[2]
T = TypeVar("T")


def run(
    *command: str | Path,
    cwd: Path = REPOSITORY,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with `env` added to the environment.

    The CompletedProcess has all its output in `stdout`.
    """
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def must_run(*command: str | Path, **options: Any) -> str:
    """Run a command and return its output. Raises AssertionError, with the output, if it fails."""
    ran = run(*command, **options)
    assert ran.returncode == 0, f"{' '.join(map(str, command))} failed:\n{ran.stdout}"
    return ran.stdout


def wait_for(condition: Callable[[], T | None], seconds: float = 30) -> T:
    """Poll until `condition()` is true and return its value. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {value!r} after {seconds} s")
        time.sleep(0.1)
    return value


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Wait until no other process of these tests uses what `name` stands for."""
    folder = REPOSITORY / ".test"
    folder.mkdir(exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def unfold(text: str) -> str:
    """Return the text on one line, as Ansible breaks long messages anywhere."""
    return " ".join(text.split())


def changes(output: str) -> list[int]:
    """Return the `changed=` counts in the recaps of all the plays in an output."""
    return [int(count) for count in re.findall(r"changed=(\d+)", output)]


def assert_no_change(output: str) -> None:
    """Check that no host was changed by the playbooks with this output."""
    assert set(changes(output)) == {0}, f"expected changed=0 for every host:\n{output}"


def assert_failed(ran: subprocess.CompletedProcess[str], *messages: str) -> str:
    """Check that a command failed with some messages; return its output on one line."""
    output = unfold(ran.stdout)
    assert ran.returncode != 0, f"expected a failure, but it ended with 0:\n{ran.stdout}"
    for message in messages:
        # Not left to pytest, which would show the output as one long line.
        if message not in output:
            raise AssertionError(f"expected the message\n{message}\nin\n{ran.stdout}")
    return output


def failures(output: str) -> dict[str, str]:
    """Return what Ansible's output says of each host on which a task failed, on one line."""
    said: dict[str, str] = {}
    # A failed item of a loop has a line of its own.
    pattern = r"^(?:fatal|failed): \[(.+?)\].*=>(.*\n(?:\s.*\n)*)"
    for host, text in re.findall(pattern, output, re.MULTILINE):
        said[host] = unfold(f"{said.get(host, '')} {text}")
    return said


def assert_same(found: Iterable, expected: Iterable, what: str) -> None:
    """Check that two collections have the same elements, and name those that differ."""
    missing, unexpected = set(expected) - set(found), set(found) - set(expected)
    assert not missing | unexpected, "\n".join(
        [f"{what} differ:"]
        + [f"  expected, but missing: {line}" for line in sorted(map(str, missing))]
        + [f"  found, but not expected: {line}" for line in sorted(map(str, unexpected))]
    )


def script(path: Path, *lines: str) -> None:
    """Write a program that sh runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)


def copy_repository(target: Path) -> Path:
    """Copy what git tracks, or would track, to a new folder `target`; return that."""
    listing = must_run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in set(listing.split("\0")[:-1]):
        # A deleted file is still listed. Links stay links: some lead to this folder itself.
        if os.path.lexists(REPOSITORY / name):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name, follow_symlinks=False)
    return target
