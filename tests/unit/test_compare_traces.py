"""The module compare_traces: each way in which a trace can differ is found and named."""

import copy
import json
from itertools import count

import pytest
import yaml

import compare_traces
from compare_traces import difference, expected_tree, read_trace, span_tree
from tests.support.commands import REPOSITORY, unfold
from tests.support.contract import EXPECTED_TRACES
from tests.support.course_traces import tags

FLASK = "opentelemetry.instrumentation.flask"
ITEM = {
    "title": "car-manual cars",
    "service": "server_manual",
    "trace_id": "t" * 32,
    "span_id": "caller",
    "resource": {"host.name": "lab"},
    "expected": {
        "name": "GET /cars",
        "kind": "server",
        "scope": FLASK,
        "status": "error",
        "exceptions": ["OperationalError"],
        "attributes": {"http.status_code": 500},
        "children": [
            {"name": "connect", "kind": "client", "scope": "sqlalchemy"},
            {
                "name": "SELECT",
                "kind": "client",
                "scope": "sqlalchemy",
                "children": [
                    {"name": "GET /next", "service": "other", "kind": "server", "scope": FLASK}
                ],
            },
        ],
    },
}


def trace_of(item: dict) -> dict:
    """Return the trace that is expected, as Jaeger 1.57 gives it."""
    trace: dict = {"spans": [], "processes": {}}
    ids = count(1)

    def add(node: dict, above: str) -> None:
        span_id = f"s{next(ids)}"
        status = {} if node["status"] == "unset" else {"otel.status_code": node["status"].upper()}
        events = [{"event": "exception", "exception.type": e} for e in node["exceptions"]]
        trace["processes"][f"p{span_id}"] = {
            "serviceName": node["service"],
            "tags": tags({"otel.library.name": node["scope"], **node["resource"]}),
        }
        trace["spans"].append(
            {
                "spanID": span_id,
                "operationName": node["name"],
                "processID": f"p{span_id}",
                "references": [{"refType": "CHILD_OF", "spanID": above}],
                "startTime": len(trace["spans"]),
                "duration": 1,
                "tags": tags({"span.kind": node["kind"], **status, **node["attributes"]}),
                "logs": [{"timestamp": 0, "fields": tags(event)} for event in events],
            }
        )
        for child in node["children"]:
            add(child, span_id)

    if item["expected"]:
        add(expected_tree(item["expected"], item["service"], item["resource"], ""), item["span_id"])
    return trace


def test_a_trace_as_expected_has_no_difference():
    assert difference(ITEM, trace_of(ITEM)) == ""


def change(index, **values):
    """Return a function that changes the fields of a span."""
    return lambda trace: trace["spans"][index].update(values)


def tag(index, key, value):
    """Return a function that changes, or with None removes, a tag of a span or of its process."""

    def apply(trace):
        span = trace["spans"][index]
        for holder in span, trace["processes"][span["processID"]]:
            values = {tag["key"]: tag["value"] for tag in holder["tags"]}
            if key in values:
                changed = {k: v for k, v in (values | {key: value}).items() if v is not None}
                holder["tags"] = tags(changed)

    return apply


def service(index, name):
    return lambda trace: trace["processes"][f"ps{index + 1}"].update(serviceName=name)


def exception(name):
    return [{"timestamp": 0, "fields": tags({"event": "exception", "exception.type": name})}]


def parent(span_id, kind="CHILD_OF"):
    return [{"refType": kind, "spanID": span_id}]


def extra(parent_id):
    """Return a function that adds a span."""

    def apply(trace):
        span = {"spanID": "extra", "operationName": "extra", "startTime": 99}
        trace["spans"].append(trace["spans"][1] | span | {"references": parent(parent_id)})

    return apply


def remove(index):
    return lambda trace: trace["spans"].pop(index)


