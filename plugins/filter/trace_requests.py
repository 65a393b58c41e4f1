"""Filters for the requests whose traces are compared or reported."""

from collections.abc import Callable
from typing import Any


def trace_requests(
    endpoints: list[dict[str, str]], expected_traces: dict[str, dict[str, Any]], host_name: str
) -> list[dict[str, Any]]:
    """Return a request for each endpoint and each case of its mode.

    `expected_traces` is as in playbooks/vars/expected_traces.yml. A request has what the module
    send_requests sends and what compare_traces compares; `host_name` is
    what the resource of every span must have as its host.name.
    """
    return [
        {
            "title": f"{endpoint['name']} {case}",
            "case": case,
            "service": f"server_{endpoint['mode']}",
            "url": endpoint["url"] + expected["request"]["path"],
            "method": expected["request"]["method"],
            "expected_status": expected["response_status"],
            "expected": expected["trace"],
            "resource": {"host.name": host_name},
        }
        for endpoint in endpoints
        for case, expected in expected_traces[endpoint["mode"]].items()
    ]


def to_chain(endpoint: dict[str, str]) -> dict[str, Any]:
    return {"title": endpoint["name"], "url": f"{endpoint['url']}/chain"}


def chain_request(endpoints: list[dict[str, str]]) -> dict[str, Any]:
    """Return a request to the first mode's /chain, whose trace has spans of every mode."""
    services = [f"server_{endpoint['mode']}" for endpoint in endpoints]
    return {**to_chain(endpoints[0]), "services": services}


def report_requests(endpoints: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Return for each mode a request for its page, whose database answers or fails, and one chain.

    Their `case` is as in playbooks/vars/expected_traces.yml.
    """
    pages: list[dict[str, Any]] = [
        {"title": e["name"], "mode": e["mode"], "url": e["url"] + e["page"]} for e in endpoints
    ]
    service = f"server_{endpoints[0]['mode']}"
    return [
        *({**page, "case": "cars"} for page in pages),
        *({**page, "case": "database_error"} for page in pages),
        {**to_chain(endpoints[0]), "case": "chain", "service": service, "resource": {}},
    ]


def exercise_requests(
    endpoints: list[dict[str, str]], cases: list[str], mark: str
) -> list[dict[str, Any]]:
    """Return the requests of the course's `cases`, those of the report among them.

    Each has its `case` and, but for the report's chain, its `mode`. The address of the requests
    that begin a trace ends in `mark`, by which their traces can be found.
    """
    first, last = endpoints[0], endpoints[-1]
    chain = {**to_chain(first), "mode": first["mode"]}
    baggage = {"baggage": "client.name=course"}
    more = [
        {**to_chain(last), "mode": last["mode"], "case": "baggage", "headers": baggage},
        *[{**chain, "case": "sampled"}] * 20,
        *[{**chain, "case": "unsampled", "caller": "unsampled"}] * 20,
        *[{**chain, "url": f"{chain['url']}?{mark}", "case": "new", "caller": "none"}] * 400,
    ]
    return [request for request in report_requests(endpoints) + more if request["case"] in cases]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {
            "chain_request": chain_request,
            "exercise_requests": exercise_requests,
            "report_requests": report_requests,
            "trace_requests": trace_requests,
        }
