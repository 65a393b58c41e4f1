"""What the exercises look for in the traces, each with a hint for the answer that misses it.

A function here makes a check. A check returns a hint, which is None if the answer is right, and
raises NotYet if it cannot tell before another check is right. texts.yml has what they say, in a
section with the function's name.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from course.texts import get_text, join_lines
from course.traces import MODES, SERVICES, Exemplar, Lab, Recording, Span
from report.formatting import decimal, text_list
from report.texts import Text

# Clocks differ a little, and a sleep may end early by less than this.
TOLERANCE = 0.95
QUERY_FAILED = "sqlalchemy.exc.OperationalError"


class NotYet(Exception):
    """A check needs something that another check misses; `text` names it."""

    def __init__(self, text: Text):
        super().__init__(text)
        self.text = text


@dataclass(frozen=True)
class Check:
    """One thing that an exercise looks for: `title` says what is true of a right answer."""

    title: Text
    find_fault: Callable[[Lab], Text | None]


@dataclass(frozen=True)
class Result:
    """What became of a check, in one language: `text` is its hint, or what it waits for."""

    title: str
    state: Literal["right", "wrong", "later"]
    text: str = ""


def evaluate(check: Check, lab: Lab, language: str = "en") -> Result:
    title = check.title.in_language(language)
    try:
        hint = check.find_fault(lab)
    except NotYet as missing:
        text = get_text("check.not_yet", missing=missing.text)
        return Result(title, "later", text.in_language(language))
    return Result(title, "wrong", hint.in_language(language)) if hint else Result(title, "right")


def seconds(microseconds: float) -> Text:
    return get_text("seconds.value", value=decimal(f"{microseconds / 1e6:.3f}"))


def names(spans: Sequence[Span]) -> Text:
    return text_list([span.name for span in spans])


# The requests


def answers(case: str, mode: str, status: int, other: dict[int, Text] | None = None) -> Check:
    """A request is answered with a status; `other` has hints for other statuses."""

    def find_fault(lab: Lab) -> Text | None:
        got = lab.recording(case, mode)
        if got.status == status:
            return None
        if got.status == 0:
            return get_text("answers.no_answer", error=got.error, advice=journal(mode))
        advice = (other or {}).get(got.status, journal(mode))
        return get_text("answers.other_status", status=got.status, advice=advice)

    requests = {
        "cars": get_text("answers.request"),
        "database_error": get_text("answers.failing_request"),
    }
    request = requests.get(case, get_text("answers.request_through_all"))
    return Check(get_text("answers.title", request=request, mode=mode, status=status), find_fault)


def journal(mode: str) -> Text:
    return get_text("answers.journal", mode=mode)


def answered(got: Recording) -> Recording:
    """Return what was recorded of a request that was answered with 200; raises NotYet."""
    if got.status != 200:
        raise NotYet(get_text("answers.needed"))
    return got


def server_span(got: Recording) -> Span:
    """Return the server span of a request; raises NotYet."""
    if got.server_span is None:
        raise NotYet(get_text("server_span.needed", mode=got.mode))
    return got.server_span


def has_library_spans(case: str, mode: str) -> Check:
    """The libraries still record the request and its query."""

    def find_fault(lab: Lab) -> Text | None:
        got = answered(lab.recording(case, mode))
        if not got.spans:
            return get_text("has_library_spans.none")
        if not any(span.name == "GET /cars" and span.kind == "server" for span in got.roots):
            return get_text("has_library_spans.no_server_span")
        if not any(span.name.startswith("SELECT") for span in got.spans):
            return get_text("has_library_spans.no_query")
        return None

    return Check(get_text("has_library_spans.title"), find_fault)


# Spans of one's own, all in the request for the cars


def own_spans(got: Recording, name: str) -> list[Span]:
    return [span for span in got.spans if span.name == name]


def own_span(lab: Lab, name: str, mode: str = "programmatic") -> Span:
    """Return the only span of a name; raises NotYet if there is another number of them."""
    spans = own_spans(answered(lab.recording("cars", mode)), name)
    if len(spans) != 1:
        raise NotYet(get_text("own_span.needed", name=name))
    return spans[0]


def bare(name: str) -> str:
    """Return a name without what is easily written in another way."""
    return re.sub("[^a-z0-9]", "", name.lower())


def similar(name: str, others: list[str]) -> str:
    """Return the name that may have been meant as `name`, empty if none."""
    candidates = {bare(other): other for other in others if other != name}
    found = difflib.get_close_matches(bare(name), candidates, n=1, cutoff=0.9)
    return candidates[found[0]] if found else ""


def has_span(name: str, mode: str = "programmatic") -> Check:
    """The function of this name has a span, and only one."""

    def find_fault(lab: Lab) -> Text | None:
        got = answered(lab.recording("cars", mode))
        spans = own_spans(got, name)
        if len(spans) == 1:
            return None
        if spans:
            return get_text("has_span.several", count=len(spans))
        if other := similar(name, [span.name for span in got.spans]):
            return get_text("has_span.similar", other=other, name=name)
        if mode == "programmatic" and own_spans(lab.recording("cars", "automatic"), name):
            return get_text("has_span.in_automatic")
        return get_text("has_span.none")

    return Check(get_text("has_span.title", name=name), find_fault)


def is_child(name: str, of: str, mode: str = "programmatic") -> Check:
    """The function's span is a child of the span `of`."""

    def find_fault(lab: Lab) -> Text | None:
        span, parent = own_span(lab, name, mode), own_span(lab, of, mode)
        if span.parent is parent:
            return None
        if parent.parent is span:
            return get_text("is_child.reversed", of=of, name=name)
        if span.parent and span.parent is parent.parent:
            return get_text("is_child.sibling", of=of, parent=span.parent.name, name=name)
        if span.parent is None:
            return get_text("is_child.no_parent")
        return get_text("is_child.other_parent", parent=span.parent.name)

    return Check(get_text("is_child.title", name=name, of=of), find_fault)


