"""The checks of the exercises: each wrong answer gets the hint that helps, the solution none."""

from dataclasses import replace
from math import comb, inf

import pytest

from course.checks import FEWEST, MOST, RATIO, evaluate
from course.exercises import EXERCISES
from course.traces import BegunTrace, Lab, build_lab
from tests.support.course_answers import ANSWERS
from tests.support.course_traces import (
    LAST,
    ONE_SPAN,
    SLEEP,
    TRACE_ID,
    TWO_ID,
    WHOLE,
    baggage,
    cars,
    chain,
    exception,
    failures,
    fourth,
    functions,
    jaeger_trace,
    lab_of,
    libraries,
    line,
    logged,
    measured,
    sampling,
    sent,
    span,
    timed,
    waited,
)

EVENT = ((SLEEP, {"event": "sleep.over"}),)
BOTH = {"one": {"events": EVENT}, "two": {"sleep.seconds": SLEEP}}
TWO = span("some_func_two", start=SLEEP, lasts=SLEEP)
FOUND, SLEEPING = "Found 5 cars", "Sleeping for 0.5 s"
NUMBER = int(TRACE_ID, 16)

CLIENT, READ = {"client.name": "otel-lab"}, {"client.name": "course"}
OLD = {"http.method": "GET", "http.target": "/cars", "http.status_code": 200}
STABLE = {"http.request.method": "GET", "url.path": "/cars", "http.response.status_code": 200}
FIRST = span("chain", kind="server", service="server_manual")


def through(first=None, last=None):
    """The request through all modes, with attributes of the first and the last server span."""
    below = span("GET /chain", kind="server", service="server_automatic", **(last or {}))
    recorded = chain(span("GET", below, kind="client"))
    recorded["chain", "manual"][1]["attributes"] = first or {}
    return recorded


def named(attributes):
    """The requests for the cars, with attributes of the programmatic server span."""
    recorded = cars()
    recorded["cars", "programmatic"][1]["attributes"] = attributes
    return recorded


