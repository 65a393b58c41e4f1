"""What the exercises look for in the traces, each with a hint for the answer that misses it.

A function here makes a check. A check returns a hint, which is empty if the answer is right, and
raises NotYet if it cannot tell before another check is right.
"""

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from course.traces import MODES, SERVICES, Exemplar, Lab, Recording, Span

# Clocks differ a little, and a sleep may end early by less than this.
TOLERANCE = 0.95
QUERY_FAILED = "sqlalchemy.exc.OperationalError"


class NotYet(Exception):
    """A check needs something that another check misses; the message names it."""


@dataclass(frozen=True)
class Check:
    """One thing that an exercise looks for: `title` says what is true of a right answer."""

    title: str
    find_fault: Callable[[Lab], str]


@dataclass(frozen=True)
class Result:
    """What became of a check: `text` is its hint, or what it waits for."""

    title: str
    state: Literal["right", "wrong", "later"]
    text: str = ""


def evaluate(check: Check, lab: Lab) -> Result:
    try:
        hint = check.find_fault(lab)
    except NotYet as missing:
        return Result(check.title, "later", f"Not checked yet: {missing}.")
    return Result(check.title, "wrong" if hint else "right", hint)


def seconds(microseconds: float) -> str:
    return f"{microseconds / 1e6:.3f} s"


def names(spans: list[Span]) -> str:
    return " and ".join(span.name for span in spans)


# The requests


def answers(case: str, mode: str, status: int, other: dict[int, str] | None = None) -> Check:
    """A request is answered with a status; `other` has hints for other statuses."""

    def find_fault(lab: Lab) -> str:
        got = lab.recording(case, mode)
        if got.status == status:
            return ""
        if got.status == 0:
            return f"No answer came: {got.error}. See the journal: {journal(mode)}"
        return f"It was answered with {got.status}. " + (other or {}).get(
            got.status, f"See the journal: {journal(mode)}"
        )

    what = {"cars": "A request", "database_error": "A request whose query fails"}
    title = what.get(case, "A request through all modes")
    return Check(f"{title} to car-{mode} is answered with {status}", find_fault)


def journal(mode: str) -> str:
    return f"make shell, then journalctl --unit=car-{mode}"


def answered(got: Recording) -> Recording:
    """Return what was recorded of a request that was answered with 200; raises NotYet."""
    if got.status != 200:
        raise NotYet("the request was not answered with 200")
    return got


def server_span(got: Recording) -> Span:
    """Return the server span of a request; raises NotYet."""
    if got.server_span is None:
        raise NotYet(f"the server span of the request to car-{got.mode} has not arrived")
    return got.server_span


def has_library_spans(case: str, mode: str) -> Check:
    """The libraries still record the request and its query."""

    def find_fault(lab: Lab) -> str:
        got = answered(lab.recording(case, mode))
        if not got.spans:
            return (
                "No span of this request has arrived, not even those of the libraries. Keep what "
                "sets up the provider and the exporter, and FlaskInstrumentor."
            )
        if not any(span.name == "GET /cars" and span.kind == "server" for span in got.roots):
            return "The server span GET /cars is missing: keep FlaskInstrumentor."
        if not any(span.name.startswith("SELECT") for span in got.spans):
            return "The query has no span any more: keep SQLAlchemyInstrumentor."
        return ""

    return Check("The libraries record the request and its query, as before", find_fault)


# Spans of one's own, all in the request for the cars


def own_spans(got: Recording, name: str) -> list[Span]:
    return [span for span in got.spans if span.name == name]


def own_span(lab: Lab, name: str, mode: str = "programmatic") -> Span:
    """Return the only span of a name; raises NotYet if there is another number of them."""
    spans = own_spans(answered(lab.recording("cars", mode)), name)
    if len(spans) != 1:
        raise NotYet(f"it needs one span {name}")
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

    def find_fault(lab: Lab) -> str:
        got = answered(lab.recording("cars", mode))
        spans = own_spans(got, name)
        if len(spans) == 1:
            return ""
        if spans:
            return (
                f"There are {len(spans)} spans of this name. Give the function a decorator or a "
                "with block, not both."
            )
        if other := similar(name, [span.name for span in got.spans]):
            return f"There is a span {other}. Name it {name}, as server_manual does."
        if mode == "programmatic" and own_spans(lab.recording("cars", "automatic"), name):
            return "server_automatic has such a span. Add it to server_programmatic.py instead."
        return (
            "No span of this name has arrived in this trace. Either\n"
            "- nothing begins it yet: a call of start_as_current_span without with or @ does not,\n"
            "- or it does not end, and a span is sent when it ends: a with block and a decorator "
            "end theirs, one that start_span begins needs a call of end(),\n"
            "- or it is in another trace: a new thread begins with an empty context."
        )

    return Check(f"{name} has a span", find_fault)


