"""Faults of Jaeger under load: it is stopped, killed, flooded, or has no room for its traces."""

import time

import pytest

from tests.support.commands import wait_for
from tests.support.contract import CARS, JAEGER
from tests.support.lab import Lab
from tests.support.load import (
    failed,
    flood,
    load,
    lost,
    peak_memory,
    results,
    slowdown,
    wait_for_more,
)

WORKERS = 2 * len(CARS)
BATCH = 128  # Spans that a worker sends at once.


def load_without_jaeger(lab: Lab, seconds: float) -> tuple[list[dict], float]:
    """Stop Jaeger for some time under load; return the responses and the seconds they slowed by."""
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
    return responses, slowdown(responses, since, until)


def test_ten_seconds_without_jaeger_lose_no_trace_and_slow_no_request(disk, record_result):
    """Jaeger is stopped for 10 s at 20 requests a second
    No request fails or slows by more than 50 ms; every trace arrives"""
    responses, seconds = load_without_jaeger(disk, 10)
    assert failed(responses) == {}
    assert seconds < 0.05
    assert lost(disk, responses) == []
    record_result(f"{len(responses)} requests, none lost, median {seconds * 1000:+.0f} ms")


def test_sixty_seconds_without_jaeger_lose_at_most_two_batches_of_each_worker(disk, record_result):
    """Jaeger is stopped for 60 s at 20 requests a second
    No request fails or slows by more than 50 ms; each worker gives up a batch of at most 128 spans
    in half a minute, and keeps car_app_span_queue_size others"""
    responses, seconds = load_without_jaeger(disk, 60)
    assert failed(responses) == {}
    assert seconds < 0.05
    missing = lost(disk, responses)
    # A trace has three spans.
    assert len(missing) <= WORKERS * 2 * BATCH // 3
    record_result(
        f"{len(responses)} requests, {len(missing)} traces lost, {seconds * 1000:+.0f} ms"
    )


def test_killed_jaeger_is_back_within_five_seconds(disk, record_result):
    """Jaeger is killed (SIGKILL) at 20 requests a second
    It answers again within 5 s, and no request fails"""
    with load(disk) as sent:
        wait_for_more(sent)
        first = disk.main_process("jaeger")
        killed = time.monotonic()
        disk.ssh("systemctl kill --signal=KILL jaeger")
        wait_for(lambda: disk.main_process("jaeger") not in ("0", first))
        wait_for(lambda: disk.status("jaeger-ui") == 200)
        seconds = time.monotonic() - killed
        wait_for_more(sent)
    assert seconds < 5
    assert failed(results(sent)) == {}
    missing = lost(disk, results(sent))
    # Those that Jaeger had received, but not yet written.
    assert len(missing) < 20
    record_result(f"back after {seconds:.1f} s, {len(missing)} of {len(sent)} traces lost")


@pytest.mark.parametrize("fault", ["restart", "kill --signal=KILL"])
def test_traces_on_disk_can_be_read_after_it(disk, record_result, fault):
    """Jaeger, with its traces on disk, is restarted, or killed (SIGKILL)
    Every trace that could be read before can be read after"""
    with load(disk) as sent:
        wait_for_more(sent, 60)
    responses = results(sent)
    assert lost(disk, responses) == []
    disk.ssh(f"systemctl {fault} jaeger")
    assert lost(disk, responses, 30) == []
    record_result(f"{fault}: {len(responses)} traces, none lost")


def test_a_full_disk_is_reported_and_ends_with_its_repair(disk, record_result):
    """The disk of Jaeger's traces is filled while spans arrive
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
            wait_for(lambda: message in disk.ssh(journal), 60)
            wait_for_more(sent)
        assert failed(results(sent)) == {}
        disk.ssh(f"rm {folder}/filler")
        wait_for(lambda: disk.status("jaeger-ui") == 200)
    finally:
        disk.ssh(f"systemctl stop jaeger && umount {folder} && systemctl start jaeger")
    record_result(f"{len(sent)} requests answered meanwhile")


# Last, as it needs the traces in memory.
def test_a_flood_of_spans_stays_within_the_memory_limit(disk, record_result):
    """600 000 spans are sent to Jaeger as fast as it takes them, which keeps a fraction of them
    Its memory stays under jaeger_memory_max, and no request fails"""
    disk.must_play(JAEGER)
    with load(disk, 5) as sent:
        wait_for_more(sent, 10)
        flood(disk)
        wait_for_more(sent, 10)
    assert failed(results(sent)) == {}
    peak = peak_memory(disk, "jaeger")
    assert peak < 1024
    record_result(f"{peak} MiB at most, {len(sent)} requests answered")
