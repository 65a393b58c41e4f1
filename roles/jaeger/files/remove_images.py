#!/usr/bin/python3
"""Remove container images that the role added to the host: remove_images.py RECORD [KEPT]

RECORD is a file with the name of each such image on a line; images that were there before are not
in it. KEPT is the name of the one in use. An image that other containers use stays. Prints what it
removed. An interrupted run is completed by the next one, as the record is shortened last.
"""

import subprocess
import sys
from pathlib import Path


def podman(*arguments: str) -> bool:
    """Run podman without its messages, some of which are only warnings; return if it succeeded."""
    try:
        return subprocess.run(["podman", *arguments], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False  # Somebody removed it.


def main() -> int:
    record, kept = Path(sys.argv[1]), sys.argv[2:]
    if not record.exists():
        return 0
    names = record.read_text().split()
    for name in names:
        if name not in kept and podman("image", "exists", name) and podman("image", "rm", name):
            print(f"removed {name}")
    left = [name for name in names if name in kept]
    if not left:
        record.unlink()
    elif left != names:
        record.write_text("".join(f"{name}\n" for name in left))
    return 0


if __name__ == "__main__":
    sys.exit(main())