def lasts(name: str, sleeps: int) -> Check:
    """The function's span lasts as long as the function, which sleeps once or twice."""

    def find_fault(lab: Lab) -> Text | None:
        span, sleep = own_span(lab, name), lab.sleep_seconds * 1e6
        lasted, wanted = seconds(span.duration), seconds(sleeps * sleep)
        if span.duration < sleeps * sleep * TOLERANCE:
            return get_text("lasts.short", lasted=lasted, wanted=wanted)
        if sleep and span.duration > (sleeps + 1) * sleep * TOLERANCE:
            return get_text("lasts.long", lasted=lasted, wanted=wanted)
        return None

    return Check(get_text("lasts.title", name=name), find_fault)


# Attributes and events


def written(value: object) -> Text:
    """Return a value as Python writes it, with its type."""
    kinds = {
        str: get_text("written.string"),
        bool: get_text("written.boolean"),
        int: get_text("written.number"),
        float: get_text("written.number"),
    }
    kind = kinds.get(type(value), type(value).__name__)
    return get_text("written.value", value=repr(value), kind=kind)


def method_hint(method: str) -> Text:
    return get_text("method_hint.method", method=method)


def has_attribute(name: str, key: str, value: Callable[[Lab], float]) -> Check:
    """The function's span has an attribute, whose value is a number."""

    def find_fault(lab: Lab) -> Text | None:
        span, wanted = own_span(lab, name), value(lab)
        if key in span.attributes:
            got = span.attributes[key]
            if isinstance(got, int | float) and not isinstance(got, bool) and got == wanted:
                return None
            return get_text("has_attribute.other_value", got=written(got), wanted=written(wanted))
        spans = lab.recording("cars", "programmatic").spans
        if others := [other for other in spans if key in other.attributes]:
            return get_text("has_attribute.elsewhere", spans=names(others), name=name)
        if any(key in event for event in span.events):
            return get_text("has_attribute.of_event")
        if any(event.get("event") == key for event in span.events):
            return get_text("has_attribute.event")
        if other := similar(key, list(span.attributes)):
            return get_text("rename_attribute.similar", other=other, key=key)
        return get_text("has_attribute.none", name=name, advice=method_hint("set_attribute"))

    return Check(get_text("has_attribute.title", name=name, key=key), find_fault)


