"""A stand-in for Datadog, New Relic and Splunk: what they document of OTLP over HTTP."""

import gzip
from collections.abc import Iterable, Iterator

from tests.support.server import Handler
from tests.support.tunnel import TunnelledServer

# Not keys of anybody, but in the form of each vendor's. YAML reads the first as a number.
KEYS = {
    "datadog": "01234567890123456789012345678901",
    "new_relic": "abcdef0123456789abcdef0123456789abcdNRAL",
    "splunk": "otelLabStandIn-_567890",
}
HEADERS = {"datadog": "dd-api-key", "new_relic": "api-key", "splunk": "X-SF-Token"}
PATHS = {
    "datadog": {"traces": "/v1/traces", "metrics": "/v1/metrics", "logs": "/v1/logs"},
    "new_relic": {"traces": "/v1/traces", "metrics": "/v1/metrics", "logs": "/v1/logs"},
    "splunk": {"traces": "/v2/trace/otlp", "metrics": "/v2/datapoint/otlp"},
}
SETTINGS = {
    "otel_collector_datadog_api_key": KEYS["datadog"],
    "otel_collector_new_relic_license_key": KEYS["new_relic"],
    "otel_collector_splunk_access_token": KEYS["splunk"],
} | {
    f"otel_collector_{name}_endpoint": f"http://127.0.0.1:{TunnelledServer.port}/{name}"
    for name in KEYS
}


class Vendors(TunnelledServer):
    """Takes what comes to a vendor's paths with its key, and refuses the rest as the vendors do.

    With a `status`, it refuses everything so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.keys, self.status = dict(KEYS), 0

    def answer(self, request: Handler) -> tuple[int, bytes]:
        name = request.path.split("/")[1]
        if request.path.removeprefix(f"/{name}") not in PATHS.get(name, {}).values():
            return 404, b""
        if request.headers[HEADERS[name]] != self.keys[name]:
            return 401, b""
        return self.status or 200, b""

    def bodies(self, name: str, signal: str) -> list[bytes]:
        """Return what was taken of a signal for a vendor."""
        path = f"/{name}{PATHS[name][signal]}"
        with self.lock:
            taken = [got for got in self.received if got.path == path and got.status == 200]
            return [gzip.decompress(got.body) for got in taken]


def fields(message: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Yield the number and the value of each field of a protobuf message."""
    position = 0

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = message[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while position < len(message):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(key & 7) or varint()
        yield key >> 3, message[position : position + size]
        position += size


def below(messages: Iterable[bytes | int], *path: int) -> list[bytes | int]:
    """Return what is in a field of a field, and so on, of some protobuf messages."""
    for number in path:
        messages = [
            value
            for message in messages
            if isinstance(message, bytes)
            for found, value in fields(message)
            if found == number
        ]
    return list(messages)


def temporalities(bodies: Iterable[bytes]) -> set[bytes | int]:
    """Return the temporality of the histograms in requests with metrics: 1 is delta."""
    # resource_metrics, scope_metrics, metrics, histogram, aggregation_temporality
    return set(below(bodies, 1, 2, 2, 9, 2))
