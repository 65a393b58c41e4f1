"""The program to which rsyslog gives the journal's entries, and what it sends to Elasticsearch."""

import io
import json
import sys
import syslog
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import send_to_elasticsearch
from send_to_elasticsearch import Identifier, document_path, explain, to_document
from tests.support.server import serving

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TIME = "2026-11-29T23:59:59.000123+00:00"
ENTRY = {
    "MESSAGE": "line",
    "PRIORITY": "6",
    "_SYSTEMD_UNIT": "car-manual.service",
    "_HOSTNAME": "lab",
    "_PID": "7",
    "_MACHINE_ID": "m",
    "_BOOT_ID": "b",
}
IDS = f"[trace_id={TRACE} span_id={SPAN}"
BLOCKED = {
    "error": {"type": "cluster_block_exception", "reason": "blocked by: [FORBIDDEN/8/index write]"}
}


@pytest.mark.parametrize(
    ("message", "level"),
    [
        (f"INFO {IDS}] Found 5 cars", "info"),
        (
            f"2026-11-29 23:59:59,000 ERROR [server_automatic] [app.py:875] {IDS} "
            "resource.service.name=server_automatic trace_sampled=True] - Exception on /cars [GET]",
            "error",
        ),
    ],
    ids=["manual", "automatic"],
)
def test_a_log_line_becomes_a_document_with_its_ids(message, level):
    assert to_document(TIME, ENTRY | {"MESSAGE": message}) == {
        "@timestamp": TIME,
        "message": message,
        "log": {"level": level},
        "service": {"name": "server_manual"},
        "host": {"name": "lab"},
        "process": {"pid": 7},
        "trace": {"id": TRACE},
        "span": {"id": SPAN},
    }


def test_a_line_of_the_access_log_has_the_trace_of_its_request():
    message = f'10.0.0.1 "GET /cars HTTP/1.1" 200 1.0s traceparent=00-{TRACE}-{SPAN}-01'
    document = to_document(TIME, ENTRY | {"MESSAGE": message})
    assert document["trace"] == {"id": TRACE}
    # The span is the caller's.
    assert "span" not in document


@pytest.mark.parametrize(
    "message",
    [
        f"INFO [trace_id={'0' * 32} span_id={'0' * 16}] line",
        "INFO [server] [app.py:1] [trace_id=0 span_id=0 resource.service.name= trace_sampled=] l",
        '10.0.0.1 "GET /cars HTTP/1.1" 200 1.0s traceparent=-',
        "    ^^^^^^^^",
    ],
)
def test_a_line_without_a_trace_has_no_ids(message):
    document = to_document(TIME, ENTRY | {"MESSAGE": message})
    assert not {"trace", "span"} & document.keys()


def test_the_level_of_gunicorns_own_lines_and_of_others():
    message = "[2026-11-29 23:59:59 +0000] [7] [WARNING] Worker with pid 8 was terminated"
    assert to_document(TIME, ENTRY | {"MESSAGE": message})["log"] == {"level": "warning"}
    assert to_document(TIME, ENTRY | {"PRIORITY": "3"})["log"] == {"level": "error"}


def test_an_entry_has_the_same_id_whenever_it_is_read_and_no_other_has_it():
    other_time = TIME.replace("123", "124")
    entries = [
        (TIME, ENTRY),
        (TIME, ENTRY),
        (TIME, ENTRY | {"MESSAGE": "other"}),
        (TIME, ENTRY | {"_PID": "8"}),
        (TIME, ENTRY | {"_BOOT_ID": "c"}),
        (other_time, ENTRY),
    ]
    first, again = ([i.identify(*entry) for entry in entries] for i in (Identifier(), Identifier()))
    assert first == again
    assert len(set(first)) == len(entries)


def test_the_index_is_that_of_the_day():
    assert document_path(TIME, "id") == "/otel-lab-logs-2026.11.29/_create/id"


@pytest.mark.parametrize(
    ("status", "text", "message"),
    [
        (
            403,
            "cluster_block_exception: index [i] blocked by: [FORBIDDEN/8/index write (api)];",
            "HTTP status 403, cluster_block_exception: index [i] blocked by: [FORBIDDEN/8/index "
            "write (api)]. Remove the block from the index's settings.",
        ),
        (
            429,
            "cluster_block_exception: index [i] blocked by: [TOO_MANY_REQUESTS/12/disk usage "
            "exceeded flood-stage watermark, index has read-only-allow-delete block];",
            "Free disk space there.",
        ),
        (401, "security_exception: missing", "Correct elasticsearch_user or elasticsearch_pass"),
        (404, "", "HTTP status 404. Check that elasticsearch_url leads to an Elasticsearch."),
        (503, "no master", "takes no log lines: HTTP status 503, no master."),
    ],
)
def test_a_refusal_is_explained_with_its_fix(status, text, message):
    assert message in explain("http://es:9200", status, text)


