#!/usr/bin/python3
"""Run jaeger-ingester and end it when it writes nothing: run_ingester.py ADMIN_ADDRESS COMMAND...

Jaeger tries to write a span eleven times, within half a minute to five, and then takes it for
written, so that a longer absence of the storage would lose spans that Kafka still has. If spans
are tried again and none was written for STALLED seconds, this program kills the ingester and ends.
systemd starts it again, which succeeds once the storage answers, and it reads from Kafka what it
had not written. With -I, Python itself reads no variable of the host's.
"""

import signal
import subprocess
import sys
import time
import urllib.request

# Less than the tries can last: of 200 000 simulated spans, none was given up within 20 seconds.
STALLED = 12
INTERVAL = 2
FINISHED = "jaeger_ingester_span_processor_latency_count"
TRIED_AGAIN = "jaeger_ingester_span_processor_retry_attempts_total"
# No proxy of the environment.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def parse(text: str) -> tuple[float, float]:
    """Return how many spans the ingester has finished, and how often it tried one again.

    `text` is the answer of its metrics page.
    """
    counts = {FINISHED: 0.0, TRIED_AGAIN: 0.0}
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        metric = name.partition("{")[0]
        if metric in counts:
            counts[metric] += float(value)
    return counts[FINISHED], counts[TRIED_AGAIN]


def metrics(address: str) -> str:
    """Return the ingester's metrics, empty if it does not answer."""
    try:
        with DIRECT.open(f"http://{address}/metrics", timeout=5) as got:
            return got.read().decode()
    except OSError:
        return ""


def watch(ingester: subprocess.Popen, address: str) -> None:
    """Return when the ingester has ended, or has only tried spans again for too long."""
    finished, tried_again, since = -1.0, 0.0, time.monotonic()
    while True:
        try:
            ingester.wait(INTERVAL)
            return
        except subprocess.TimeoutExpired:
            now_finished, now_tried_again = parse(metrics(address))
        # A storage that is only slow refuses nothing.
        if now_finished != finished or now_tried_again == tried_again:
            finished, tried_again, since = now_finished, now_tried_again, time.monotonic()
        elif time.monotonic() - since >= STALLED:
            break
    print(f"No span was written for {STALLED} s. The ingester starts again, from what Kafka has.")


def main() -> int:
    address, *command = sys.argv[1:]
    # systemd tells both to stop, and this one waits for the other.
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    with subprocess.Popen(command) as ingester:
        watch(ingester, address)
        if stopping:
            ingester.wait()
        # It would go on trying if it were told to stop.
        ingester.kill()
    return 0 if stopping else 1


if __name__ == "__main__":
    sys.exit(main())
