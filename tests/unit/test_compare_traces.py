"""The module compare_traces: each way in which a trace can differ is found and named."""

import copy
import json
from itertools import count

import pytest
import yaml

import compare_traces
from compare_traces import difference, expected_tree, read_trace, span_tree
from tests.support.commands import REPOSITORY
from tests.support.contract import EXPECTED_TRACES

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


def tags(values: dict) -> list[dict]:
    return [{"key": key, "value": value} for key, value in values.items()]


def trace_of(item: dict) -> dict:
    """Return the trace that is expected, as Jaeger 1.57 gives it."""
    trace: dict = {"spans": [], "processes": {}}
    ids = count(1)

    def add(node: dict, parent: str) -> None:
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
                "references": [{"refType": "CHILD_OF", "spanID": parent}],
                "startTime": len(trace["spans"]),
                "duration": 1,
                "tags": tags({"span.kind": node["kind"], **status, **node["attributes"]}),
                "logs": [{"fields": tags(event)} for event in events],
            }
        )
        for child in node["children"]:
            add(child, span_id)

    if item["expected"]:
        add(expected_tree(item["expected"], item["service"], item["resource"], ""), item["span_id"])
    return trace


def test_a_trace_as_expected_has_no_difference():
    assert difference(ITEM, trace_of(ITEM)) == ""


def set_tag(values: list[dict], key: str, value: object) -> None:
    next(tag for tag in values if tag["key"] == key)["value"] = value


def change(**values):
    return lambda trace: trace["spans"][1].update(values)


def add_span(trace, parent):
    extra = copy.deepcopy(trace["spans"][1])
    extra |= {"spanID": "extra", "operationName": "extra", "startTime": 99}
    extra["references"][0]["spanID"] = parent
    trace["spans"].append(extra)


