"""run_ingester ends an ingester that writes nothing, and no other."""

import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import run_ingester
from tests.support.server import serving

PROGRAM = Path(run_ingester.__file__)
PAGE = """\
# HELP jaeger_ingester_span_processor_retry_attempts_total retry-attempts
jaeger_ingester_span_processor_retry_attempts_total {tried_again}
jaeger_ingester_span_processor_retry_exhausted_total 4
jaeger_ingester_span_processor_latency_bucket{{le="0.005"}} 3
jaeger_ingester_span_processor_latency_count {finished}
"""


@pytest.mark.parametrize(
    ("page", "expected"),
    [("", (0, 0)), (PAGE.format(tried_again=1.2e06, finished=9), (9, 1_200_000))],
)
def test_metrics(page, expected):
    assert run_ingester.parse(page) == expected


@pytest.fixture
def ingester(monkeypatch):
    """A metrics page, which a test changes, and a process that stands in for the ingester."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.server.page().encode())

        def log_message(self, *_):
            pass

    monkeypatch.setattr(run_ingester, "STALLED", 0.3)
    monkeypatch.setattr(run_ingester, "INTERVAL", 0.02)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.address = f"127.0.0.1:{server.server_port}"
    with serving(server), subprocess.Popen(["sleep", "60"]) as server.process:
        yield server
        server.process.kill()


def test_the_watch_ends_when_spans_are_only_tried_again(ingester):
    ingester.page = lambda: PAGE.format(tried_again=time.monotonic_ns(), finished=9)
    start = time.monotonic()
    run_ingester.watch(ingester.process, ingester.address)
    assert time.monotonic() - start >= 0.3
    assert ingester.process.poll() is None


@pytest.mark.parametrize("case", ["idle or slow", "partly written", "silent"])
def test_the_watch_goes_on_otherwise(ingester, case):
    ingester.page = {
        "idle or slow": lambda: PAGE.format(tried_again=5, finished=9),
        "partly written": lambda: PAGE.format(
            tried_again=time.monotonic_ns(), finished=time.monotonic_ns()
        ),
        "silent": lambda: "",
    }[case]
    watching = threading.Thread(
        target=run_ingester.watch, args=[ingester.process, ingester.address]
    )
    watching.start()
    watching.join(1)
    assert watching.is_alive()
    ingester.process.kill()
    watching.join(5)
    assert not watching.is_alive()


@pytest.mark.parametrize("command", [["false"], ["true"]])
def test_it_ends_with_the_ingester(command):
    assert subprocess.run([PROGRAM, "127.0.0.1:1", *command]).returncode == 1


def test_it_waits_for_an_ingester_that_is_told_to_stop():
    script = "trap 'sleep 0.3; echo written; exit' TERM; echo started; while :; do sleep 0.05; done"
    command = [sys.executable, PROGRAM, "127.0.0.1:1", "sh", "-c", script]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout.readline() == "started\n"
        # As systemd does, to every process of the unit.
        subprocess.run(["kill", "-TERM", "--", f"-{process.pid}"], check=True)
        assert process.communicate(timeout=10)[0] == "written\n"
    assert process.returncode == 0