# What each answer in course_answers.py records.
RECORDED = {
    (1, "starting point"): cars(),
    (1, "function in a new thread"): cars(span("some_func_one", lasts=2 * SLEEP)),
    (1, "request that fails"): {**cars(), ("cars", "programmatic"): (500, None)},
    (1, "span that never becomes the current one"): cars(
        span("some_func_one", lasts=2 * SLEEP), TWO
    ),
    (1, "span that ends before the function"): cars(functions(two={"lasts": 0.00001})),
    (1, "solution"): cars(functions()),
    (2, "starting point"): cars(functions()),
    (2, "attribute of the server span"): {
        ("cars", "programmatic"): (
            200,
            span("GET /cars", functions(), kind="server", **{"sleep.seconds": SLEEP}),
        )
    },
    (2, "attribute in place of an event"): cars(functions(one={"sleep.over": True})),
    (2, "solution"): cars(functions(**BOTH)),
    (3, "starting point"): failures(503),
    (3, "attributes in place of an event"): failures(503, **{"exception.type": "OperationalError"}),
    (3, "exception on another span"): failures(503, span("database_error", events=exception())),
    (3, "exception of the driver"): failures(503, events=exception("sqlite3.OperationalError")),
    (3, "no handler"): failures(500, events=exception()),
    (3, "exception that is raised again"): failures(500, events=exception()),
    (3, "solution"): failures(503, events=exception()),
    (4, "starting point"): chain(),
    (4, "instrumentation of another library"): chain(),
    (4, "client span without a header"): chain(span("ask_next", kind="client")),
    (4, "header of the caller passed on"): chain(beside=(LAST,)),
    (4, "header without a client span"): chain(LAST),
    (4, "header from outside of the client span"): chain(span("ask_next", kind="client"), LAST),
    (4, "solution"): chain(span("GET", LAST, kind="client")),
    (5, "starting point"): baggage(through()),
    (5, "attribute of the first service"): baggage(through(first=CLIENT)),
    (5, "baggage that is never attached"): baggage(through(), **READ),
    (5, "attribute under another key"): baggage(
        through(last={"client_name": "otel-lab"}), client_name="course"
    ),
    (5, "header of the last call in place of the baggage"): baggage(
        through(last={"client.name": "Python-urllib/3.11"}), **CLIENT
    ),
    (5, "solution"): baggage(through(last=CLIENT), **READ),
    (6, "starting point"): build_lab(*sampling([WHOLE] * 400)),
    (6, "ratio without the parent's decision"): build_lab(*sampling([WHOLE] * 40, None, WHOLE)),
    (6, "ratio in the second service"): build_lab(*sampling([WHOLE] * 40 + [FIRST] * 360)),
    (6, "nothing"): build_lab(*sampling([])),
    (6, "ratio of what is left out"): build_lab(*sampling([WHOLE] * 360)),
    (6, "solution"): build_lab(*sampling([WHOLE] * 40)),
    (7, "starting point"): named(OLD),
    (7, "variable set after the first library"): named(OLD),
    (7, "both names"): named({**OLD, **STABLE}),
    (7, "solution"): named(STABLE),
    (8, "starting point"): timed(0.8),
    (8, "functions that do not sleep"): timed(0.8, {"programmatic": 1.3}),
    (8, "wait in the handler"): timed(lasts={"programmatic": 1.8}),
    (8, "wait before the span"): waited(timed(), "manual", 1.8),
    (8, "solution"): timed(),
    (9, "starting point"): cars(functions()),
    (9, "counter"): measured(series="some_func_two_duration_seconds_total"),
    (9, "milliseconds"): measured(500.2, bound=inf),
    (9, "after the span has ended"): measured(span_id=ONE_SPAN),
    (9, "boundaries for milliseconds"): measured(bound=5),
    (9, "solution"): measured(),
    (10, "starting point"): logged(f"INFO {FOUND}"),
    (10, "ids in decimal"): logged(line(FOUND, NUMBER, 1), line(SLEEPING, NUMBER, 3)),
    (10, "ids of the time when the module is loaded"): logged(line(FOUND, "0" * 32, "0" * 16)),
    (10, "ids of the server span in each line"): logged(line(FOUND), line(SLEEPING)),
    (10, "line below the log level"): logged(line(FOUND)),
    (10, "solution"): logged(line(FOUND), line(SLEEPING, span_id=TWO_ID)),
    (11, "starting point"): fourth(*libraries(), service="server_automatic"),
    (11, "copy of the automatic mode"): fourth(*libraries()),
    (11, "copy of the manual mode"): fourth(
        beside=(span("server_request", *libraries(), functions(), kind="server"),)
    ),
    (11, "solution"): fourth(*libraries(), functions()),
}


def evaluated(number, lab):
    """Return the results of an exercise's checks."""
    results = [evaluate(check, lab) for check in EXERCISES[number].checks]
    assert all(result.text == "" for result in results if result.state == "right")
    assert any(r.state == "wrong" for r in results) or all(r.state == "right" for r in results)
    return results


def hints(number, lab):
    """Return the hints of an exercise's checks."""
    return [result.text for result in evaluated(number, lab) if result.state == "wrong"]


def as_lab(recorded):
    return recorded if isinstance(recorded, Lab) else lab_of(recorded)


@pytest.mark.parametrize(
    ("number", "answer"), [(n, answer) for n, found in ANSWERS.items() for answer in found], ids=str
)
def test_an_answer_gets_its_hint_and_the_solution_none(number, answer):
    lab = as_lab(RECORDED[number, answer.name])
    if number == 4:
        lab = replace(lab, begun={"server_automatic": BegunTrace("t2", [])})
    results = evaluated(number, lab)
    if answer.hint:
        assert any(answer.hint in result.text for result in results), results
    else:
        assert all(result.state == "right" for result in results), results


