#!/usr/bin/python
"""Ansible module: install user, folders and files of units, and find the units to restart."""

DOCUMENTATION = r"""
module: systemd_unit_files
short_description: Install the user and the files of systemd units, and find the units to restart
description:
  - Creates a system user, the folders, and every file that differs. A file is replaced as a whole.
    Folders and files belong to root.
  - Warns of drop-ins that are not among the files, and leaves them.
  - Finds the units that do not run what is installed. It reads this from the host, because an
    earlier run may have been interrupted between changing a file and restarting the unit.
  - One module does all of this, because each task costs a connection, sudo and a start of Python.
author: The otel-lab developers (!UNKNOWN)
options:
  user:
    description: Name of a system user without a home directory or a shell.
    type: str
    required: true
  folders:
    description:
      - Folders that belong to root and have mode 0755, which each run restores. One may be a link
        to a folder.
    type: list
    elements: path
    default: []
  state_folder:
    description:
      - Folder that a unit creates for the user by StateDirectory=. What is in it is given back to
        the user if it belongs to others, or if they may change it or the user may not.
    type: path
  files:
    description: Files to install. Missing parent directories are created with mode 0755.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path of the file.
        type: path
        required: true
      mode:
        description: Mode of the file as an octal string, such as C(0644).
        type: str
        default: "0644"
      content:
        description: Text of the file.
        type: str
      secret:
        description: Text of the file, in place of C(content), that appears in no log and no diff.
        type: str
      source:
        description: Path of another file on the host, in place of C(content), that is copied.
        type: path
  units:
    description: Units that should be active and enabled.
    type: list
    elements: dict
    required: true
    suboptions:
      unit:
        description: Name of the unit, such as C(jaeger.service).
        type: str
        required: true
      files:
        description:
          - Paths of the files that the unit uses, besides its unit file and its drop-ins in
            /etc/systemd/system.
        type: list
        elements: path
        default: []
"""
EXAMPLES = r"""
- name: Install the user, the environment file and the unit file
  otel_lab.tracing.systemd_unit_files:
    user: example
    folders: [/etc/example]
    files:
      - path: /etc/systemd/system/example.service
        content: "{{ lookup('ansible.builtin.template', 'example.service.j2') }}"
      - path: /etc/example/environment
        mode: "0600"
        secret: "PASSWORD={{ example_password }}\n"
    units:
      - unit: example.service
        files: [/etc/example/environment]
  register: example_files

- name: Restart the unit
  ansible.builtin.systemd_service:
    name: example.service
    daemon_reload: true
    enabled: true
    state: restarted
  when: example_files.units_to_restart | length > 0
"""
RETURN = r"""
units_to_restart:
  description: The units that are not active, not enabled, or older than one of their files.
  type: list
  elements: str
  returned: always
"""

import fcntl
import filecmp
import io
import os
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from ansible.module_utils.basic import AnsibleModule

UNIT_FOLDER = Path("/etc/systemd/system")
HOME = "/nonexistent"
SHELL = "/usr/sbin/nologin"


def ensure_user(module: AnsibleModule, name: str) -> bool:
    """Create the system user and its group, or restore them; return whether anything changed.

    Ends the module if systemd-sysusers or usermod fails.
    """
    passwd_entry = module.run_command(["getent", "passwd", name])[1].strip()
    group_entry = module.run_command(["getent", "group", name])[1].strip()
    has_group = group_entry != "" and passwd_entry.split(":")[3:4] == group_entry.split(":")[2:3]
    if has_group and passwd_entry.endswith(f":{HOME}:{SHELL}"):
        return False
    if not module.check_mode:
        # useradd looks for the name before it locks, so a second run at once would renumber it.
        create = ["systemd-sysusers", "--inline", f"u {name} - - {HOME} {SHELL}"]
        module.run_command(create, check_rc=True)
        if passwd_entry:
            restore = ["usermod", "--gid", name, "--home", HOME, "--shell", SHELL, name]
            module.run_command(restore, check_rc=True)
    return True


