"""The state of a host that runs leave behind."""

import os
import signal
from subprocess import PIPE, STDOUT, Popen
from typing import Any

import pytest

from tests.support.contract import UNITS
from tests.support.lab import Lab

# Without times and random names; contents by their sums.
LIST = (
    "find /etc /opt /usr/local /var/lib/car-app /var/lib/jaeger -xdev"
    r" \( -name '.partial.*' -o -name '*.pyc' \) -prune -o -printf '%p %y %m %u:%g %l\n'"
    " 2>/dev/null | sort; find /opt /usr/local /etc/systemd /etc/car-app -xdev"
    " -name '.partial.*' -prune -o -type f ! -name '*.pyc' ! -path '*.dist-info/*'"
    " ! -path '*/environment-*/complete'"
    " -print0 2>/dev/null | sort -z | xargs -0r b2sum;"
    " getent passwd jaeger car-app || true;"
    f" for unit in {' '.join(UNITS)}; do echo $unit $(systemctl is-active $unit || true); done"
)


def host_state(lab: Lab) -> set[str]:
    """Return a line for each thing on the host that a run could leave different."""
    return set(lab.ssh(LIST).splitlines())


def start_run(lab: Lab, **settings: Any) -> Popen[str]:
    """Start site.yml, with some settings, in a process group of its own."""
    command = lab.command("site.yml", **settings)
    return Popen(
        command, cwd=lab.clone, stdout=PIPE, stderr=STDOUT, text=True, start_new_session=True
    )


def kill_at_task(run: Popen[str], task: str) -> None:
    """Kill (SIGKILL) a run with all its processes once it names a task that contains a text."""
    # A task is named before it begins, so all before it are complete.
    lines = []
    for line in run.stdout or []:
        lines.append(line)
        if line.startswith("TASK [") and task in line:
            break
    else:
        pytest.fail(f"no task {task!r} in\n{''.join(lines)}")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
