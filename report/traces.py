"""Traces, and the intervals of time that their spans cover."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

Interval = tuple[int, int]  # Start and end in microseconds.
# In a log line, whoever formats it.
LOG_IDS = re.compile(r"trace_id=(?P<trace>[0-9a-f]{32}) span_id=(?P<span>[0-9a-f]{16})")


def trace_url(jaeger_url: str, trace_id: str, has_pages: bool) -> str:
    """Return the address of a trace in Jaeger: its page, or its data if Jaeger has no pages."""
    return f"{jaeger_url}/{'trace' if has_pages else 'api/traces'}/{trace_id}"


def merge_intervals(intervals: Iterable[Interval], start: int, end: int) -> list[Interval]:
    """Return the parts of [start, end] that the intervals cover, in order and disjoint."""
    merged: list[Interval] = []
    for first, last in sorted(intervals):
        first, last = max(first, start), min(last, end)
        if first >= last:
            continue
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def gaps(intervals: Iterable[Interval], start: int, end: int) -> list[Interval]:
    """Return the parts of [start, end] that the intervals do not cover, in order."""
    edges = [start, *chain.from_iterable(merge_intervals(intervals, start, end)), end]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]


@dataclass(frozen=True)
class Span:
    """A span with its place in the tree of its trace."""

    name: str
    kind: str
    service: str
    scope: str
    status: str
    start: int  # Microseconds since 1970.
    duration: int  # Microseconds.
    attributes: dict[str, Any]
    resource: dict[str, Any]
    exceptions: list[str]  # Types.
    warnings: list[str]  # Jaeger's.
    span_id: str
    parent_id: str
    parent_name: str  # Empty for a root.
    depth: int
    children: list["Span"]

    @classmethod
    def from_node(cls, node: dict[str, Any], depth: int = 0, parent_name: str = "") -> "Span":
        """Build a span from a node of `compare_traces`; KeyError if it is incomplete."""
        return cls(
            **{key: node[key] for key in ("name", "kind", "service", "scope", "status")},
            **{key: node[key] for key in ("start", "duration")},
            **{key: node[key] for key in ("attributes", "resource", "exceptions")},
            **{key: node[key] for key in ("warnings", "span_id")},
            parent_id=node["parent"],
            parent_name=parent_name,
            depth=depth,
            children=[cls.from_node(child, depth + 1, node["name"]) for child in node["children"]],
        )

    @property
    def end(self) -> int:
        return self.start + self.duration

    @property
    def interval(self) -> Interval:
        return self.start, self.end

    @property
    def is_by_library(self) -> bool:
        """Whether an instrumentation library recorded it, and not the app's own code."""
        return self.scope.startswith("opentelemetry.")

    @property
    def is_database_call(self) -> bool:
        return bool({"db.system", "db.system.name"} & self.attributes.keys())

    @property
    def is_failed(self) -> bool:
        return self.status == "error"

    @property
    def query(self) -> str:
        """The text of the database query on one line, or an empty string."""
        text = self.attributes.get("db.statement", self.attributes.get("db.query.text", ""))
        return " ".join(text.split())

    def share(self, intervals: Iterable[Interval]) -> float:
        """Return the share (0 to 1) of its duration that disjoint intervals within it take."""
        return sum(end - start for start, end in intervals) / max(self.duration, 1)

    def subtree(self) -> Iterator["Span"]:
        """Yield the span and its descendants, each parent before its children."""
        yield self
        for child in self.children:
            yield from child.subtree()


@dataclass(frozen=True)
class Trace:
    """The trace of one request."""

    trace_id: str
    caller_span_id: str  # The span that the request's traceparent header names.
    roots: list[Span]
    log: list[tuple[str, str]] = field(default_factory=list)  # Names of spans, and log lines.

    @classmethod
    def from_json(
        cls, response: dict[str, Any], span_tree: list[dict[str, Any]], log: Iterable[str] = ()
    ) -> "Trace":
        """Build a trace from a response of `send_requests`, its span tree, and lines of a log.

        KeyError if a key is missing, ValueError if there is no span.
        """
        if not span_tree:
            raise ValueError(f"trace {response['trace_id']} has no spans")
        roots = [Span.from_node(node) for node in span_tree]
        trace_id = response["trace_id"]
        names = {span.span_id: span.name for root in roots for span in root.subtree()}
        ids = ((LOG_IDS.search(line), line) for line in log)
        lines = [
            (names.get(found["span"], ""), line)
            for found, line in ids
            if found and found["trace"] == trace_id
        ]
        return cls(trace_id, response["span_id"], roots, lines)

    @cached_property
    def spans(self) -> list[Span]:
        """All spans, each parent before its children."""
        return [span for root in self.roots for span in root.subtree()]

    @property
    def root(self) -> Span:
        """The first of the roots; a complete trace has no other."""
        return self.roots[0]

    @property
    def start(self) -> int:
        return min(span.start for span in self.spans)

    @property
    def end(self) -> int:
        return max(span.end for span in self.spans)

    @property
    def services(self) -> list[str]:
        return list(dict.fromkeys(span.service for span in self.spans))

    @property
    def calls(self) -> list[tuple[Span, Span]]:
        """The calls from service to service: the caller's span and the span that it caused."""
        return [
            (span, child)
            for span in self.spans
            for child in span.children
            if child.service != span.service
        ]

    @property
    def gaps(self) -> list[Interval]:
        """The parts of the root that no span below it covers."""
        return gaps((span.interval for span in self.spans if span.depth), *self.root.interval)
