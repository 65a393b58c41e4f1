"""A lab made by `make lab`: its commands, its host, and its host with something changed."""

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import testinfra
import yaml

from compare_traces import DIRECT, read_trace, span_tree
from send_requests import send
from tests.support import contract
from tests.support.commands import assert_failed, must_run, run, wait_for


class Lab:
    """A lab in a clone, in the folder `folder` of it, with one host."""

    def __init__(self, clone: Path, folder: str = ".lab", host: str = "lab"):
        self.clone, self.folder, self.name = clone, clone / folder, host
        self.inventory = self.folder / "inventory.yml"
        self.ssh_config = self.folder / "ssh_config"

    def make(self, *arguments: str) -> CompletedProcess[str]:
        """Run make in the clone."""
        return run("make", "--no-print-directory", *arguments, cwd=self.clone)

    def must_make(self, *arguments: str) -> str:
        """Run make in the clone, successfully; return its output."""
        return must_run("make", "--no-print-directory", *arguments, cwd=self.clone)

    def command(self, playbook: str, *arguments: str, **settings: Any) -> list[str]:
        """Return the command that runs a playbook of the clone with some settings."""
        ansible = self.clone / ".venv/bin/ansible-playbook"
        extra = ["--extra-vars", json.dumps(settings, default=str)] if settings else []
        return [str(ansible), f"--inventory={self.inventory}", playbook, *arguments, *extra]

    def play(self, playbook: str, *arguments: str, **settings: Any) -> CompletedProcess[str]:
        """Run a playbook of the clone on the lab."""
        return run(*self.command(playbook, *arguments, **settings), cwd=self.clone)

    def must_play(self, playbook: str, *arguments: str, **settings: Any) -> str:
        """Run a playbook of the clone on the lab, successfully; return its output."""
        return must_run(*self.command(playbook, *arguments, **settings), cwd=self.clone)

    def must_play_here(self, playbook: str, *arguments: str) -> None:
        """Run a playbook that creates or destroys the host, successfully."""
        ansible = self.clone / ".venv/bin/ansible-playbook"
        environment = {"OTEL_LAB_DIRECTORY": str(self.folder)}
        must_run(ansible, playbook, *arguments, cwd=self.clone, env=environment)

    def variables(self) -> dict[str, Any]:
        """Return the variables of the host in the inventory."""
        return yaml.safe_load(self.inventory.read_text())["all"]["hosts"][self.name]

    @property
    def address(self) -> str:
        """The host's IPv4 address."""
        return self.variables()["ansible_host"]

    @property
    def jaeger(self) -> str:
        """The address of Jaeger's query API."""
        return f"http://{self.address}:16686"

    def url(self, name: str) -> str:
        """Return the address of an endpoint."""
        port, page = contract.ENDPOINTS[name]
        return f"http://{self.address}:{port}{page}"

    def send(self, unit: str, page: str = "/cars", timeout: float = 30) -> dict[str, Any]:
        """Send a request to a mode; return the response as `send_requests` does."""
        request = {"url": self.url(unit).replace("/cars", page), "unit": unit}
        # Not the lab's own, whose traces tail sampling keeps.
        return send(request, timeout, user_agent="test")

    def status(self, name: str) -> int:
        """Return the status of an endpoint's answer, 0 if there is none."""
        return send({"url": self.url(name)}, timeout=10)["status"]

    def has_trace(self, trace_id: str) -> bool:
        """Return whether Jaeger knows the trace and it has a server span."""
        try:
            with DIRECT.open(f"{self.jaeger}/api/traces/{trace_id}", timeout=10) as got:
                return '"server"' in got.read().decode()
        except OSError:
            return False

    def spans_of(self, trace_id: str) -> int:
        """Return how many spans of a trace Jaeger has, 0 if it does not answer."""
        try:
            trace = read_trace(self.jaeger, trace_id)
        except OSError:
            return 0
        return len(trace["spans"]) if trace else 0

    def root_status(self, trace_id: str) -> str:
        """Return the status of a trace's first root, empty if Jaeger does not know the trace."""
        trace = read_trace(self.jaeger, trace_id)
        return span_tree(trace)[0]["status"] if trace else ""

    def ssh(self, command: str) -> str:
        """Run a shell command on the host as root, successfully; return its output."""
        remote = f"sudo sh -euc {shlex.quote(command)}"
        return must_run("ssh", "-F", self.ssh_config, self.name, remote, cwd=self.clone)

    @property
    def host(self) -> Any:
        """The host, for assertions by testinfra, as root."""
        return testinfra.get_host(f"ssh://{self.name}", ssh_config=str(self.ssh_config), sudo=True)

    def main_process(self, unit: str) -> str:
        """Return the id of a unit's main process, "0" if there is none."""
        return self.ssh(f"systemctl show --value --property=MainPID {unit}").strip()

    def workers(self, unit: str) -> list[str]:
        """Return the ids of a unit's worker processes."""
        return self.ssh(f"pgrep --parent {self.main_process(unit)} || true").split()

    def journal(self, unit: str) -> str:
        """Return the messages of a unit in the journal, line by line."""
        return self.ssh(f"journalctl --no-pager --output=cat --unit={unit}")


def failure_output(ran: CompletedProcess[str], *messages: str) -> str:
    """Check that a playbook failed with some messages on a reached host; return its output."""
    return assert_failed(ran, "unreachable=0", "failed=1", *messages)


