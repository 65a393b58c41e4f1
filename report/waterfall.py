"""Waterfalls: the spans of a trace as rows on a time axis."""

from dataclasses import dataclass
from typing import Any

from report.formatting import duration
from report.texts import Text
from report.traces import Span, Trace

# Scope attributes, and span attributes that the row itself already shows.
SCOPE = {"otel.library.name", "otel.library.version", "otel.scope.name", "otel.scope.version"}
IN_ROW = {"span.kind", "internal.span.format", "otel.status_code"}

Table = tuple[str, list[tuple[str, object]]]  # The caption's key in WORDS, and the rows.


@dataclass(frozen=True)
class Bar:
    """A stretch of time; `left` and `width` are shares (0 to 1) of the axis."""

    left: float
    width: float
    duration: Text


@dataclass(frozen=True)
class Row:
    """A span on the axis."""

    span: Span
    bar: Bar
    offset: Text  # From the start of the trace.
    gaps: list[Bar]
    tables: list[Table]


class Axis:
    """A time axis for traces that all begin at its start; it is as long as the longest."""

    def __init__(self, *traces: Trace):
        self.traces = traces
        self.length = max(trace.end - trace.start for trace in traces)  # Microseconds.

    @property
    def step(self) -> float:
        """Microseconds from one tick to the next: a round number."""
        least = self.length / 4.5
        size = 10.0 ** (len(str(int(least))) - 1)
        return next(factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= least)

    @property
    def ticks(self) -> list[tuple[float, Text]]:
        """The ticks: where (0 to 1) and what they are labelled with."""
        labels = [Text("0", "0")]
        labels += [duration(i * self.step, "g") for i in range(1, int(self.length / self.step) + 1)]
        return [(i * self.step / self.length, label) for i, label in enumerate(labels)]

    def bar(self, trace: Trace, start: int, end: int) -> Bar:
        length = end - start
        return Bar((start - trace.start) / self.length, length / self.length, duration(length))

    def gaps(self, trace: Trace) -> list[Bar]:
        """Return those gaps of a trace that take over a fifth of the axis."""
        long = [(start, end) for start, end in trace.gaps if end - start > self.length / 5]
        return [self.bar(trace, *gap) for gap in long]

    @property
    def legend(self) -> list[tuple[str, str]]:
        """What needs an explanation: classes of the style sheet, and the key of WORDS."""
        failed = any(span.is_failed for trace in self.traces for span in trace.spans)
        hatched = {trace.root.is_failed for trace in self.traces if self.gaps(trace)}
        entries = [
            ("bar error", "failed", failed),
            ("gap error", "failed_hatching", True in hatched),
            ("gap", "hatching", False in hatched),
        ]
        return [(classes, key) for classes, key, is_shown in entries if is_shown]

    def rows(self, trace: Trace) -> list[Row]:
        return [
            Row(
                span=span,
                bar=self.bar(trace, *span.interval),
                offset=duration(span.start - trace.start),
                gaps=self.gaps(trace) if span is trace.root else [],
                tables=attribute_tables(span),
            )
            for span in trace.spans
        ]


def own_attributes(attributes: dict[str, Any], resource: dict[str, Any]) -> dict[str, Any]:
    """Return a span's attributes in order, without those of its resource and its scope."""
    hidden = SCOPE | IN_ROW | resource.keys()
    return {key: value for key, value in sorted(attributes.items()) if key not in hidden}


def resources(trace: Trace) -> list[list[tuple[str, object]]]:
    """Return the attributes of each resource of a trace, which all spans of a service share."""
    spans = {span.service: span for span in reversed(trace.spans)}
    return [
        sorted(
            {
                "service.name": service,
                **{
                    key: value for key, value in spans[service].resource.items() if key not in SCOPE
                },
            }.items()
        )
        for service in trace.services
    ]


def attribute_tables(span: Span) -> list[Table]:
    """Return those tables of a span's attributes that are not empty."""
    status = [("status", span.status)] if span.status != "unset" else []
    tables: list[Table] = [
        ("attributes", [*status, *own_attributes(span.attributes, span.resource).items()]),
        ("events", [("exception.type", name) for name in span.exceptions]),
        ("scope", sorted((key, span.attributes[key]) for key in SCOPE & span.attributes.keys())),
        ("warnings", [("", warning) for warning in span.warnings]),
    ]
    return [(caption, rows) for caption, rows in tables if rows]