def find_events(span: Span, event: str) -> list[dict[str, Any]]:
    return [found for found in span.events if found.get("event") == event]


def has_event(name: str, event: str) -> Check:
    """The function's span has an event, once."""

    def find_fault(lab: Lab) -> Text | None:
        span = own_span(lab, name)
        found = find_events(span, event)
        if len(found) == 1:
            return None
        if found:
            return get_text("has_event.several", count=len(found))
        spans = lab.recording("cars", "programmatic").spans
        if any(event in other.attributes for other in spans):
            return get_text("has_event.attribute", event=event)
        if others := [other for other in spans if find_events(other, event)]:
            return get_text("has_event.elsewhere", spans=names(others), name=name)
        logged = [str(found.get("event", "")) for found in span.events]
        if other := similar(event, logged):
            return get_text("has_event.similar", other=other, event=event)
        return get_text("has_event.none", name=name, advice=method_hint("add_event"))

    return Check(get_text("has_event.title", name=name, event=event), find_fault)


def is_between(name: str, event: str, child: str) -> Check:
    """The event lies between the end of the function's own sleep and the start of the child."""

    def find_fault(lab: Lab) -> Text | None:
        span, below = own_span(lab, name), own_span(lab, child)
        found = find_events(span, event)
        if len(found) != 1:
            raise NotYet(get_text("is_between.needed", event=event))
        offset = found[0]["timestamp"] - span.start
        if offset < lab.sleep_seconds * 1e6 * TOLERANCE:
            return get_text("is_between.early", offset=seconds(offset), name=name)
        if found[0]["timestamp"] > below.start:
            return get_text("is_between.late", child=child)
        return None

    return Check(get_text("is_between.title", event=event, name=name, child=child), find_fault)


# Failures


def has_no_error(case: str, mode: str) -> Check:
    """A request that succeeds has neither an error nor an exception."""

    def find_fault(lab: Lab) -> Text | None:
        got = answered(lab.recording(case, mode))
        server_span(got)
        if failed := [span for span in got.spans if span.status == "error" or span.exceptions]:
            return get_text("has_no_error.fault", spans=names(failed))
        return None

    return Check(get_text("has_no_error.title"), find_fault)


def is_error(case: str, mode: str) -> Check:
    """The server span of a failed request has the status error."""

    def find_fault(lab: Lab) -> Text | None:
        span = server_span(lab.recording(case, mode))
        if span.status == "error":
            return None
        return get_text("is_error.fault", span=span.name, status=span.status)

    return Check(get_text("is_error.title"), find_fault)


def records_exception(case: str, mode: str) -> Check:
    """The server span of a failed request has the exception, as in the manual mode."""

    def find_fault(lab: Lab) -> Text | None:
        got = lab.recording(case, mode)
        span = server_span(got)
        if span.exceptions == [QUERY_FAILED]:
            return None
        if len(span.exceptions) > 1:
            return get_text("records_exception.several", count=len(span.exceptions))
        if any(key.startswith("exception") for key in span.attributes):
            return get_text("records_exception.attribute")
        if found := find_events(span, "exception"):
            type_ = found[0].get("exception.type", get_text("records_exception.unknown"))
            return get_text("records_exception.other_type", type=type_, wanted=QUERY_FAILED)
        if others := [other for other in got.spans if other.exceptions]:
            return get_text("records_exception.elsewhere", spans=names(others))
        if span.events:
            return get_text("records_exception.other_name", event=span.events[0].get("event"))
        return get_text("records_exception.none")

    return Check(get_text("records_exception.title", type=QUERY_FAILED), find_fault)


