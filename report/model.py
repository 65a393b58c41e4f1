"""What the report is about: the traces of every mode, the modules behind them and their costs."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from report.formatting import number
from report.source import Diff, compare, without_docstring
from report.texts import IN_MODES, MODE_NAMES, NOUNS, WORDS, Text
from report.traces import Span, Trace, merge_intervals, trace_url
from report.waterfall import Axis, own_attributes


@dataclass(frozen=True)
class Mode:
    """An instrumentation mode, and the trace that it recorded of its request."""

    key: str
    trace: Trace
    failure: Trace | None  # Of a request whose query failed.
    module: str  # Source code.
    unit: str  # Text of its systemd unit.

    @property
    def name(self) -> Text:
        return MODE_NAMES.get(self.key, Text(self.key, self.key))

    @property
    def in_mode(self) -> Text:
        """Where something holds, as part of a sentence."""
        return IN_MODES.get(self.key, self.name)

    @property
    def file(self) -> str:
        """The module that runs, which is another one after some exercises."""
        return re.findall(r"(\w+):app\b", self.unit)[0] + ".py"

    @property
    def root(self) -> Span:
        return self.trace.root

    @property
    def functions(self) -> list[Span]:
        """The spans of the app's own functions."""
        return [s for s in self.trace.spans if s.kind == "internal" and not s.is_by_library]

    @property
    def functions_share(self) -> float:
        """The share of the root that the app's own functions cover."""
        intervals = (span.interval for span in self.functions)
        return self.root.share(merge_intervals(intervals, *self.root.interval))

    @property
    def gap_share(self) -> float:
        """The share of the root that no child span covers."""
        return self.root.share(self.trace.gaps)

    @property
    def database_calls(self) -> list[Span]:
        return [span for span in self.trace.spans if span.is_database_call]

    @property
    def shape(self) -> list[tuple[int, str, str, str]]:
        """What the traces of two modes with the same instrumentation have in common."""
        return [(span.depth, span.name, span.kind, span.scope) for span in self.trace.spans]

    @cached_property
    def code(self) -> str:
        """The module without its docstring, which may mention anything."""
        return without_docstring(self.module)

    @property
    def unit_lines(self) -> list[str]:
        """The lines of the unit that start the mode and configure OpenTelemetry."""
        pattern = r"^(?:Environment=OTEL_|ExecStart=)(?:.*\\\n)*.*"
        return re.findall(pattern, self.unit, re.MULTILINE)

    @property
    def is_started_with_telemetry(self) -> bool:
        return any("opentelemetry-instrument" in line for line in self.unit_lines)


@dataclass(frozen=True)
class ModuleChange:
    """What telemetry adds to a mode: lines of its module, and of its unit."""

    mode: Mode
    diff: Diff
    unit_lines: list[str]


@dataclass(frozen=True)
class Cost:
    """The CPU time that a request takes in a mode, or without telemetry, in microseconds."""

    mode: Mode | None
    cpu_us: float
    extra_us: float  # Of which telemetry.
    spans: int
    extra_us_per_span: float
    max_us: float  # Of all measured modes.

    @property
    def name(self) -> Text:
        return self.mode.name if self.mode else WORDS["untraced"]

    @property
    def amounts(self) -> list[tuple[str, Text | str, Text | str]]:
        """What the table has in columns: the key in WORDS, the unit and the value."""
        unit = WORDS["microseconds"]
        return [
            ("cpu", unit, number(self.cpu_us)),
            ("extra", unit, number(self.extra_us) if self.mode else "0"),
            ("spans", "", str(self.spans)),
            ("per_span", unit, number(self.extra_us_per_span) if self.mode else "\N{EN DASH}"),
        ]

    @property
    def app_share(self) -> float:
        return (self.cpu_us - self.extra_us) / self.max_us

    @property
    def extra_share(self) -> float:
        return self.extra_us / self.max_us


@dataclass(frozen=True)
class OtherSystem:
    """A system beside Jaeger in which each mode's trace was found.

    It has the trace's spans, or its log lines, or otherwise an exemplar of it.
    """

    name: str
    urls: list[str]  # For each mode, like the numbers.
    spans: list[int]
    log_lines: list[int] = field(default_factory=list)

    @property
    def links(self) -> list[tuple[Text, str]]:
        """For each mode, what was found, and its address."""
        found = [NOUNS["spans"].count(count) for count in self.spans]
        found += [NOUNS["log_lines"].count(count) for count in self.log_lines]
        return list(zip(found or [WORDS["exemplar"]] * len(self.urls), self.urls, strict=True))


