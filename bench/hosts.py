"""The hosts that benchmarks run on: new systemd machines, for as long as a benchmark lasts."""

import json
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.commands import REPOSITORY, must_run
from tests.support.contract import CARS, CREATE_HOSTS, DESTROY_HOSTS, ENDPOINTS
from tests.support.lab import Lab

GROUPS = ["jaeger", "car_app"]
PORTS = {name.removeprefix("car-"): ENDPOINTS[name][0] for name in CARS}
SCRIPTS = REPOSITORY / "bench/scripts"


@contextmanager
def new_hosts(**groups: list[str]) -> Iterator[list[Lab]]:
    """Create hosts, given as `name=groups`, and destroy them at the end."""
    (REPOSITORY / ".bench").mkdir(exist_ok=True)
    folder = tempfile.mkdtemp(dir=REPOSITORY / ".bench")
    hosts = [{"name": name, "suite": "bookworm", "groups": of} for name, of in groups.items()]
    settings = "--extra-vars", json.dumps({"lab_hosts": hosts})
    environment = {"OTEL_LAB_DIRECTORY": folder}
    try:
        must_run("ansible-playbook", CREATE_HOSTS, *settings, env=environment)
        yield [Lab(REPOSITORY, folder, name) for name in groups]
    finally:
        must_run("ansible-playbook", DESTROY_HOSTS, *settings, env=environment)
        shutil.rmtree(folder)


def copy(lab: Lab, source: Path, target: str) -> None:
    """Copy a file to a host, executable and owned by root."""
    must_run("scp", "-q", "-F", lab.ssh_config, source, f"{lab.name}:copied")
    lab.ssh(f"install -D --mode=0755 ~lab/copied {shlex.quote(target)}")


def run_script(lab: Lab, name: str, *arguments: str) -> str:
    """Run a script of bench/scripts on a host as root, in /root, and return its output."""
    command = shlex.join(["sudo", "-i", "bash", "-s", "--", *arguments])
    text = (SCRIPTS / name).read_text()
    return must_run("ssh", "-F", lab.ssh_config, lab.name, command, stdin=text)
