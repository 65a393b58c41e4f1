"""Faults of the services under load: killed workers, restarts, and a host that was off."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.support import contract
from tests.support.commands import wait_for
from tests.support.contract import CARS, UNITS
from tests.support.load import failed, load, lost, results, wait_for_more


def test_a_killed_worker_is_replaced_and_loses_at_most_what_it_held(disk, record_result):
    """A worker of each mode is killed (SIGKILL) at 20 requests a second
    It is replaced; only its requests in progress and the spans of its last second are lost"""
    rate = 20
    with load(disk, rate) as sent:
        wait_for_more(sent, 60)
        for unit in CARS:
            before = disk.workers(unit)
            disk.ssh(f"kill -KILL {before[0]}")
            wait_for(lambda: len(now := disk.workers(unit)) == 2 and now != before)  # noqa: B023
        wait_for_more(sent)
    responses = results(sent)
    failures, missing = failed(responses), lost(disk, responses, 10)
    # A request takes a second, and a worker may have had all of its mode's.
    assert failures.total() <= rate
    assert len(missing) <= 2 * rate
    assert all("onnection" in str(error) for _, error in failures)
    record_result(
        f"{failures.total()} requests failed, {len(missing)} traces lost, of {len(responses)}"
    )


@pytest.mark.parametrize("unit", UNITS)
def test_no_request_fails_and_no_trace_is_lost_while_it_restarts(disk, record_result, unit):
    """A unit is restarted with 100 requests in progress at any time
    No request is refused or fails, and every trace arrives"""
    responses: list[dict] = []
    restarted = Event()

    def send_one_after_another(car: str):
        while not restarted.is_set():
            responses.append(disk.send(car, timeout=60))

    with ThreadPoolExecutor(100) as pool:
        clients = [pool.submit(send_one_after_another, CARS[n % len(CARS)]) for n in range(100)]
        try:
            wait_for(lambda: len(responses) > 50)
            disk.ssh(f"systemctl restart {unit}")
        finally:
            restarted.set()
    results(clients)
    assert failed(responses) == {}
    assert lost(disk, responses) == []
    slowest = max(r["seconds"] for r in responses)
    record_result(f"{unit}: {len(responses)} requests, none lost, the slowest took {slowest:.1f} s")


def test_a_host_that_was_off_has_everything_back(disk, record_result):
    """The host is switched off and on
    Every service is back by itself, and every trace of before can be read"""
    with load(disk) as sent:
        wait_for_more(sent, 60)
    responses = results(sent)
    assert lost(disk, responses) == []
    disk.ssh("systemctl poweroff")
    wait_for(lambda: disk.status("jaeger-ui") == 0)
    disk.must_play(contract.CREATE_HOSTS)
    assert "running" in disk.ssh("systemctl is-system-running --wait")
    disk.must_play(contract.VERIFY)
    assert lost(disk, responses) == []
    record_result(f"{len(responses)} traces, none lost")
