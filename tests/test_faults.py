"""What goes wrong on a host in use, and what must come of it.

A test's name, its docstring (what is done; what must come of it) and what it measured are a row of
docs/reliability.md, which `make reliability` writes. Traces are kept on disk here, as a restart of
Jaeger would empty its memory.
"""

import shlex
import socket
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from statistics import median
from threading import Event

import pytest
from conftest import CARS, ENDPOINTS, UNITS, Lab, has_trace, wait_for

from compare_traces import read_trace, span_tree
from send_requests import send

WORKERS = 2 * len(CARS)
BATCH = 128  # Spans that a worker sends at once.


@pytest.fixture(scope="module")
def disk(lab) -> Iterator[Lab]:
    """The lab with its traces on disk."""
    lab.must_play("playbooks/jaeger.yml", "-e", "jaeger_span_storage_type=badger")
    yield lab
    lab.must_play("playbooks/jaeger.yml")
    lab.ssh("rm -r /var/lib/jaeger")


@contextmanager
def load(lab: Lab, rate: float = 20) -> Iterator[list[Future]]:
    """Send `rate` requests a second, to each mode in turn; yield their responses to come.

    At the end all of them have come.
    """
    sent: list[Future] = []
    stop = Event()

    def run(pool: ThreadPoolExecutor):
        start = time.monotonic()
        while not stop.wait(max(0, start + len(sent) / rate - time.monotonic())):
            unit = CARS[len(sent) % len(CARS)]
            request = {"url": ENDPOINTS[unit].format(lab.address), "unit": unit}
            sent.append(pool.submit(send, request | {"at": time.monotonic()}, timeout=60))

    with ThreadPoolExecutor(256) as pool, ThreadPoolExecutor(1) as sender:
        running = sender.submit(run, pool)
        try:
            yield sent
        finally:
            stop.set()
            running.result()


def wait_for_more(sent: list[Future], count: int = 40) -> None:
    """Wait until that many more requests were sent than now."""
    enough = len(sent) + count
    assert wait_for(lambda: len(sent) >= enough)


def results(sent: list[Future]) -> list[dict]:
    return [response.result() for response in sent]


def failed(responses: list[dict]) -> Counter:
    return Counter((r["unit"], r["error"] or r["status"]) for r in responses if r["status"] != 200)


def lost(lab: Lab, responses: list[dict], seconds: float = 60) -> list[dict]:
    """Those of the responses whose trace does not come to Jaeger in that time."""
    missing = [r for r in responses if r["status"] == 200]
    deadline = time.monotonic() + seconds
    while missing and time.monotonic() < deadline:
        with ThreadPoolExecutor(8) as pool:
            there = list(pool.map(lambda r: has_trace(lab, r["trace_id"]), missing))
        missing = [r for r, found in zip(missing, there, strict=True) if not found]
    return missing


def slower(responses: list[dict], since: float, until: float) -> float:
    """Seconds by which requests between two times took longer than the others of their mode.

    By their medians, in the mode where these differ most.
    """
    seconds = defaultdict(list)
    for r in responses:
        seconds[r["unit"], since <= r["at"] < until].append(r["seconds"])
    return max(median(seconds[unit, True]) - median(seconds[unit, False]) for unit in CARS)


def without_jaeger(lab: Lab, seconds: float) -> tuple[list[dict], float]:
    """Stop Jaeger for so long under load; return the responses, and by how much they slowed."""
    with load(lab) as sent:
        wait_for_more(sent)
        since = time.monotonic()
        lab.ssh("systemctl stop jaeger")
        # The fault itself is a time.
        time.sleep(seconds)
        lab.ssh("systemctl start jaeger")
        until = time.monotonic()
        wait_for_more(sent)
    responses = results(sent)
    return responses, slower(responses, since, until)


def test_ten_seconds_without_jaeger_lose_no_trace_and_slow_no_request(disk, measured):
    """Jaeger is stopped for 10 s at 20 requests a second
    No request fails or slows by more than 50 ms; every trace arrives"""
    responses, slowed = without_jaeger(disk, 10)
    assert failed(responses) == {}
    assert slowed < 0.05
    assert lost(disk, responses) == []
    measured(f"{len(responses)} requests, none lost, median {slowed * 1000:+.0f} ms")


