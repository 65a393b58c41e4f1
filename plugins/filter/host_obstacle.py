"""Filter that finds why the roles cannot work on a host."""

from collections.abc import Callable


def host_obstacle(output: str, errors: str, host: str, pipelining: bool, setting: str) -> str:
    """Return why the roles cannot work on a host and the fix, as sentences; empty if they can.

    `output` and `errors` are what probe_host.sh of the role common prints there, `pipelining`
    whether Ansible runs modules there without a terminal, and `setting` the variable because of
    which it always does, if any.
    """
    lines = output.splitlines()
    has_requiretty = "has requiretty" in lines and (pipelining or setting)
    choice = (
        f"remove {setting}, which needs pipelining."
        if setting
        else "turn pipelining off for this host with ansible_pipelining: false in the inventory."
    )
    if "must have a tty" in output + errors or has_requiretty:
        return (
            f"sudo on {host} needs a terminal (Defaults requiretty), which Ansible's pipelining "
            'does not give it. Nothing was changed. Take "Defaults requiretty" out of /etc/sudoers '
            'and /etc/sudoers.d there (visudo), or add the line "Defaults !requiretty" after it, '
            f"or {choice}"
        )
    if "has Python" not in lines:
        return (
            f"{host} has no Python 3, which Ansible needs there. Nothing was changed. Install it "
            "on the host (Debian, Ubuntu: apt-get install python3; RHEL family: dnf install "
            "python3)."
        )
    if "has ss" not in lines:
        return (
            f"{host} has no ss, which shows the ports that are in use. Nothing was changed. "
            "Install it on the host (Debian, Ubuntu: apt-get install iproute2; RHEL family: dnf "
            "install iproute)."
        )
    if "has systemd" not in lines:
        return (
            f"{host} was not booted with systemd (there is no /run/systemd/system), but the "
            "services are systemd units. Nothing was changed. Choose a host that boots systemd."
        )
    obstructed = [line for line in lines if line.startswith("no folder: ")]
    if obstructed:
        path = obstructed[0].removeprefix("no folder: ")
        return (
            f"{path} on {host} is not a folder, but the lab needs one there. Nothing was changed. "
            f"Move it away (mv {path} {path}.old) and run again."
        )
    return ""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"host_obstacle": host_obstacle}