@dataclass(frozen=True)
class Report:
    """Everything that the report shows, whatever its format."""

    jaeger_url: str
    jaeger_has_pages: bool
    modes: list[Mode]
    chain: Trace  # Of a request that went through all modes.
    costs: list[Cost]
    costs_run: dict[str, Any]  # Its date, and the machine that it ran on.
    other_systems: list[OtherSystem]

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Report":
        """Build a report from an object with these keys:

        jaeger_url        address of Jaeger, such as http://10.0.0.2:16686, with its base path
        jaeger_has_pages  whether it has any, which a build from the Go module does not
        responses         responses of `send_requests`, whose "case" is "cars" (one for each mode,
                          which it names as "mode"), "database_error" (in the same order, or none)
                          or "chain" (one, of a request that went through all modes)
        span_trees        for each response, the root nodes of its trace, as in `compare_traces`
        other_systems     those that have the modes' traces too, or none: [{"name": "Zipkin",
                          "urls": [address for each mode], "spans": [number for each mode],
                          "log_lines": [the same, or none]}];
                          without numbers a system has exemplars of the traces
        log               the lines of the services' log
        units, modules    for each mode, the text of its systemd unit and of the module that it runs
        costs             null, or what bench/ measured:
                          {"date": "2026-11-24", "machine": {"cpu": "...", "cores": 2},
                          "modes": {mode: {"cpu_us": 366, ...}}}

        Raises KeyError if a key is missing, ValueError if lists do not fit together.
        """
        responses, trees = data["responses"], data["span_trees"]
        keys = [response["mode"] for response in responses if response["case"] == "cars"]
        lengths = ("span_trees", len(responses)), ("units", len(keys)), ("modules", len(keys))
        for key, expected in lengths:
            if len(data[key]) != expected:
                raise ValueError(f"{key} has {len(data[key])} entries, but must have {expected}")
        traces: dict[str, list[Trace]] = {"cars": [], "database_error": [], "chain": []}
        for response, tree in zip(responses, trees, strict=True):
            traces[response["case"]].append(Trace.from_json(response, tree, data["log"]))
        failures: list[Trace | None] = [*traces["database_error"]] or [None] * len(keys)
        modes = [
            Mode(*values)
            for values in zip(
                keys, traces["cars"], failures, data["modules"], data["units"], strict=True
            )
        ]
        by_key = {mode.key: mode for mode in modes}
        run = data["costs"] or {"modes": {}}
        max_us = max((cost["cpu_us"] for cost in run["modes"].values()), default=0)
        names = "cpu_us", "extra_us", "spans", "extra_us_per_span"
        costs = [
            Cost(by_key.get(key), max_us=max(max_us, 1), **{name: cost[name] for name in names})
            for key, cost in run["modes"].items()
            if key in by_key or key == "untraced"
        ]
        jaeger = data["jaeger_url"], data["jaeger_has_pages"]
        [chain] = traces["chain"]
        others = [OtherSystem(**system) for system in data["other_systems"]]
        return cls(*jaeger, modes, chain, costs, run, others)

    @cached_property
    def by_key(self) -> dict[str, Mode]:
        return {mode.key: mode for mode in self.modes}

    @property
    def created(self) -> datetime:
        """When the first trace began."""
        return datetime.fromtimestamp(self.modes[0].trace.start / 1e6, UTC)

    @cached_property
    def axis(self) -> Axis:
        return Axis(*(mode.trace for mode in self.modes))

    @cached_property
    def failures(self) -> list[tuple[Mode, Trace]]:
        """The modes and their traces of a request whose query failed."""
        return [(mode, mode.failure) for mode in self.modes if mode.failure]

    @cached_property
    def failure_axis(self) -> Axis:
        return Axis(*(trace for _, trace in self.failures))

    @property
    def has_own_address(self) -> bool:
        """Whether the links lead to Jaeger's host itself, and not to a reverse proxy."""
        return self.jaeger_url.startswith("http://")

    @cached_property
    def chain_axis(self) -> Axis:
        return Axis(self.chain)

    @cached_property
    def services(self) -> list[str]:
        traces = [*(mode.trace for mode in self.modes), self.chain]
        return list(dict.fromkeys(service for trace in traces for service in trace.services))

    def colour_index(self, service: str) -> int:
        """Return the number of a service's colour."""
        return self.services.index(service)

    @property
    def baseline(self) -> Mode | None:
        """The mode whose module has no telemetry; the other modules are compared with it."""
        return next((mode for mode in self.modes if "opentelemetry" not in mode.code), None)

    @cached_property
    def changes(self) -> list[ModuleChange]:
        """What telemetry adds to each mode; nothing if there is no baseline."""
        common = set.intersection(*(set(mode.unit_lines) for mode in self.modes))
        return [
            ModuleChange(
                mode=mode,
                diff=compare(self.baseline.module, mode.module),
                unit_lines=[line for line in mode.unit_lines if line not in common],
            )
            for mode in self.modes
            if self.baseline
        ]

    @property
    def server_attributes(self) -> list[tuple[str, list[object]]]:
        """The attributes of the modes' server spans: each one's name, and its value per mode."""
        roots = [mode.root for mode in self.modes]
        attributes = [own_attributes(root.attributes, root.resource) for root in roots]
        names = sorted(set().union(*attributes))
        return [(name, [values.get(name, "") for values in attributes]) for name in names]

    def span_url(self, trace: Trace, span: Span) -> str:
        """Return the address of a trace's page in Jaeger, with a span opened."""
        return f"{self.jaeger_url}/trace/{trace.trace_id}?uiFind={span.span_id}"

    def trace_url(self, trace: Trace) -> str:
        """Return the address of a trace in Jaeger: its page, or its data if there is none."""
        return trace_url(self.jaeger_url, trace.trace_id, self.jaeger_has_pages)