# Across services


def client_spans(spans: Iterable[Span], service: str) -> list[Span]:
    return [span for span in spans if span.service == service and span.kind == "client"]


def is_one_trace() -> Check:
    """The trace of the chain has spans of every service."""

    def find_fault(lab: Lab) -> Text | None:
        got = answered(lab.recording("chain", "manual"))
        present = {span.service for span in got.spans}
        missing = [mode for mode in MODES if f"server_{mode}" not in present]
        if not missing:
            return None
        if missing[0] == "manual":
            return get_text("is_one_trace.no_manual")
        service, caller = f"server_{missing[0]}", f"server_{MODES[MODES.index(missing[0]) - 1]}"
        begun = lab.begun.get(service)
        fault = (
            get_text("is_one_trace.two_traces", service=service, trace_id=begun.trace_id)
            if begun
            else get_text("is_one_trace.no_span", service=service)
        )
        if begun and (clients := client_spans(got.spans, caller)):
            spans = names(clients)
            return get_text("is_one_trace.not_sent", fault=fault, spans=spans, caller=caller)
        return get_text("is_one_trace.no_header", fault=fault, caller=caller, service=service)

    return Check(get_text("is_one_trace.title"), find_fault)


def first_span(got: Recording, mode: str) -> Span:
    """Return the server span of a mode in the trace of the chain; raises NotYet."""
    service = f"server_{mode}"
    for span in got.spans:
        if span.service == service and span.kind == "server":
            return span
    raise NotYet(get_text("first_span.needed", service=service))


def is_called_by(mode: str, caller: str) -> Check:
    """The server span of a mode is a child of its caller's client span."""

    def find_fault(lab: Lab) -> Text | None:
        got = lab.recording("chain", "manual")
        span, above = first_span(got, mode), first_span(got, caller)
        parent = span.parent
        if span.parent_id == above.parent_id:
            return get_text("is_called_by.passed_on", caller=above.service)
        if parent is None:
            return get_text("is_called_by.unknown_parent")
        if parent.service == above.service and parent.kind == "client":
            return None
        if clients := client_spans(above.walk(), above.service):
            return get_text("is_called_by.not_client", parent=parent, spans=names(clients))
        if parent.service == above.service and parent is not above:
            return get_text("is_called_by.other_kind", parent=parent, kind=parent.kind)
        return get_text("is_called_by.no_span", parent=parent)

    title = get_text("is_called_by.title", mode=mode, caller=caller)
    return Check(title, find_fault)


# Baggage

# The headers that the requests of the filter exercise_requests have.
BAGGAGE_SENT = "course"
USER_AGENT = "otel-lab"


def reads_baggage(key: str) -> Check:
    """The last service puts the entry of a request's baggage on its server span."""

    def find_fault(lab: Lab) -> Text | None:
        got = lab.recording("baggage", "automatic")
        span = server_span(got)
        value = span.attributes.get(key)
        if value == BAGGAGE_SENT:
            return None
        if value is not None:
            got_value = repr(value)
            return get_text(
                "reads_baggage.other_value", key=key, sent=BAGGAGE_SENT, value=got_value
            )
        if others := [other for other in got.spans if key in other.attributes]:
            return get_text("reads_baggage.elsewhere", spans=names(others), span=span.name)
        if other := similar(key, list(span.attributes)):
            return get_text("rename_attribute.similar", other=other, key=key)
        return get_text("reads_baggage.none", key=key, sent=BAGGAGE_SENT, span=span.name)

    return Check(get_text("reads_baggage.title", key=key), find_fault)