def is_child(name: str, of: str, mode: str = "programmatic") -> Check:
    """The function's span is a child of the span `of`."""

    def find_fault(lab: Lab) -> str:
        span, parent = own_span(lab, name, mode), own_span(lab, of, mode)
        if span.parent is parent:
            return ""
        if parent.parent is span:
            return f"It is the other way round: {of} is a child of {name}."
        if span.parent and span.parent is parent.parent:
            return (
                f"It is a sibling of {of}: both are children of {span.parent.name}. A span is the "
                "parent of those that begin while it is the current one. start_span does not make "
                "it that, start_as_current_span does, until the end of its with block: call "
                f"{name} inside it."
            )
        if span.parent is None:
            return (
                "It has no parent in this trace. Do not give it a context: the current one has "
                "the request's span."
            )
        return f"It is a child of {span.parent.name}."

    return Check(f"{name} is a child of {of}", find_fault)


def lasts(name: str, sleeps: int) -> Check:
    """The function's span lasts as long as the function, which sleeps once or twice."""

    def find_fault(lab: Lab) -> str:
        span, sleep = own_span(lab, name), lab.sleep_seconds * 1e6
        if span.duration < sleeps * sleep * TOLERANCE:
            return (
                f"It lasts {seconds(span.duration)}, but the function {seconds(sleeps * sleep)}. "
                "The span ends before the function does: put all of its lines into the with block."
            )
        if sleep and span.duration > (sleeps + 1) * sleep * TOLERANCE:
            return (
                f"It lasts {seconds(span.duration)}, but the function only "
                f"{seconds(sleeps * sleep)}. The span begins before the function is called: put it "
                "into the function, or decorate that."
            )
        return ""

    return Check(f"{name} lasts as long as its function", find_fault)


# Attributes and events


