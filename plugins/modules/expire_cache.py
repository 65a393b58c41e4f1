#!/usr/bin/python
"""Ansible module: remove from a cache what has not been used for long, or is too much."""

DOCUMENTATION = r"""
module: expire_cache
short_description: Remove from a cache what has not been used for long, or is too much
description:
  - An entry is a file or a folder directly in the cache. It was last used when it, or a file
    directly in it, was last written or read, as far as the file system records that. Who uses an
    entry in another way touches it.
  - An entry is left alone while it is in use. Then somebody holds its lock, which is the file
    C(<entry>.lock) or C(<entry>/lock), or a process has a path in it as its working directory, as
    its program or in an argument.
  - Lock files are no entries. They are empty, and stay.
author: The otel-lab developers (!UNKNOWN)
options:
  path:
    description: Path of the cache. Nothing is done if there is none.
    type: path
    required: true
  used:
    description: Paths of entries that the caller uses now. They are touched and kept.
    type: list
    elements: path
    default: []
  max_days:
    description:
      - Days after its last use on which an entry is removed; C(0) for every entry that is not in
        use. There is no limit if this is not set.
    type: int
  max_size:
    description:
      - MiB that the entries may have together. Beyond it those are removed that have not been used
        for longest, but none that was used within the last hour. There is no limit if this is not
        set.
    type: int
"""
EXAMPLES = r"""
- name: Remove old entries of the cache
  otel_lab.tracing.expire_cache:
    path: "{{ lookup('otel_lab.tracing.cache_directory') }}"
    max_days: 30
    max_size: 8192
"""
RETURN = r"""
removed:
  description: The entries that were removed, or in check mode would be.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: Name of the entry.
      type: str
    size:
      description: MiB that it had on disk.
      type: int
    days:
      description: Days since its last use.
      type: int
kept:
  description: The names of entries that should be removed, but are in use.
  type: list
  elements: str
  returned: always
msg:
  description: What was removed, in one line; empty if nothing was.
  type: str
  returned: always
"""

import fcntl
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

MIB = 1024 * 1024
DAY = 24 * 60 * 60
# A run that is under way may still need what it used last.
RECENT = 60 * 60
# Begins the name of what is being removed; a killed run leaves it to the next one.
REMOVING = ".removing."
# Begin the names of downloads that are under way.
PARTIAL = (".partial.", "tmp")


@dataclass(frozen=True)
class Entry:
    """A file or folder of the cache, with its size in bytes and when it was last used."""

    path: Path
    size: int
    last_used: float


def disk_size(path: str | Path) -> int:
    """Return the bytes that a file or a folder takes on disk."""
    status = os.lstat(path)
    size = status.st_blocks * 512
    if stat.S_ISDIR(status.st_mode):
        with os.scandir(path) as items:
            size += sum(disk_size(item.path) for item in items)
    return size


def last_use(path: Path) -> float:
    """Return when an entry was last used, in seconds since 1970.

    Of a folder or link the time of reading does not count, because whoever lists it reads it.
    """
    statuses = [path.lstat()]
    if stat.S_ISDIR(statuses[0].st_mode):
        statuses += [child.lstat() for child in path.iterdir()]
    files = [status for status in statuses if stat.S_ISREG(status.st_mode)]
    return max([statuses[0].st_mtime] + [max(file.st_mtime, file.st_atime) for file in files])


def read_entries(cache: Path) -> list[Entry]:
    """Return the cache's entries, the one that has not been used for longest first."""
    entries = []
    for path in cache.iterdir():
        if path.suffix == ".lock" or path.name.startswith(REMOVING):
            continue
        try:
            entries.append(Entry(path, disk_size(path), last_use(path)))
        # Another run has removed, renamed or changed it meanwhile, or it is another user's.
        except OSError:
            continue
    return sorted(entries, key=lambda entry: entry.last_used)


def expire(
    entries: Iterable[Entry],
    now: float,
    max_days: int | None,
    max_size: int | None,
    try_remove: Callable[[Entry], bool],
) -> tuple[list[Entry], list[Entry]]:
    """Remove those of the entries, in order of their last use, that are too old or too much.

    `try_remove` removes one and returns whether it did. Returns what was removed, and what should
    have been.
    """
    removed: list[Entry] = []
    kept: list[Entry] = []
    rest = []
    for entry in entries:
        kept_for = RECENT if entry.path.name.startswith(PARTIAL) else 0
        if max_days is None or now - entry.last_used < max(max_days * DAY, kept_for):
            rest.append(entry)
        else:
            (removed if try_remove(entry) else kept).append(entry)
    total = sum(entry.size for entry in [*kept, *rest])
    for entry in rest:
        if max_size is None or total <= max_size * MIB or now - entry.last_used < RECENT:
            break
        if try_remove(entry):
            removed.append(entry)
            total -= entry.size
        else:
            kept.append(entry)
    return removed, kept


