"""`make local`: the lab as plain processes in a terminal, until Ctrl-C."""

import os
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.commands import (
    assert_failed,
    assert_same,
    exclusive,
    must_run,
    run,
    wait_for,
)
from tests.support.contract import VERSION
from tests.support.terminal import Terminal

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
LISTENERS = {
    *(("tcp", port) for port in (4317, 4318, 5778, 14250, 14268, 14269, 16685, 16686)),
    *(("udp", port) for port in (5775, 6831, 6832)),
    *(("tcp", port) for port in (8082, 8083, 8084)),
}
STARTED = r"(jaeger|manual|programmatic|automatic)\.1 started \(pid=(\d+)\)"


def taken() -> set[tuple[str, int]]:
    """Return those of LISTENERS that are in use."""
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
    """Return the process ids of the four programs that honcho says it has started, by name."""
    found = dict(re.findall(STARTED, output))
    assert len(found) == 4, output
    return found


def alive(output: str) -> list[str]:
    """Return the names of the programs that still run."""
    # A process that has ended, but was not waited for, has no command line.
    return [
        name
        for name, pid in programs(output).items()
        if Path(f"/proc/{pid}").exists() and Path(f"/proc/{pid}/cmdline").read_bytes()
    ]


def listeners(output: str) -> set[tuple[str, str]]:
    """Return where the programs listen: transport, and address with port."""
    pids = "|".join(programs(output).values())
    sockets = must_run("ss", "--no-header", "-ltunp")
    return set(
        re.findall(rf"^(\w+) +\S+ +\d+ +\d+ +(\S+) .*pid=(?:{pids}),", sockets, re.MULTILINE)
    )


def start(clone: Path) -> Terminal:
    """Run make local until its servers answer and are proven to work."""
    terminal = Terminal(clone, "make local")
    terminal.expect_exact("automatic.1 started", timeout=900)  # It may have to build Jaeger.
    waiting = {f" * Running on http://127.0.0.1:{port}" for port in (8082, 8083, 8084)}
    while waiting:
        waiting.remove((names := sorted(waiting))[terminal.expect_exact(names)])
    terminal.expect_exact("http://127.0.0.1:16686/trace/", timeout=120)
    return terminal


@pytest.fixture(scope="module", autouse=True)
def _ports_are_free():
    with exclusive("ports"):
        assert_same(taken(), [], "ports in use")
        yield


@pytest.fixture(scope="module")
def first_run(clone, mirror):
    """What happened in a new clone: make local, make verify-local, Ctrl-C."""
    terminal = start(clone)
    listeners_meanwhile = listeners(terminal.output)
    with ThreadPoolExecutor(1) as pool:
        verify = pool.submit(run, "make", "verify-local", cwd=clone)
        terminal.read_until(verify.done, 300)
    pressed = time.monotonic()
    terminal.sendintr()
    return SimpleNamespace(
        listeners=listeners_meanwhile,
        verified=verify.result(),
        exit_code=terminal.exit_code(),
        seconds=time.monotonic() - pressed,
        alive=alive(terminal.output),
        taken=taken(),
        output=terminal.output,
    )


def test_verify_local_without_local_says_what_to_start(clone):
    output = assert_failed(run("make", "verify-local", cwd=clone), "nothing listens on")
    assert 'tcp 127.0.0.1:8084. Run "make local" in another terminal' in output


@pytest.mark.parametrize(("kind", "port"), [("tcp", 8084), ("udp", 6831)])
def test_a_port_in_use_is_named_and_nothing_starts(clone, kind, port):
    with socket.socket(type=KINDS[kind]) as mine:
        mine.bind(("127.0.0.1", port))
        if kind == "tcp":
            mine.listen()
        local = run("make", "local", cwd=clone)
        assert_same(taken(), {(kind, port)}, "ports in use")
    output = assert_failed(local, f"{kind} 127.0.0.1:{port}: Address already in use")
    assert re.search(rf"Held by \S+pid={os.getpid()}\b", output), output
    assert "Nothing was started." in output
    assert "started (pid=" not in output


@pytest.mark.usefixtures("first_run")
def test_only_the_ports_of_the_programs_that_start_must_be_free(clone):
    with socket.socket() as mine:
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        mine.bind(("127.0.0.1", 8084))
        mine.listen()
        terminal = Terminal(clone, "make local PROGRAMS='manual programmatic'")
        for _ in "manual", "programmatic":
            terminal.expect(r" \* Running on http://127.0.0.1:808[23]", timeout=120)
        terminal.sendintr()
        terminal.exit_code()
    assert "automatic.1 started" not in terminal.output


def test_local_listens_on_loopback_only(first_run):
    expected = {(kind, f"127.0.0.1:{port}") for kind, port in LISTENERS}
    assert_same(first_run.listeners, expected, "sockets")


def test_the_traces_of_local_are_those_of_a_host(first_run):
    assert first_run.verified.returncode == 0, first_run.verified.stdout
    assert "Compare the traces with the expected trees" in first_run.verified.stdout


def test_the_programs_output_follows_a_summary(first_run):
    summary, _, rest = first_run.output.partition("PLAY RECAP ***")
    for text in (
        *(f"http://127.0.0.1:{port}/cars" for port in (8082, 8083, 8084)),
        "http://127.0.0.1:16686/",
        "make verify-local",
        "Ctrl-C",
    ):
        assert text in summary
    rest = re.sub(r"\x1b\[\d*m", "", rest)
    requests = r'"GET /cars HTTP/1\.1" 200', r"sqlalchemy.exc.OperationalError"
    proof = "localhost: one request went through all 3 modes, and Jaeger has its trace: "
    lines = {"jaeger": (rf"git-version=v{re.escape(VERSION)}",), "proof": (proof,)}
    lines |= dict.fromkeys(("manual", "programmatic", "automatic"), requests)
    for name, patterns in lines.items():
        for pattern in patterns:
            assert re.search(rf"^\S+ {name}\.1 +\| .*{pattern}", rest, re.MULTILINE), rest


def test_ctrl_c_ends_everything_soon_and_does_not_look_like_a_crash(first_run):
    assert first_run.alive == []
    assert_same(first_run.taken, [], "ports in use")
    assert first_run.seconds < 5
    assert first_run.exit_code in (-signal.SIGINT, 128 + signal.SIGINT)
    end = first_run.output.partition("SIGINT received")[2]
    assert "make: ***" not in end
    assert "Traceback" not in end


def test_a_second_run_changes_nothing_and_a_closed_terminal_ends_it(clone, first_run):
    terminal = start(clone)
    output = terminal.output
    assert re.search(r"changed=0 ", output)
    assert len(alive(output)) == 4
    terminal.close()
    wait_for(lambda: not alive(output) and not taken(), 10)