# Each changes a good trace; and a line that the difference must have, removed (-) or added (+).
CHANGES = {
    "name": (change(operationName="other"), "+   server_manual: other [client] parent=above"),
    "kind": (
        lambda t: set_tag(t["spans"][1]["tags"], "span.kind", "internal"),
        "+   server_manual: connect [internal] parent=above",
    ),
    "no kind": (
        change(tags=[]),
        "+   server_manual: connect [internal] parent=above",
    ),
    "scope": (
        lambda t: set_tag(t["processes"]["ps2"]["tags"], "otel.library.name", "sqlite3"),
        "+     scope=sqlite3 status=unset",
    ),
    "service": (
        lambda t: t["processes"]["ps2"].update(serviceName="other"),
        "+   other: connect [client] parent=above",
    ),
    "inherited service": (
        lambda t: t["processes"]["ps4"].update(serviceName="server_manual"),
        "-     other: GET /next [server] parent=above",
    ),
    "status": (
        change(tags=tags({"span.kind": "client", "otel.status_code": "ERROR"})),
        "+     scope=sqlalchemy status=error",
    ),
    "no status": (
        lambda t: set_tag(t["spans"][0]["tags"], "otel.status_code", "UNSET"),
        f"-   scope={FLASK} status=error",
    ),
    "another exception": (
        lambda t: set_tag(t["spans"][0]["logs"][0]["fields"], "exception.type", "ValueError"),
        "+   exception ValueError",
    ),
    "no exception": (
        lambda t: t["spans"][0].update(logs=[]),
        "-   exception OperationalError",
    ),
    "one exception more": (
        change(logs=[{"fields": tags({"event": "exception", "exception.type": "ValueError"})}]),
        "+     exception ValueError",
    ),
    "resource": (
        lambda t: set_tag(t["processes"]["ps3"]["tags"], "host.name", "elsewhere"),
        '+     host.name="elsewhere"',
    ),
    "no resource": (
        lambda t: t["processes"]["ps3"]["tags"].pop(),
        '+     host.name="(absent)"',
    ),
    "attribute": (
        lambda t: set_tag(t["spans"][0]["tags"], "http.status_code", 200),
        "+   http.status_code=200",
    ),
    "type of an attribute": (
        lambda t: set_tag(t["spans"][0]["tags"], "http.status_code", "500"),
        '+   http.status_code="500"',
    ),
    "no attribute": (
        lambda t: t["spans"][0]["tags"].pop(),
        '+   http.status_code="(absent)"',
    ),
    "order": (change(startTime=99), "+   server_manual: connect [client] parent=above"),
    "parent of a child": (
        lambda t: t["spans"][3]["references"][0].update(spanID="s1"),
        "-     other: GET /next [server] parent=above",
    ),
    "parent of the root": (
        lambda t: t["spans"][0]["references"][0].update(spanID="somebody"),
        "+ server_manual: GET /cars [server] parent=somebody",
    ),
    "no parent": (
        lambda t: t["spans"][0].update(references=[]),
        "+ server_manual: GET /cars [server] parent=none",
    ),
    "a link instead of a parent": (
        lambda t: t["spans"][0]["references"][0].update(refType="FOLLOWS_FROM"),
        "+ server_manual: GET /cars [server] parent=none",
    ),
    "a missing leaf": (
        lambda t: t["spans"].pop(),
        "-     other: GET /next [server] parent=above",
    ),
    "an extra child": (
        lambda t: add_span(t, "s1"),
        "+   server_manual: extra [client] parent=above",
    ),
    "an extra root": (
        lambda t: add_span(t, "nobody"),
        "+ server_manual: extra [client] parent=nobody",
    ),
    "a missing span": (
        lambda t: t["spans"].pop(1),
        "-   server_manual: connect [client] parent=above",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_difference_is_found_and_named(name):
    make_change, line = CHANGES[name]
    trace = trace_of(ITEM)
    make_change(trace)
    found = difference(ITEM, trace)
    assert found.startswith(f"car-manual cars, trace {'t' * 32} (- expected, + found):\n")
    assert line in found.splitlines()


def test_other_attributes_and_events_are_ignored():
    trace = trace_of(ITEM)
    trace["spans"][0]["tags"] += tags({"http.flavor": "1.1"})
    trace["spans"][0]["logs"] += [{"fields": tags({"event": "message"})}]
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


class Ended(Exception):
    """How a module ended, with what it returned."""


@pytest.fixture
def module(monkeypatch):
    """A function that runs the module on the answers that Jaeger gives in turn."""

    class Module:
        def __init__(self, **_):
            self.params = self.given

        def exit_json(self, **result):
            raise Ended(result)

        def fail_json(self, msg):
            raise Ended(msg)

    def run(answers, items, timeout=2):
        Module.given = {"jaeger_url": "http://jaeger", "traces": items, "timeout": timeout}
        clock, turn = count(), iter(answers)

        def read(_url, _trace_id):
            answer = next(turn)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(compare_traces, "AnsibleModule", Module)
        monkeypatch.setattr(compare_traces, "read_trace", read)
        monkeypatch.setattr(compare_traces.time, "sleep", lambda _: None)
        monkeypatch.setattr(compare_traces.time, "monotonic", lambda: next(clock))
        with pytest.raises(Ended) as ended:
            compare_traces.main()
        return ended.value.args[0]

    return run


def test_the_module_returns_span_trees_once_two_readings_agree(module):
    good = trace_of(ITEM)
    incomplete = copy.deepcopy(good)
    incomplete["spans"].pop()
    result = module([None, incomplete, good, good], [ITEM], timeout=9)
    assert result["changed"] is False
    assert result["compared"] == 1
    assert result["span_trees"] == [span_tree(good)]


def test_the_module_waits_for_a_superfluous_span(module):
    good = trace_of(ITEM)
    late = copy.deepcopy(good)
    add_span(late, "s1")
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
        "/api/traces/known": (200, json.dumps({"data": [trace]})),
        "/api/traces/unknown": (404, "{}"),
        "/api/traces/page": (200, "<html>"),
        "/api/traces/broken": (500, "{}"),
    }
    assert read_trace(http_server.url, "known") == trace
    assert read_trace(http_server.url, "unknown") is None
    with pytest.raises(ValueError, match="Expecting value"):
        read_trace(http_server.url, "page")
    with pytest.raises(OSError, match="500"):
        read_trace(http_server.url, "broken")