@pytest.fixture
def server():
    """A stand-in for Elasticsearch that answers with its `answers`, and then takes everything."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, reply = self.server.answers.pop(0) if self.server.answers else (201, {})
            self.server.requests.append((self.path, body, status, self.headers["Authorization"]))
            content = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            # As a server that ends, which the next request must survive.
            self.close_connection = True

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.answers, server.requests = [], []
    with serving(server):
        yield server


@pytest.fixture
def run(server, tmp_path, monkeypatch, capsys):
    """A function that runs the program with lines; returns its answers and its journal."""

    def run(*lines: str, user: str = "") -> tuple[list[str], list[str]]:
        settings = tmp_path / "settings.json"
        url = f"http://127.0.0.1:{server.server_port}/base"
        settings.write_text(json.dumps({"url": url, "user": user}))
        (tmp_path / "password").write_text("secret")
        journal: list[str] = []
        monkeypatch.setattr(syslog, "syslog", lambda _, text: journal.append(text))
        monkeypatch.setattr(send_to_elasticsearch, "PAUSE", 0)
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
        monkeypatch.setattr(sys, "argv", ["send_to_elasticsearch.py", str(settings)])
        standard_input = io.TextIOWrapper(io.BytesIO("".join(lines).encode()))
        monkeypatch.setattr(sys, "stdin", standard_input)
        assert send_to_elasticsearch.main() == 0
        return capsys.readouterr().out.split(), journal

    return run


def entry(message: str = "line") -> str:
    """Return what rsyslog writes for a journal entry."""
    return f"{TIME} {json.dumps(ENTRY | {'MESSAGE': message})}\n"


def test_each_line_is_answered_once_it_is_there(server, run):
    answers, journal = run(entry("a"), entry("b"))
    assert answers == ["OK"] * 3
    assert [body["message"] for _, body, *_ in server.requests] == ["a", "b"]
    assert all(
        path.startswith("/base/otel-lab-logs-2026.11.29/_create/") for path, *_ in server.requests
    )
    assert journal == []


def test_the_password_is_the_credential(server, run):
    run(entry(), user="lab")
    assert server.requests[0][3] == "Basic bGFiOnNlY3JldA=="


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_refused_line_is_sent_again_and_the_reason_is_told_once(server, run, tmp_path, status):
    server.answers = [(status, BLOCKED)] * 3
    answers, journal = run(entry("a"), entry("b"))
    assert answers == ["OK"] * 3
    taken = [body["message"] for _, body, status, _ in server.requests if status == 201]
    assert taken == ["a", "b"]
    assert len({path for path, *_ in server.requests}) == 2
    told, ended = journal
    assert f"HTTP status {status}" in told
    assert told.endswith("Until then they wait in the journal.")
    assert ended == "Elasticsearch takes the log lines again."
    assert not (tmp_path / "problem").exists()


def test_a_line_that_is_there_already_is_not_sent_again(server, run):
    server.answers = [(409, {"error": {"type": "version_conflict_engine_exception", "reason": ""}})]
    assert run(entry()) == (["OK"] * 2, [])
    assert len(server.requests) == 1


def test_a_line_that_can_never_be_taken_is_told_and_does_not_stop_the_others(server, run):
    cause = {"reason": "For input string"}
    error = {"type": "mapper_parsing_exception", "reason": "failed to parse", "caused_by": cause}
    server.answers = [(400, {"error": error})]
    answers, journal = run(entry("a"), entry("b"))
    assert answers == ["OK"] * 3
    assert [body["message"] for _, body, *_ in server.requests] == ["a", "b"]
    [told] = journal
    assert "mapper_parsing_exception: failed to parse: For input string" in told
    assert told.endswith(f"of server_manual at {TIME}: a")


@pytest.mark.parametrize("line", [f"{TIME} {{\n", f"{TIME} {{}}\n", "no time {}\n"])
def test_an_entry_that_cannot_be_read_is_told_and_does_not_stop_the_others(server, run, line):
    answers, journal = run(line, entry("a"))
    assert answers == ["OK"] * 3
    assert [body["message"] for _, body, *_ in server.requests] == ["a"]
    [told] = journal
    assert "A journal entry cannot be read, and stays in the journal only" in told


def test_another_bad_request_is_sent_again(server, run):
    error = {"type": "validation_exception", "reason": "maximum shards open"}
    server.answers = [(400, {"error": error})]
    run(entry())
    assert [status for *_, status, _ in server.requests] == [400, 201]


def test_an_unreachable_elasticsearch_is_named(server):
    url = f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    elasticsearch = send_to_elasticsearch.Elasticsearch(url, "", "")
    never, not_now = elasticsearch.create("/i/_create/1", {})
    assert never == ""
    assert not_now.startswith(f"Elasticsearch cannot be reached at {url}: [Errno 111] Connection")
