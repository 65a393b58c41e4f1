"""What the tests share: the mirror, a copy of the repository like a fresh clone, and a lab."""

import codecs
import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
PROGRAMS = [
    "example-hotrod",
    "jaeger-agent",
    "jaeger-all-in-one",
    "jaeger-collector",
    "jaeger-ingester",
    "jaeger-query",
]
CARS = ["car-manual", "car-programmatic", "car-automatic"]
UNITS = ["jaeger", *CARS]
ENDPOINTS = {
    "jaeger-ui": "http://{}:16686/",
    "car-manual": "http://{}:8082/cars",
    "car-programmatic": "http://{}:8083/cars",
    "car-automatic": "http://{}:8084/cars",
}


def run(*command: str | Path, cwd: Path = REPOSITORY, **environment: str):
    """Run a command to its end; return the CompletedProcess with all its output in `stdout`."""
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition, seconds: float = 30):
    """Poll until `condition()` is true; return its value, or the last one when time is up."""
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return value


def build_mirror(*arguments: str, **environment: str) -> tuple[Path, str]:
    """Run playbooks/mirror.yml; return the mirror's folder and all that the run said."""
    ansible = Path(sys.executable).with_name("ansible-playbook")
    built = run(ansible, "playbooks/mirror.yml", *arguments, **environment)
    assert built.returncode == 0, built.stdout
    return Path(re.search(r"mirror_directory: (.+)", built.stdout)[1]), built.stdout


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The mirror's folder, with both architectures built."""
    return build_mirror()[0]


def copy_repository(target: Path) -> Path:
    """Copy what git has, or would take, to a new folder `target`, and return it."""
    files = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate")
    for name in files.stdout.splitlines():
        if (REPOSITORY / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, target / name)
    return target


@pytest.fixture(scope="session")
def clone() -> Path:
    """A fresh copy of the repository, without anything that was ever made in it."""
    clone = REPOSITORY / ".test/otel-lab"
    # What a killed run left: its machines too.
    for folder in ".lab", ".neighbour":
        if (clone / folder).exists():
            run("make", "destroy", cwd=clone, OTEL_LAB_DIRECTORY=str(clone / folder))
    shutil.rmtree(clone, ignore_errors=True)
    return copy_repository(clone)


class Lab:
    """A lab made in a clone by `make lab`, and what one does with it."""

    def __init__(self, clone: Path, folder: str = ".lab"):
        self.clone = clone
        self.folder = folder
        self.inventory = clone / folder / "inventory.yml"

    def make(self, *arguments: str):
        """Run make in the clone."""
        return run("make", "--no-print-directory", *arguments, cwd=self.clone)

    def play(self, playbook: str, *arguments: str):
        """Run a playbook of the clone against the lab."""
        return run(
            self.clone / ".venv/bin/ansible-playbook",
            f"--inventory={self.inventory}",
            playbook,
            *arguments,
            cwd=self.clone,
        )

    def must_play(self, playbook: str, *arguments: str) -> str:
        """Run a playbook of the clone that must succeed; return its output."""
        ran = self.play(playbook, *arguments)
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    @property
    def address(self) -> str:
        """The host's IPv4 address."""
        return (self.clone / self.folder / "known_hosts").read_text().split()[0]

    def ssh(self, command: str) -> str:
        """Run a command on the host as root; return its output. It must succeed."""
        ran = run(
            *("ssh", "-i", f"{self.folder}/lab/id_ed25519"),
            *("-o", f"UserKnownHostsFile={self.folder}/known_hosts"),
            *(f"lab@{self.address}", f"sudo sh -euc {shlex.quote(command)}"),
            cwd=self.clone,
        )
        assert ran.returncode == 0, f"{command}: {ran.stdout}"
        return ran.stdout


def changes(output: str) -> list[int]:
    """The `changed=` counts in the recaps of all the plays in an output."""
    return [int(count) for count in re.findall(r"changed=(\d+)", output)]


def has_trace(lab: Lab, trace_id: str) -> bool:
    """Whether Jaeger knows the trace and it has a server span."""
    url = f"http://{lab.address}:16686/api/traces/{trace_id}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return '"server"' in answer.read().decode()
    except OSError:
        return False


class Terminal:
    """A shell in a terminal of its own, in which a command runs in the foreground."""

    def __init__(self, folder: Path, command: str):
        self.output = ""
        self.ended = False
        self._closing = False
        self._changed = threading.Condition()
        self._pid, self._keyboard = pty.fork()
        if self._pid == 0:
            for number in signal.SIGHUP, signal.SIGINT:
                signal.signal(number, signal.SIG_DFL)
            os.chdir(folder)
            os.execvp("sh", ["sh", "-c", f"{command}; exit $?"])
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        # EIO: no process has the terminal any more.
        with suppress(OSError):
            while not self._closing:
                if select.select([self._keyboard], [], [], 0.1)[0]:
                    text = decode(os.read(self._keyboard, 65536))
                    with self._changed:
                        self.output += text
                        self._changed.notify_all()
        os.close(self._keyboard)
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def wait_for(self, *texts: str, timeout: float = 60):
        """Wait until all of `texts` were printed, at most `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(
                lambda: self.ended or all(text in self.output for text in texts), timeout
            )
            assert all(text in self.output for text in texts), self.output

    def press_ctrl_c(self):
        os.write(self._keyboard, b"\x03")

    def close(self):
        """Close the terminal's window; the kernel tells those in it by SIGHUP."""
        self._closing = True

    def exit_code(self) -> int:
        """Wait until the shell has ended; negative if a signal ended it."""
        deadline = time.monotonic() + 30
        while (ended := os.waitpid(self._pid, os.WNOHANG))[0] == 0:
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)
        return os.waitstatus_to_exitcode(ended[1])