def test_sixty_seconds_without_jaeger_lose_at_most_two_batches_of_each_worker(disk, measured):
    """Jaeger is stopped for 60 s at 20 requests a second
    No request fails or slows by more than 50 ms; each worker gives up a batch of 128 spans, or
    fewer, in half a minute, and keeps car_app_span_queue_size others"""
    responses, slowed = without_jaeger(disk, 60)
    assert failed(responses) == {}
    assert slowed < 0.05
    missing = lost(disk, responses)
    # Three spans a trace.
    assert len(missing) <= WORKERS * 2 * BATCH // 3
    measured(f"{len(responses)} requests, {len(missing)} traces lost, {slowed * 1000:+.0f} ms")


def test_killed_jaeger_is_back_within_five_seconds(disk, measured):
    """Jaeger is killed (SIGKILL) at 20 requests a second
    It answers again within 5 s, and no request fails"""
    with load(disk) as sent:
        wait_for_more(sent)
        first = main_process(disk, "jaeger")
        killed = time.monotonic()
        disk.ssh("systemctl kill --signal=KILL jaeger")
        assert wait_for(lambda: main_process(disk, "jaeger") not in ("0", first))
        assert wait_for(lambda: answers(disk, "jaeger-ui") == 200)
        seconds = time.monotonic() - killed
        wait_for_more(sent)
    assert seconds < 5
    assert failed(results(sent)) == {}
    missing = lost(disk, results(sent))
    # Of what Jaeger had taken and not yet written.
    assert len(missing) < 20
    measured(f"back after {seconds:.1f} s, {len(missing)} of {len(sent)} traces lost")


def answers(lab: Lab, name: str) -> int:
    """The status of an endpoint's answer, 0 if there is none."""
    return send({"url": ENDPOINTS[name].format(lab.address)}, timeout=10)["status"]


def is_error(lab: Lab, trace_id: str) -> bool:
    """Whether Jaeger has the trace, and the status of its server span is an error."""
    trace = read_trace(ENDPOINTS["jaeger-ui"].format(lab.address).rstrip("/"), trace_id)
    return bool(trace) and span_tree(trace)[0]["status"] == "error"


def main_process(lab: Lab, unit: str) -> str:
    return lab.ssh(f"systemctl show --value --property=MainPID {unit}").strip()


def workers(lab: Lab, unit: str) -> list[str]:
    return lab.ssh(f"pgrep --parent {main_process(lab, unit)} || true").split()


def replace_worker(lab: Lab, unit: str) -> None:
    """Kill one of a unit's workers, and wait until there are two again."""
    before = workers(lab, unit)
    lab.ssh(f"kill -KILL {before[0]}")
    assert wait_for(lambda: len(now := workers(lab, unit)) == 2 and now != before)


def test_a_killed_worker_is_replaced_and_loses_at_most_what_it_held(disk, measured):
    """A worker of each mode is killed (SIGKILL) at 20 requests a second
    It is replaced; what it held is lost: its requests under way and the spans of its last second"""
    rate = 20
    with load(disk, rate) as sent:
        wait_for_more(sent, 60)
        for unit in CARS:
            replace_worker(disk, unit)
        wait_for_more(sent)
    responses = results(sent)
    failures, missing = failed(responses), lost(disk, responses, 10)
    # A request takes a second, and a worker may have had all of its mode's.
    assert failures.total() <= rate
    assert len(missing) <= 2 * rate
    assert all("onnection" in str(error) for _, error in failures)
    measured(f"{failures.total()} requests failed, {len(missing)} traces lost, of {len(responses)}")


@pytest.mark.parametrize("unit", UNITS)
def test_no_request_fails_and_no_trace_is_lost_while_it_restarts(disk, measured, unit):
    """A unit is restarted with 100 requests under way at any time
    No request is refused or fails, and every trace arrives"""
    responses: list[dict] = []
    restarted = Event()

    def send_one_after_another(car: str):
        while not restarted.is_set():
            request = {"url": ENDPOINTS[car].format(disk.address), "unit": car}
            responses.append(send(request, timeout=60))

    with ThreadPoolExecutor(100) as pool:
        clients = [pool.submit(send_one_after_another, CARS[n % len(CARS)]) for n in range(100)]
        try:
            assert wait_for(lambda: len(responses) > 50)
            disk.ssh(f"systemctl restart {unit}")
        finally:
            restarted.set()
    results(clients)
    assert failed(responses) == {}
    assert lost(disk, responses) == []
    slowest = max(r["seconds"] for r in responses)
    measured(f"{unit}: {len(responses)} requests, none lost, the slowest took {slowest:.1f} s")


