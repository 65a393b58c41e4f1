"""`make local`: the lab as plain processes in a terminal, until Ctrl-C."""

import os
import re
import signal
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import Terminal, run

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
LISTENERS = {
    *(("tcp", port) for port in (4317, 4318, 5778, 14250, 14268, 14269, 16685, 16686)),
    *(("udp", port) for port in (5775, 6831, 6832)),
    *(("tcp", port) for port in (8082, 8083, 8084)),
}
STARTED = r"(jaeger|manual|programmatic|automatic)\.1 started \(pid=(\d+)\)"


def taken() -> set[tuple[str, int]]:
    """Those of LISTENERS that cannot be had."""
    found = set()
    for kind, port in LISTENERS:
        with socket.socket(type=KINDS[kind]) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == "tcp")
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                found.add((kind, port))
    return found


def programs(output: str) -> dict[str, str]:
    """The process ids of the programs that honcho says it has started, by name."""
    found = dict(re.findall(STARTED, output))
    assert len(found) == 4, output
    return found


def alive(output: str) -> list[str]:
    """The names of the programs that still run."""
    # A process that is dead, and only waits to be asked how it ended, has no command line.
    return [
        name
        for name, pid in programs(output).items()
        if Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def listeners(output: str) -> set[tuple[str, str]]:
    """Where the programs listen: transport, and address with port."""
    pids = "|".join(programs(output).values())
    sockets = run("ss", "--no-header", "-ltunp").stdout
    return set(re.findall(rf"^(\w+) +\S+ +\d+ +\d+ +(\S+) .*pid=(?:{pids}),", sockets, re.M))


def start(clone: Path) -> Terminal:
    terminal = Terminal(clone, "make local")
    terminal.wait_for("automatic.1 started", timeout=900)  # It may have to build Jaeger.
    terminal.wait_for(*(f" * Running on http://127.0.0.1:{port}" for port in (8082, 8083, 8084)))
    return terminal


@pytest.fixture(scope="module", autouse=True)
def ports_are_free():
    assert taken() == set()


@pytest.fixture(scope="module")
def first_run(clone, mirror):
    """What happened in a fresh clone: make local, make verify-local, Ctrl-C."""
    terminal = start(clone)
    listeners_meanwhile = listeners(terminal.output)
    verified = run("make", "verify-local", cwd=clone)
    pressed = time.monotonic()
    terminal.press_ctrl_c()
    return SimpleNamespace(
        listeners=listeners_meanwhile,
        verified=verified,
        exit_code=terminal.exit_code(),
        seconds=time.monotonic() - pressed,
        alive=alive(terminal.output),
        taken=taken(),
        output=terminal.output,
    )


def test_verify_local_without_local_says_what_to_start(clone):
    verified = run("make", "verify-local", cwd=clone)
    assert verified.returncode != 0
    said = " ".join(verified.stdout.split())
    assert "nobody listens on" in said
    assert 'tcp 127.0.0.1:8084. Run "make local" in another terminal' in said


@pytest.mark.parametrize("kind, port", [("tcp", 8084), ("udp", 6831)])
def test_a_taken_port_is_named_and_nothing_starts(clone, kind, port):
    with socket.socket(type=KINDS[kind]) as mine:
        mine.bind(("127.0.0.1", port))
        if kind == "tcp":
            mine.listen()
        local = run("make", "local", cwd=clone)
        assert taken() == {(kind, port)}
    assert local.returncode != 0
    said = " ".join(local.stdout.split())
    assert f"{kind} 127.0.0.1:{port}: Address already in use" in said
    assert re.search(rf"Held by \S+pid={os.getpid()}\b", said)
    assert "Nothing was started." in said
    assert "started (pid=" not in said


def test_local_listens_on_loopback_only(first_run):
    assert first_run.listeners == {(kind, f"127.0.0.1:{port}") for kind, port in LISTENERS}


def test_traces_of_local_are_those_of_a_host(first_run):
    assert first_run.verified.returncode == 0, first_run.verified.stdout
    assert "Compare the traces with the expected trees" in first_run.verified.stdout


def test_output_stands_side_by_side_under_a_summary(first_run):
    summary, _, rest = first_run.output.partition("PLAY RECAP ***")
    for port in 8082, 8083, 8084:
        assert f"http://127.0.0.1:{port}/cars" in summary
    assert "http://127.0.0.1:16686/" in summary
    assert "make verify-local" in summary
    assert "Ctrl-C" in summary
    rest = re.sub(r"\x1b\[\d*m", "", rest)
    assert re.search(r"^\S+ jaeger\.1 +\| .*git-version=v1\.57\.0", rest, re.M)
    for mode in "manual", "programmatic", "automatic":
        assert re.search(rf'^\S+ {mode}\.1 +\| .*"GET /cars HTTP/1\.1" 200', rest, re.M)
        assert re.search(rf"^\S+ {mode}\.1 +\| .*sqlalchemy.exc.OperationalError", rest, re.M)


def test_ctrl_c_ends_everything_soon_and_does_not_look_like_a_crash(first_run):
    assert first_run.alive == []
    assert first_run.taken == set()
    assert first_run.seconds < 5
    assert first_run.exit_code in (-signal.SIGINT, 128 + signal.SIGINT)
    end = first_run.output.partition("SIGINT received")[2]
    assert "make: ***" not in end
    assert "Traceback" not in end


def test_second_run_changes_nothing_and_a_closed_terminal_ends_it(clone, first_run):
    terminal = start(clone)
    assert re.search(r"changed=0 ", terminal.output)
    assert len(alive(terminal.output)) == 4
    terminal.close()
    terminal.exit_code()
    deadline = time.monotonic() + 10
    while alive(terminal.output) or taken():
        assert time.monotonic() < deadline, alive(terminal.output)
        time.sleep(0.02)