def carries_baggage(key: str) -> Check:
    """What the first service knows of its caller is an attribute of the last one's server span."""

    def find_fault(lab: Lab) -> Text | None:
        got = lab.recording("chain", "manual")
        span = first_span(got, "automatic")
        value = span.attributes.get(key)
        if value == USER_AGENT:
            return None
        if value is not None:
            got_value, wanted = repr(value), repr(USER_AGENT)
            if "urllib" in str(value).lower():
                return get_text("carries_baggage.of_its_caller", value=got_value, wanted=wanted)
            return get_text("carries_baggage.other_value", value=got_value, wanted=wanted)
        if others := [other for other in got.spans if key in other.attributes]:
            spans = text_list([str(other) for other in others])
            return get_text("carries_baggage.elsewhere", spans=spans)
        if reads_baggage(key).find_fault(lab):
            raise NotYet(get_text("carries_baggage.needed"))
        return get_text("carries_baggage.none", key=key)

    return Check(get_text("carries_baggage.title", key=key), find_fault)


# Sampling

RATIO = 0.1
# Outside of this, a right answer is with a probability of 4 in 100,000 (the binomial distribution).
FEWEST, MOST = 18, 66


def all_answer() -> Check:
    """All requests are answered with 200."""

    def find_fault(lab: Lab) -> Text | None:
        known = [recording.status for recording in lab.recordings if recording.case != "new"]
        statuses = [*known, *lab.new_statuses]
        failed = [status for status in statuses if status != 200]
        if not failed:
            return None
        count = len(failed)
        return get_text("all_answer.fault", count=count, status=failed[0], advice=journal("manual"))

    return Check(get_text("all_answer.title"), find_fault)


def samples_a_tenth() -> Check:
    """About a tenth of the requests that begin a trace are recorded."""

    def find_fault(lab: Lab) -> Text | None:
        recorded, requests = len(lab.of_case("new")), len(lab.new_statuses)
        if FEWEST <= recorded <= MOST:
            return None
        if recorded == requests:
            return get_text("samples_a_tenth.all", requests=requests)
        if recorded == 0:
            return get_text("samples_a_tenth.none", requests=requests)
        is_inverted = requests - MOST <= recorded <= requests - FEWEST
        return get_text(
            "samples_a_tenth.other_count",
            recorded=recorded,
            requests=requests,
            wanted=round(requests * RATIO),
            advice=get_text("samples_a_tenth.left_out")
            if is_inverted
            else get_text("samples_a_tenth.ratio"),
        )

    return Check(get_text("samples_a_tenth.title"), find_fault)


def is_whole_or_absent() -> Check:
    """Traces that are recorded have spans of all services."""

    def find_fault(lab: Lab) -> Text | None:
        recorded = lab.of_case("new")
        if not recorded:
            raise NotYet(get_text("is_whole_or_absent.needed"))
        for service in SERVICES:
            lacking = [r for r in recorded if all(span.service != service for span in r.spans)]
            if lacking:
                return get_text(
                    "is_whole_or_absent.fault",
                    count=len(lacking),
                    recorded=len(recorded),
                    service=service,
                    trace_id=lacking[0].trace_id,
                )
        return None

    return Check(get_text("is_whole_or_absent.title"), find_fault)


def follows_sampled() -> Check:
    """A request whose caller records its trace is recorded."""

    def find_fault(lab: Lab) -> Text | None:
        sent = lab.of_case("sampled")
        missing = [recording for recording in sent if recording.server_span is None]
        if not missing:
            return None
        count, trace_id = len(missing), missing[0].trace_id
        return get_text("follows_sampled.fault", count=count, sent=len(sent), trace_id=trace_id)

    return Check(get_text("follows_sampled.title"), find_fault)


def follows_unsampled() -> Check:
    """A request whose caller does not record its trace is not recorded."""

    def find_fault(lab: Lab) -> Text | None:
        sent = lab.of_case("unsampled")
        recorded = [recording for recording in sent if recording.spans]
        if not recorded:
            return None
        services = sorted({span.service for recording in recorded for span in recording.spans})
        return get_text(
            "follows_unsampled.fault",
            count=len(recorded),
            sent=len(sent),
            services=text_list(services),
        )

    return Check(get_text("follows_unsampled.title"), find_fault)