def create_folder(folder: Path) -> None:
    """Create a folder and its missing parents with mode 0755, whatever the umask is."""
    if not folder.exists():
        create_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)


def ensure_attributes(module: AnsibleModule, path: str, mode: str, changed: bool) -> bool:
    """Give a path to root, with a mode (octal); return whether it or anything before changed."""
    attributes = {"path": path, "mode": mode, "owner": "root", "group": "root", "follow": True}
    arguments = module.load_file_common_arguments(attributes)
    return module.set_fs_attributes_if_different(arguments, changed)


def ensure_folder(module: AnsibleModule, path: str) -> bool:
    """Create a folder, or restore its owner and mode; return whether anything changed.

    Ends the module if something else is in its place.
    """
    is_new = not Path(path).is_dir()
    if is_new and os.path.lexists(path):
        module.fail_json(
            f"{path} is not a folder, but the lab needs one there. "
            f"Move it away (mv {path} {path}.old) and run again."
        )
    if is_new and not module.check_mode:
        create_folder(Path(path))
    return ensure_attributes(module, path, "0755", is_new)


def ensure_state(module: AnsibleModule, folder: str, user: str) -> bool:
    """Give what is in the folder of a unit's state to its user; return whether anything changed."""
    if not Path(folder).is_dir():
        return False
    wrong = f"( ! -user {user} -o ! -group {user} -o ! -type l ( ! -perm -u+rw -o -perm /022 ) )"
    # In the folder that find opened, whose path the user could lead elsewhere meanwhile.
    repair = f"-execdir chown --no-dereference {user}:{user} {{}} +"
    repair += " ! -type l -execdir chmod u+rwX,go-w {} +"
    expression = f"-xdev {wrong} -print {'' if module.check_mode else repair}"
    command = ["find", folder, *expression.split()]
    # In check mode there may be no such user yet, and then the run has a change in any case. find
    # refuses -execdir with a PATH that has the current folder.
    path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    return module.run_command(command, environ_update=path)[1] != ""


def replace_file(path: str, mode: str, source: BinaryIO) -> None:
    """Replace a file as a whole, with a mode (octal). Raises OSError if it cannot be written."""
    folder, name = Path(path).parent, Path(path).name
    create_folder(folder)
    # The next run overwrites what a killed one left, and waits for one that is under way.
    partial = folder / f".{name}.partial"
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        with partial.open("wb") as file:
            shutil.copyfileobj(source, file)
        partial.chmod(int(mode, 8))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
        os.close(lock)


def ensure_copy(module: AnsibleModule, path: str, mode: str, source: str) -> bool:
    """Give a file the content of another, a mode (octal) and owner root.

    Returns whether anything changed. Raises OSError if the file cannot be written.
    """
    is_equal = (
        Path(path).is_file()
        and not Path(path).is_symlink()
        and Path(source).is_file()
        and filecmp.cmp(source, path, shallow=False)
    )
    if not is_equal and not module.check_mode:
        with Path(source).open("rb") as file:
            replace_file(path, mode, file)
    return ensure_attributes(module, path, mode, not is_equal)


def ensure_file(module: AnsibleModule, path: str, mode: str, content: str) -> dict[str, str] | None:
    """Give a file its content, mode (octal) and owner root.

    Returns None, or the difference in the form that --diff shows. Raises OSError if the file
    cannot be written.
    """
    try:
        # A link, as of a masked unit, is replaced too.
        before = None if Path(path).is_symlink() else Path(path).read_bytes().decode()
    except (FileNotFoundError, UnicodeDecodeError):
        before = None
    if before != content and not module.check_mode:
        replace_file(path, mode, io.BytesIO(content.encode()))
    if not ensure_attributes(module, path, mode, before != content):
        return None
    headers = {"before_header": path, "after_header": path}
    return {"before": before or "", "after": content, **headers}