def machine_state() -> dict[str, str]:
    """All of this machine that a lab could leave changed, by what shows it."""
    commands = {
        "network devices": "ip -oneline -br link",
        "addresses": "ip -oneline -br address",
        "routes": "ip route",
        "firewall": "command -v nft >/dev/null && nft --stateless list ruleset || true",
        "mounts": "findmnt --list --noheadings --output TARGET,FSTYPE",
        "forwarding": "cat /proc/sys/net/ipv4/ip_forward",
        "state": "find /run/otel-lab -name '*.machine' 2>/dev/null || true",
    }
    state = {name: run("sh", "-c", command).stdout for name, command in commands.items()}
    processes = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        # A process may end while its line is read.
        with suppress(OSError):
            processes.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    programs = "/usr/bin/systemd-nspawn ", "/usr/bin/python3 -m http.server "
    state["processes"] = "\n".join(sorted(p for p in processes if p.startswith(programs)))
    return state


@pytest.fixture(scope="session")
def lab(clone) -> Iterator[Lab]:
    """The lab that README's first command makes; whatever it changed must be gone at the end."""
    before = machine_state()
    lab = Lab(clone)
    made = lab.make("lab")
    assert made.returncode == 0, made.stdout
    lab.made = made.stdout
    machine = re.search(r"lab_machine: (\S+)", lab.inventory.read_text())[1]
    yield lab
    destroyed = lab.make("destroy")
    assert destroyed.returncode == 0, destroyed.stdout
    after = machine_state()
    assert machine not in str(after) and machine.replace("-", "_") not in str(after)
    # Another clone's lab that came or went meanwhile changes the machine too.
    if after["state"] == before["state"]:
        assert after == before
    assert not (clone / ".lab").exists() or not list((clone / ".lab").iterdir())


@pytest.fixture(scope="module")
def neighbour(lab) -> Iterator[Lab]:
    """A second machine on this one, made new, with nothing of the lab on it."""
    neighbour = Lab(lab.clone, ".neighbour")
    folder = lab.clone / neighbour.folder
    folder.mkdir(exist_ok=True)

    def play(playbook: str):
        command = lab.clone / ".venv/bin/ansible-playbook", playbook
        ran = run(*command, cwd=lab.clone, OTEL_LAB_DIRECTORY=str(folder))
        assert ran.returncode == 0, ran.stdout

    try:
        play("playbooks/lab.yml")
        yield neighbour
    finally:
        play("playbooks/destroy.yml")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Add the services' journal to the report of a failed test that has a lab."""
    report = yield
    lab = item.funcargs.get("lab")
    if report.failed and report.when == "call" and lab:
        units = " ".join(f"--unit={unit}" for unit in UNITS)
        report.sections.append(("journal", lab.ssh(f"journalctl --no-pager --lines=60 {units}")))
    return report


def pytest_addoption(parser):
    parser.addoption("--table", help="write what the tests measured to this file")
    parser.addoption("--pictures", help="take the report's pictures and put them into this folder")


def pytest_collection_modifyitems(items):
    for item in items:
        if "measured" in item.fixturenames:
            item.add_marker("measured")


ROWS = pytest.StashKey[dict[tuple[str, str, str], list[str]]]()


@pytest.fixture
def measured(request):
    """A function that notes what the test measured (text), for its row of docs/reliability.md.

    The first line of the test's docstring says what is done, the others what must come of it.
    """
    done, _, must = request.function.__doc__.partition("\n")
    name = request.function.__name__.removeprefix("test_").replace("_", " ")

    def note(text: str):
        rows = request.config.stash.setdefault(ROWS, {})
        rows.setdefault((name, done, " ".join(must.split())), []).append(text)

    return note


TITLE = """# What faults do to the lab

Written by `make reliability`. Two faults want other machines: more memory than Jaeger may have,
on a kernel that bounds it (`make test-vagrant`), and hosts whose clocks differ
(`molecule test -s two-tier`).

"""


def pytest_sessionfinish(session):
    if table := session.config.getoption("--table"):
        rows = session.config.stash.get(ROWS, {})
        cells = [
            ("behaviour", "what is done", "what must come of it", "what was measured"),
            ("---",) * 4,
            *((*row, "; ".join(dict.fromkeys(texts))) for row, texts in rows.items()),
        ]
        Path(table).write_text(TITLE + "".join(f"| {' | '.join(row)} |\n" for row in cells))