OTHERS = [
    (1, "2 spans of this name", cars(functions(), span("some_func_one", lasts=1))),
    (1, "Name it some_func_one", cars(span("someFuncOne", TWO, lasts=1))),
    (1, "Add it to server_programmatic.py", cars(automatic=(functions(),))),
    (1, "the other way round", cars(span("some_func_two", span("some_func_one", lasts=1)))),
    (1, "It is a child of outer", cars(span("outer", functions()))),
    (
        1,
        "It is a child of SELECT cars.db",
        cars(span("some_func_one", span("SELECT cars.db", TWO), lasts=1)),
    ),
    (1, "only 0.500 s. The span begins before", cars(functions(two={"start": 0, "lasts": 1}))),
    (
        1,
        "keep SQLAlchemyInstrumentor",
        {("cars", "programmatic"): (200, span("GET /cars", functions(), kind="server"))},
    ),
    (1, "keep FlaskInstrumentor", {("cars", "programmatic"): (200, functions())}),
    (1, "No span of this request has arrived", {**cars(), ("cars", "programmatic"): (200, None)}),
    (1, "answered with 500. See the journal", {**cars(), ("cars", "programmatic"): (500, None)}),
    (2, "'0.5', a string, but should be 0.5", cars(functions(two={"sleep.seconds": "0.5"}))),
    (2, "1, a number, but should be 0.5", cars(functions(two={"sleep.seconds": 1}))),
    (2, "True, a boolean", cars(functions(two={"sleep.seconds": True}))),
    (2, "Name it sleep.seconds", cars(functions(two={"sleep_seconds": SLEEP}))),
    (
        2,
        "It is an attribute of an event",
        cars(functions(two={"events": ((SLEEP, {"event": "x", "sleep.seconds": SLEEP}),)})),
    ),
    (
        2,
        "holds for the whole span",
        cars(functions(two={"events": ((SLEEP, {"event": "sleep.seconds"}),)})),
    ),
    (2, "The event is on some_func_two", cars(functions(two={"events": EVENT}))),
    (2, "It has 2 of them", cars(functions(one={"events": EVENT * 2}))),
    (
        2,
        "Name it sleep.over",
        cars(functions(one={"events": ((SLEEP, {"event": "sleep over"}),)})),
    ),
    (
        2,
        "before the end of its sleep",
        cars(functions(one={"events": ((0.001, {"event": "sleep.over"}),)})),
    ),
    (
        2,
        "after some_func_two has begun",
        cars(functions(one={"events": ((2 * SLEEP, {"event": "sleep.over"}),)})),
    ),
    (3, "2 exception events", failures(503, events=exception() * 2)),
    (
        3,
        "the exception is OperationalError, not",
        failures(503, events=exception("OperationalError")),
    ),
    (
        3,
        "the exception is unknown, not",
        failures(503, events=((0, {"event": "exception", "exception.message": "locked"}),)),
    ),
    (3, "Its event is called failed", failures(503, events=((0, {"event": "failed"}),))),
    (3, "is unset. An answer of 500", failures(503, status="", events=exception())),
    (
        3,
        "GET /cars shows an error, but nothing failed",
        {
            **failures(503, events=exception()),
            ("cars", "programmatic"): (
                200,
                span("GET /cars", kind="server", events=exception()),
            ),
        },
    ),
    (
        2,
        "the one whose with block or decorated function is running",
        cars(functions(one={"sleep.seconds": SLEEP})),
    ),
    (
        2,
        "some_func_one has no such event. In the function, trace.get_current_span()",
        cars(functions()),
    ),
    (4, "whose kind is internal", chain(span("ask_next", LAST))),
    (4, "server_automatic has no span in this trace", chain()),
    (
        4,
        "server_manual has no span in the trace",
        {("chain", "manual"): (200, None)},
    ),
    (5, "the attribute is 'garage'", baggage(through(last=CLIENT), **{"client.name": "garage"})),
    (5, "not the User-Agent 'otel-lab'", baggage(through(last={"client.name": "x"}), **READ)),
    (
        5,
        "Set it on the server span, GET /chain",
        {
            **through(),
            ("baggage", "automatic"): (
                200,
                span("GET /chain", span("own", **READ), kind="server", service="server_automatic"),
            ),
        },
    ),
    (6, "100 of 400 are, but should be about 40", build_lab(*sampling([WHOLE] * 100))),
    (6, "400 of them are not, one with 502", build_lab(*sampling([WHOLE] * 40, status=502))),
    (6, "1 of 1 are, by server_manual", build_lab(*sampling([WHOLE] * 40, unsampled=FIRST))),
    (7, "url.path is missing", named({k: v for k, v in STABLE.items() if k != "url.path"})),
    (7, "url.path has another value", named({**STABLE, "url.path": "/chain"})),
    (7, "as well", named({**STABLE, "http.method": "GET"})),
    (8, "server_manual: 0.800 s more than the functions sleep, most of it in a gap", timed(0.8)),
    (8, "they take 0.099 s instead of 1.000 s", timed(lasts={"automatic": 0.1})),
    (9, "It has one value", measured(series="some_func_two_duration_seconds")),
    (
        9,
        "Prometheus has some_func_two_duration_milliseconds_bucket. Name the metric",
        measured(series="some_func_two_duration_milliseconds_bucket"),
    ),
    (9, "It has no exemplar", replace(measured(), exemplars=[])),
    (9, "It leads to the span elsewhere", measured(span_id="elsewhere")),
    (9, "Read the clock before the sleep", measured(0.0001)),
    (10, "hex() adds 0x", logged(line(FOUND, hex(NUMBER)))),
    (10, "It has 16 of the id's 32 digits", logged(line(FOUND, TRACE_ID[16:]))),
    (10, f"Its id, {'1' * 32}, is not that", logged(line(FOUND, "1" * 32))),
    (10, "but not after trace_id=", logged(f"INFO {TRACE_ID} {FOUND}")),
    (10, "but not span_id=", logged(f"INFO [trace_id={TRACE_ID}] {FOUND}")),
    (11, "It is a sibling of some_func_one", fourth(span("some_func_one"), TWO)),
    (11, "There are also spans of server_own", fourth(functions(), service="server_own")),
    (11, "The query has no span", fourth(functions())),
    (11, "It is a child of server_mixed: own [internal]", fourth(span("own", *libraries()))),
]


