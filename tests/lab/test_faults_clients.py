"""Faults of clients: bad and slow requests harm nobody else."""

import socket
from contextlib import ExitStack, suppress

import pytest

from tests.support.contract import CARS, ENDPOINTS
from tests.support.lab import Lab

BAD_REQUESTS = {
    "an unknown method": ("BREW /cars HTTP/1.1", {405}),
    "an unknown path": ("GET /trains HTTP/1.1", {404}),
    "not an HTTP request": ("\x00\x01\x02", {400}),
    "a header of 1 MB": ("GET /cars HTTP/1.1\r\nlong: " + "x" * 1_000_000, {400, 431}),
    "a malformed traceparent": ("GET /cars HTTP/1.1\r\ntraceparent: 00-zz-zz-01", {200}),
    "a huge traceparent": ("GET /cars HTTP/1.1\r\ntraceparent: " + "0" * 8000, {200}),
    "a malformed baggage": ("GET /cars HTTP/1.1\r\nbaggage: =,;=%%%,", {200}),
    "a huge baggage": ("GET /cars HTTP/1.1\r\nbaggage: " + "a=b," * 2000, {200}),
}


def connect(lab: Lab, unit: str) -> socket.socket:
    return socket.create_connection((lab.address, ENDPOINTS[unit][0]), timeout=10)


def answer_to(lab: Lab, unit: str, request: str) -> int:
    """Return the status of the answer to a raw request, 0 if the connection ends without one."""
    with connect(lab, unit) as connection:
        # It may end while a long request is being sent.
        with suppress(OSError):
            connection.sendall(f"{request}\r\nHost: lab\r\nConnection: close\r\n\r\n".encode())
        with suppress(OSError, IndexError):
            return int(connection.recv(64).split()[1])
    return 0


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_bad_request_harms_nobody(lab, record_result, name):
    """A client sends an unknown method, a header of 1 MB, a malformed traceparent and the like
    It is refused, or answered as if that header were absent; no process ends"""
    request, statuses = BAD_REQUESTS[name]
    before = {unit: lab.workers(unit) for unit in CARS}
    found = {answer_to(lab, unit, request) for unit in CARS}
    # A client that is still sending may see the connection end before the answer.
    assert found <= statuses | ({0} if len(request) > 100_000 else set())
    assert [lab.status(unit) for unit in CARS] == [200] * len(CARS)
    assert {unit: lab.workers(unit) for unit in CARS} == before
    record_result(f"{name}: {', '.join(map(str, sorted(found)))}")


def test_slow_clients_delay_nobody(lab, record_result):
    """300 clients send their requests to a mode at a byte a second
    Requests of others are answered as before"""
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(lab, "car-manual")) for _ in range(300)]
        quick = []
        for byte in b"GET /car":
            for connection in slow:
                connection.send(bytes([byte]))
            quick.append(lab.send("car-manual"))
    assert [response["status"] for response in quick] == [200] * len(quick)
    slowest = max(response["seconds"] for response in quick)
    assert slowest < 3
    record_result(f"{len(quick)} requests beside them, the slowest took {slowest:.1f} s")