def written(value: object) -> str:
    """Return a value as Python writes it, with its type."""
    kinds = {str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return f"{value!r}, {kinds.get(type(value), type(value).__name__)}"


def method_hint(method: str) -> str:
    return f"In the function, trace.get_current_span() returns its span: call {method} on that."


def has_attribute(name: str, key: str, value: Callable[[Lab], float]) -> Check:
    """The function's span has an attribute, whose value is a number."""

    def find_fault(lab: Lab) -> str:
        span, wanted = own_span(lab, name), value(lab)
        if key in span.attributes:
            got = span.attributes[key]
            if isinstance(got, int | float) and not isinstance(got, bool) and got == wanted:
                return ""
            return (
                f"Its value is {written(got)}, but should be {written(wanted)}. Give "
                "SLEEP_SECONDS itself, not a text."
            )
        spans = lab.recording("cars", "programmatic").spans
        if others := [other for other in spans if key in other.attributes]:
            return (
                f"The attribute is on {names(others)}. set_attribute belongs to the span on which "
                "you call it, and get_current_span returns the one whose with block or decorated "
                f"function is running: call it in {name}."
            )
        if any(key in event for event in span.events):
            return "It is an attribute of an event. Set it on the span itself, with set_attribute."
        if any(event.get("event") == key for event in span.events):
            return "It is an event. A value that holds for the whole span is an attribute."
        if other := similar(key, list(span.attributes)):
            return f"There is an attribute {other}. Name it {key}."
        return f"{name} has no such attribute. {method_hint('set_attribute')}"

    return Check(f"{name} has the attribute {key}", find_fault)


def find_events(span: Span, event: str) -> list[dict[str, Any]]:
    return [found for found in span.events if found.get("event") == event]


def has_event(name: str, event: str) -> Check:
    """The function's span has an event, once."""

    def find_fault(lab: Lab) -> str:
        span = own_span(lab, name)
        found = find_events(span, event)
        if len(found) == 1:
            return ""
        if found:
            return f"It has {len(found)} of them. Add the event once."
        spans = lab.recording("cars", "programmatic").spans
        if any(event in other.attributes for other in spans):
            return (
                f"{event} is an attribute. An attribute has no time: add an event, with add_event."
            )
        if others := [other for other in spans if find_events(other, event)]:
            return (
                f"The event is on {names(others)}. Call add_event on the span of {name}, while it "
                "is the current one."
            )
        logged = [str(found.get("event", "")) for found in span.events]
        if other := similar(event, logged):
            return f"There is an event {other}. Name it {event}."
        return f"{name} has no such event. {method_hint('add_event')}"

    return Check(f"{name} has the event {event}", find_fault)


def is_between(name: str, event: str, child: str) -> Check:
    """The event lies between the end of the function's own sleep and the start of the child."""

    def find_fault(lab: Lab) -> str:
        span, below = own_span(lab, name), own_span(lab, child)
        found = find_events(span, event)
        if len(found) != 1:
            raise NotYet(f"it needs one event {event}")
        offset = found[0]["timestamp"] - span.start
        if offset < lab.sleep_seconds * 1e6 * TOLERANCE:
            return (
                f"It happens {seconds(offset)} after the start of {name}, which is before the end "
                "of its sleep. Add it after that line."
            )
        if found[0]["timestamp"] > below.start:
            return f"It happens after {child} has begun. Add it before that call."
        return ""

    return Check(f"{event} happens between the sleep of {name} and {child}", find_fault)


# Failures


def has_no_error(case: str, mode: str) -> Check:
    """A request that succeeds has neither an error nor an exception."""

    def find_fault(lab: Lab) -> str:
        got = answered(lab.recording(case, mode))
        server_span(got)
        if failed := [span for span in got.spans if span.status == "error" or span.exceptions]:
            return f"{names(failed)} shows an error, but nothing failed."
        return ""

    return Check("A request that succeeds shows no error", find_fault)


def is_error(case: str, mode: str) -> Check:
    """The server span of a failed request has the status error."""

    def find_fault(lab: Lab) -> str:
        span = server_span(lab.recording(case, mode))
        if span.status == "error":
            return ""
        return f"The status of {span.name} is {span.status}. An answer of 500 and above sets it."

    return Check("Its server span has the status error", find_fault)


def records_exception(case: str, mode: str) -> Check:
    """The server span of a failed request has the exception, as in the manual mode."""

    def find_fault(lab: Lab) -> str:
        got = lab.recording(case, mode)
        span = server_span(got)
        if span.exceptions == [QUERY_FAILED]:
            return ""
        if len(span.exceptions) > 1:
            return f"It has {len(span.exceptions)} exception events. Record the exception once."
        if any(key.startswith("exception") for key in span.attributes):
            return "The exception is an attribute. Record it as an event: record_exception."
        if found := find_events(span, "exception"):
            return (
                f"Its event says that the exception is {found[0].get('exception.type', 'unknown')}"
                f", not {QUERY_FAILED}: pass the error that the handler got to record_exception."
            )
        if others := [other for other in got.spans if other.exceptions]:
            return (
                f"The exception is on {names(others)}. The manual mode has it on the server span: "
                "record it while that is the current one, outside of a span of your own."
            )
        if span.events:
            return (
                f"Its event is called {span.events[0].get('event')}. record_exception makes that "
                "of the conventions: exception, with the type, the message and the stack."
            )
        return (
            "It has no exception event. The traces of the other two modes have one: compare them."
        )

    return Check(f"Its server span has the exception event of {QUERY_FAILED}", find_fault)


# Across services


def client_spans(spans: Iterable[Span], service: str) -> list[Span]:
    return [span for span in spans if span.service == service and span.kind == "client"]


def is_one_trace() -> Check:
    """The trace of the chain has spans of every service."""

    def find_fault(lab: Lab) -> str:
        got = answered(lab.recording("chain", "manual"))
        present = {span.service for span in got.spans}
        missing = [mode for mode in MODES if f"server_{mode}" not in present]
        if not missing:
            return ""
        if missing[0] == "manual":
            return (
                "server_manual has no span in the trace of the request. Keep "
                "context=extract(request.headers) and what sets up the provider and the exporter."
            )
        service, caller = f"server_{missing[0]}", f"server_{MODES[MODES.index(missing[0]) - 1]}"
        begun = lab.begun.get(service)
        hint = (
            f"There are two traces instead of one: {service} began trace {begun.trace_id} of its "
            "own."
            if begun
            else f"{service} has no span in this trace."
        )
        if begun and (clients := client_spans(got.spans, caller)):
            return (
                f"{hint} The client span {names(clients)} of {caller} is there, but its ids were "
                "not sent with the call: inject writes them into a header."
            )
        return (
            f"{hint} Either {caller} sends no header traceparent with its call, or {service} does "
            "not read it. The instrumentation of a library adds the header only to the calls of "
            "that library."
        )

    return Check("There is one trace, with spans of all three services", find_fault)


def first_span(got: Recording, mode: str) -> Span:
    """Return the server span of a mode in the trace of the chain; raises NotYet."""
    service = f"server_{mode}"
    for span in got.spans:
        if span.service == service and span.kind == "server":
            return span
    raise NotYet(f"{service} has no server span in this trace")


def is_called_by(mode: str, caller: str) -> Check:
    """The server span of a mode is a child of its caller's client span."""

    def find_fault(lab: Lab) -> str:
        got = lab.recording("chain", "manual")
        span, above = first_span(got, mode), first_span(got, caller)
        parent = span.parent
        if span.parent_id == above.parent_id:
            return (
                f"Its parent is that of the server span of server_{caller}, which passed on the "
                "ids of its own caller. The header of a call must have those of the client span "
                "of that call: inject writes the ids of the current span."
            )
        if parent is None:
            return "Its parent is no span of this trace, so the header has the id of another one."
        if parent.service == f"server_{caller}" and parent.kind == "client":
            return ""
        if clients := client_spans(above.walk(), above.service):
            return (
                f"It is a child of {parent}, not of the client span {names(clients)}. inject "
                "writes the ids of the current span: call it while the client span is the current "
                "one."
            )
        if parent.service == f"server_{caller}" and parent is not above:
            return (
                f"It is a child of {parent}, whose kind is {parent.kind}. A span of a call to "
                "another service is a client span: SpanKind.CLIENT."
            )
        return (
            f"It is a child of {parent}: the call itself has no span, so nobody sees how long the "
            "network took. Let the instrumentation of urllib record it, or begin a client span."
        )

    return Check(f"server_{mode} is a child of the client span of server_{caller}", find_fault)


# Baggage

# The headers that the requests of the filter exercise_requests have.
BAGGAGE_SENT = "course"
USER_AGENT = "otel-lab"


def reads_baggage(key: str) -> Check:
    """The last service puts the entry of a request's baggage on its server span."""

    def find_fault(lab: Lab) -> str:
        got = lab.recording("baggage", "automatic")
        span = server_span(got)
        value = span.attributes.get(key)
        if value == BAGGAGE_SENT:
            return ""
        if value is not None:
            return (
                f"A request came with the baggage {key}={BAGGAGE_SENT}, but the attribute is "
                f"{value!r}. Give set_attribute what get_baggage returns."
            )
        if others := [other for other in got.spans if key in other.attributes]:
            return f"The attribute is on {names(others)}. Set it on the server span, {span.name}."
        if other := similar(key, list(span.attributes)):
            return f"There is an attribute {other}. Name it {key}."
        return (
            f"A request came with the baggage {key}={BAGGAGE_SENT}, and {span.name} has no such "
            "attribute. Baggage stays in the context until somebody reads it: baggage.get_baggage "
            f"with the key {key}, in chain of server_automatic."
        )

    return Check(f"server_automatic puts {key} of its baggage on its server span", find_fault)


def carries_baggage(key: str) -> Check:
    """What the first service knows of its caller is an attribute of the last one's server span."""

    def find_fault(lab: Lab) -> str:
        got = lab.recording("chain", "manual")
        span = first_span(got, "automatic")
        value = span.attributes.get(key)
        if value == USER_AGENT:
            return ""
        if value is not None:
            hint = f"The attribute is {value!r}, not the User-Agent {USER_AGENT!r} of the request"
            if "urllib" in str(value).lower():
                return f"{hint}. That is its caller: read the header in server_manual."
            return f"{hint} that server_manual got."
        if others := [other for other in got.spans if key in other.attributes]:
            where = " and ".join(str(other) for other in others)
            return (
                f"The attribute is on {where}. An attribute stays on its span. What is to go on to "
                "other services is an entry of baggage."
            )
        if reads_baggage(key).find_fault(lab):
            raise NotYet("it needs a server_automatic that reads its baggage")
        return (
            f"No entry {key} has come to server_automatic. baggage.set_baggage changes nothing: it "
            "returns a new context, which inject sends only if it is the current one, so attach it "
            f"before the call of ask_next. The key is {key} there too."
        )

    return Check(f"{key} of the first service's baggage reaches the third", find_fault)


# Sampling

RATIO = 0.1
# Outside of this, a right answer is with a probability of 4 in 100,000 (the binomial distribution).
FEWEST, MOST = 18, 66


def all_answer() -> Check:
    """All requests are answered with 200."""

    def find_fault(lab: Lab) -> str:
        known = [recording.status for recording in lab.recordings if recording.case != "new"]
        statuses = [*known, *lab.new_statuses]
        failed = [status for status in statuses if status != 200]
        if not failed:
            return ""
        return (
            f"{len(failed)} of them are not, one with {failed[0]}. See the journal: "
            f"{journal('manual')}"
        )

    return Check("All requests through all modes are answered with 200", find_fault)


def samples_a_tenth() -> Check:
    """About a tenth of the requests that begin a trace are recorded."""

    def find_fault(lab: Lab) -> str:
        recorded, requests = len(lab.of_case("new")), len(lab.new_statuses)
        if FEWEST <= recorded <= MOST:
            return ""
        if recorded == requests:
            return (
                f"All {requests} are. Their traces begin in server_manual, so that decides: give "
                "its TracerProvider a sampler."
            )
        if recorded == 0:
            return f"None of {requests} is. A sampler with a ratio records some of them."
        hint = f"{recorded} of {requests} are, but should be about {requests * RATIO:.0f}."
        if requests - MOST <= recorded <= requests - FEWEST:
            return f"{hint} The ratio is the part that is recorded, not the part that is left out."
        return f"{hint} The ratio is a number between 0 and 1."

    return Check("One in ten requests without a traceparent is recorded", find_fault)


def is_whole_or_absent() -> Check:
    """Traces that are recorded have spans of all services."""

    def find_fault(lab: Lab) -> str:
        recorded = lab.of_case("new")
        if not recorded:
            raise NotYet("it needs a trace that is recorded")
        for service in SERVICES:
            lacking = [r for r in recorded if all(span.service != service for span in r.spans)]
            if lacking:
                return (
                    f"{len(lacking)} of {len(recorded)} traces have no span of {service}, such as "
                    f"{lacking[0].trace_id}. It decides for itself what its caller has decided "
                    "already: leave its sampler as it is."
                )
        return ""

    return Check("Every trace that is recorded has spans of all three services", find_fault)


def follows_sampled() -> Check:
    """A request whose caller records its trace is recorded."""

    def find_fault(lab: Lab) -> str:
        sent = lab.of_case("sampled")
        missing = [recording for recording in sent if recording.server_span is None]
        if not missing:
            return ""
        return (
            f"{len(missing)} of {len(sent)} are not, such as {missing[0].trace_id}. A ratio alone "
            "does not look at the caller's decision. ParentBased does, and asks the sampler that "
            "you give it only where a trace begins."
        )

    return Check("A request whose traceparent says sampled is always recorded", find_fault)


def follows_unsampled() -> Check:
    """A request whose caller does not record its trace is not recorded."""

    def find_fault(lab: Lab) -> str:
        sent = lab.of_case("unsampled")
        recorded = [recording for recording in sent if recording.spans]
        if not recorded:
            return ""
        services = sorted({span.service for recording in recorded for span in recording.spans})
        return (
            f"{len(recorded)} of {len(sent)} are, by {' and '.join(services)}. The rest of such a "
            "trace is missing: follow the caller's decision, as ParentBased does."
        )

    return Check("A request whose traceparent says not sampled is never recorded", find_fault)


# Names of attributes

STABLE = {"http.request.method": "GET", "url.path": "/cars", "http.response.status_code": 200}
OLD = "http.method", "http.target", "http.status_code"
OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"


def has_stable_names() -> Check:
    """The server span has the attributes of the stable conventions."""

    def find_fault(lab: Lab) -> str:
        span = server_span(lab.recording("cars", "programmatic"))
        missing = [key for key in STABLE if key not in span.attributes]
        if not missing:
            wrong = [key for key, value in STABLE.items() if span.attributes[key] != value]
            return f"{' and '.join(wrong)} has another value than the library's." if wrong else ""
        if len(missing) < len(STABLE):
            return f"{' and '.join(missing)} is missing. Let the library set all of them."
        return (
            f"Its attributes have the old names, such as {OLD[0]}. The libraries read {OPT_IN} "
            "once, when the first of them is switched on (the first call of an instrument "
            "method): set it above that, and mind its value, http."
        )

    return Check(f"GET /cars has {', '.join(STABLE)}", find_fault)


def has_no_old_names() -> Check:
    """The server span has no attributes of the old conventions."""

    def find_fault(lab: Lab) -> str:
        span = server_span(lab.recording("cars", "programmatic"))
        if not any(key in span.attributes for key in STABLE):
            raise NotYet("it needs the stable names")
        old = [key for key in OLD if key in span.attributes]
        if not old:
            return ""
        return (
            f"It has {' and '.join(old)} as well. That is what http/dup records, for a time of "
            "transition. Here only the stable names are wanted: http."
        )

    return Check(f"GET /cars has none of {', '.join(OLD)}", find_fault)


# Durations

FAULT_SECONDS = 0.8
# A request on a busy machine takes a little longer, the fault twice this.
SPARE = FAULT_SECONDS / 2 * 1e6
FUNCTIONS = "some_func_one", "some_func_two"


def each_mode(title: str, find: Callable[[Lab, Recording, Span], str]) -> Check:
    """Check the request for the cars to each mode; a hint begins with its server span."""

    def find_fault(lab: Lab) -> str:
        hints = []
        for mode in MODES:
            got = lab.recording("cars", mode)
            span = server_span(got)
            if hint := find(lab, got, span):
                hints.append(f"{span.service}: {hint}")
        return "\n".join(hints)

    return Check(title, find_fault)


def functions_sleep() -> Check:
    """The time outside of what the libraries record is at least that of the two sleeps."""

    def find(lab: Lab, got: Recording, span: Span) -> str:
        others = [child for child in span.children if child.name not in FUNCTIONS]
        own, wanted = span.duration - sum(o.duration for o in others), 2 * lab.sleep_seconds * 1e6
        if own >= wanted * TOLERANCE:
            return ""
        return (
            f"they take {seconds(own)} instead of {seconds(wanted)}. They stand for the work that "
            "has to be done: leave them as they are. The time that is lost is elsewhere."
        )

    return each_mode("The two functions sleep as long as before", find)


def nothing_is_hidden() -> Check:
    """The server span lasts about as long as the caller waited."""

    def find(lab: Lab, got: Recording, span: Span) -> str:
        if got.seconds * 1e6 - span.duration <= SPARE:
            return ""
        return (
            f"the answer took {got.seconds:.3f} s, but {span.name} lasts only "
            f"{seconds(span.duration)}. Users wait as before, the trace only does not show it."
        )

    return each_mode("The server spans last as long as the requests", find)


def nothing_else_takes_time() -> Check:
    """A request takes no longer than its two functions sleep."""

    def find(lab: Lab, got: Recording, span: Span) -> str:
        more = span.duration - 2 * lab.sleep_seconds * 1e6
        if more <= SPARE:
            return ""
        long = [
            other
            for other in span.walk()
            if other is not span and other.name not in FUNCTIONS and other.duration > more / 2
        ]
        where = f"the span {names(long[-1:])}" if long else "a gap, where no span is"
        return f"{seconds(more)} more than the functions sleep, most of it in {where}."

    return each_mode("A request takes no longer than its two functions sleep", find)


# Metrics, of the function TIMED: the name in the code, and of its series in Prometheus.
TIMED = "some_func_two"
METRIC = f"{TIMED}.duration"
SERIES = f"{TIMED}_duration_seconds"


def has_histogram() -> Check:
    """Prometheus has the function's duration as a histogram in seconds."""

    def find_fault(lab: Lab) -> str:
        if f"{SERIES}_bucket" in lab.series:
            return ""
        if f"{SERIES}_total" in lab.series:
            return (
                "It is a counter, which only has the sum of all durations: not how many there were "
                "and how they differ. A histogram has: create_histogram and record."
            )
        if SERIES in lab.series:
            return "It has one value and no distribution: create_histogram and record."
        if others := sorted(series for series in lab.series if series.startswith(TIMED)):
            return (
                f"Prometheus has {others[0]}. Name the metric {METRIC}, and its unit s: the "
                "conventions give durations in seconds."
            )
        return (
            f"Prometheus has no {SERIES}_bucket of the process that answered. The method "
            f"create_histogram of a meter (metrics.get_meter) makes the metric {METRIC}, which is "
            "sent once something was recorded."
        )

    return Check(f"Prometheus has the histogram {METRIC} in seconds", find_fault)


def find_exemplar(lab: Lab) -> Exemplar | None:
    """Return the histogram's exemplar of the request, first that of TIMED; raises NotYet."""
    if f"{SERIES}_bucket" not in lab.series:
        raise NotYet("it needs the histogram")
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
    raise NotYet("it needs an exemplar of the request")


def has_exemplar() -> Check:
    """An exemplar of the histogram leads to the function's span."""

    def find_fault(lab: Lab) -> str:
        span, exemplar = own_span(lab, TIMED), find_exemplar(lab)
        if exemplar is None:
            return (
                "It has no exemplar with the request's trace. record takes the ids of the current "
                f"span: call it in {TIMED}, in the same thread."
            )
        if exemplar.span_id == span.span_id:
            return ""
        spans = lab.recording("cars", "programmatic").spans
        others = names([other for other in spans if other.span_id == exemplar.span_id])
        return (
            f"It leads to the span {others or exemplar.span_id}, which was the current one when "
            f"the value was recorded. The span of {TIMED} is the current one until the function "
            "ends: call record before that."
        )

    return Check(f"Its exemplar leads to the span {TIMED} of the request", find_fault)


def has_seconds() -> Check:
    """The value that was recorded is the function's duration, in seconds."""

    def find_fault(lab: Lab) -> str:
        value, duration = own_exemplar(lab).value, own_span(lab, TIMED).duration / 1e6
        took = f"The value is {value:.3f} s, but the function took {duration:.3f} s."
        if value > 100 * duration:
            return (
                f"{took} The value has another unit than the metric, which every page that shows "
                "it believes: perf_counter gives seconds."
            )
        if abs(value - duration) > (1 - TOLERANCE) * duration + 0.01:
            return f"{took} Read the clock before the sleep and after it."
        return ""

    return Check(f"The value is the duration of {TIMED} in seconds", find_fault)


def has_buckets() -> Check:
    """The buckets of the histogram tell durations like that of the function apart."""

    def find_fault(lab: Lab) -> str:
        exemplar = own_exemplar(lab)
        if has_seconds().find_fault(lab):
            raise NotYet("it needs a value in seconds")
        if not lab.sleep_seconds or exemplar.bound <= 5 * exemplar.value:
            return ""
        return (
            f"{exemplar.value:.3f} s is in the bucket that ends at {exemplar.bound:g} s, with all "
            "that is much shorter or longer, so that a percentile says nothing. The default "
            "boundaries are made for milliseconds: give create_histogram some in seconds "
            "(explicit_bucket_boundaries_advisory)."
        )

    return Check("Its buckets tell half a second from five", find_fault)


# Log lines


def leads_to(name: str, line: str) -> Check:
    """A log line of the manual mode, which has the text `line`, has the ids of the span `name`."""

    def find_fault(lab: Lab) -> str:
        got, span = lab.recording("cars", "manual"), own_span(lab, name, "manual")
        found = [text for text in lab.journal if line in text]
        if not found:
            return (
                f'The journal has no line "{line} ...". The level of app.logger is INFO: what is '
                "below, such as debug(), is not written. Use app.logger.info."
            )
        with_trace = [text for text in found if re.search(rf"\btrace_id={got.trace_id}\b", text)]
        if any(re.search(rf"\bspan_id={span.span_id}\b", text) for text in with_trace):
            return ""
        return log_span_hint(got, name, with_trace[0]) if with_trace else log_hint(got, found[0])

    return Check(f'The line "{line} ..." has the ids of the trace and of {name}', find_fault)


def log_span_hint(got: Recording, name: str, text: str) -> str:
    """Return a hint about a line that has the trace's id, but not the span's."""
    if others := [span for span in got.spans if re.search(rf"\b{span.span_id}\b", text)]:
        return (
            f"It has the id of the span {names(others)}. Read the ids of the current span for each "
            f"line, with get_current_span, and log the line in {name}."
        )
    return "It has the id of the trace, but not span_id= with that of the span: format_span_id."


def log_hint(got: Recording, text: str) -> str:
    """Return a hint about a line without `trace_id=` and the trace's id."""
    written = re.search(r"trace_id=(\w*)", text)
    value = written[1] if written else ""
    number = int(got.trace_id, 16)
    if str(number) in text:
        return (
            "The id is in decimal. Jaeger and traceparent write it with 32 hexadecimal digits, and "
            "that is what one searches for: format_trace_id."
        )
    if f"{number:#x}" in text.lower():
        return "hex() adds 0x and leaves leading zeros out. Write all 32 digits: format_trace_id."
    if re.search(rf"\b{got.trace_id}\b", text):
        return "It has the id, but not after trace_id=, which finds the lines of all modes."
    if value and set(value) == {"0"}:
        return (
            "Its ids are zeros: no span was the current one when they were read. Read them for "
            "each line, while the span lasts."
        )
    if value and value in got.trace_id:
        return f"It has {len(value)} of the id's 32 digits. Nothing finds a trace by a part."
    if value:
        return f"Its id, {value}, is not that of the request's trace, {got.trace_id}."
    return (
        f"It has no trace_id=: {text}\ntrace.get_current_span().get_span_context() has the ids, "
        "and a record factory or a filter of logging adds them to each line."
    )


# The fourth mode, which runs in place of the automatic one

FOURTH = "server_mixed"


def is_fourth_service() -> Check:
    """All spans of the request are of the fourth service."""

    def find_fault(lab: Lab) -> str:
        got = lab.recording("cars", "automatic")
        server_span(got)
        others = sorted({span.service for span in got.spans} - {FOURTH})
        if not others:
            return ""
        if others == ["server_automatic"]:
            return (
                f"It is server_automatic. There was no {FOURTH}.py in .exercise/app when you "
                "deployed it: write the module, with a Flask app called app, and deploy it."
            )
        return (
            f"There are also spans of {' and '.join(others)}. opentelemetry-instrument has made "
            "the provider and given it a name: take your tracer from trace.get_tracer, and make no "
            "provider."
        )

    return Check(f"The request is answered by the service {FOURTH}", find_fault)


def has_one_server_span() -> Check:
    """The only server span is that of the instrumentation."""

    def find_fault(lab: Lab) -> str:
        got = lab.recording("cars", "automatic")
        server_span(got)
        own = [span for span in got.spans if span.kind == "server" and span.name != "GET /cars"]
        if own:
            return (
                f"There is also {names(own)}, of your code. opentelemetry-instrument switches the "
                "instrumentation of Flask on, which records the request: leave it to that."
            )
        return ""

    return Check("Its server span is GET /cars, and there is no other", find_fault)


def has_query() -> Check:
    """The query has a span, a child of the server span."""

    def find_fault(lab: Lab) -> str:
        got = lab.recording("cars", "automatic")
        above = server_span(got)
        queries = [span for span in got.spans if span.name.startswith("SELECT")]
        if not queries:
            return (
                "The query has no span. The instrumentation of SQLAlchemy records those of the "
                "engine in db.py: read the cars as the other servers do."
            )
        if queries[0].parent is not above:
            return f"It is a child of {queries[0].parent}: leave the query outside of that span."
        return ""

    return Check("The query has a span, a child of GET /cars", find_fault)
