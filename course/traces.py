"""What a check looks at: the requests that were sent, and their traces in Jaeger."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

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
    resource: dict[str, Any]  # Those of the attributes that are its process's.
    events: list[dict[str, Any]]  # Their attributes, with `event` (the name) and `timestamp`.
    exceptions: list[str]  # The types of those that it recorded as events.
    span_id: str
    parent_id: str
    parent: "Span | None"  # None for a root.
    children: list["Span"] = field(default_factory=list)

    @classmethod
    def from_node(cls, node: dict[str, Any], parent: "Span | None" = None) -> "Span":
        """Build a span and its descendants from a node of `span_tree`."""
        span = cls(
            **{key: node[key] for key in ("name", "kind", "service", "status", "start")},
            **{key: node[key] for key in ("duration", "attributes", "resource")},
            **{key: node[key] for key in ("events", "exceptions")},
            span_id=node["span_id"],
            parent_id=node["parent"],
            parent=parent,
        )
        span.children.extend(cls.from_node(child, span) for child in node["children"])
        return span

    def __str__(self) -> str:
        return f"{self.service}: {self.name} [{self.kind}]"

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
    seconds: float  # How long the caller waited.
    trace_id: str
    caller_id: str  # The span id in its traceparent, "none" without one.
    roots: list[Span]

    @property
    def spans(self) -> list[Span]:
        return [span for root in self.roots for span in root.walk()]

    @property
    def server_span(self) -> Span | None:
        """The span that continues the request's traceparent; None if it has not arrived."""
        return next((span for span in self.roots if span.parent_id == self.caller_id), None)


@dataclass(frozen=True)
class BegunTrace:
    """A trace that a service began although the request belongs to another one."""

    trace_id: str
    roots: list[Span]

    @classmethod
    def from_trace(cls, trace: Trace) -> "BegunTrace":
        return cls(trace["traceID"], [Span.from_node(node) for node in span_tree(trace)])


@dataclass(frozen=True)
class Exemplar:
    """A value that a metric in Prometheus counts, with the ids of the span that recorded it."""

    series: str  # Its name.
    value: float
    bound: float  # The upper bound of the bucket; infinite in the last one and without buckets.
    trace_id: str
    span_id: str


@dataclass(frozen=True)
class Lab:
    """What the lab recorded of an exercise's requests."""

    recordings: list[Recording]
    sleep_seconds: float  # Of each of the two functions.
    # Where the trace of the chain ends early: for a service, a trace that it began.
    begun: dict[str, BegunTrace] = field(default_factory=dict)
    # Of the answers to requests without a traceparent, only the recorded ones have a recording.
    new_statuses: Sequence[int] = ()
    # The lines of the manual mode in the host's journal since the requests.
    journal: Sequence[str] = ()
    # What the processes that answered have in Prometheus: names of series, and exemplars.
    series: Sequence[str] = ()
    exemplars: Sequence[Exemplar] = ()

    def recording(self, case: str, mode: str) -> Recording:
        """Return what was recorded of a request. Raises LookupError if it was not sent."""
        for recording in self.recordings:
            if (recording.case, recording.mode) == (case, mode):
                return recording
        raise LookupError(f"no request {case} was sent to {mode}")

    def of_case(self, case: str) -> list[Recording]:
        """Return what was recorded of all requests of a case."""
        return [recording for recording in self.recordings if recording.case == case]

    @property
    def arrived(self) -> int:
        """How many spans, series and exemplars have arrived."""
        spans = sum(len(recording.spans) for recording in self.recordings)
        return spans + len(self.series) + len(self.exemplars)


def record(response: dict[str, Any], trace: Trace | None) -> Recording:
    """Return what was recorded of a request, from its response and its trace."""
    return Recording(
        case=response["case"],
        mode=response.get("mode", MODES[0]),  # The chain begins there.
        **{key: response[key] for key in ("status", "error", "seconds")},
        trace_id=response["trace_id"] or (trace or {}).get("traceID", ""),
        caller_id=response["span_id"] or "none",
        roots=[Span.from_node(node) for node in (span_tree(trace) if trace else [])],
    )


