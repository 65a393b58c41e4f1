"""The module systemd_unit_files: its user, its files and the units to restart."""

import json
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args

import systemd_unit_files
from systemd_unit_files import ensure_user, find_units_to_restart

STARTED = "Thu 2026-01-01 12:00:00.250000 UTC"
BEFORE, AFTER = 1767268800, 1767268801  # Around it, in seconds since 1970.


class Commands:
    """Stands in for a module: answers commands by their program and records all of them."""

    def __init__(self, check_mode: bool = False, **outputs: str):
        self.check_mode = check_mode
        self.outputs = outputs
        self.called: list[list[str]] = []

    def run_command(self, command, check_rc=False):
        self.called.append(command)
        return 0, self.outputs.get(command[0], ""), ""


GOOD_USER = "app:x:997:997::/nonexistent:/usr/sbin/nologin\n"
CHANGED_USER = "app:x:997:997::/home/app:/bin/sh\n"


@pytest.mark.parametrize(
    ("passwd_entry", "program"),
    [("", "systemd-sysusers"), (CHANGED_USER, "usermod"), (GOOD_USER, None)],
    ids=["missing", "changed", "good"],
)
def test_the_user_is_created_or_restored(passwd_entry, program):
    module = Commands(getent=passwd_entry)
    assert ensure_user(module, "app") is (program is not None)
    assert [command[0] for command in module.called[1:]] == [program] * (program is not None)


@pytest.mark.parametrize("passwd_entry", ["", CHANGED_USER])
def test_check_mode_reports_the_user_and_changes_nothing(passwd_entry):
    module = Commands(getent=passwd_entry, check_mode=True)
    assert ensure_user(module, "app") is True
    assert [command[0] for command in module.called] == ["getent"]


@pytest.mark.parametrize(
    ("state", "unit_file", "program", "drop_in", "is_current"),
    [
        (("active", "enabled", STARTED), BEFORE, BEFORE, BEFORE, True),
        (("activating", "enabled", STARTED), BEFORE, BEFORE, BEFORE, False),
        (("active", "disabled", STARTED), BEFORE, BEFORE, BEFORE, False),
        (("active", "enabled", STARTED), AFTER, BEFORE, BEFORE, False),
        (("active", "enabled", STARTED), BEFORE, AFTER, BEFORE, False),
        (("active", "enabled", STARTED), BEFORE, BEFORE, AFTER, False),
        (("active", "enabled", STARTED), BEFORE, None, BEFORE, False),
        (("inactive", "", ""), None, BEFORE, BEFORE, False),
    ],
    ids=[
        *("current", "not active", "not enabled", "unit changed", "program changed"),
        *("drop-in changed", "no program", "new"),
    ],
)
def test_a_unit_that_does_not_run_what_is_installed_is_found(
    tmp_path, monkeypatch, state, unit_file, program, drop_in, is_current
):
    monkeypatch.setattr(systemd_unit_files, "UNIT_FOLDER", tmp_path)
    (tmp_path / "a.service.d").mkdir()
    times = {"unit": unit_file, "program": program, "a.service.d/hardening.conf": drop_in}
    for name, time in times.items():
        if time:
            (tmp_path / name).touch()
            os.utime(tmp_path / name, (time, time))
    names = "ActiveState", "UnitFileState", "InactiveExitTimestamp", "FragmentPath"
    values = *state, tmp_path / "unit" if unit_file else ""
    shown = "\n".join(f"{n}={v}" for n, v in zip(names, values, strict=True))
    units = [{"unit": f"{name}.service", "files": [str(tmp_path / "program")]} for name in "ab"]
    found = find_units_to_restart(Commands(systemctl=f"{shown}\n\n{shown}\n"), units)
    assert ("a.service" not in found) is is_current


@pytest.fixture
def run_module(monkeypatch, capsys):
    """A function that runs the module's main() with arguments; returns its result (dict)."""
    unit_state = "ActiveState=active\nUnitFileState=enabled\nInactiveExitTimestamp=\nFragmentPath="
    answers = {"getent": GOOD_USER, "systemctl": unit_state}
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
        lambda _, command, **__: (0, answers.get(command[0], ""), ""),
    )

    def run(*files: dict, check_mode: bool = False):
        arguments = {
            "user": "app",
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


def test_a_file_has_a_content_or_a_secret(tmp_path, run_module):
    path = str(tmp_path / "file")
    assert "one of the following is required" in run_module({"path": path}).msg
    both = {"path": path, "content": "a", "secret": "b"}
    assert "mutually exclusive" in run_module(both).msg