NO_TYPE = [{"timestamp": 0, "fields": tags({"event": "exception"})}]
ROOT = "+ server_manual: GET /cars [server] parent"
NEXT = "- other: GET /next [server] parent=above"
# What is changed in a good trace, and a line that the difference must have for it.
CHANGES = {
    "name": (change(1, operationName="other"), "+ server_manual: other [client] parent=above"),
    "kind": (tag(1, "span.kind", "internal"), "+ server_manual: connect [internal] parent=above"),
    "no kind": (tag(1, "span.kind", None), "+ server_manual: connect [internal] parent=above"),
    "scope": (tag(1, "otel.library.name", "sqlite3"), "+ scope=sqlite3 status=unset"),
    "no scope": (tag(1, "otel.library.name", None), "+ scope= status=unset"),
    "service": (service(1, "other"), "+ other: connect [client] parent=above"),
    "inherited service": (service(3, "server_manual"), NEXT),
    "status": (tag(0, "otel.status_code", "OK"), f"+ scope={FLASK} status=ok"),
    "no status": (tag(0, "otel.status_code", None), f"+ scope={FLASK} status=unset"),
    "another exception": (change(0, logs=exception("ValueError")), "+ exception ValueError"),
    "no exception": (change(0, logs=[]), "- exception OperationalError"),
    "an extra exception": (change(1, logs=exception("ValueError")), "+ exception ValueError"),
    "an exception without a type": (change(0, logs=NO_TYPE), "+ exception unknown"),
    "resource": (tag(2, "host.name", "elsewhere"), '+ host.name="elsewhere"'),
    "no resource": (tag(2, "host.name", None), '+ host.name="(absent)"'),
    "attribute": (tag(0, "http.status_code", 200), "+ http.status_code=200"),
    "type of an attribute": (tag(0, "http.status_code", "500"), '+ http.status_code="500"'),
    "no attribute": (tag(0, "http.status_code", None), '+ http.status_code="(absent)"'),
    "order": (change(1, startTime=99), "+ server_manual: connect [client] parent=above"),
    "parent of a child": (change(3, references=parent("s1")), NEXT),
    "parent of the root": (change(0, references=parent("somebody")), f"{ROOT}=somebody"),
    "no parent": (change(0, references=[]), f"{ROOT}=none"),
    "a link instead": (change(0, references=parent("caller", "FOLLOWS_FROM")), f"{ROOT}=none"),
    "a missing leaf": (remove(3), NEXT),
    "a missing span": (remove(1), "- server_manual: connect [client] parent=above"),
    "an extra child": (extra("s1"), "+ server_manual: extra [client] parent=above"),
    "an extra root": (extra("nobody"), "+ server_manual: extra [client] parent=nobody"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_difference_is_found_and_named(name):
    apply, line = CHANGES[name]
    trace = trace_of(ITEM)
    apply(trace)
    found = difference(ITEM, trace)
    assert found.startswith(f"car-manual cars, trace {'t' * 32} (- expected, + found):\n")
    assert line in [unfold(line) for line in found.splitlines()]


def test_other_attributes_and_events_are_ignored():
    trace = trace_of(ITEM)
    trace["spans"][0]["tags"] += tags({"http.flavor": "1.1"})
    trace["spans"][0]["logs"] += [{"timestamp": 0, "fields": tags({"event": "message"})}]
    assert difference(ITEM, trace) == ""


def test_a_missing_trace_is_named():
    assert "+ (no trace)" in difference(ITEM, None).splitlines()


def test_no_trace_can_be_expected():
    nothing = ITEM | {"expected": None}
    assert difference(nothing, None) == ""
    lines = difference(nothing, trace_of(ITEM)).splitlines()
    assert "- (no trace)" in lines
    assert "+ server_manual: GET /cars [server] parent=caller" in lines


def test_a_trace_that_is_only_waited_for_needs_its_root():
    waited = {key: value for key, value in ITEM.items() if key != "expected"}
    trace = trace_of(ITEM)
    assert difference(waited, trace) == ""
    assert "root span" in difference(waited, None)
    trace["spans"].pop(0)
    assert "root span" in difference(waited, trace)


def test_the_scope_may_be_a_tag_of_the_span():
    trace = trace_of(ITEM)
    trace["spans"][0]["tags"] += tags({"otel.scope.name": "newer"})
    assert span_tree(trace)[0]["scope"] == "newer"


def test_children_that_start_together_come_by_duration():
    trace = trace_of(ITEM)
    for span, duration in zip(trace["spans"][1:3], (1, 2), strict=True):
        span.update(startTime=1, duration=duration)
    assert [child["name"] for child in span_tree(trace)[0]["children"]] == ["SELECT", "connect"]


def test_every_expected_trace_of_the_lab_equals_itself_and_no_other():
    modes = yaml.safe_load((REPOSITORY / EXPECTED_TRACES).read_text())["expected_traces"]
    items = [
        ITEM | {"expected": case["trace"], "service": f"server_{mode}"}
        for mode, cases in modes.items()
        for case in cases.values()
        if case["trace"]
    ]
    assert len(items) >= 13
    distinct = {json.dumps(trace_of(item)): item for item in items}
    for text, item in distinct.items():
        for other in items:
            same = text == json.dumps(trace_of(other))
            assert (difference(other, json.loads(text)) == "") == same, (item, other)


@pytest.fixture
def module(monkeypatch, run_module):
    """A function that runs the module on the answers that Jaeger gives in turn, one a second."""

    def run(answers, items, timeout=2):
        clock, turn = count(), iter(answers)

        def read(_url, _trace_id):
            answer = next(turn)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(compare_traces, "read_trace", read)
        monkeypatch.setattr(compare_traces.time, "sleep", lambda _: None)
        monkeypatch.setattr(compare_traces.time, "monotonic", lambda: next(clock))
        return run_module(compare_traces, jaeger_url="http://jaeger", traces=items, timeout=timeout)

    return run


def test_the_module_returns_span_trees_once_two_readings_agree(module):
    good = trace_of(ITEM)
    incomplete = copy.deepcopy(good)
    incomplete["spans"].pop()
    result = module([None, incomplete, good, good], [ITEM], timeout=9)
    assert result["changed"] is False
    assert result["compared"] == 1
    assert result["span_trees"] == [span_tree(good)]


def test_one_reading_is_enough_if_only_services_are_waited_for(module):
    waited = {name: ITEM[name] for name in ("title", "trace_id", "span_id")}
    good = trace_of(ITEM)
    assert module([None, good], [{**waited, "services": [ITEM["service"]]}], timeout=9)["compared"]
    with pytest.raises(StopIteration):
        module([None, good], [waited], timeout=9)


def test_the_module_waits_for_a_superfluous_span(module):
    good = trace_of(ITEM)
    late = copy.deepcopy(good)
    extra("s1")(late)
    assert "+   server_manual: extra" in module([good, late, late, late], [ITEM])


def test_the_module_names_every_difference_when_time_is_up(module):
    other = ITEM | {"title": "car-automatic cars"}
    message = module([None, None] * 4, [ITEM, other])
    assert message.startswith("Traces in Jaeger are not as expected.\n")
    assert "car-manual cars, trace" in message
    assert "car-automatic cars, trace" in message


def test_the_module_survives_a_jaeger_that_is_away_for_a_while(module):
    good = trace_of(ITEM)
    result = module([OSError("refused"), ValueError("no JSON"), good, good], [ITEM], timeout=9)
    assert result["compared"] == 1
    message = module([OSError("refused")] * 4, [ITEM])
    assert "Jaeger at http://jaeger" in message
    assert "refused" in message


def test_a_trace_is_read_from_jaegers_api(http_server):
    trace = trace_of(ITEM)
    http_server.answers = {
        "/api/traces/known": (200, json.dumps({"data": [trace]}).encode()),
        "/api/traces/unknown": (404, b"{}"),
        "/api/traces/page": (200, b"<html>"),
        "/api/traces/broken": (500, b"{}"),
    }
    assert read_trace(http_server.url, "known") == trace
    assert read_trace(http_server.url, "unknown") is None
    with pytest.raises(ValueError, match="Expecting value"):
        read_trace(http_server.url, "page")
    with pytest.raises(OSError, match="500"):
        read_trace(http_server.url, "broken")