# Names of attributes

STABLE = {"http.request.method": "GET", "url.path": "/cars", "http.response.status_code": 200}
OLD = "http.method", "http.target", "http.status_code"
OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"


def has_stable_names() -> Check:
    """The server span has the attributes of the stable conventions."""

    def find_fault(lab: Lab) -> Text | None:
        span = server_span(lab.recording("cars", "programmatic"))
        missing = [key for key in STABLE if key not in span.attributes]
        if not missing:
            wrong = [key for key, value in STABLE.items() if span.attributes[key] != value]
            return (
                get_text("has_stable_names.other_value", keys=text_list(wrong)) if wrong else None
            )
        if len(missing) < len(STABLE):
            return get_text("has_stable_names.missing", keys=text_list(missing))
        return get_text("has_stable_names.old", key=OLD[0], variable=OPT_IN)

    return Check(get_text("has_stable_names.title", keys=", ".join(STABLE)), find_fault)


def has_no_old_names() -> Check:
    """The server span has no attributes of the old conventions."""

    def find_fault(lab: Lab) -> Text | None:
        span = server_span(lab.recording("cars", "programmatic"))
        if not any(key in span.attributes for key in STABLE):
            raise NotYet(get_text("has_no_old_names.needed"))
        old = [key for key in OLD if key in span.attributes]
        if not old:
            return None
        return get_text("has_no_old_names.both", keys=text_list(old))

    return Check(get_text("has_no_old_names.title", keys=", ".join(OLD)), find_fault)


# Durations

FAULT_SECONDS = 0.8
# A request on a busy machine takes a little longer, the fault twice this.
SPARE = FAULT_SECONDS / 2 * 1e6
FUNCTIONS = "some_func_one", "some_func_two"


def each_mode(title: Text, find: Callable[[Lab, Recording, Span], Text | None]) -> Check:
    """Check the request for the cars to each mode; a hint begins with its server span."""

    def find_fault(lab: Lab) -> Text | None:
        hints = []
        for mode in MODES:
            got = lab.recording("cars", mode)
            span = server_span(got)
            if hint := find(lab, got, span):
                hints.append(get_text("each_mode.hint", service=span.service, hint=hint))
        return join_lines(hints) if hints else None

    return Check(title, find_fault)


def functions_sleep() -> Check:
    """The time outside of what the libraries record is at least that of the two sleeps."""

    def find(lab: Lab, got: Recording, span: Span) -> Text | None:
        others = [child for child in span.children if child.name not in FUNCTIONS]
        own, wanted = span.duration - sum(o.duration for o in others), 2 * lab.sleep_seconds * 1e6
        if own >= wanted * TOLERANCE:
            return None
        return get_text("functions_sleep.fault", own=seconds(own), wanted=seconds(wanted))

    return each_mode(get_text("functions_sleep.title"), find)


def nothing_is_hidden() -> Check:
    """The server span lasts about as long as the caller waited."""

    def find(lab: Lab, got: Recording, span: Span) -> Text | None:
        if got.seconds * 1e6 - span.duration <= SPARE:
            return None
        waited, lasted = seconds(got.seconds * 1e6), seconds(span.duration)
        return get_text("nothing_is_hidden.fault", waited=waited, span=span.name, lasted=lasted)

    return each_mode(get_text("nothing_is_hidden.title"), find)


