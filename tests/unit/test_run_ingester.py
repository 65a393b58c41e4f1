"""run_ingester ends an ingester that writes nothing, and no other."""

import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import run_ingester

PROGRAM = Path(run_ingester.__file__)
PAGE = """\
# HELP jaeger_ingester_sarama_consumer_messages_total messages
jaeger_ingester_sarama_consumer_messages_total{{partition="0",topic="jaeger-spans"}} {read}
jaeger_ingester_sarama_consumer_messages_total{{partition="1",topic="jaeger-spans"}} 0
jaeger_ingester_sarama_consumer_current_offset{{partition="0",topic="jaeger-spans"}} 12
jaeger_ingester_span_processor_latency_bucket{{le="0.005"}} 3
jaeger_ingester_span_processor_latency_count {finished}
"""


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("", (0, False)),
        (PAGE.format(read=9, finished=9), (9, False)),
        (PAGE.format(read=1.2e06, finished=9), (9, True)),
    ],
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
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.address = f"127.0.0.1:{server.server_port}"
        with subprocess.Popen(["sleep", "60"]) as server.process:
            yield server
            server.process.kill()
        server.shutdown()


def test_the_watch_ends_when_nothing_is_written(ingester):
    ingester.page = lambda: PAGE.format(read=10, finished=9)
    start = time.monotonic()
    run_ingester.watch(ingester.process, ingester.address)
    assert time.monotonic() - start >= 0.3
    assert ingester.process.poll() is None


@pytest.mark.parametrize("case", ["idle", "writing", "silent"])
def test_the_watch_goes_on_otherwise(ingester, case):
    ingester.page = {
        "idle": lambda: PAGE.format(read=9, finished=9),
        "writing": lambda: PAGE.format(read=1e30, finished=time.monotonic_ns()),
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