def paths_of_processes() -> set[str]:
    """Return the absolute paths that processes have in their arguments, or work or run in."""
    paths = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        # It has ended.
        except OSError:
            continue
        for argument in arguments:
            # --directory=/path too.
            paths |= {argument, argument.partition("=")[2]}
        for link in "cwd", "exe":
            try:
                paths.add(str((process / link).readlink()))
            # Only root sees those of others.
            except OSError:
                continue
    absolute = {path for path in paths if path.startswith("/")}
    # ~/.cache may be a link.
    return absolute | {os.path.realpath(path) for path in absolute}


def is_within(path: str, folder: Path) -> bool:
    """Whether an absolute path is a folder or within it."""
    return path == str(folder) or path.startswith(f"{folder}/")


@contextmanager
def locked(entry: Path) -> Iterator[bool]:
    """Hold an entry's locks, if it has any; yields whether nobody else does."""
    # A build of <entry> in <entry>.partial holds the lock of <entry>.
    names = {entry.name, entry.name.partition(".partial")[0]}
    files = [entry.with_name(f"{name}.lock") for name in names if name] + [entry / "lock"]
    descriptors = []
    try:
        for file in files:
            try:
                descriptors.append(os.open(file, os.O_RDONLY))
                fcntl.flock(descriptors[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (FileNotFoundError, NotADirectoryError):
                continue
            # Somebody holds it, or it belongs to another user.
            except OSError:
                yield False
                return
        yield True
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def delete(path: Path) -> None:
    """Delete a file or folder; another run may be doing the same."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove(entry: Path, check_mode: bool) -> bool:
    """Remove an entry that nobody uses, at once and as a whole; return whether it was removed."""
    with locked(entry) as is_free:
        if not is_free or any(is_within(path, entry) for path in paths_of_processes()):
            return False
        if not check_mode:
            removing = entry.with_name(f"{REMOVING}{os.getpid()}.{entry.name}")
            try:
                entry.rename(removing)
            # Another run was faster, or it belongs to another user.
            except OSError:
                return False
            delete(removing)
    return True


def describe(cache: Path, removed: list[Entry], now: float, check_mode: bool) -> str:
    """Return what was removed, or in check mode would be, in one line; empty if nothing was."""
    if not removed:
        return ""
    verb = "Would remove" if check_mode else "Removed"
    names = ", ".join(
        f"{entry.path.name} ({entry.size // MIB} MiB, last used {days(entry, now)} days ago)"
        for entry in removed
    )
    total = sum(entry.size for entry in removed) // MIB
    return f"{verb} {total} MiB of the cache {cache}: {names}."


def days(entry: Entry, now: float) -> int:
    return int((now - entry.last_used) // DAY)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "used": {"type": "list", "elements": "path", "default": []},
            "max_days": {"type": "int"},
            "max_size": {"type": "int"},
        },
        supports_check_mode=True,
    )
    limits = {name: module.params[name] for name in ("max_days", "max_size")}
    for name, limit in limits.items():
        if limit is not None and limit < 0:
            module.fail_json(f"{name} is {limit}, but must be 0 or more. Nothing was removed.")
    cache = Path(os.path.realpath(module.params["path"]))
    used = [Path(os.path.realpath(path)) for path in module.params["used"]]
    removed: list[Entry] = []
    kept: list[Entry] = []
    now = time.time()
    if cache.is_dir():
        for path in used:
            if path.exists() and not module.check_mode:
                os.utime(path, (now, now))
        for leftover in cache.glob(f"{REMOVING}*"):
            if not module.check_mode:
                delete(leftover)

        def try_remove(entry: Entry) -> bool:
            return entry.path not in used and remove(entry.path, module.check_mode)

        removed, kept = expire(read_entries(cache), now, **limits, try_remove=try_remove)
    module.exit_json(
        changed=bool(removed),
        removed=[
            {"name": e.path.name, "size": e.size // MIB, "days": days(e, now)} for e in removed
        ],
        kept=[entry.path.name for entry in kept],
        msg=describe(cache, removed, now, module.check_mode),
    )


if __name__ == "__main__":
    main()
