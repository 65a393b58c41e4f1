"""The teaching text's programs (tests/text) and the app's servers, started as in the text."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from compare_traces import read_trace, span_tree
from send_requests import send
from tests.support.commands import REPOSITORY, must_run, wait_for
from tests.support.terminal import restore_signals

BIN = REPOSITORY / ".venv-app/bin"
FLAGS = (
    *("--traces_exporter", "otlp", "--metrics_exporter", "none"),
    *("--service_name", "server_automatic", "--exporter_otlp_endpoint", "http://localhost:4317"),
)
COMMANDS = {
    "manual": ("python", "server_manual.py"),
    "programmatic": ("python", "server_programmatic.py"),
    "automatic": ("opentelemetry-instrument", *FLAGS, "python", "server_automatic.py"),
}


def record(jaeger: str, programs: Path, mode: str, folder: Path) -> list[dict]:
    """Start a program in a folder with its own database, request /cars, and return its spans."""
    shutil.copy(REPOSITORY / "app/db.py", folder)
    shutil.copy(programs / f"server_{mode}.py", folder)
    must_run(BIN / "python", "db.py", cwd=folder)
    # It sends its spans when it ends.
    with subprocess.Popen(
        COMMANDS[mode],
        cwd=folder,
        env={"PATH": f"{BIN}:{os.defpath}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=restore_signals,
    ) as program:
        try:
            response = wait_for(lambda: answer(program))
        finally:
            program.send_signal(signal.SIGINT)
            output = program.communicate(timeout=60)[0]
    [root] = wait_for(lambda: read_twice(jaeger, response["trace_id"]))
    assert root["parent"] == response["span_id"], output
    return flatten(root)


def read_twice(jaeger: str, trace_id: str) -> list[dict]:
    """Return the roots of a trace once two readings agree; until then an empty list."""
    first, second = (span_tree(read_trace(jaeger, trace_id) or {"spans": []}) for _ in range(2))
    return first if first == second else []


def answer(program: subprocess.Popen) -> dict | None:
    """Return the response to a request; None if the program does not listen yet."""
    assert program.poll() is None, program.communicate()[0]
    response = send({"url": "http://127.0.0.1:8082/cars"}, 30)
    return response if response["status"] == 200 else None


def flatten(node: dict, depth: int = 0) -> list[dict]:
    below = [span for child in node["children"] for span in flatten(child, depth + 1)]
    return [{**node, "depth": depth}, *below]


def describe(span: dict) -> str:
    return f"{'  ' * span['depth']}{span['service']}: {span['name']} [{span['kind']}]"


@pytest.mark.parametrize("mode", COMMANDS)
def test_a_server_records_what_the_texts_program_records(jaeger_alone, tmp_path, mode):
    # In the same folder, because the instrumentation names a query after the database's file.
    text = record(jaeger_alone, REPOSITORY / "tests/text", mode, tmp_path)
    ours = record(jaeger_alone, REPOSITORY / "app", mode, tmp_path)
    assert [describe(span) for span in ours] == [describe(span) for span in text]
    for theirs, own in zip(text, ours, strict=True):
        assert theirs["attributes"].keys() <= own["attributes"].keys(), own["name"]