def nothing_else_takes_time() -> Check:
    """A request takes no longer than its two functions sleep."""

    def find(lab: Lab, got: Recording, span: Span) -> Text | None:
        more = span.duration - 2 * lab.sleep_seconds * 1e6
        if more <= SPARE:
            return None
        long = [
            other
            for other in span.walk()
            if other is not span and other.name not in FUNCTIONS and other.duration > more / 2
        ]
        where = (
            get_text("nothing_else_takes_time.span", span=long[-1].name)
            if long
            else get_text("nothing_else_takes_time.gap")
        )
        return get_text("nothing_else_takes_time.fault", more=seconds(more), where=where)

    return each_mode(get_text("nothing_else_takes_time.title"), find)


# Metrics, of the function TIMED: the name in the code, and of its series in Prometheus.
TIMED = "some_func_two"
METRIC = f"{TIMED}.duration"
SERIES = f"{TIMED}_duration_seconds"


def has_histogram() -> Check:
    """Prometheus has the function's duration as a histogram in seconds."""

    def find_fault(lab: Lab) -> Text | None:
        if f"{SERIES}_bucket" in lab.series:
            return None
        if f"{SERIES}_total" in lab.series:
            return get_text("has_histogram.counter")
        if SERIES in lab.series:
            return get_text("has_histogram.one_value")
        if others := sorted(series for series in lab.series if series.startswith(TIMED)):
            return get_text("has_histogram.other_name", other=others[0], metric=METRIC)
        return get_text("has_histogram.none", series=f"{SERIES}_bucket", metric=METRIC)

    return Check(get_text("has_histogram.title", metric=METRIC), find_fault)


def find_exemplar(lab: Lab) -> Exemplar | None:
    """Return the histogram's exemplar of the request, first that of TIMED; raises NotYet."""
    if f"{SERIES}_bucket" not in lab.series:
        raise NotYet(get_text("find_exemplar.needed"))
    trace_id, span_id = lab.recording("cars", "programmatic").trace_id, own_span(lab, TIMED).span_id
    found = [
        exemplar
        for exemplar in lab.exemplars
        if exemplar.series == f"{SERIES}_bucket" and exemplar.trace_id == trace_id
    ]
    return min(found, key=lambda exemplar: exemplar.span_id != span_id, default=None)


def own_exemplar(lab: Lab) -> Exemplar:
    """Return the histogram's exemplar of the request; raises NotYet."""
    if exemplar := find_exemplar(lab):
        return exemplar
    raise NotYet(get_text("own_exemplar.needed"))


def has_exemplar() -> Check:
    """An exemplar of the histogram leads to the function's span."""

    def find_fault(lab: Lab) -> Text | None:
        span, exemplar = own_span(lab, TIMED), find_exemplar(lab)
        if exemplar is None:
            return get_text("has_exemplar.none", name=TIMED)
        if exemplar.span_id == span.span_id:
            return None
        spans = lab.recording("cars", "programmatic").spans
        others = [other.name for other in spans if other.span_id == exemplar.span_id]
        other = text_list(others or [exemplar.span_id])
        return get_text("has_exemplar.elsewhere", span=other, name=TIMED)

    return Check(get_text("has_exemplar.title", name=TIMED), find_fault)


def has_seconds() -> Check:
    """The value that was recorded is the function's duration, in seconds."""

    def find_fault(lab: Lab) -> Text | None:
        value, duration = own_exemplar(lab).value, own_span(lab, TIMED).duration / 1e6
        if value > 100 * duration:
            advice = get_text("has_seconds.unit")
        elif abs(value - duration) > (1 - TOLERANCE) * duration + 0.01:
            advice = get_text("has_seconds.clock")
        else:
            return None
        return get_text(
            "has_seconds.took",
            value=seconds(value * 1e6),
            duration=seconds(duration * 1e6),
            advice=advice,
        )

    return Check(get_text("has_seconds.title", name=TIMED), find_fault)