@pytest.mark.parametrize(("number", "hint", "recorded"), OTHERS)
def test_another_wrong_answer_gets_its_hint(number, hint, recorded):
    found = hints(number, as_lab(recorded))
    assert any(hint in text for text in found), found


def test_a_right_sampler_seldom_misses_the_bounds():
    def chance(recorded):
        return comb(400, recorded) * RATIO**recorded * (1 - RATIO) ** (400 - recorded)

    assert 1 - sum(map(chance, range(FEWEST, MOST + 1))) < 1 / 26_000


def test_a_request_without_an_answer_gives_the_reason_and_nothing_else_is_judged():
    lab = lab_of(cars())
    recordings = [replace(r, status=0, error="timed out") for r in lab.recordings]
    first, *others = evaluated(1, replace(lab, recordings=recordings))
    assert "No answer came: timed out" in first.text
    assert {result.state for result in others} == {"later"}
    assert {result.text for result in others} == {
        "Not checked yet: the request was not answered with 200."
    }


@pytest.mark.parametrize(
    ("number", "recorded", "other_root", "hint"),
    [
        # As with the context that server_manual extracts.
        (1, cars(), functions(), "It has no parent in this trace"),
        (4, chain(), LAST, "Its parent is no span of this trace"),
    ],
)
def test_a_span_beside_the_server_span_gets_its_hint(number, recorded, other_root, hint):
    traces = [jaeger_trace(root, other_root) for _, root in recorded.values()]
    found = hints(number, build_lab(sent(recorded), traces))
    assert any(hint in text for text in found), found


def test_a_request_whose_server_span_is_missing_is_not_judged():
    recorded = failures(503, events=exception())
    lab = lab_of({**recorded, ("database_error", "programmatic"): (503, None)})
    results = [evaluate(check, lab) for check in EXERCISES[3].checks]
    missing = "the server span of the request to car-programmatic has not arrived"
    assert [missing in result.text for result in results] == [False, False, False, True, True]


def test_an_error_of_a_request_that_failed_is_not_called_wrong():
    recorded = failures(503, events=exception())
    failed = {("cars", "programmatic"): (500, recorded["database_error", "programmatic"][1])}
    states = [result.state for result in evaluated(3, lab_of({**recorded, **failed}))]
    assert states == ["wrong", "later", "right", "right", "right"]


def test_a_lab_that_does_not_sleep_has_spans_of_any_length():
    lab = replace(lab_of(cars(functions(one={"lasts": 0.1}, two={"lasts": 0.1}))), sleep_seconds=0)
    assert hints(1, lab) == []


def test_what_depends_on_a_missing_span_is_not_called_wrong():
    results = [evaluate(check, lab_of(cars())) for check in EXERCISES[1].checks]
    later = [result for result in results if result.state == "later"]
    assert len(later) == 4
    assert later[0].text == "Not checked yet: it needs one span some_func_one."
