"""The module systemd_unit_files: its user, its files and the units to restart."""

import io
import json
import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args

import systemd_unit_files
from systemd_unit_files import ensure_state, ensure_user, is_current, replace_file

STARTED = "Thu 2026-01-01 12:00:00.250000 UTC"
BEFORE, AFTER = 1767268800, 1767268801  # Around it, in seconds since 1970.


class Commands:
    """Stands in for a module: answers commands by their program and records all of them."""

    def __init__(self, check_mode: bool = False, **outputs: str):
        self.check_mode = check_mode
        self.outputs = outputs
        self.called: list[list[str]] = []

    def run_command(self, command, check_rc=False, environ_update=None):
        self.called.append(command)
        key = command[1] if command[0] == "getent" else command[0]
        return 0, self.outputs.get(key, ""), ""


GOOD_USER = "app:x:997:996::/nonexistent:/usr/sbin/nologin\n"
CHANGED_USER = "app:x:997:996::/home/app:/bin/sh\n"
GROUP = "app:x:996:\n"
CREATE, RESTORE = "systemd-sysusers", "usermod"


@pytest.mark.parametrize(
    ("passwd_entry", "group_entry", "programs"),
    [
        ("", "", [CREATE]),
        ("", GROUP, [CREATE]),
        (CHANGED_USER, GROUP, [CREATE, RESTORE]),
        (GOOD_USER, "", [CREATE, RESTORE]),
        (GOOD_USER, "app:x:1:\n", [CREATE, RESTORE]),
        (GOOD_USER, GROUP, []),
    ],
    ids=["missing", "no user", "changed", "no group", "other group", "good"],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_the_user_is_created_or_restored(passwd_entry, group_entry, programs, check_mode):
    module = Commands(passwd=passwd_entry, group=group_entry, check_mode=check_mode)
    assert ensure_user(module, "app") is bool(programs)
    called = [command[0] for command in module.called if command[0] != "getent"]
    assert called == ([] if check_mode else programs)


@pytest.mark.parametrize(
    ("state", "unit_file", "program", "drop_in", "expected"),
    [
        (("active", "enabled", STARTED), BEFORE, BEFORE, BEFORE, True),
        (("active", "enabled", STARTED.replace("Thu", "Do")), BEFORE, BEFORE, BEFORE, True),
        (("activating", "enabled", STARTED), BEFORE, BEFORE, BEFORE, False),
        (("active", "disabled", STARTED), BEFORE, BEFORE, BEFORE, False),
        (("active", "enabled", STARTED), AFTER, BEFORE, BEFORE, False),
        (("active", "enabled", STARTED), BEFORE, AFTER, BEFORE, False),
        (("active", "enabled", STARTED), BEFORE, BEFORE, AFTER, False),
        (("active", "enabled", STARTED), BEFORE, None, BEFORE, False),
        (("inactive", "", ""), None, BEFORE, BEFORE, False),
    ],
    ids=[
        *(
            "current",
            "a weekday that this locale lacks",
            "not active",
            "not enabled",
            "unit changed",
            "program changed",
        ),
        *("drop-in changed", "no program", "new"),
    ],
)
def test_a_unit_that_does_not_run_what_is_installed_is_found(
    tmp_path, state, unit_file, program, drop_in, expected
):
    (tmp_path / "a.service.d").mkdir()
    times = {"unit": unit_file, "program": program, "a.service.d/hardening.conf": drop_in}
    for name, time in times.items():
        if time:
            (tmp_path / name).touch()
            os.utime(tmp_path / name, (time, time))
    names = "ActiveState", "UnitFileState", "InactiveExitTimestamp", "FragmentPath"
    values = *state, tmp_path / "unit" if unit_file else ""
    shown = dict(zip(names, map(str, values), strict=True))
    drop_ins = (tmp_path / "a.service.d").glob("*.conf")
    assert is_current(shown, [str(tmp_path / "program")], drop_ins) is expected


@pytest.fixture
def run_module(monkeypatch, capsys, tmp_path):
    """A function that runs the module's main() with arguments; returns its result (dict)."""
    monkeypatch.setattr(systemd_unit_files, "UNIT_FOLDER", tmp_path)
    unit_state = (
        "ActiveState=active\nUnitFileState=enabled\nInactiveExitTimestamp=\nFragmentPath=\n"
        "DropInPaths=/usr/lib/systemd/system/service.d/a.conf"
        " /run/systemd/system/app.service.d/b.conf"
    )
    answers = {"passwd": GOOD_USER, "group": GROUP, "systemctl": unit_state}
    # Only root can change the owner, which other tests see on a host.
    owned = {"owner": None, "group": None}
    load = basic.AnsibleModule.load_file_common_arguments
    monkeypatch.setattr(
        basic.AnsibleModule,
        "load_file_common_arguments",
        lambda module, attributes: load(module, attributes | owned) | owned,
    )
    monkeypatch.setattr(
        basic.AnsibleModule,
        "run_command",
        lambda _, command, **__: (0, answers.get(command["getent" in command], ""), ""),
    )

    def run(*files: dict, check_mode: bool = False, folders: Sequence[Path] = ()):
        arguments = {
            "user": "app",
            "folders": list(map(str, folders)),
            "files": list(files),
            "units": [{"unit": "app.service", "files": []}],
            "_ansible_check_mode": check_mode,
            "_ansible_diff": True,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            systemd_unit_files.main()
        return SimpleNamespace(**json.loads(capsys.readouterr().out))

    return run


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_installed_with_its_content_and_mode_once(tmp_path, run_module):
    file = {"path": str(tmp_path / "new/folder/file"), "content": "text\n", "mode": "0640"}
    old_umask = os.umask(0o077)
    try:
        first, second = run_module(file), run_module(file)
    finally:
        os.umask(old_umask)
    assert (first.changed, second.changed) == (True, False)
    installed = tmp_path / "new/folder/file"
    assert (installed.read_text(), mode(installed)) == ("text\n", 0o640)
    assert [mode(folder) for folder in installed.parents[:2]] == [0o755, 0o755]
    assert list(installed.parent.iterdir()) == [installed]
    assert first.units_to_restart == ["app.service"]


@pytest.mark.parametrize("change", ["content", "mode", "not text"])
def test_a_changed_file_is_restored(tmp_path, run_module, change):
    path = tmp_path / "file"
    file = {"path": str(path), "content": "text\n"}
    run_module(file)
    {
        "content": lambda: path.write_text("other\n"),
        "mode": lambda: path.chmod(0o666),
        "not text": lambda: path.write_bytes(b"\xff"),
    }[change]()
    assert run_module(file).changed
    assert (path.read_text(), mode(path)) == ("text\n", 0o644)


def test_the_difference_of_a_file_is_shown(tmp_path, run_module):
    (tmp_path / "file").write_text("old\n")
    result = run_module({"path": str(tmp_path / "file"), "content": "new\n"})
    assert [(d["before"], d["after"]) for d in result.diff] == [("old\n", "new\n")]


def test_a_secret_is_never_shown_and_never_readable_by_others(tmp_path, run_module, monkeypatch):
    modes = []
    chmod, replace = Path.chmod, Path.replace
    monkeypatch.setattr(Path, "chmod", lambda path, new: (modes.append(new), chmod(path, new)))
    monkeypatch.setattr(
        Path, "replace", lambda path, new: (modes.append(mode(path)), replace(path, new))
    )
    path = tmp_path / "file"
    path.write_text("old phrase\n")
    result = run_module({"path": str(path), "secret": "new phrase\n", "mode": "0600"})
    assert result.changed
    assert "phrase" not in json.dumps(vars(result))
    assert path.read_text() == "new phrase\n"
    # It had no other mode before, under its temporary name either.
    assert (set(modes), mode(path)) == ({0o600}, 0o600)


def test_check_mode_reports_files_and_writes_none(tmp_path, run_module):
    existing = tmp_path / "existing"
    existing.write_text("old\n")
    files = [
        {"path": str(existing), "content": "new\n"},
        {"path": str(tmp_path / "new/file"), "content": "new\n"},
    ]
    assert run_module(*files, check_mode=True).changed
    assert existing.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [existing]


def test_a_file_that_cannot_be_written_is_named(tmp_path, run_module):
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file/below"
    result = run_module({"path": str(path), "content": "text"})
    assert result.failed
    assert f"{path} could not be written: Not a directory" in result.msg


@pytest.mark.parametrize("change", ["missing", "content", "mode", "link"])
def test_a_copy_is_installed_and_restored(tmp_path, run_module, change):
    source, path = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(b"program \xff")
    copy = {"path": str(path), "source": str(source), "mode": "0755"}
    if change != "missing":
        assert run_module(copy).changed
        assert not run_module(copy).changed
    {
        "missing": lambda: None,
        "content": lambda: path.write_bytes(b"another \xff"),
        "mode": lambda: path.chmod(0o777),
        "link": lambda: (path.unlink(), path.symlink_to(source)),
    }[change]()
    assert run_module(copy, check_mode=True).changed
    assert run_module(copy).changed
    assert (path.read_bytes(), mode(path), path.is_symlink()) == (b"program \xff", 0o755, False)


def test_check_mode_expects_a_copy_whose_source_is_not_there_yet(tmp_path, run_module):
    copy = {"path": str(tmp_path / "copy"), "source": str(tmp_path / "source")}
    assert run_module(copy, check_mode=True).changed
    result = run_module(copy)
    assert f"{tmp_path}/copy could not be written: No such file or directory" in result.msg


def test_what_a_killed_run_left_of_a_file_disappears(tmp_path):
    (tmp_path / ".file.partial").write_text("half")
    replace_file(str(tmp_path / "file"), "0644", io.BytesIO(b"whole"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_many_runs_replace_at_once_is_whole_at_any_time(tmp_path):
    contents = [bytes([number]) * 1_000_000 for number in range(8)]
    path = tmp_path / "file"
    path.write_bytes(contents[0])
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(replace_file, str(path), "0644", io.BytesIO(c)) for c in contents * 4]
        while not all(run.done() for run in runs):
            assert path.read_bytes() in contents
    assert [run.result() for run in runs] == [None] * 32
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_has_a_content_or_a_secret(tmp_path, run_module):
    path = str(tmp_path / "file")
    assert "one of the following is required" in run_module({"path": path}).msg
    both = {"path": path, "content": "a", "secret": "b"}
    assert "mutually exclusive" in run_module(both).msg


def test_a_folder_is_created_and_restored(tmp_path, run_module):
    folder, linked = tmp_path / "new/folder", tmp_path / "linked"
    linked.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    old_umask = os.umask(0o077)
    try:
        first, second = (run_module(folders=[folder, linked]) for _ in range(2))
    finally:
        os.umask(old_umask)
    assert (first.changed, second.changed) == (True, False)
    assert [mode(path) for path in (folder, folder.parent, linked)] == [0o755] * 3
    folder.chmod(0o700)
    assert run_module(folders=[folder], check_mode=True).changed
    assert mode(folder) == 0o700
    assert run_module(folders=[folder]).changed
    assert mode(folder) == 0o755


@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_something_else_in_the_place_of_a_folder_is_named(tmp_path, run_module, kind):
    path = tmp_path / "folder"
    path.touch() if kind == "file" else path.symlink_to("nowhere")
    result = run_module(folders=[path])
    assert result.failed
    assert f"{path} is not a folder, but the lab needs one there." in result.msg
    assert f"mv {path} {path}.old" in result.msg


def test_check_mode_creates_no_folder(tmp_path, run_module):
    assert run_module(folders=[tmp_path / "new"], check_mode=True).changed
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_place_of_a_file_is_replaced(tmp_path, run_module):
    # As of a masked unit, or to a file that has the right content for now.
    (tmp_path / "other").write_text("text\n")
    (tmp_path / "file").symlink_to(tmp_path / "other")
    assert run_module({"path": str(tmp_path / "file"), "content": "text\n"}).changed
    assert not (tmp_path / "file").is_symlink()


def test_a_file_with_the_line_ends_of_windows_is_installed_once(tmp_path, run_module):
    file = {"path": str(tmp_path / "file"), "content": "text\r\n"}
    assert [run_module(file).changed, run_module(file).changed] == [True, False]


@pytest.mark.parametrize("secret", ["a phrase", "a phrase\n", "a phrase with \" and '"])
def test_no_secret_is_in_the_hosts_log(tmp_path, run_module, monkeypatch, secret):
    logged: list[str] = []
    monkeypatch.setattr(basic, "has_journal", False)
    log = "_log_to_syslog"
    monkeypatch.setattr(basic.AnsibleModule, log, lambda _, text: logged.append(text))
    run_module({"path": str(tmp_path / "file"), "secret": secret})
    assert "phrase" not in "".join(logged)


def test_a_drop_in_of_somebody_else_is_reported_and_kept(tmp_path, run_module, monkeypatch):
    warnings: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _, text: warnings.append(text))
    drop_ins = tmp_path / "app.service.d"
    drop_ins.mkdir()
    (drop_ins / "override.conf").write_text("[Service]\n")
    run_module({"path": str(drop_ins / "hardening.conf"), "content": "[Service]\n"})
    named = [str(drop_ins / "override.conf"), "/run/systemd/system/app.service.d/b.conf"]
    assert [text.split(" changes a unit of the lab, ")[0] for text in warnings] == sorted(named)
    assert (drop_ins / "override.conf").read_text() == "[Service]\n"


@pytest.mark.parametrize("check_mode", [False, True])
def test_what_is_in_the_folder_of_the_state_is_given_to_the_user(tmp_path, check_mode):
    module = Commands(find="/var/lib/app/cars.db\n", check_mode=check_mode)
    assert ensure_state(module, str(tmp_path), "app")
    assert ("chown" in module.called[0]) is not check_mode
    assert not ensure_state(Commands(), str(tmp_path), "app")
    assert not ensure_state(module, str(tmp_path / "missing"), "app")


def test_processes_restart_when_their_user_was_created_anew(run_module, monkeypatch):
    monkeypatch.setattr(systemd_unit_files, "is_current", lambda *_: True)
    assert run_module().units_to_restart == []
    monkeypatch.setattr(systemd_unit_files, "ensure_user", lambda *_: True)
    assert run_module().units_to_restart == ["app.service"]
