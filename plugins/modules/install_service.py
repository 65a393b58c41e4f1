#!/usr/bin/python
"""Ansible module: install all that services run from in one go, and tell which do not run as it is.

One module, because each task costs a connection, sudo and a start of Python on the host.
"""

import os
import tempfile
from datetime import UTC, datetime

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: install_service
short_description: Install a user and files of services, and find the units that are not so
description:
  - Makes the user and whatever file differs, each whole or not at all, owned by root.
author: The otel-lab developers
options:
  user:
    description: A system user without a home or a shell.
    type: str
    required: true
  files:
    description: C(path), C(mode) such as C(0644), and C(content), or C(secret), which no log shows.
    type: list
    elements: dict
    required: true
  units:
    description: C(unit) such as C(jaeger.service), and C(files), what it runs from besides its own.
    type: list
    elements: dict
    required: true
"""
RETURN = r"""
stale:
  description: The units that are not active, not enabled, or older than a file of theirs.
  type: list
  elements: str
  returned: always
"""


def make_user(module, name):
    """Make the user, or give it back its form; True if there was something to do.

    Ends the module's run if systemd-sysusers or usermod fails.
    """
    form = ["/nonexistent", "/usr/sbin/nologin"]
    found = module.run_command(["getent", "passwd", name])[1].strip()
    if found.endswith(":" + ":".join(form)):
        return False
    if not module.check_mode:
        # useradd looks for the name before it locks, so that of two the later renumbers the user.
        make = ["systemd-sysusers", "--inline", f"u {name} - - {' '.join(form)}"]
        mend = ["usermod", "--home", form[0], "--shell", form[1], name]
        module.run_command(mend if found else make, check_rc=True)
    return True


def install_file(module, path, mode, content):
    """Let a file (str) have a content (str) and a mode; None, or the difference as --diff shows it.

    Raises OSError if it cannot be written.
    """
    try:
        with open(path, encoding="utf-8") as file:
            before = file.read()
    except (FileNotFoundError, UnicodeDecodeError):
        before = None
    if before != content and not module.check_mode:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        number, partial = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".partial.")
        with open(number, "w", encoding="utf-8") as file:
            file.write(content)
        os.chmod(partial, int(mode, 8))
        os.replace(partial, path)
    form = {"path": path, "mode": mode, "owner": "root", "group": "root"}
    arguments = module.load_file_common_arguments(form)
    if module.set_fs_attributes_if_different(arguments, before != content):
        return {
            "before": before or "",
            "after": content,
            "before_header": path,
            "after_header": path,
        }
    return None


def stale_units(module, units):
    """The names of those units (dicts) that do not run, and at boot, as they are installed."""
    properties = "ActiveState,UnitFileState,InactiveExitTimestamp,FragmentPath"
    command = ["systemctl", "show", "--timestamp=us+utc", f"--property={properties}"]
    shown = module.run_command([*command, *(unit["unit"] for unit in units)], check_rc=True)[1]
    stale = []
    for unit, block in zip(units, shown.strip().split("\n\n"), strict=True):
        state = dict(line.split("=", 1) for line in block.splitlines())
        try:
            started = datetime.strptime(
                state["InactiveExitTimestamp"], "%a %Y-%m-%d %H:%M:%S.%f %Z"
            ).replace(tzinfo=UTC)
            files = [os.stat(path) for path in [state["FragmentPath"], *unit["files"]]]
            fresh = all(file.st_mtime <= started.timestamp() for file in files)
        # It never started, or a file is not there.
        except (ValueError, FileNotFoundError):
            fresh = False
        if not (fresh and (state["ActiveState"], state["UnitFileState"]) == ("active", "enabled")):
            stale.append(unit["unit"])
    return stale


def main():
    file = {
        "path": {"type": "path", "required": True},
        "mode": {"type": "str", "required": True},
        "content": {"type": "str"},
        "secret": {"type": "str", "no_log": True},
    }
    unit = {
        "unit": {"type": "str", "required": True},
        "files": {"type": "list", "elements": "path", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "user": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "dict", "required": True, "options": file},
            "units": {"type": "list", "elements": "dict", "required": True, "options": unit},
        },
        supports_check_mode=True,
    )
    changed = make_user(module, module.params["user"])
    differences = []
    for wanted in module.params["files"]:
        content = wanted["secret"] if wanted["content"] is None else wanted["content"]
        try:
            difference = install_file(module, wanted["path"], wanted["mode"], content)
        except OSError as error:
            module.fail_json(f"{wanted['path']} could not be written: {error.strerror}")
        if difference:
            changed = True
            if wanted["secret"] is None:
                differences.append(difference)
    stale = stale_units(module, module.params["units"])
    module.exit_json(changed=changed, diff=differences, stale=stale)


if __name__ == "__main__":
    main()
