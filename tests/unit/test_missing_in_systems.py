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


def test_nothing_is_missing_where_every_span_and_every_exemplar_is():
    zipkin = [in_zipkin(FIRST, "a", "b"), in_zipkin(SECOND, "b", "a")]
    exemplars = [FIRST["trace_id"], SECOND["trace_id"]]
    assert missing_in_systems([FIRST, SECOND], zipkin, exemplars) == []


def test_each_system_is_named_with_each_trace_that_it_lacks():
    # As many spans as in Jaeger, but others.
    zipkin = [in_zipkin(FIRST, "a", "c"), in_zipkin(SECOND)]
    assert missing_in_systems([FIRST, SECOND], zipkin, [FIRST["trace_id"]]) == [
        f"Zipkin has 1 of the 2 spans of trace {FIRST['trace_id']} (car-manual cars)",
        f"Zipkin has 0 of the 2 spans of trace {SECOND['trace_id']} (car-automatic cars)",
        f"Prometheus has no exemplar of trace {SECOND['trace_id']} (car-automatic cars)",
    ]


def test_a_system_that_the_inventory_does_not_have_lacks_nothing():
    skipped = {"skipped": True, "item": {"item": FIRST}}
    assert missing_in_systems([FIRST], [skipped], None) == []
