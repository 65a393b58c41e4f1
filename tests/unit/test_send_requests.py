"""The module send_requests: a traceparent for each request, and every end that one can have."""

import re
import socket
import sqlite3
import sys
import time
from contextlib import closing

import pytest

import send_requests
from send_requests import locked, send


def test_each_request_carries_its_own_traceparent(http_server):
    http_server.answers = {"/cars": (200, b"[]")}
    responses = [send({"url": f"{http_server.url}/cars", "title": "mine"}, 5) for _ in range(2)]
    sent = [request.headers["traceparent"] for request in http_server.received]
    for header in sent:
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", header)
    assert sent == [f"00-{r['trace_id']}-{r['span_id']}-01" for r in responses]
    assert responses[0]["trace_id"] != responses[1]["trace_id"]
    assert {request.headers["User-Agent"] for request in http_server.received} == {"otel-lab"}
    for response in responses:
        assert (response["status"], response["error"], response["title"]) == (200, "", "mine")


@pytest.mark.parametrize(("caller", "flags"), [("sampled", "01"), ("unsampled", "00")])
def test_the_traceparent_has_the_callers_decision(http_server, caller, flags):
    response = send({"url": http_server.url, "caller": caller}, 5)
    header = http_server.received[0].headers["traceparent"]
    assert header == f"00-{response['trace_id']}-{response['span_id']}-{flags}"


def test_a_request_without_a_caller_has_no_traceparent(http_server):
    response = send({"url": http_server.url, "caller": "none"}, 5)
    assert "traceparent" not in http_server.received[0].headers
    assert (response["trace_id"], response["span_id"]) == ("", "")


def test_more_headers_are_sent(http_server):
    send({"url": http_server.url, "headers": {"baggage": "a=b"}}, 5)
    headers = http_server.received[0].headers
    assert (headers["baggage"], headers["User-Agent"]) == ("a=b", "otel-lab")
    assert "traceparent" in headers


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 405), ("GET", 500)])
def test_the_status_is_that_of_the_answer(http_server, method, status):
    http_server.answers = {"/cars": (status, b"text")}
    response = send({"url": f"{http_server.url}/cars", "method": method}, 5)
    assert (response["status"], response["error"]) == (status, "")
    assert [request.command for request in http_server.received] == [method]


def test_a_refused_connection_is_an_error_without_a_status():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    response = send({"url": url}, 5)
    assert response["status"] == 0
    assert "Connection refused" in response["error"]


def test_a_server_that_never_answers_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        response = send({"url": url}, 0.2)
    assert response["status"] == 0
    assert "timed out" in response["error"]
    assert 0.2 <= response["seconds"] < 5


@pytest.fixture
def database(tmp_path):
    """A database with a row, at a path; a function tells whether another connection can write."""
    path = tmp_path / "cars.db"

    def is_locked() -> bool:
        try:
            with closing(sqlite3.connect(path, timeout=0)) as other:
                other.execute("SELECT * FROM cars").fetchall()
        except sqlite3.OperationalError as error:
            return "locked" in str(error)
        return False

    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE cars (id)")
    return path, is_locked


def test_a_database_is_locked_meanwhile_and_not_written(database):
    path, is_locked = database
    before = path.read_bytes()
    with locked(str(path), []):
        assert is_locked()
    assert not is_locked()
    assert path.read_bytes() == before


def test_a_lock_ends_with_an_error(database):
    path, is_locked = database
    with pytest.raises(KeyError), locked(str(path), []):
        raise KeyError
    assert not is_locked()


def test_a_database_that_is_not_there_is_an_error_and_not_created(tmp_path):
    path = tmp_path / "nowhere.db"
    with pytest.raises(sqlite3.OperationalError), locked(str(path), []):
        pytest.fail("it counts as locked")
    assert not path.exists()


LOCK = [sys.executable, "-c"]


def test_a_command_holds_the_lock_until_its_input_ends(tmp_path):
    end = tmp_path / "end"
    program = f"print('locked', flush=True); open(0).read(); open({str(end)!r}, 'w')"
    with locked("", [*LOCK, program]):
        assert not end.exists()
    assert end.exists()


def test_a_command_that_ends_without_a_lock_is_an_error():
    # It writes both lines at once, so that a reader of the first has both.
    program = r"import os, sys; os.write(1, b'no such table\ncars\n'); sys.stdin.read()"
    with pytest.raises(RuntimeError, match="no such table\ncars"), locked("", [*LOCK, program]):
        pytest.fail("it counts as locked")


def test_nothing_has_to_be_locked():
    with locked("", []):
        pass


def test_the_module_sends_all_requests_in_order_count_times(run_module, http_server):
    http_server.answers = {"/a": (200, b""), "/b": (201, b"")}
    requests = [{"url": f"{http_server.url}/{name}", "name": name} for name in "ab"]
    result = run_module(send_requests, requests=requests, count=3)
    assert result["changed"] is False
    assert [r["name"] for r in result["responses"]] == ["a", "b"] * 3
    assert [r["status"] for r in result["responses"]] == [200, 201] * 3


def test_the_module_says_when_it_began(run_module, http_server):
    http_server.answers = {"/": (200, b"")}
    http_server.delay = 0.1
    before = time.time()
    start = run_module(send_requests, requests=[{"url": f"{http_server.url}/"}])["start"]
    assert before <= start < time.time() - 0.1


def test_the_module_keeps_to_its_concurrency(run_module, http_server):
    http_server.answers = {"/": (200, b"")}
    http_server.delay = 0.1
    run_module(send_requests, requests=[{"url": f"{http_server.url}/"}], count=6, concurrency=3)
    assert http_server.most_in_progress == 3


def test_the_module_sends_while_the_database_is_locked(run_module, database, monkeypatch):
    path, is_locked = database
    found = []
    monkeypatch.setattr(
        send_requests, "send", lambda request, *options: found.append(is_locked()) or request
    )
    run_module(send_requests, requests=[{}], lock_database=str(path))
    assert found == [True]