def has_buckets() -> Check:
    """The buckets of the histogram tell durations like that of the function apart."""

    def find_fault(lab: Lab) -> Text | None:
        exemplar = own_exemplar(lab)
        if has_seconds().find_fault(lab):
            raise NotYet(get_text("has_buckets.needed"))
        if not lab.sleep_seconds or exemplar.bound <= 5 * exemplar.value:
            return None
        value, bound = seconds(exemplar.value * 1e6), decimal(f"{exemplar.bound:g}")
        return get_text("has_buckets.fault", value=value, bound=bound)

    return Check(get_text("has_buckets.title"), find_fault)


# Log lines


def leads_to(name: str, line: str) -> Check:
    """A log line of the manual mode, which has the text `line`, has the ids of the span `name`."""

    def find_fault(lab: Lab) -> Text | None:
        got, span = lab.recording("cars", "manual"), own_span(lab, name, "manual")
        found = [text for text in lab.journal if line in text]
        if not found:
            return get_text("leads_to.no_line", line=line)
        with_trace = [text for text in found if re.search(rf"\btrace_id={got.trace_id}\b", text)]
        if any(re.search(rf"\bspan_id={span.span_id}\b", text) for text in with_trace):
            return None
        return log_span_hint(got, name, with_trace[0]) if with_trace else log_hint(got, found[0])

    return Check(get_text("leads_to.title", line=line, name=name), find_fault)


def log_span_hint(got: Recording, name: str, text: str) -> Text:
    """Return a hint about a line that has the trace's id, but not the span's."""
    if others := [span for span in got.spans if re.search(rf"\b{span.span_id}\b", text)]:
        return get_text("log_span_hint.other_span", spans=names(others), name=name)
    return get_text("log_span_hint.no_span_id")


def log_hint(got: Recording, text: str) -> Text:
    """Return a hint about a line without `trace_id=` and the trace's id."""
    written = re.search(r"trace_id=(\w*)", text)
    value = written[1] if written else ""
    number = int(got.trace_id, 16)
    if str(number) in text:
        return get_text("log_hint.decimal")
    if f"{number:#x}" in text.lower():
        return get_text("log_hint.hex")
    if re.search(rf"\b{got.trace_id}\b", text):
        return get_text("log_hint.elsewhere")
    if value and set(value) == {"0"}:
        return get_text("log_hint.zeros")
    if value and value in got.trace_id:
        return get_text("log_hint.part", count=len(value))
    if value:
        return get_text("log_hint.other_trace", value=value, trace_id=got.trace_id)
    return get_text("log_hint.none", line=text)


# The fourth mode, which runs in place of the automatic one

FOURTH = "server_mixed"


def is_fourth_service() -> Check:
    """All spans of the request are of the fourth service."""

    def find_fault(lab: Lab) -> Text | None:
        got = lab.recording("cars", "automatic")
        server_span(got)
        others = sorted({span.service for span in got.spans} - {FOURTH})
        if not others:
            return None
        if others == ["server_automatic"]:
            return get_text("is_fourth_service.automatic", service=FOURTH)
        return get_text("is_fourth_service.others", services=text_list(others))

    return Check(get_text("is_fourth_service.title", service=FOURTH), find_fault)


def has_one_server_span() -> Check:
    """The only server span is that of the instrumentation."""

    def find_fault(lab: Lab) -> Text | None:
        got = lab.recording("cars", "automatic")
        server_span(got)
        own = [span for span in got.spans if span.kind == "server" and span.name != "GET /cars"]
        return get_text("has_one_server_span.fault", spans=names(own)) if own else None

    return Check(get_text("has_one_server_span.title"), find_fault)


def has_query() -> Check:
    """The query has a span, a child of the server span."""

    def find_fault(lab: Lab) -> Text | None:
        got = lab.recording("cars", "automatic")
        above = server_span(got)
        queries = [span for span in got.spans if span.name.startswith("SELECT")]
        if not queries:
            return get_text("has_query.none")
        if queries[0].parent is not above:
            return get_text("has_query.elsewhere", parent=queries[0].parent)
        return None

    return Check(get_text("has_query.title"), find_fault)