@pytest.mark.parametrize("fault", ["restart", "kill --signal=KILL"])
def test_what_could_be_read_before_can_be_read_after(disk, measured, fault):
    """Jaeger, with its traces on disk, is restarted, or killed (SIGKILL)
    Every trace that could be read before can be read after"""
    with load(disk) as sent:
        wait_for_more(sent, 60)
    responses = results(sent)
    assert lost(disk, responses) == []
    disk.ssh(f"systemctl {fault} jaeger")
    assert lost(disk, responses, 30) == []
    measured(f"{fault}: {len(responses)} traces, none lost")


def test_a_host_that_was_off_has_everything_back(disk, measured):
    """The host is switched off and on
    Every service is back by itself, and every trace of before can be read"""
    with load(disk) as sent:
        wait_for_more(sent, 60)
    responses = results(sent)
    assert lost(disk, responses) == []
    disk.ssh("systemctl poweroff")
    assert wait_for(lambda: answers(disk, "jaeger-ui") == 0)
    disk.must_play("playbooks/lab.yml")
    assert "running" in disk.ssh("systemctl is-system-running --wait")
    disk.must_play("playbooks/verify.yml")
    assert lost(disk, responses) == []
    measured(f"{len(responses)} traces, none lost")


DATABASE = "/var/lib/car-app/cars.db"
DATABASE_FAULTS = {
    "missing": f"mv {DATABASE} {DATABASE}.kept",
    "unreadable": f"chmod 0000 {DATABASE}",
    "corrupt": f"cp --preserve {DATABASE} {DATABASE}.kept; printf 'no database' > {DATABASE}",
}


@pytest.mark.parametrize("fault", DATABASE_FAULTS)
def test_a_broken_database_is_an_error_that_ends_with_its_repair(disk, measured, fault):
    """The database is missing, unreadable or corrupt
    Each mode answers 500 with an error span and a log line that leads to it; after the repair
    the next request is good"""
    disk.ssh(DATABASE_FAULTS[fault])
    try:
        disk.ssh("systemctl restart car-manual car-programmatic car-automatic")
        responses = [send({"url": ENDPOINTS[unit].format(disk.address)}, 30) for unit in CARS]
    finally:
        kept = f"{DATABASE}.kept"
        disk.ssh(f"chmod 0600 {DATABASE}; test ! -e {kept} || mv {kept} {DATABASE}")
    assert [response["status"] for response in responses] == [500] * len(CARS)
    assert wait_for(lambda: all(is_error(disk, response["trace_id"]) for response in responses))
    for unit, response in zip(CARS, responses, strict=True):
        error = f"'trace_id={response['trace_id']} .*Exception on /cars'"
        disk.ssh(f"journalctl --no-pager --unit={unit} --grep={error}")
    assert [answers(disk, unit) for unit in CARS] == [200] * len(CARS)
    measured(f"{fault}: 500, an error span and a log line with its trace id in each mode, then 200")


def test_a_full_disk_is_told_and_ends_with_its_repair(disk, measured):
    """The disk under Jaeger's traces is filled while spans come
    The cars answer, the journal says what is full, and Jaeger is back once there is room"""
    folder = "/var/lib/jaeger"
    disk.ssh(f"systemctl stop jaeger && mount -t tmpfs -o size=300m,mode=0700 none {folder}")
    try:
        disk.ssh(f"chown jaeger: {folder} && systemctl start jaeger")
        free = f"$(df --output=avail -B1 {folder} | tail -1)"
        disk.ssh(f"fallocate -l {free} {folder}/filler || true")
        with load(disk) as sent:
            message = f"{folder} is full: Jaeger starts when 256 MB of its disk are free."
            journal = "journalctl --unit=jaeger --lines=100 --output=cat"
            assert wait_for(lambda: message in disk.ssh(journal), 60)
            wait_for_more(sent)
        assert failed(results(sent)) == {}
        disk.ssh(f"rm {folder}/filler")
        assert wait_for(lambda: answers(disk, "jaeger-ui") == 200)
    finally:
        disk.ssh(f"systemctl stop jaeger && umount {folder} && systemctl start jaeger")
    measured(f"{len(sent)} requests answered meanwhile")


