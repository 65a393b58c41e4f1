"""Which system lacks which trace."""

from missing_in_systems import missing_in_systems

FIRST, SECOND = (
    {"title": f"{unit} cars", "trace_id": digit * 32}
    for unit, digit in (("car-manual", "1"), ("car-automatic", "2"))
)


def in_zipkin(request: dict, *ids: str) -> dict:
    """Return the result of a request for a trace of two spans, of which Zipkin has some."""
    spans = [{"spanID": "a"}, {"spanID": "b"}]
    jaeger = {"item": request, "json": {"data": [{"spans": spans}]}}
    # An answer of 404, or none at all, has no JSON.
    return {"item": jaeger} | ({"json": [{"id": each} for each in ids]} if ids else {})


def in_elasticsearch(request: dict, *messages: str) -> dict:
    """Return the result of a search for the lines of a trace that has two, one of them twice."""
    journal = {"item": request, "stdout_lines": ["a", "b", "b"]}
    # No answer at all has no JSON.
    hits = [{"_source": {"message": message}} for message in messages]
    return {"item": journal} | ({"json": {"hits": {"hits": hits}}} if messages else {})


def test_nothing_is_missing_where_every_span_every_exemplar_and_every_line_is():
    zipkin = [in_zipkin(FIRST, "a", "b"), in_zipkin(SECOND, "b", "a")]
    exemplars = [FIRST["trace_id"], SECOND["trace_id"]]
    lines = [in_elasticsearch(FIRST, "b", "a", "b")]
    assert missing_in_systems([FIRST, SECOND], zipkin, exemplars, lines) == []


def test_each_system_is_named_with_each_trace_that_it_lacks():
    # As many spans as in Jaeger, but others.
    zipkin = [in_zipkin(FIRST, "a", "c"), in_zipkin(SECOND)]
    lines = [in_elasticsearch(FIRST, "b", "a"), in_elasticsearch(SECOND)]
    assert missing_in_systems([FIRST, SECOND], zipkin, [FIRST["trace_id"]], lines) == [
        f"Zipkin has 1 of the 2 spans of trace {FIRST['trace_id']} (car-manual cars)",
        f"Zipkin has 0 of the 2 spans of trace {SECOND['trace_id']} (car-automatic cars)",
        f"Prometheus has no exemplar of trace {SECOND['trace_id']} (car-automatic cars)",
        f"Elasticsearch has 2 of the 3 log lines of trace {FIRST['trace_id']} (car-manual cars)",
        "Elasticsearch has 0 of the 3 log lines of trace "
        f"{SECOND['trace_id']} (car-automatic cars)",
    ]


def test_a_line_that_was_sent_twice_is_told():
    lines = [in_elasticsearch(FIRST, "a", "a", "b", "b")]
    assert missing_in_systems([FIRST], [], None, lines) == [
        f"Elasticsearch has 3 of the 3 log lines of trace {FIRST['trace_id']} (car-manual cars)"
        " and 1 that the journal does not have"
    ]


def test_a_trace_without_a_log_line_in_the_journal_is_told():
    nothing = {"item": {"item": FIRST, "stdout_lines": []}, "json": {"hits": {"hits": []}}}
    assert missing_in_systems([FIRST], [], None, [nothing]) == [
        f"The journal has no log line of trace {FIRST['trace_id']} (car-manual cars)"
    ]


def test_a_system_that_the_inventory_does_not_have_lacks_nothing():
    skipped = {"skipped": True, "item": {"item": FIRST}}
    assert missing_in_systems([FIRST], [skipped], None, [skipped]) == []