def new_responses(sent: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the responses to the requests without a traceparent, which have no trace id."""
    return [response for response in sent["responses"] if not response["trace_id"]]


def build_lab(sent: dict[str, Any], traces: list[Trace | None], found: Sequence[Trace] = ()) -> Lab:
    """Return what the lab recorded.

    `sent` is what playbooks/send_exercise.yml writes; `traces` are in the order of its responses
    that have a trace id, `found` those of the others that are recorded, in any order.
    """
    known = [response for response in sent["responses"] if response["trace_id"]]
    new = new_responses(sent)
    recordings = [
        *(record(response, trace) for response, trace in zip(known, traces, strict=True)),
        # Which response belongs to which trace is unknown.
        *(record(new[0], trace) for trace in found),
    ]
    statuses = [response["status"] for response in new]
    return Lab(recordings, sent["sleep_seconds"], new_statuses=statuses, journal=sent["journal"])


def read_data(address: str, **parameters: Any) -> Any:
    """Return the data of an answer of Jaeger's or Prometheus's API; raises OSError."""
    with DIRECT.open(f"{address}?{urlencode(parameters)}", timeout=5) as answer:
        return json.load(answer)["data"]


def search(jaeger_url: str, service: str, **query: Any) -> list[Trace]:
    """Return the traces that have a span of a service which the query finds; raises OSError."""
    return read_data(f"{jaeger_url}/api/traces", service=service, **query)


def find_begun(jaeger_url: str, service: str, within: Span) -> list[BegunTrace]:
    """Return the traces that a service began while a span lasted; raises OSError."""
    times = {"start": within.start, "end": within.start + within.duration}
    found = search(jaeger_url, service, limit=20, **times)
    # The lab's own requests have a parent.
    return [
        trace
        for trace in map(BegunTrace.from_trace, found)
        if any(root.service == service and root.parent_id == "none" for root in trace.roots)
    ]


def find_new(jaeger_url: str, responses: list[dict[str, Any]]) -> list[Trace]:
    """Return the traces of requests without a traceparent, found by their path; raises OSError."""
    if not responses:
        return []
    address = urlsplit(responses[0]["url"])
    tags = json.dumps({"http.target": f"{address.path}?{address.query}"})
    return search(jaeger_url, SERVICES[0], limit=len(responses) + 1, tags=tags)


def read_metrics(prometheus_url: str, lab: Lab) -> Lab:
    """Return the lab with what the processes that answered have in Prometheus; raises OSError.

    A process that has ended may have left series of other code.
    """
    spans = [span.attributes for recording in lab.recordings for span in recording.spans]
    key = "service.instance.id"
    instances = sorted({attributes[key] for attributes in spans if key in attributes})
    # Prometheus refuses an empty pattern.
    if not instances:
        return lab
    own = f'{{instance=~"{"|".join(instances)}"}}'
    api = f"{prometheus_url}/api/v1"
    series = read_data(f"{api}/query", query=f"count by (__name__) ({own})")["result"]
    found = read_data(f"{api}/query_exemplars", query=own, start=0, end=9999999999)
    return replace(
        lab,
        series=[one["metric"]["__name__"] for one in series],
        exemplars=[
            Exemplar(
                series=one["seriesLabels"]["__name__"],
                value=float(exemplar["value"]),
                bound=float(one["seriesLabels"].get("le", "inf")),
                trace_id=exemplar["labels"].get("trace_id", ""),
                span_id=exemplar["labels"].get("span_id", ""),
            )
            for one in found
            for exemplar in one["exemplars"]
        ],
    )


def read_lab(sent: dict[str, Any]) -> Lab:
    """Read the traces of the requests in `sent` from Jaeger, and their metrics, if asked for.

    Raises OSError if Jaeger or Prometheus cannot be reached, ValueError if an answer is not JSON.
    """
    url = sent["jaeger_url"]
    ids = [response["trace_id"] for response in sent["responses"] if response["trace_id"]]
    lab = build_lab(sent, [read_trace(url, i) for i in ids], find_new(url, new_responses(sent)))
    if sent["prometheus_url"]:
        lab = read_metrics(sent["prometheus_url"], lab)
    begun = {}
    for recording in lab.recordings:
        if recording.case == "chain" and recording.server_span:
            missing = set(SERVICES) - {span.service for span in recording.spans}
            for service in missing:
                if traces := find_begun(url, service, recording.server_span):
                    begun[service] = traces[0]
    return replace(lab, begun=begun)
