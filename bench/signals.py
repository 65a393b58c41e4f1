"""The collector between the app and Jaeger, and what a request costs with three signals."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from bench.builds import tracegen
from bench.hosts import GROUPS, PORTS, copy, new_hosts
from bench.load import REQUESTS, request_rate
from bench.measure import Comparison, Rounds, interleave
from bench.processor import processor_time
from bench.spans import PEAK_MEMORY, SEND, max_rate, sent_spans, wait_until_saved
from tests.support.contract import CAR_APP
from tests.support.lab import other_process

LOGS = "http://127.0.0.1:5318/v1/logs"
# A collector that takes the app's logs and drops them.
RECEIVER = (
    "/usr/local/bin/otelcol-contrib '--config=yaml:{receivers: {otlp: {protocols: {http:"
    " {endpoint: 127.0.0.1:5318}}}}, exporters: {debug: {verbosity: basic}}, service: {telemetry:"
    " {logs: {level: error}, metrics: {level: none}}, pipelines: {logs: {receivers: [otlp],"
    " exporters: [debug]}}}}'"
)

COMPARISONS = [
    Comparison(
        "P8", "spans/s, none lost, through the collector ÷ straight", 0.5, "spans/s", "higher"
    ),
    *(
        Comparison(
            f"P9 {mode}", f"µs of a request, {mode}, three signals ÷ traces alone", 1.5, "µs"
        )
        for mode in PORTS
    ),
]


def through_collector(rounds: int) -> dict[str, Any]:
    """Compare the spans per second that arrive in Jaeger through the collector, and straight."""
    with new_hosts(lab=[*GROUPS, "otel_collector"]) as [lab]:
        lab.must_play("site.yml")
        copy(lab, tracegen(), "/root/tracegen")

        def rate(port: int, senders: int) -> float:
            endpoint = f"export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:{port}"
            start = time.monotonic()

            def send() -> float:
                lab.ssh(f"{endpoint}; {SEND.format(senders=senders)}")
                return 0

            wait_until_saved(lab, sent_spans(senders), send)
            return sent_spans(senders) / (time.monotonic() - start)

        sides: list[Callable[[], float]] = [
            partial(max_rate, partial(rate, port)) for port in (4317, 14317)
        ]
        pairs = interleave("P8", rounds, *sides)
        kibibytes = lab.ssh(PEAK_MEMORY.format(unit="otelcol-contrib")).split()[1]
    return {"P8": pairs, "collector": {"max_memory_mib": round(int(kibibytes) / 1024)}}


def three_signals(rounds: int) -> dict[str, Rounds]:
    """Compare a request's processor time with traces, metrics and logs, and with traces alone."""
    with new_hosts(lab=[*GROUPS, "otel_collector", "prometheus"]) as [lab]:
        settings = {"car_app_sleep_seconds": 0, "otel_collector_logs_endpoint": LOGS}
        lab.must_play("site.yml", **settings)

        def microseconds(mode: str, exporter: str) -> float:
            exporters = {f"car_app_{name}_exporter": exporter for name in ("metrics", "logs")}
            lab.must_play(CAR_APP, **settings, **exporters)
            request_rate(lab, mode)  # Not measured: the first requests import and compile.
            [before] = processor_time(lab, f"car-{mode}")
            request_rate(lab, mode)
            [after] = processor_time(lab, f"car-{mode}")
            return (after - before) * 1e6 / REQUESTS

        with other_process(lab, RECEIVER, "log-receiver"):
            return {
                (id := f"P9 {mode}"): interleave(
                    id,
                    rounds,
                    partial(microseconds, mode, "otlp"),
                    partial(microseconds, mode, "none"),
                )
                for mode in PORTS
            }
