#!/usr/bin/python3
"""Run jaeger-ingester and end it when it writes nothing: run_ingester.py ADMIN_ADDRESS COMMAND...

Jaeger tries to write a span eleven times, within half a minute to five, and then takes it for
written, so that a longer absence of the storage would lose spans that Kafka still has. If spans
wait and none was written for STALLED seconds, this program kills the ingester and ends. systemd
starts it again, which succeeds once the storage answers, and it reads from Kafka what it had not
written. With -I, Python itself reads no variable of the host's.
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
READ = "jaeger_ingester_sarama_consumer_messages_total"
# No proxy of the environment.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def parse(text: str) -> tuple[float, bool]:
    """Return how many spans the ingester has finished, and whether it has others in progress.

    `text` is the answer of its metrics page.
    """
    counts = {FINISHED: 0.0, READ: 0.0}
    for line in text.splitlines():
        name, _, value = line.rpartition(" ")
        metric = name.partition("{")[0]
        if metric in counts:
            counts[metric] += float(value)
    return counts[FINISHED], counts[READ] > counts[FINISHED]


def metrics(address: str) -> str:
    """Return the ingester's metrics, empty if it does not answer."""
    try:
        with DIRECT.open(f"http://{address}/metrics", timeout=5) as got:
            return got.read().decode()
    except OSError:
        return ""


def watch(ingester: subprocess.Popen, address: str) -> None:
    """Return when the ingester has ended, or has written nothing for too long."""
    finished, since = -1.0, time.monotonic()
    while time.monotonic() - since < STALLED:
        try:
            ingester.wait(INTERVAL)
            return
        except subprocess.TimeoutExpired:
            now, waiting = parse(metrics(address))
        if now != finished or not waiting:
            finished, since = now, time.monotonic()
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
