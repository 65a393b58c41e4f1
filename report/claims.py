"""What the report claims, each claim with the check that the data supports it.

A claim is found by its key, under which texts.yml has its text. Its check returns the values that
the text names, or None if the data does not support the claim, which is then withdrawn.
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from report.formatting import code_list, duration, number, percent, text_list
from report.model import Mode, Report
from report.source import only_sleep
from report.texts import ATTRIBUTE_TEXTS, CLAIM_TEXTS, DIFFERENCE_TEXTS, NOUNS, Text
from report.traces import Span, Trace

MODES = ("manual", "programmatic", "automatic")
LIBRARIES = ("programmatic", "automatic")

Values = dict[str, object]
Check = Callable[..., Values | None]


@dataclass(frozen=True)
class Claim:
    """A claim in a section of the report, such as "lessons" or a mode's key.

    Its check is called with the report and the modes that it is about.
    """

    key: str
    section: str
    modes: Collection[str]
    check: Check


CLAIMS: list[Claim] = []


def claim(key: str, section: str, modes: Collection[str] = ()) -> Callable[[Check], Check]:
    """Return a decorator that registers a check."""

    def register(check: Check) -> Check:
        CLAIMS.append(Claim(key, section, modes, check))
        return check

    return register


def evaluate(report: Report, section: str) -> list[Text]:
    """Return the claims of a section that the data supports, with their values."""
    texts = []
    for claim in CLAIMS:
        if claim.section == section and report.by_key.keys() >= set(claim.modes):
            values = claim.check(report, *(report.by_key[key] for key in claim.modes))
            if values is not None:
                texts.append(CLAIM_TEXTS[claim.key].format(**values))
    return texts


def unique_names(spans: Iterable[Span]) -> list[str]:
    return list(dict.fromkeys(span.name for span in spans))


@claim("only_manual_has_functions", "lessons", ["manual"])
def check_functions(report: Report, manual: Mode) -> Values | None:
    if [mode for mode in report.modes if mode.functions] != [manual]:
        return None
    functions = code_list(unique_names(manual.functions))
    return {"functions": functions, "share": percent(manual.functions_share)}


@claim("only_libraries_have_the_database", "lessons", LIBRARIES)
def check_database(report: Report, *libraries: Mode) -> Values | None:
    if [mode for mode in report.modes if mode.database_calls] != list(libraries):
        return None
    calls = libraries[0].database_calls
    total = duration(sum(span.duration for span in calls))
    return {"spans": NOUNS["spans"].count(len(calls)), "time": total}


@claim("combine_them", "lessons", MODES)
def check_combine_them(report: Report, manual: Mode, *libraries: Mode) -> Values | None:
    holds = check_functions(report, manual) and check_database(report, *libraries)
    return {} if holds else None


@claim("libraries_agree", "lessons", LIBRARIES)
def check_libraries_agree(report: Report, one: Mode, other: Mode) -> Values | None:
    spans = NOUNS["spans"].count(len(one.trace.spans))
    return {"spans": spans} if one.shape == other.shape else None


@claim("libraries_differ", "lessons", LIBRARIES)
def check_libraries_differ(report: Report, one: Mode, other: Mode) -> Values | None:
    counts: Values = {"one": len(one.trace.spans), "other": len(other.trace.spans)}
    return counts if one.shape != other.shape else None


def durations(report: Report) -> tuple[Values, bool]:
    """Return the shortest and the longest request, and whether they differ by at most a tenth."""
    times = [mode.root.duration for mode in report.modes]
    values: Values = {"min": duration(min(times)), "max": duration(max(times))}
    return values, max(times) <= 1.1 * max(min(times), 1)


@claim("durations_agree", "notes")
def check_durations_agree(report: Report) -> Values | None:
    values, agree = durations(report)
    return values if agree else None


@claim("durations_differ", "notes")
def check_durations_differ(report: Report) -> Values | None:
    values, agree = durations(report)
    return None if agree else values


@claim("functions_sleep", "notes", ["manual"])
def check_functions_sleep(report: Report, manual: Mode) -> Values | None:
    names = unique_names(manual.functions)
    holds = names and all(only_sleep(mode.module, names) for mode in report.modes)
    return {"functions": code_list(names)} if holds else None


@claim("callers_trace_goes_on", "notes")
def check_callers_trace_goes_on(report: Report) -> Values | None:
    return None if check_callers_trace_ends(report) else {}


@claim("callers_trace_ends", "notes")
def check_callers_trace_ends(report: Report) -> Values | None:
    modes = [m.in_mode for m in report.modes if m.root.parent_id != m.trace.caller_span_id]
    return {"modes": text_list(modes)} if modes else None


@claim("callers_span_is_not_recorded", "notes")
def check_callers_span(report: Report) -> Values | None:
    warnings = ["\n".join(mode.root.warnings) for mode in report.modes]
    return {} if all("invalid parent span IDs" in text for text in warnings) else None


def failed_queries(failure: Trace) -> list[Span]:
    return [s for s in failure.spans if s.is_failed and s.is_database_call and s.query]


@claim("failure_waited", "failures", LIBRARIES)
def check_failure_waited(report: Report, *libraries: Mode) -> Values | None:
    failures = [mode.failure for mode in libraries if mode.failure]
    waits = [(sum(s.duration for s in failed_queries(f)), f.root.duration) for f in failures]
    # The query itself is short: if it took most of the request, that was the wait.
    holds = waits and all(2 * wait > request for wait, request in waits)
    return {"time": duration(max(waits)[0])} if holds else None


@claim("failure_by_hand", "failures", ["manual"])
def check_failure_by_hand(report: Report, manual: Mode) -> Values | None:
    if not manual.failure or len(manual.failure.spans) != 1:
        return None
    root = manual.failure.root
    holds = root.is_failed and root.exceptions and "http.status_code" not in root.attributes
    return {"exception": root.exceptions[0]} if holds else None


@claim("failure_by_libraries", "failures", LIBRARIES)
def check_failure_by_libraries(report: Report, *libraries: Mode) -> Values | None:
    failures = [mode.failure for mode in libraries if mode.failure]
    for failure in failures:
        if not failure.root.exceptions or len(failed_queries(failure)) != 1:
            return None
    statuses = {failure.root.attributes.get("http.status_code") for failure in failures}
    # The stable conventions have another name for it.
    return {"status": statuses.pop()} if len(statuses) == 1 and None not in statuses else None


@claim("old_conventions", "attributes")
def check_old_conventions(report: Report) -> Values | None:
    names = [set(mode.root.attributes) for mode in report.modes]
    is_old = all("http.method" in n and "http.request.method" not in n for n in names)
    return {} if is_old else None


@claim("every_span_is_written", "manual", ["manual"])
def check_every_span_is_written(report: Report, manual: Mode) -> Values | None:
    written = len(re.findall(r"start_(?:as_current_)?span\(", manual.code))
    spans = [*manual.trace.spans, *report.chain.spans]
    recorded = sum(span.service == manual.root.service for span in spans)
    return {"spans": NOUNS["spans"].count(written)} if 0 < written == recorded else None


@claim("calls_switch_libraries_on", "programmatic", LIBRARIES)
def check_calls(report: Report, programmatic: Mode, automatic: Mode) -> Values | None:
    calls = len(re.findall(r"\.instrument(?:_app)?\(", programmatic.code))
    holds = calls and automatic.is_started_with_telemetry
    return {"calls": NOUNS["calls"].count(calls)} if holds else None


@claim("no_telemetry_in_the_module", "automatic", ["automatic"])
def check_no_telemetry(report: Report, automatic: Mode) -> Values | None:
    holds = automatic.is_started_with_telemetry and "opentelemetry" not in automatic.code
    return {"file": automatic.file} if holds else None


@claim("chain_is_one_trace", "chain")
def check_chain_is_one_trace(report: Report) -> Values | None:
    chain = report.chain
    services = [chain.root.service, *(called.service for _, called in chain.calls)]
    kinds = {(caller.kind, called.kind) for caller, called in chain.calls}
    path = chain.root.attributes.get("http.target")
    if not path or len(chain.roots) != 1 or kinds != {("client", "server")}:
        return None
    if services != [mode.root.service for mode in report.modes]:
        return None
    return {
        "path": path,
        "spans": NOUNS["spans"].count(len(chain.spans)),
        "services": NOUNS["services"].count(len(services)),
    }


@claim("chain_is_handed_on", "chain", ["manual", "programmatic"])
def check_chain_is_handed_on(report: Report, manual: Mode, programmatic: Mode) -> Values | None:
    if check_chain_is_one_trace(report) is None or "inject(" not in manual.code:
        return None
    callers = {caller.service: caller for caller, _ in report.chain.calls}
    by_hand = callers.get(manual.root.service)
    by_library = callers.get(programmatic.root.service)
    if by_hand is None or by_hand.is_by_library:
        return None
    if by_library is None or by_library.scope != "opentelemetry.instrumentation.urllib":
        return None
    return {"manual": manual.file, "programmatic": programmatic.file}


@claim("chain_ends_early", "chain")
def check_chain_ends_early(report: Report) -> Values | None:
    reached = report.chain.services
    services = [mode.root.service for mode in report.modes]
    ends_early = reached != services and reached == services[: len(reached)]
    return {"last": reached[-1]} if ends_early else None


@claim("costs_differ", "costs")
def check_costs_differ(report: Report) -> Values | None:
    costs = sorted((c for c in report.costs if c.mode), key=lambda cost: cost.extra_us)
    modes = [cost.mode for cost in costs if cost.mode]
    # Telemetry that costs nothing, or less by measuring error, has no multiple.
    if not costs or not 0 < costs[0].extra_us < costs[-1].extra_us:
        return None
    times = number(costs[-1].extra_us / costs[0].extra_us)
    values: Values = {"min": modes[0].in_mode, "max": modes[-1].in_mode}
    return {**values, "times": NOUNS["times"].count(times)}


@dataclass(frozen=True)
class Difference:
    """A row of the table of differences: what a mode records, as text, empty for nothing.

    Its explanation is given if, of MODES, exactly the `expected` ones record it.
    """

    key: str
    value: Callable[[Mode], str | Text]
    expected: Collection[str]
    is_recorded: Callable[[Mode], object] | None = None  # The value itself if None.

    def is_explained(self, report: Report) -> bool:
        recorded = {mode.key for mode in report.modes if (self.is_recorded or self.value)(mode)}
        return report.by_key.keys() >= set(MODES) and recorded == set(self.expected)


def connections(mode: Mode) -> str:
    return ", ".join(unique_names(s for s in mode.database_calls if s.name == "connect"))


def queries(mode: Mode) -> str:
    return "; ".join(dict.fromkeys(span.query for span in mode.database_calls if span.query))


def library_versions(mode: Mode) -> str:
    version = "otel.library.version"
    spans = [span for span in mode.trace.spans if version in span.attributes]
    names = {f"{span.scope.rpartition('.')[2]} {span.attributes[version]}" for span in spans}
    return ", ".join(sorted(names))


def is_named_by_route(mode: Mode) -> bool:
    attributes = mode.root.attributes
    return mode.root.name == f"{attributes.get('http.method')} {attributes.get('http.route')}"


DIFFERENCES = [
    Difference("server_span", lambda mode: mode.root.name, LIBRARIES, is_named_by_route),
    Difference("functions", lambda mode: ", ".join(unique_names(mode.functions)), ["manual"]),
    Difference(
        "covered_time",
        lambda mode: percent(1 - mode.gap_share),
        LIBRARIES,
        lambda mode: mode.gap_share > 0.5,
    ),
    Difference("connection", connections, LIBRARIES),
    Difference("query", queries, LIBRARIES),
    Difference("library_version", library_versions, LIBRARIES),
    Difference(
        "auto_version",
        lambda mode: mode.root.resource.get("telemetry.auto.version", ""),
        ["automatic"],
    ),
]


# Attributes of a server span, and the modes that record them, of which ATTRIBUTE_TEXTS says why.
ATTRIBUTES = {"http.route": LIBRARIES}

DifferenceRow = tuple[Text, list[str | Text], Text | None]


def evaluate_differences(report: Report) -> list[DifferenceRow]:
    """Return the rows in which modes differ: name, value per mode, and why, or None if unclear."""
    rows: list[DifferenceRow] = []
    for difference in DIFFERENCES:
        texts = DIFFERENCE_TEXTS[difference.key]
        values = [difference.value(mode) for mode in report.modes]
        if any(value != values[0] for value in values):
            why = texts.why if difference.is_explained(report) else None
            rows.append((texts.name, values, why))
    return rows


def evaluate_attributes(report: Report) -> list[DifferenceRow]:
    """Return a row for each attribute of the server spans, as `evaluate_differences` does."""
    rows: list[DifferenceRow] = []
    for name, values in report.server_attributes:
        recorded = {
            mode.key for mode, value in zip(report.modes, values, strict=True) if value != ""
        }
        is_explained = name in ATTRIBUTES and recorded == set(ATTRIBUTES[name])
        why = ATTRIBUTE_TEXTS[name] if is_explained else None
        # A name may have braces.
        text = Text("{name}", "{name}", {"name": name})
        rows.append((text, [str(value) for value in values], why))
    return rows
