"""The module expire_cache: what it removes from a cache, and what it leaves alone."""

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

import expire_cache
from expire_cache import (
    DAY,
    MIB,
    REMOVING,
    Entry,
    expire,
    is_within,
    last_use,
    paths_of_processes,
    read_entries,
)
from tests.support.commands import must_run, unfold, wait_for

NOW = 1767268800.0


@pytest.fixture
def cache(tmp_path) -> Path:
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def age(path: Path, days: float) -> None:
    """Make a path look as if it was last used some days ago."""
    seconds = time.time() - days * DAY
    os.utime(path, (seconds, seconds), follow_symlinks=False)


def add_file(cache: Path, name: str, days: float, mib: int = 0) -> Path:
    """Add a file to the cache that was last used some days ago."""
    path = cache / name
    path.write_bytes(b"x" * mib * MIB)
    age(path, days)
    return path


def add_tree(cache: Path, name: str, days: float, mib: int = 0) -> Path:
    """Add a folder of some size, with a folder in it, that was last used some days ago."""
    tree = cache / name
    (tree / "usr").mkdir(parents=True)
    (tree / "usr/program").write_bytes(b"x" * mib * MIB)
    age(tree, days)
    return tree


@pytest.fixture
def run(capsys):
    """A function that runs the module as Ansible does; returns its result."""

    def run(cache: Path, check_mode: bool = False, **params) -> dict:
        arguments = {"path": str(cache), **params, "_ansible_check_mode": check_mode}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            expire_cache.main()
        return json.loads(capsys.readouterr().out)

    return run


def names(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir()}


def test_what_was_not_used_for_long_is_removed_with_its_name_and_size(cache, run):
    add_tree(cache, "base-old", days=31, mib=3)
    add_tree(cache, "base-new", days=29, mib=1)
    add_file(cache, "wheels-old.tar", days=40, mib=2)
    add_file(cache, "wheels-new.tar", days=0)
    result = run(cache, max_days=30)
    assert names(cache) == {"base-new", "wheels-new.tar"}
    assert result["changed"]
    assert result["msg"] == (
        f"Removed 5 MiB of the cache {cache}: wheels-old.tar (2 MiB, last used 40 days ago), "
        "base-old (3 MiB, last used 31 days ago)."
    )
    assert [entry["name"] for entry in result["removed"]] == ["wheels-old.tar", "base-old"]
    again = run(cache, max_days=30)
    assert not again["changed"]
    assert again["msg"] == ""


def test_beyond_the_size_the_oldest_are_removed(cache, run):
    for number in range(1, 5):
        add_tree(cache, f"base-{number}", days=number, mib=3)
    run(cache, max_days=30, max_size=7)
    assert names(cache) == {"base-1", "base-2"}


def test_what_was_used_within_the_hour_is_no_surplus(cache, run):
    add_file(cache, "new", days=0.02, mib=3)
    add_file(cache, "old", days=0.05, mib=3)
    run(cache, max_size=1)
    assert names(cache) == {"new"}


@pytest.mark.parametrize("name", [".partial.x", "tmp1"])
def test_a_download_that_may_be_under_way_stays(cache, run, name):
    add_file(cache, name, days=0.02)
    add_file(cache, f"{name}.old", days=0.05)
    run(cache, max_days=0)
    assert names(cache) == {name}


def test_a_cache_behind_a_link_is_in_use_too(cache, run, tmp_path):
    entry = add_tree(cache, "mirror", days=31)
    (tmp_path / "link").symlink_to(cache)
    server = subprocess.Popen(["tail", "-f", "/dev/null", tmp_path / "link/mirror"])
    try:
        # The arguments of a new process are not there at once.
        wait_for(lambda: any(is_within(path, entry) for path in paths_of_processes()))
        assert run(cache, max_days=30)["kept"] == ["mirror"]
    finally:
        server.kill()
        server.wait()


def test_check_mode_says_what_it_would_remove(cache, run):
    add_file(cache, "old", days=31, mib=1)
    (cache / f"{REMOVING}1.killed").touch()
    result = run(cache, check_mode=True, max_days=30)
    assert names(cache) == {"old", f"{REMOVING}1.killed"}
    assert result["changed"]
    assert result["msg"].startswith(f"Would remove 1 MiB of the cache {cache}: old (1 MiB")


def test_without_limits_nothing_is_removed(cache, run):
    add_file(cache, "old", days=1000, mib=1)
    assert not run(cache)["changed"]
    assert names(cache) == {"old"}


def test_a_cache_that_does_not_exist_is_empty(cache, run):
    result = run(cache / "none", max_days=0)
    assert (result["changed"], result["msg"]) == (False, "")