def is_current(state: dict[str, str], files: Iterable[str], drop_ins: Iterable[Path]) -> bool:
    """Return whether a unit is active, enabled and younger than its files.

    `state` is what systemctl shows of the unit, `files` and `drop_ins` are paths.
    """
    try:
        # The weekday is in English, which another locale could not read.
        _, _, time = state["InactiveExitTimestamp"].partition(" ")
        started = datetime.strptime(time, "%Y-%m-%d %H:%M:%S.%f %Z")
        paths = [Path(state["FragmentPath"]), *map(Path, files), *drop_ins]
        newest = max(path.stat().st_mtime for path in paths)
    # The unit never started, or a file is missing.
    except (ValueError, FileNotFoundError):
        return False
    is_running = (state["ActiveState"], state["UnitFileState"]) == ("active", "enabled")
    return is_running and newest <= started.replace(tzinfo=UTC).timestamp()


def show_units(module: AnsibleModule, units: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return what systemctl shows of each unit."""
    properties = "ActiveState,UnitFileState,InactiveExitTimestamp,FragmentPath,DropInPaths"
    command = ["systemctl", "show", "--timestamp=us+utc", f"--property={properties}"]
    output = module.run_command([*command, *(unit["unit"] for unit in units)], check_rc=True)[1]
    blocks = output.strip().split("\n\n")
    return [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]


def find_other_drop_ins(
    units: list[dict[str, Any]], states: list[dict[str, str]], files: list[str]
) -> list[str]:
    """Return the paths of the units' drop-ins that are neither the distribution's nor `files`."""
    folders = [UNIT_FOLDER / f"{unit['unit']}.d" for unit in units]
    paths = {str(path) for folder in folders for path in folder.glob("*.conf")}
    paths |= {path for state in states for path in state["DropInPaths"].split()}
    return sorted(p for p in paths - {*files} if not p.startswith(("/usr/", "/lib/")))


def main() -> None:
    file_options = {
        "path": {"type": "path", "required": True},
        "mode": {"type": "str", "default": "0644"},
        "content": {"type": "str"},
        "secret": {"type": "str", "no_log": True},
        "source": {"type": "path"},
    }
    unit_options = {
        "unit": {"type": "str", "required": True},
        "files": {"type": "list", "elements": "path", "default": []},
    }
    module = AnsibleModule(
        argument_spec={
            "user": {"type": "str", "required": True},
            "folders": {"type": "list", "elements": "path", "default": []},
            "state_folder": {"type": "path"},
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": file_options,
                "required_one_of": [("content", "secret", "source")],
                "mutually_exclusive": [("content", "secret", "source")],
            },
            "units": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": unit_options,
            },
        },
        # Ansible would log the files as Python writes them, where it does not find a secret that
        # has a newline or a quote.
        no_log=True,
        supports_check_mode=True,
    )
    user, units, files = (module.params[name] for name in ("user", "units", "files"))
    is_user_changed = changed = ensure_user(module, user)
    for folder in module.params["folders"]:
        changed |= ensure_folder(module, folder)
    if module.params["state_folder"]:
        changed |= ensure_state(module, module.params["state_folder"], user)
    differences = []
    for file in files:
        path, mode, content = file["path"], file["mode"], file["content"]
        try:
            if file["source"]:
                changed |= ensure_copy(module, path, mode, file["source"])
            elif content is None:
                changed |= ensure_file(module, path, mode, file["secret"]) is not None
            elif difference := ensure_file(module, path, mode, content):
                changed = True
                differences.append(difference)
        except OSError as error:
            module.fail_json(
                f"{path} could not be written: {error.strerror}. "
                "If something else is in its place, move that away and run again."
            )
    states = show_units(module, units)
    for drop_in in find_other_drop_ins(units, states, [file["path"] for file in files]):
        module.warn(
            f"{drop_in} changes a unit of the lab, but is not the lab's. It was left as it is."
        )
    units_to_restart = [
        unit["unit"]
        for unit, state in zip(units, states, strict=True)
        # Processes keep the ids that their user had.
        if is_user_changed
        or not is_current(state, unit["files"], UNIT_FOLDER.glob(f"{unit['unit']}.d/*.conf"))
    ]
    module.exit_json(changed=changed, diff=differences, units_to_restart=units_to_restart)


if __name__ == "__main__":
    main()
