"""What a check looks at: the requests that were sent, and their traces in Jaeger."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from compare_traces import DIRECT, read_trace, span_tree

MODES = "manual", "programmatic", "automatic"  # In the order of the chain.
SERVICES = [f"server_{mode}" for mode in MODES]

Trace = dict[str, Any]  # As in Jaeger's API.


@dataclass(frozen=True, eq=False)
class Span:
    """A span in the tree of its trace; times are in microseconds, `start` and events since 1970."""

    name: str
    kind: str
    service: str
    status: str
    start: int
    duration: int
    attributes: dict[str, Any]
    events: list[dict[str, Any]]  # Their attributes, with `event` (the name) and `timestamp`.
    parent_id: str
    parent: "Span | None"  # None for a root.
    children: list["Span"] = field(default_factory=list)

    @classmethod
    def from_node(cls, node: dict[str, Any], parent: "Span | None" = None) -> "Span":
        """Build a span and its descendants from a node of `span_tree`."""
        span = cls(
            **{key: node[key] for key in ("name", "kind", "service", "status", "start")},
            **{key: node[key] for key in ("duration", "attributes", "events")},
            parent_id=node["parent"],
            parent=parent,
        )
        span.children.extend(cls.from_node(child, span) for child in node["children"])
        return span

    def __str__(self) -> str:
        return f"{self.service}: {self.name} [{self.kind}]"

    @property
    def exceptions(self) -> list[str]:
        """The types of the exceptions that it recorded as events."""
        return [
            event.get("exception.type", "")
            for event in self.events
            if event.get("event") == "exception"
        ]

    def walk(self) -> Iterator["Span"]:
        """Yield the span and its descendants, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class Recording:
    """A request, its response, and the spans of its trace."""

    case: str
    mode: str  # The mode that it was sent to.
    status: int  # 0 if no response came.
    error: str  # Why none came.
    trace_id: str
    caller_id: str  # The span id in its traceparent.
    roots: list[Span]

    @property
    def spans(self) -> list[Span]:
        return [span for root in self.roots for span in root.walk()]

    @property
    def server_span(self) -> Span | None:
        """The span that continues the request's traceparent; None if it has not arrived."""
        return next((span for span in self.roots if span.parent_id == self.caller_id), None)


@dataclass(frozen=True)
class Lab:
    """What the lab recorded of an exercise's requests."""

    recordings: list[Recording]
    sleep_seconds: float  # Of each of the two functions.
    # Where the trace of the chain ends early: for a service, the id of a trace that it began.
    begun: dict[str, str] = field(default_factory=dict)

    def recording(self, case: str, mode: str) -> Recording:
        """Return what was recorded of a request. Raises LookupError if it was not sent."""
        for recording in self.recordings:
            if (recording.case, recording.mode) == (case, mode):
                return recording
        raise LookupError(f"no request {case} was sent to {mode}")

    @property
    def span_count(self) -> int:
        return sum(len(recording.spans) for recording in self.recordings)


def build_lab(sent: dict[str, Any], traces: list[Trace | None]) -> Lab:
    """Return what the lab recorded.

    `sent` is what playbooks/send_exercise.yml writes; `traces` are in the order of its responses.
    """
    recordings = [
        Recording(
            case=response["case"],
            mode=response.get("mode", MODES[0]),  # The chain begins there.
            status=response["status"],
            error=response["error"],
            trace_id=response["trace_id"],
            caller_id=response["span_id"],
            roots=[Span.from_node(node) for node in (span_tree(trace) if trace else [])],
        )
        for response, trace in zip(sent["responses"], traces, strict=True)
    ]
    return Lab(recordings, sent["sleep_seconds"])


def find_begun(jaeger_url: str, service: str, within: Span) -> list[str]:
    """Return the ids of the traces that a service began while a span lasted; raises OSError."""
    times = {"start": within.start, "end": within.start + within.duration}
    query = urlencode({"service": service, "limit": 20, **times})
    with DIRECT.open(f"{jaeger_url}/api/traces?{query}", timeout=5) as answer:
        found = json.load(answer)["data"]
    # The lab's own requests have a parent.
    return [
        trace["traceID"]
        for trace in found
        if any(r["service"] == service and r["parent"] == "none" for r in span_tree(trace))
    ]


def read_lab(sent: dict[str, Any]) -> Lab:
    """Read the traces of the requests in `sent` from Jaeger.

    Raises OSError if Jaeger cannot be reached, ValueError if its answer is not JSON.
    """
    url = sent["jaeger_url"]
    lab = build_lab(sent, [read_trace(url, response["trace_id"]) for response in sent["responses"]])
    begun = {}
    for recording in lab.recordings:
        if recording.case == "chain" and recording.server_span:
            missing = set(SERVICES) - {span.service for span in recording.spans}
            for service in missing:
                if ids := find_begun(url, service, recording.server_span):
                    begun[service] = ids[0]
    return replace(lab, begun=begun)