def test_a_negative_limit_is_refused(cache, run):
    add_file(cache, "old", days=31)
    result = run(cache, max_days=-1)
    assert result["msg"] == "max_days is -1, but must be 0 or more. Nothing was removed."
    assert names(cache) == {"old"}


def test_what_the_caller_uses_is_touched_and_kept(cache, run):
    used = add_tree(cache, "mirror-used", days=31)
    result = run(cache, max_days=30, max_size=0, used=[str(used), str(cache / "none")])
    assert names(cache) == {"mirror-used"}
    assert not result["changed"]
    assert time.time() - used.stat().st_mtime < 60
    # Not even to remove everything.
    result = run(cache, max_days=0, used=[str(used)])
    assert result["kept"] == ["mirror-used"]


def test_an_entry_was_last_used_when_a_file_in_it_was_read(cache):
    folder = cache / "sum"
    folder.mkdir()
    program = folder / "program.jar"
    program.touch()
    os.utime(program, (NOW - 5 * DAY, NOW - 50 * DAY))
    os.utime(folder, (NOW - DAY, NOW - 50 * DAY))
    assert last_use(folder) == NOW - 5 * DAY
    assert last_use(program) == NOW - 5 * DAY


@pytest.mark.parametrize("lock", ["base-1.lock", "base-1/lock"])
@pytest.mark.parametrize("how", [fcntl.LOCK_EX, fcntl.LOCK_SH], ids=["exclusive", "shared"])
def test_a_locked_entry_is_left_alone(cache, run, lock, how):
    add_tree(cache, "base-1", days=31)
    add_file(cache, lock, days=31)
    age(cache / "base-1", 31)
    with (cache / lock).open() as file:
        fcntl.flock(file, how)
        result = run(cache, max_days=30, max_size=0)
        assert result["kept"] == ["base-1"]
        assert (cache / "base-1").exists()
    assert run(cache, max_days=30)["changed"]
    assert not (cache / "base-1").exists()


def test_what_a_build_has_so_far_is_left_alone(cache, run):
    add_tree(cache, "base-1.partial", days=31)
    with (cache / "base-1.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert run(cache, max_days=0)["kept"] == ["base-1.partial"]
    run(cache, max_days=0)
    assert names(cache) == {"base-1.lock"}


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["--directory", "{entry}/usr"], "/"),
        (["--directory={entry}/usr"], "/"),
        ([], "{entry}/usr"),
    ],
    ids=["argument", "option", "working directory"],
)
def test_an_entry_that_a_process_uses_is_left_alone(cache, run, arguments, folder):
    entry = add_tree(cache, "mirror-11", days=31)
    add_tree(cache, "mirror-1", days=31)
    process = subprocess.Popen(
        [sys.executable, "-c", "input()", *(text.format(entry=entry) for text in arguments)],
        cwd=folder.format(entry=entry),
        stdin=subprocess.PIPE,
    )
    try:
        # The arguments of a new process are not there at once.
        wait_for(lambda: any(is_within(path, entry) for path in paths_of_processes()))
        assert run(cache, max_days=30)["kept"] == ["mirror-11"]
        assert names(cache) == {"mirror-11"}
    finally:
        process.communicate(b"\n")
    run(cache, max_days=30)
    assert names(cache) == set()


def test_an_entry_that_stays_lets_the_next_one_be_removed():
    entries = [Entry(Path(name), 2 * MIB, NOW - DAY) for name in ("used", "b", "c")]
    removed, kept = expire(entries, NOW, None, 4, lambda entry: entry.path.name != "used")
    assert [entry.path.name for entry in removed] == ["b"]
    assert [entry.path.name for entry in kept] == ["used"]


def test_what_a_killed_run_left_is_removed(cache, run):
    (cache / f"{REMOVING}1.base-1" / "usr").mkdir(parents=True)
    run(cache, max_days=30)
    assert names(cache) == set()


def test_locks_are_no_entries(cache):
    add_file(cache, "base-1.lock", days=31)
    assert read_entries(cache) == []


def test_a_link_is_removed_and_its_target_kept(cache, tmp_path, run):
    target = add_tree(tmp_path, "elsewhere", days=31)
    (cache / "link").symlink_to(target)
    age(cache / "link", 31)
    run(cache, max_days=0)
    assert names(cache) == set()
    assert (target / "usr/program").exists()


def test_make_clean_cache_removes_everything_and_names_it(tmp_path):
    add_tree(tmp_path, "otel-lab/base-new", days=0, mib=1)
    output = unfold(must_run("make", "clean-cache", env={"XDG_CACHE_HOME": str(tmp_path)}))
    assert f"Removed 1 MiB of the cache {tmp_path}/otel-lab: base-new (1 MiB," in output
    assert names(tmp_path / "otel-lab") == set()