def fingerprint(lab: Lab) -> set[str]:
    """Return a line for each file that the roles could change, and for each unit's process."""
    # Without a folder's time, which files that came and went change, as a refused archive does.
    found = lab.ssh(
        "find /etc /opt /usr/local /var/lib/car-app"
        r" -type d -printf '%p %m %u:%g\n' -o -printf '%p %m %u:%g %s %T@ %C@ %l\n';"
        f" for unit in {' '.join(contract.UNITS)}; do"
        " echo $unit $(systemctl show $unit --property=MainPID --value); done"
    )
    return set(found.splitlines())


@contextmanager
def assert_unchanged(lab: Lab) -> Iterator[None]:
    """Check that nothing within changes the host, where every service goes on answering."""
    before = fingerprint(lab)
    yield
    changed = sorted(fingerprint(lab) ^ before)
    assert not changed, "expected the host to be unchanged, but these differ:\n" + "\n".join(
        changed
    )
    for name in contract.ENDPOINTS:
        page, status = ("/ready", 404) if name in contract.CARS else ("/", 200)
        assert lab.send(name, page)["status"] == status, f"{name} does not answer"


def assert_only_in_files(lab: Lab, secret: str, files: list[str], units: list[str]) -> None:
    """Check that a secret is in some files, which only their owner reads, and nowhere else.

    Neither in the arguments, the environment, the journal nor the properties of the units.
    """
    # Not the secret itself, which would be found in the search.
    pattern = f"'[{secret[0]}]{secret[1:]}'"
    found = lab.ssh(
        f"grep --recursive --devices=skip --files-with-matches -e {pattern}"
        " /etc /opt /run /tmp /usr/local /var || true;"
        " cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null"
        f" | grep -ac {pattern} || true;"
        f" journalctl --no-pager | grep -c {pattern} || true;"
        f" systemctl show {' '.join(units)} | grep -c {pattern} || true"
    )
    *paths, in_processes, in_journal, in_properties = found.split()
    assert sorted(paths) == sorted(files)
    assert [in_processes, in_journal, in_properties] == ["0", "0", "0"]
    modes = lab.ssh(f"stat --format=%a {' '.join(files)}").split()
    assert all(mode.endswith("00") for mode in modes), modes


@contextmanager
def changed(lab: Lab, unit: str, command: str, undo: str) -> Iterator[None]:
    """Run a unit with what a command changed, and afterwards as a second one restores it."""
    restart = f"systemctl daemon-reload && systemctl restart {unit}"
    lab.ssh(command)
    try:
        lab.ssh(restart)
        yield
    finally:
        lab.ssh(f"{undo} && {restart}")


def drop_in(lab: Lab, unit: str, *lines: str) -> AbstractContextManager[None]:
    """Run a unit with some settings of its [Service] section changed, as an administrator would."""
    folder = f"/run/systemd/system/{unit}.service.d"
    content = "\\n".join(("[Service]", "UnsetEnvironment=", *lines))
    write = f"mkdir -p {folder} && printf '{content}\\n' > {folder}/test.conf"
    return changed(lab, unit, write, f"rm -r {folder}")


def edited(lab: Lab, unit: str, command: str, path: str) -> AbstractContextManager[None]:
    """Run a unit with a file that it uses edited by a sed command."""
    edit = f"sed -i.orig '{command}' {path} && ! cmp -s {path} {path}.orig"
    return changed(lab, unit, edit, f"mv {path}.orig {path}")


@contextmanager
def stopped(lab: Lab, unit: str) -> Iterator[None]:
    """Run the host without a unit, and without the service that needs it."""
    lab.ssh(f"systemctl stop {unit}")
    try:
        yield
    finally:
        lab.ssh(f"systemctl start {unit} {unit.removesuffix('.socket')}")


@contextmanager
def playbook_with(lab: Lab, playbook: str, **settings: Any) -> Iterator[str]:
    """Run a playbook with other settings, yield its output, and run it without them at the end."""
    try:
        yield lab.must_play(playbook, **settings)
    finally:
        lab.must_play(playbook)


@contextmanager
def other_process(lab: Lab, command: str, unit: str = "other") -> Iterator[str]:
    """Run a program of somebody else on the host; yield its process id."""
    lab.ssh(f"systemd-run --quiet --unit={unit} {command}")
    try:
        yield lab.main_process(unit)
    finally:
        lab.ssh(f"systemctl stop {unit}")


def wait_for_spans(lab: Lab, trace_id: str, count: int) -> list[dict[str, Any]]:
    """Wait until a trace has `count` spans; return its roots."""

    def roots() -> list[dict[str, Any]]:
        trace = read_trace(lab.jaeger, trace_id)
        return span_tree(trace) if trace and len(trace["spans"]) == count else []

    return wait_for(roots)


def build_mirror(environment: dict[str, str] | None = None, **settings: Any) -> tuple[Path, str]:
    """Build the mirror of Jaeger's releases; return its folder and the run's output."""
    extra = json.dumps(settings, default=str)
    command = "ansible-playbook", contract.BUILD_MIRROR, "--extra-vars", extra
    output = must_run(*command, env=environment)
    found = re.search(r"mirror_directory: (.+)", output)
    assert found, output
    return Path(found[1]), output


@contextmanager
def made_with(lab: Lab, backends: str) -> Iterator[Lab]:
    """Run the lab with other systems; the end recreates the default lab."""
    try:
        lab.must_make("lab", f"BACKENDS={backends}")
        yield lab
    finally:
        lab.must_make("destroy")
        lab.must_make("lab")