BAD_REQUESTS = {
    "an unknown method": ("BREW /cars HTTP/1.1", {405}),
    "an unknown path": ("GET /trains HTTP/1.1", {404}),
    "no request at all": ("\x00\x01\x02", {400}),
    "a header of 1 MB": ("GET /cars HTTP/1.1\r\nlong: " + "x" * 1_000_000, {400, 431}),
    "a malformed traceparent": ("GET /cars HTTP/1.1\r\ntraceparent: 00-zz-zz-01", {200}),
    "a huge traceparent": ("GET /cars HTTP/1.1\r\ntraceparent: " + "0" * 8000, {200}),
    "a malformed baggage": ("GET /cars HTTP/1.1\r\nbaggage: =,;=%%%,", {200}),
    "a huge baggage": ("GET /cars HTTP/1.1\r\nbaggage: " + "a=b," * 2000, {200}),
}


def answer_to(lab: Lab, unit: str, request: str) -> int:
    """The status of the answer to a raw request, 0 if the connection is closed without one."""
    host, port = ENDPOINTS[unit].format(lab.address).split("/")[2].split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        # It may close while a long request is being sent.
        with suppress(OSError):
            connection.sendall(f"{request}\r\nHost: lab\r\nConnection: close\r\n\r\n".encode())
        with suppress(OSError, IndexError):
            return int(connection.recv(64).split()[1])
    return 0


@pytest.mark.parametrize("request_line", BAD_REQUESTS)
def test_a_bad_request_harms_nobody(disk, measured, request_line):
    """A client sends an unknown method, a header of 1 MB, a malformed traceparent and the like
    It is refused, or answered as if that header were not there; no process ends"""
    request, statuses = BAD_REQUESTS[request_line]
    before = [workers(disk, unit) for unit in CARS]
    found = {answer_to(disk, unit, request) for unit in CARS}
    # A client that is still sending may see the connection end before the answer.
    assert found <= statuses | ({0} if len(request) > 100_000 else set())
    assert [answers(disk, unit) for unit in CARS] == [200] * len(CARS)
    assert [workers(disk, unit) for unit in CARS] == before
    measured(f"{request_line}: {', '.join(map(str, sorted(found)))}")


def test_clients_that_send_a_byte_a_second_hold_up_nobody(disk, measured):
    """300 clients send their requests to a mode a byte a second
    Requests of others are answered as ever"""
    host, port = ENDPOINTS["car-manual"].format(disk.address).split("/")[2].split(":")
    with ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection((host, int(port)), timeout=10))
            for _ in range(300)
        ]
        quick = []
        for byte in b"GET /car":
            for connection in slow:
                connection.send(bytes([byte]))
            quick.append(send({"url": ENDPOINTS["car-manual"].format(disk.address)}, 30))
    assert [response["status"] for response in quick] == [200] * len(quick)
    slowest = max(response["seconds"] for response in quick)
    assert slowest < 3
    measured(f"{len(quick)} requests beside them, the slowest took {slowest:.1f} s")


# Sends batches of 500 spans by OTLP over HTTP, as fast as Jaeger takes them.
FLOOD = """
import json, os, threading, urllib.request
def flood():
    for _ in range(300):
        spans = [{"traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex(), "name": "flood",
                  "startTimeUnixNano": "1", "endTimeUnixNano": "2",
                  "attributes": [{"key": "k", "value": {"stringValue": "v" * 1000}}]}
                 for _ in range(500)]
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
        message = urllib.request.Request("http://127.0.0.1:4318/v1/traces", body,
                                         {"Content-Type": "application/json"})
        try:
            urllib.request.urlopen(message, timeout=30).read()
        except OSError:
            pass
threads = [threading.Thread(target=flood) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def test_a_flood_of_spans_stays_within_the_bound_of_memory(disk, measured):
    """600 000 spans are sent to Jaeger as fast as it takes them, which keeps a fraction of them
    Its memory stays under jaeger_memory_max, and no request fails"""
    disk.must_play("playbooks/jaeger.yml")
    with load(disk, 5) as sent:
        wait_for_more(sent, 10)
        disk.ssh(f"python3 -c {shlex.quote(FLOOD)}")
        wait_for_more(sent, 10)
    assert failed(results(sent)) == {}
    process = main_process(disk, "jaeger")
    peak = int(disk.ssh(f"awk '/VmHWM/ {{ print $2 }}' /proc/{process}/status")) // 1024
    assert peak < 1024
    measured(f"{peak} MiB at most, {len(sent)} requests answered")
